"""A folder or zip file of pictures with a folder a class, and what else may lie in one."""

from __future__ import annotations

import unicodedata
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from core.data.formats.found import MAX_CLASSES, Found, Options, Part, Told, refused, silent
from core.data.formats.pace import count
from core.data.formats.pictures import PICTURES
from core.data.formats.roles import PARTS
from core.data.formats.stacks import Source, stack
from core.data.formats.streams import shown
from core.data.formats.suffixes import DATA
from core.data.formats.tree import Tree, natural, open_tree
from core.errors import DatasetError

_EXPECTED = "pictures in a folder for each class, such as cats/1.png and dogs/1.png, or these in train/ and test/"
_SORT = "Sort them into such folders."
_PICKLES = (".pkl", ".pickle")
_PROTOCOLS = tuple(bytes((0x80, x)) for x in range(2, 6))  # how a pickle begins, since Python 2.3
_CIFAR = ("data_batch", "test_batch", "batches.meta")


@dataclass(slots=True)
class _Layout:
    """Which picture is of which part and class, and what lies in no class.

    Attributes:
        train: (class, name of the picture), by class in natural order.
        test: likewise.
        left: names of pictures by why they are left out.
        nested: how many lie in a folder within a class's.
        around: how many folders lie around everything.
        divided: whether the folders of classes lie in those of parts.
    """

    around: int
    divided: bool
    train: list[tuple[str, str]] = field(default_factory=list)
    test: list[tuple[str, str]] = field(default_factory=list)
    left: dict[str, list[str]] = field(default_factory=dict)
    nested: int = 0

    def notes(self) -> list[str]:
        notes = [
            f"Left out: {count(len(x), 'picture')} {why}. The first: {shown(x[0])}." for why, x in self.left.items()
        ]
        if self.nested:
            notes.append(f"{count(self.nested, 'picture')} in folders within a class's folder count to that class.")
        return notes


def read_folder(tree: Tree, path: Path, options: Options, told: Told = silent) -> Found | None:
    """Return the pictures of a folder or zip file, or None where it has none; labels are the names of their folders.

    The layout is CLASS/picture, or train/CLASS/picture and test/CLASS/picture, in any number of folders around it all.
    Images stand by class, the classes in natural order; training and test images get one size and colour together.

    Args:
        tree: what lies there.
        path: its name, for sentences.
        options: its size, fit and colour, and its test, which is another such folder or zip file.
        told: of the progress.

    Raises:
        DatasetError: if the pictures lie otherwise, or cannot be brought into one array.
    """
    if not holds_pictures(tree):
        pickles = [x for x in tree.files if is_pickle(x, b"")]
        if pickles and not data_files(tree):
            raise pickled(path / pickles[0])
        return None
    layout = _layout(tree, path)
    notes = [*tree.notes, *layout.notes(), *_rest(tree, layout)]
    with ExitStack() as opened:
        other, test = tree, layout.test
        if options.test is not None:
            other = opened.enter_context(open_tree(options.test))
            given = _layout(other, options.test, test=True)
            notes += [*other.notes, *given.notes()]
            if test:
                notes.append("The test pictures beside the training pictures were left out, as others were given.")
            test = given.test or given.train
        sources = [Source(name, partial(tree.read, name)) for _, name in layout.train]
        sources += [Source(name, partial(other.read, name)) for _, name in test]
        stacked = stack(sources, options, path, told)
    y = np.array([label for label, _ in (*layout.train, *test)])
    split = len(layout.train)
    kept, found = stacked.kept, int(stacked.kept[:split].sum())
    lost = set(y) - set(y[kept])
    if found == 0:
        raise refused(path, "training pictures", "only damaged ones", "Save them anew as PNG.")
    if lost:
        notes.append(f"Left out, as all their pictures are damaged: {_listed(lost)}.")
    return Found(
        what=f"a {'folder' if tree.path.is_dir() else 'zip file'} of pictures with a folder a class",
        train=Part(stacked.x[:found], y[:split][kept[:split]]),
        test=Part(stacked.x[found:], y[split:][kept[split:]]) if kept[split:].any() else None,
        notes=(*notes, *stacked.notes),
    )


def holds_pictures(tree: Tree) -> bool:
    """Return whether any file is a picture."""
    return any(map(_is_picture, tree.files))


def data_files(tree: Tree) -> list[str]:
    """Return the names of files that may hold images in arrays or tables."""
    return [x for x in tree.files if x.lower().endswith(DATA)]


def is_pickle(name: str, first: bytes) -> bool:
    """Return whether a file is one of Python's pickles, as CIFAR's batches are, by its name or its first bytes."""
    stem = name.rpartition("/")[2].lower()
    return stem.endswith(_PICKLES) or stem.startswith(_CIFAR) or first.startswith(_PROTOCOLS)


def pickled(path: Path) -> DatasetError:
    """Return the error for a pickle: why it is not opened, and the way round."""
    do = "Fetch the set as Parquet from a hub such as Hugging Face, or write its x and y with numpy.savez."
    return refused(path, "pictures or plain arrays", "a pickle, which is never opened, as it may run any program", do)


def _layout(tree: Tree, path: Path, test: bool = False) -> _Layout:
    """Return the layout of a tree; of a test set, test/ alone is enough.

    Raises:
        DatasetError: if no picture lies in the folder of a class, or in too many.
    """
    names = [x for x in tree.files if _is_picture(x)]
    around = _around(names)
    parts = {x: x.split("/")[around:] for x in names}
    tops = {x[0].casefold() for x in parts.values() if len(x) > 2}
    roles = {PARTS[x] for x in tops & set(PARTS)}
    divided = "train" in roles or (bool(roles) and tops <= set(PARTS))
    layout = _Layout(around, divided)
    for name, folders in parts.items():
        role = PARTS.get(folders[0].casefold() if folders else "") if divided else "train"
        inside = folders[1:] if divided else folders
        if role is None:
            layout.left.setdefault("outside the folders of training and test", []).append(name)
        elif role == "val":
            layout.left.setdefault("of a validation part", []).append(name)
        elif len(inside) < 2:
            layout.left.setdefault("in no class's folder", []).append(name)
        else:
            label = unicodedata.normalize("NFC", inside[0])
            (layout.train if role == "train" else layout.test).append((label, name))
            layout.nested += len(inside) > 2
    if not layout.train and not (test and layout.test):
        received = f"{count(len(names), 'picture')}, none in the folder of a class for training"
        raise refused(path, _EXPECTED, received, _SORT)
    classes = {x for x, _ in layout.train}
    if len(classes) == 1 and not test:
        raise refused(path, _EXPECTED, f"pictures in the one folder {shown(*classes)}", _SORT)
    if len(classes) > MAX_CLASSES:
        raise refused(path, f"at most {MAX_CLASSES} classes", f"{len(classes):,} folders", "Leave some out.")
    for part in (layout.train, layout.test):
        part.sort(key=lambda x: natural(x[0]))
    return layout


def _around(names: list[str]) -> int:
    """Return how many folders lie around everything: what they hold are folders itself, and they are no part."""
    parts = [x.split("/")[:-1] for x in names]
    depth = 0
    while True:
        at = {x[depth] for x in parts if len(x) > depth}
        below = {x[depth + 1] if len(x) > depth + 1 else None for x in parts}
        # where pictures lie below and no two folders, it is a class
        if len(at) != 1 or at.pop().casefold() in PARTS or (None in below and len(below) < 3):
            return depth
        depth += 1


def _rest(tree: Tree, layout: _Layout) -> list[str]:
    """Return notes on files that are no pictures and on folders where a class's could be that hold none."""
    notes = []
    rest = [x for x in tree.files if not _is_picture(x)]
    if rest:
        notes.append(f"Ignored: {count(len(rest), 'other file')}. The first: {shown(rest[0])}.")
    level = layout.around + layout.divided
    holders = {tuple(x.split("/")[: level + 1]) for x in tree.files if _is_picture(x)}
    places = [tuple(x.split("/")) for x in tree.folders]
    empty = {
        "/".join(x)
        for x in places
        if len(x) == level + 1
        and x not in holders
        and (not layout.divided or PARTS.get(x[level - 1].casefold()) in ("train", "test"))
    }
    if empty:
        notes.append(f"Folders without a picture: {_listed(empty)}.")
    return notes


def _is_picture(name: str) -> bool:
    return name.lower().endswith(PICTURES)


def _listed(names: set[str]) -> str:
    first = sorted(names, key=natural)[:5]
    return ", ".join(map(shown, first)) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
