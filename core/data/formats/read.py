"""Which reader takes a file, by what it is and not by its name alone."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from core.data.formats.arrays import open_npz, read_npz
from core.data.formats.folders import data_files, holds_pictures, is_pickle, pickled, read_folder
from core.data.formats.found import Found, Options, Told, refused, silent, unreadable
from core.data.formats.idx import is_idx
from core.data.formats.mat import read_mat
from core.data.formats.pace import paced
from core.data.formats.pairs import pair_in, read_pair, read_part
from core.data.formats.parquet import read_parquet
from core.data.formats.pictures import PICTURES
from core.data.formats.roles import file_name, left_out
from core.data.formats.streams import explained, shown
from core.data.formats.suffixes import KINDS, TABLES, suffix
from core.data.formats.tables import read_table, unlabelled
from core.data.formats.tree import Tree, open_tree
from core.errors import DatasetError

FORMATS = "a folder or zip with a folder a class, .npz, .npy, IDX, CSV, Parquet or .mat, as docs/images.md has it"
# formats: how a file is read; a pair is a file with one array, whose other is looked for beside it
_FOLDER, _ZIP, _PAIR, _NPZ, _MAT, _PARQUET, _TABLE = "folder", "zip", "pair", "npz", "mat", "parquet", "table"
_WITH_COLUMNS = {_PARQUET, _TABLE}
_CELLS = 5  # that the first line of a text has at least to be a table, if its name does not say so


def kind(path: Path) -> str | None:
    """Return what a file or folder seems to be, for people, by its name or first bytes; None if it is not read."""
    try:
        if path.is_dir():
            return "a folder"
        if known := KINDS.get(suffix(path.name)):
            return known
        if is_idx(path):
            return "an IDX file"
        return "a table" if _tabular(path) else None
    except (OSError, DatasetError):
        return None


def read(path: Path, options: Options, told: Told = silent) -> Found:
    """Return what a file or folder holds.

    Args:
        path: the file or folder. Of a file that says it is to train, the one beside it that is called alike but says
            it is to test has the test images.
        options: how to read it; its test may be of another format.
        told: is told how far it is.

    Raises:
        DatasetError: one sentence on what was expected, what came and what to do.
    """
    made = _format(path)
    if made in (_NPZ, _MAT, _TABLE) and options.test is None:
        return _beside(path, _sibling(path, made), options, told)
    return _read(path, made, options, told)


def _format(path: Path) -> str:
    """Return how a file is read, by its name and first bytes."""
    if not path.exists():
        raise unreadable(path, "there is no such file", "Check its name.")
    if path.is_dir():
        return _FOLDER
    with explained(path), path.open("rb") as file:
        head = file.read(512)
    end = suffix(path.name)
    if is_pickle(path.name, head):
        raise pickled(path)
    if end == ".npz":
        with open_npz(path) as npz:
            return _PAIR if len(npz.members) == 1 else _NPZ
    if end == ".zip" or head.startswith(b"PK\x03\x04"):
        return _ZIP
    if end == ".npy" or head.startswith(b"\x93NUMPY") or is_idx(path):
        return _PAIR
    if end == ".mat":
        return _MAT
    if end == ".parquet" or head.startswith(b"PAR1"):
        return _PARQUET
    if end in TABLES or _tabular(path):
        return _TABLE
    raise refused(path, f"images in {FORMATS}", _received(path, head), _advice(path))


def _read(path: Path, made: str, options: Options, told: Told) -> Found:
    """Read a file or folder whose format is known, and the test images that are given."""
    other = made if options.test is None else _format(options.test)
    if made == _FOLDER:
        return _folder(path, options, told)
    if made == _ZIP:
        return _zip(path, options, told)
    if other != made:
        return _mixed(lambda plain, tell: _read(path, made, plain, tell), made, options, told)
    if made == _TABLE:
        return read_table(path, options, told)
    if made == _PARQUET:
        return read_parquet(path, options, told)
    _without_columns(path, options)
    if made == _PAIR:
        return read_pair(path, options, told)
    if made == _MAT:
        return read_mat(path, options, told)
    return read_npz(path, options, told)


def _mixed(first: Callable[[Options, Told], Found], made: str, options: Options, told: Told) -> Found:
    """Read test images from a file of another format: its test part if it has one, or else all of it."""
    test = options.test
    assert test is not None, "it is given"
    other = _format(test)
    columns = _WITH_COLUMNS & {made, other}
    label = {x: options.label if x in columns or not columns else None for x in (made, other)}
    found = first(replace(options, test=None, label=label[made]), paced(told, 0, 0.5))
    tell = paced(told, 0.5, 1)
    plain = replace(options, test=None, label=label[other])
    given = read_part(test, tell) if other == _PAIR else read(test, plain, tell)
    if found.names and given.names and found.names != given.names:
        received = ", ".join(map(shown, given.names[:8]))
        do = "Give a test set of the same classes."
        raise refused(test, f"the classes {', '.join(map(shown, found.names[:8]))}", received, do)
    own = ("The test images of its own were left out, as others were given.",) if found.test else ()
    notes = (*found.notes, *own, f"The test images are those of {shown(test.name)}.", *given.notes)
    return replace(found, test=given.test or given.train, names=found.names or given.names, notes=notes)


def _sibling(path: Path, made: str) -> Path | None:
    """Return the file of test images beside one of training images: of the same format, and else called alike."""
    said = file_name(path.name)
    if said.role.part != "train":
        return None
    wanted = replace(said, role=replace(said.role, part="test"))
    with explained(path.parent):
        there = sorted(x for x in path.parent.iterdir() if file_name(x.name) == wanted and x.is_file())
    ends = TABLES if made == _TABLE else (suffix(path.name),)
    return next((x for x in there if suffix(x.name) in ends and _format(x) == made), None)


def _beside(path: Path, test: Path | None, options: Options, told: Told) -> Found:
    """Read a file and the test images that lie beside it, unless they have no labels."""
    made = _format(path)
    if test is None or made != _TABLE or _format(test) != _TABLE or not unlabelled(test, path, options.label):
        return _read(path, made, replace(options, test=test), told)
    found = _read(path, made, options, told)
    return replace(found, notes=(*found.notes, f"Left out: {shown(test.name)}, as it has no labels."))


def _folder(path: Path, options: Options, told: Told) -> Found:
    with open_tree(path) as opened:
        if holds_pictures(opened):
            return _pictures(opened, path, options, told)
        read_folder(opened, path, options, told)  # which refuses pickles
        names = data_files(opened)
        listed = ", ".join(shown(x) for x in list(opened.files)[:6])
    if any(suffix(x) == ".parquet" for x in names):
        if options.test is not None and _format(options.test) not in (_PARQUET, _FOLDER):
            return _mixed(lambda plain, tell: read_parquet(path, plain, tell), _PARQUET, options, told)
        return read_parquet(path, options, told)
    folders = sorted({PurePosixPath(x).parent for x in names})
    if not folders:
        received = listed or "an empty folder"
        raise refused(path, f"images in {FORMATS}", received, "Give the folder that holds them.")
    if len(folders) > 1 and PurePosixPath() not in folders:
        received = ", ".join(shown(str(x)) for x in folders[:6])
        raise refused(path, "the files of one set, in one folder", f"those in {received}", "Give one of these folders.")
    return _data(path / folders[0], path, options, told)


def _pictures(opened: Tree, path: Path, options: Options, told: Told) -> Found:
    def first(plain: Options, tell: Told) -> Found:
        _without_columns(path, plain)
        found = read_folder(opened, path, plain, tell)
        assert found is not None, "there are pictures"
        return found

    if options.test is not None and _format(options.test) not in (_FOLDER, _ZIP):
        return _mixed(first, _FOLDER, options, told)
    return first(options, told)


def _data(folder: Path, path: Path, options: Options, told: Told) -> Found:
    """Read the data files that lie in one folder: arrays by their names, a file and its test images, or one file."""
    if pair := pair_in(folder):
        return _read(pair, _PAIR, options, told)
    files = sorted(x for x in folder.iterdir() if x.is_file() and suffix(x.name) in (*TABLES, ".npz", ".mat"))
    said = {x: file_name(x.name) for x in files}
    parts = {part: [x for x in files if said[x].role.part == part] for part in ("train", "", "test")}
    train = parts["train"] or parts[""] or files
    test = [x for x in parts["test"] if x not in train]
    # test.csv goes with any, digits_test.csv with digits.csv
    sets = {said[x].group for x in (*train, *test) if said[x].group}
    if len(train) != 1 or len(test) > 1 or (test and len(sets) > 1):
        names = ", ".join(shown(x.name) for x in files[:6]) or "none"
        raise refused(path, "one file of images, or one to train and one to test", names, "Give one of these files.")
    if options.test is not None:
        test = []
        found = _read(train[0], _format(train[0]), options, told)
    else:
        found = _beside(train[0], test[0] if test else None, options, told)
    return replace(found, notes=(*found.notes, *left_out([x.name for x in files if x not in (*train, *test)])))


def _zip(path: Path, options: Options, told: Told) -> Found:
    """Read a zip of pictures, or the data files in it, which are written into a folder of their own for it."""
    with open_tree(path) as opened:
        if holds_pictures(opened):
            return _pictures(opened, path, options, told)
        read_folder(opened, path, options, told)  # which refuses pickles
        names = data_files(opened)
        if not names:
            listed = ", ".join(shown(x) for x in list(opened.files)[:6]) or "nothing"
            raise refused(path, f"images in {FORMATS}", listed, "Zip the folder that holds them.")
        with tempfile.TemporaryDirectory(prefix="featherweight-") as folder:
            for name in names:  # which lead nowhere else, or the zip would have been refused
                target = Path(folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(opened.read(name))
            try:
                return _folder(Path(folder), options, told)
            except DatasetError as e:
                raise DatasetError(str(e).replace(folder, str(path))) from None


def _without_columns(path: Path, options: Options) -> None:
    if options.label is not None:
        received = f"the column {shown(options.label)} for what has none"
        raise refused(path, "a column of labels for a table only", received, "Leave the column out.")


def _tabular(path: Path) -> bool:
    """Return whether a file begins as a table of text does, plain or packed by gzip."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            head = file.read(512)
    except (OSError, EOFError, zlib.error):
        return False
    line = head.lstrip().split(b"\n")[0]
    return b"\0" not in head and any(line.count(x) >= _CELLS - 1 for x in (b",", b";", b"\t"))


def _received(path: Path, head: bytes) -> str:
    if path.suffix.lower() in PICTURES:
        return "one picture"
    if not head:
        return "an empty file"
    return "a tar file" if _tar(path.suffixes) else f"a file called {path.name}"


def _advice(path: Path) -> str:
    if path.suffix.lower() in PICTURES:
        return "Give the folder that holds a folder a class."
    return "Unpack it, and give the folder." if _tar(path.suffixes) else "Bring it to one of these formats."


def _tar(suffixes: Sequence[str]) -> bool:
    return bool({".tar", ".tgz"} & {x.lower() for x in suffixes})
