"""Files with one array each that belong together by their names: training and test images, and their labels.

Such are MNIST's, Fashion-MNIST's and EMNIST's IDX files, KMNIST's ``.npz`` files and pairs of ``.npy``. What a name has
besides the words for the part and the kind tells one set from another in the same folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.data.formats import found
from core.data.formats.arrays import open_npz, read_npy, read_one
from core.data.formats.found import Found, Options, Part, Told, refused, silent
from core.data.formats.idx import is_idx, read_idx
from core.data.formats.pictures import PICTURES
from core.data.formats.roles import Role, file_name, left_out, word_role
from core.data.formats.streams import explained, paired, shown, signs
from core.errors import DatasetError
from core.networks.layers import Array

_PARTS = {"train": "training", "test": "test", "val": "validation", "": "training"}
_KINDS = {"x": "images", "y": "labels"}
_OTHER = {"x": "y", "y": "x", "image": "label", "img": "label", "label": "image", "target": "data"}
_LYING = "EMNIST's images lie on their side: have them transposed."
_LONGEST_MAPPING = 2**14  # bytes


def _readable(path: Path) -> bool:
    """Return whether a file holds one array, as far as its name or its first bytes tell."""
    if not path.is_file():
        return False
    if path.suffix.lower() == ".npz":
        try:
            with open_npz(path) as file:
                return len(file.members) == 1
        except DatasetError:
            return True  # to be told why when it is read
    return path.suffix.lower() == ".npy" or is_idx(path)


@dataclass(frozen=True, slots=True)
class _Group:
    """The files of one set, by part and kind, with what else lies there under the same role."""

    files: dict[tuple[str, str], Path]
    doubles: tuple[Path, ...] = ()


def _groups(folder: Path, first: Sequence[Path] = ()) -> dict[tuple[str, ...], _Group]:
    """Return the sets of a folder; where two files have one role, those of ``first`` go first, then the plainer."""
    groups: dict[tuple[str, ...], _Group] = {}
    with explained(folder):
        for path in [*first, *sorted(folder.iterdir(), key=lambda x: (len(x.name), x.name))]:
            # of pictures there may be very many
            name = None if path.suffix.lower() in PICTURES else file_name(path.name)
            if name is None or not name.role.kind or not _readable(path):
                continue
            group = groups.setdefault(name.group, _Group({}))
            key = name.role.part, name.role.kind
            if group.files.setdefault(key, path) != path:
                groups[name.group] = replace(group, doubles=(*group.doubles, path))
    return groups


def _group(path: Path) -> tuple[_Group, Role]:
    """Return the set that a file belongs to, and its role in it."""
    name = file_name(path.name)
    if not name.role.kind:
        do = "Call the files so that they say which is which, such as train-images and train-labels, or X and y."
        raise refused(path, "a name that says images or labels, as it holds one array", shown(path.name), do)
    with explained(path):
        path.stat()
    group = _groups(path.parent, [path]).get(name.group)
    if group is None:
        raise refused(path, "IDX, .npy, or .npz with one array", "something else", "Give one file of a pair.")
    return group, name.role


def _pair(path: Path, group: _Group, part: str) -> tuple[Path, Path]:
    """Return the files of images and of labels of a part of the set that a file belongs to."""
    pair = [group.files.get((part, kind)) for kind in _KINDS]
    match pair:
        case [Path() as x, Path() as y]:
            return x, y
    have = next((x for x in pair if x is not None), None)
    missing = _KINDS["xy"[pair.index(None)]]
    looked_for = f", {_counterpart(have.name)}," if have is not None else ""
    raise refused(
        have or path,
        f"a file with the {_PARTS[part]} {missing}{looked_for} in the same folder",
        "none" if have is not None else f"only {', '.join(sorted(shown(x.name) for x in group.files.values()))}",
        "Put both in one folder, called alike but for what they are.",
    )


def _counterpart(name: str) -> str:
    """Return the name of the labels that belong to images, or the other way round."""
    said = file_name(name).role
    word, kind = said.word, said.kind
    pieces = re.split("([^A-Za-z0-9]+)", name)
    holding = [i for i, piece in enumerate(pieces) if word in piece.lower()]
    last = max((i for i in holding if (x := word_role(pieces[i])) and x.word == word), default=holding[-1])
    pieces[last] = re.sub(
        word, _OTHER.get(word, _KINDS["y" if kind == "x" else "x"]), pieces[last], flags=re.IGNORECASE
    )
    return shown(re.sub("idx[13]", "idx1" if kind == "x" else "idx3", "".join(pieces)))


def read_pair(path: Path, options: Options, told: Told = silent) -> Found:
    """Return the image set that a file belongs to.

    Args:
        path: of the images or of the labels, for training or for testing; the others are looked for beside it.
        options: of which ``test`` may be a file of another pair, which then are the test images.
        told: how much has been read.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    group, _ = _group(path)
    train = next((part for part in ("train", "") if any(key[0] == part for key in group.files)), "train")
    pairs = [_pair(path, group, train)]
    if options.test is not None:
        other, role = _group(options.test)
        pairs.append(_pair(options.test, other, role.part))
    elif any(part == "test" for part, _ in group.files):
        pairs.append(_pair(path, group, "test"))
    used = [file for pair in pairs for file in pair]
    notes = left_out(sorted(x.name for x in (*group.files.values(), *group.doubles) if x not in used))
    parts = _read(pairs, told)
    if "emnist" in pairs[0][0].name.lower().split("-") and not options.transpose:
        notes = (*notes, _LYING)
    names = _mapped(pairs[0][0], parts[0].y)
    return Found(_what(used), parts[0], parts[1] if len(parts) > 1 else None, names, notes)


def read_part(path: Path, told: Told = silent) -> Found:
    """Return the images and labels of which a file is one, as ``train``, whatever part its name says.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    group, role = _group(path)
    pair = _pair(path, group, role.part)
    [part] = _read([pair], told)
    return Found(_what(list(pair)), part, None, _mapped(pair[0], part.y))


def pair_in(folder: Path) -> Path | None:
    """Return a file of the one set in a folder; None if no files there have one array each and names that say images.

    Raises:
        DatasetError: if there are several sets.
    """
    groups = [x for x in _groups(folder).values() if any(kind == "x" for _, kind in x.files)]
    if len(groups) > 1:
        whole = [x for x in groups if any((part, "x") in x.files and (part, "y") in x.files for part, _ in x.files)]
        groups = whole or groups
    if not groups:
        return None
    firsts = [next(path for (_, kind), path in sorted(x.files.items(), reverse=True) if kind == "x") for x in groups]
    if len(firsts) > 1:
        few = ", ".join(shown(x.name) for x in firsts[:8]) + (", …" if len(firsts) > 8 else "")
        raise DatasetError(
            f"The folder {folder} is not a usable image set. Expected the files of one set. "
            f"Received: those of {len(firsts)}, with {few}. Give one of these files."
        )
    return firsts[0]


def _read(pairs: list[tuple[Path, Path]], told: Told) -> list[Part]:
    sizes = [sum(path.stat().st_size for path in pair) for pair in pairs]
    done, room = 0, found.MAX_BYTES
    parts: list[Part] = []
    for pair, size in zip(pairs, sizes, strict=True):

        def share(of_file: float, what: str, done: int = done, size: int = size) -> None:
            told((done + of_file * size) / max(sum(sizes), 1), what)

        # labels are small: what the images say is said of the pair
        x = _array(pair[0], share, room)
        y = _array(pair[1], silent, room - x.nbytes)
        room -= x.nbytes + y.nbytes
        done += size
        parts.append(paired(pair[0], x, y, (shown(pair[0].name), shown(pair[1].name))))
    return parts


def _array(path: Path, told: Told, room: int) -> Array:
    if path.suffix.lower() == ".npy":
        return read_npy(path, told, room)
    if path.suffix.lower() == ".npz":
        return read_one(path, told, room)
    return read_idx(path, told, room)


def _what(files: list[Path]) -> str:
    kinds = {x.suffix.lower() if x.suffix.lower() in (".npy", ".npz") else "IDX" for x in files}
    return f"{' and '.join(sorted(kinds))} files of images and labels"


def _mapped(images: Path, y: Array) -> tuple[str, ...]:
    """Return the names of labels by EMNIST's list of them: a line is a label and the code of its sign, or two."""
    group = file_name(images.name).group
    if not group:
        return ()
    try:
        with (images.parent / f"{'-'.join(group)}-mapping.txt").open("rb") as file:
            lines = file.read(_LONGEST_MAPPING).decode("ascii").splitlines()
        rows = [[int(x) for x in line.split()[:2]] for line in lines if line.strip()]
        table = np.array(rows, np.int64)
    except (OSError, ValueError, OverflowError):
        return ()
    return signs(table, y)
