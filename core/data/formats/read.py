"""Which reader takes a file, by what it is and not by its name alone."""

from __future__ import annotations

import gzip
import tempfile
import zlib
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np

from core.data.formats.arrays import read_npz
from core.data.formats.folders import data_files, is_pickle, pickled, read_folder
from core.data.formats.found import Found, Options, Told, refused, silent, unreadable
from core.data.formats.idx import is_idx
from core.data.formats.mat import read_mat
from core.data.formats.pairs import read_pair, read_pairs
from core.data.formats.parquet import read_parquet
from core.data.formats.pictures import PICTURES
from core.data.formats.streams import explained, shown
from core.data.formats.tables import read_table
from core.data.formats.tree import open_tree
from core.errors import DatasetError

TABLES = (".csv", ".tsv")
FORMATS = "a folder or zip with a folder a class, .npz, .npy, IDX, CSV, Parquet or .mat, as docs/images.md has it"


def kind(path: Path) -> str | None:
    """Return what a file or folder seems to be, for people, by its name or first bytes; None if it is not read."""
    try:
        if path.is_dir():
            return "a folder"
        suffix = _suffix(path)
        if suffix in _SUFFIXES:
            return _SUFFIXES[suffix]
        return "an IDX file" if is_idx(path) else None
    except (OSError, DatasetError):
        return None


_SUFFIXES = {
    ".npz": "a .npz file",
    ".npy": "a .npy file",
    ".zip": "a zip file",
    ".csv": "a table",
    ".tsv": "a table",
    ".parquet": "a Parquet file",
    ".mat": "a .mat file",
}


def read(path: Path, options: Options, told: Told = silent) -> Found:
    """Return what a file or folder holds.

    Args:
        path: the file or folder.
        options: how to read it.
        told: is told how far it is.

    Raises:
        DatasetError: one sentence on what was expected, what came and what to do.
    """
    if not path.exists():
        raise unreadable(path, "there is no such file", "Check its name.")
    if path.is_dir():
        return _folder(path, options, told)
    with explained(path), path.open("rb") as file:
        head = file.read(512)
    suffix = _suffix(path)
    if is_pickle(path.name, head):
        raise pickled(path)
    if suffix == ".npz":
        found = read_npz(path, options, told)
        return read_pair(path, options, told) if isinstance(found, np.ndarray) else found
    if suffix == ".zip" or head.startswith(b"PK\x03\x04"):
        return _zip(path, options, told)
    if suffix == ".npy" or head.startswith(b"\x93NUMPY") or is_idx(path):
        return read_pair(path, options, told)
    if suffix == ".mat":
        return read_mat(path, options, told)
    if suffix == ".parquet" or head.startswith(b"PAR1"):
        return read_parquet(path, options, told)
    if suffix in TABLES or (suffix in (".txt", ".data", "") and _text(path, head)):
        return read_table(path, options, told)
    raise refused(path, f"images in {FORMATS}", _received(path, head), _advice(path, head))


def _folder(path: Path, options: Options, told: Told) -> Found:
    with open_tree(path) as opened:
        found = read_folder(opened, path, options, told)
        if found:
            return found
        names = data_files(opened)
        listed = ", ".join(shown(x) for x in list(opened.files)[:6])
    if any(x.lower().endswith(".parquet") for x in names):
        return read_parquet(path, options, told)
    folders = sorted({PurePosixPath(x).parent for x in names})
    if not folders:
        received = listed or "an empty folder"
        raise refused(path, f"images in {FORMATS}", received, "Give the folder that holds them.")
    if len(folders) > 1 and PurePosixPath() not in folders:
        received = ", ".join(shown(str(x)) for x in folders[:6])
        raise refused(path, "the files of one set, in one folder", f"those in {received}", "Give one of these folders.")
    return _data(path / folders[0], path, options, told)


def _data(folder: Path, path: Path, options: Options, told: Told) -> Found:
    """Read the data files that lie in one folder: arrays by their names, a table or two, or one file."""
    found = read_pairs(folder, options, told)
    if found:
        return found
    files = sorted(x for x in folder.iterdir() if x.is_file() and _suffix(x) in (*TABLES, ".npz", ".mat"))
    train = [x for x in files if "test" not in x.name.lower()]
    test = [x for x in files if "test" in x.name.lower()]
    if len(train) == 1 and len(test) <= 1:
        given = replace(options, test=test[0]) if test and _suffix(test[0]) in (*TABLES, ".mat") else options
        return read(train[0], given, told)
    names = ", ".join(shown(x.name) for x in files[:6]) or "none"
    raise refused(path, "one file of images, or one to train and one to test", names, "Give one of these files.")


def _zip(path: Path, options: Options, told: Told) -> Found:
    """Read a zip of pictures, or the data files in it, which are written into a folder of their own for it."""
    with open_tree(path) as opened:
        found = read_folder(opened, path, options, told)
        if found:
            return found
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


def _suffix(path: Path) -> str:
    return path.suffixes[-2].lower() if path.suffix.lower() == ".gz" and len(path.suffixes) > 1 else path.suffix.lower()


def _text(path: Path, head: bytes) -> bool:
    """Return whether a file begins as text does."""
    if head.startswith(b"\x1f\x8b"):
        try:
            with gzip.open(path) as file:
                head = file.read(512)
        except (OSError, EOFError, zlib.error):
            return False
    return bool(head) and b"\0" not in head


def _received(path: Path, head: bytes) -> str:
    if path.suffix.lower() in PICTURES:
        return "one picture"
    if not head:
        return "an empty file"
    if path.suffix.lower() in (".tar", ".tgz") or ".tar" in path.suffixes:
        return "a tar file"
    return f"a file called {path.name}"


def _advice(path: Path, head: bytes) -> str:
    if path.suffix.lower() in PICTURES:
        return "Give the folder that holds a folder a class."
    if ".tar" in path.suffixes or path.suffix.lower() in (".tar", ".tgz"):
        return "Unpack it, and give the folder."
    return "Bring it to one of these formats."
