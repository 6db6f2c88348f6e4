"""A folder and a zip file as the same thing: files with names and sizes that can be read one by one."""

from __future__ import annotations

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.data.formats import found
from core.data.formats.found import refused, unreadable
from core.data.formats.pace import count
from core.data.formats.streams import AGAIN, CHUNK, cut_off, explained, file_size, shown
from core.errors import DatasetError

MAX_MEMBERS = 1_000_000
_RATIO, _SUSPECT = 1000, 10 * 2**20  # deflate packs bytes that are all one 1032-fold; what is larger is looked at
_LITTER = {"__MACOSX", "Thumbs.db", "desktop.ini"}  # of file managers; so are hidden files
_ENTRY = b"PK\x01\x02"  # begins each entry of a zip file's directory (APPNOTE 4.3.12), of at least so many bytes:
_ENTRY_BYTES = 46
_PACKED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # zipfile unpacks the others without bound
UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")  # breaks a line, or is no text
_AGAIN = "Zip the folder again, as your system does it."


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Files below one place, without hidden ones and those that file managers leave.

    Attributes:
        path: of the folder or the zip file.
        files: bytes of each file by its name, relative and with ``/``, in natural order.
        folders: names of the folders, empty ones too.
        notes: a sentence on each kind of files that was left out.
    """

    path: Path
    files: dict[str, int]
    folders: frozenset[str]
    notes: tuple[str, ...]
    _open: Callable[[str], bytes]

    def read(self, name: str) -> bytes:
        """Return a file's contents, of exactly the size in ``files``.

        Raises:
            DatasetError: if it cannot be read, or is shorter or longer.
        """
        size = self.files[name]
        where = self.path / name
        with explained(where):
            data = self._open(name)
        if len(data) != size:
            raise unreadable(where, f"it has not the {size:,} bytes that it had", "Try again.")
        return data


def natural(name: str) -> tuple[tuple[str | int, ...], str]:
    """Return a key that sorts names as people do: ``2`` before ``10``.

    >>> sorted(["10", "b", "2", "a"], key=natural)
    ['2', '10', 'a', 'b']
    """
    # text and numbers take turns, so that like meets like; the name itself tells 01 from 1
    pieces = re.split(r"(\d{1,18})", name)
    return tuple(int(x) if i % 2 else x.casefold() for i, x in enumerate(pieces)), name


@contextmanager
def open_tree(path: Path) -> Iterator[Tree]:
    """Yield what lies in a folder or a zip file.

    Raises:
        DatasetError: if it cannot be read, or a zip file is not to be trusted.
    """
    if path.is_dir():
        yield _folder(path)
        return
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise unreadable(path, "it is no file", "Choose a folder or a file.")
    with _archive(path) as archive:
        yield _zip(path, archive)


def _folder(path: Path) -> Tree:
    files: dict[str, int] = {}
    folders: set[str] = set()
    left: dict[str, list[str]] = {}
    root = os.path.realpath(path)
    waiting = [("", frozenset({root}))]  # folders to list, with the real ones that they lie in
    while waiting:
        folder, within = waiting.pop()
        try:
            entries = sorted(os.scandir(path / folder), key=lambda x: x.name)
        except OSError:
            left.setdefault("that may not be read", []).append(folder or ".")
            continue
        for entry in entries:
            name = f"{folder}/{entry.name}" if folder else entry.name
            if _litter(name):
                continue
            size, why = _look(entry, root, within)
            if why:
                left.setdefault(why, []).append(name)
            elif size is None:
                folders.add(name)
                waiting.append((name, within | {os.path.realpath(entry.path)}))
            else:
                files[name] = size
        if len(files) + len(folders) > MAX_MEMBERS:
            raise _too_many(path)

    def read(name: str) -> bytes:
        with (path / name).open("rb") as file:
            return file.read(files[name] + 1)

    notes = [f"Left out: {count(len(x), 'file')} {why}. The first: {shown(x[0])}." for why, x in left.items()]
    return Tree(path, _sorted(files), frozenset(folders), tuple(notes), read)


def _look(entry: os.DirEntry[str], root: str, within: frozenset[str]) -> tuple[int | None, str]:
    """Return the size of a file or None for a folder, and why it is to be left out, if so."""
    if UNFIT.search(entry.name):
        return None, "whose names are no text"
    try:
        if entry.is_symlink():
            real = os.path.realpath(entry.path)
            if not real.startswith(root.rstrip(os.sep) + os.sep) or real in within:
                return None, "that are links out of the folder or in a circle"
        seen = entry.stat()
    except OSError:
        return None, "that are links to nothing or may not be read"
    if not os.access(entry.path, os.R_OK):
        return None, "that may not be read"
    if stat.S_ISDIR(seen.st_mode):
        return None, ""
    return (seen.st_size, "") if stat.S_ISREG(seen.st_mode) else (None, "that are no files, such as pipes")


def _archive(path: Path) -> zipfile.ZipFile:
    """Return a zip file whose directory is short enough to be read."""
    with explained(path):
        with path.open("rb") as file:
            begins = file.read(4)
            if file_size(path) > MAX_MEMBERS * _ENTRY_BYTES:
                file.seek(0)
                entries, last = 0, b""
                while some := file.read(CHUNK):
                    entries += (last + some).count(_ENTRY)
                    last = some[1 - len(_ENTRY) :]
                if entries > MAX_MEMBERS:
                    raise _too_many(path)
        try:
            return zipfile.ZipFile(path)
        except zipfile.BadZipFile:
            if begins == b"PK\x03\x04":
                raise cut_off(path) from None
            raise unreadable(path, "it is not a whole zip file", AGAIN) from None


def _zip(path: Path, archive: zipfile.ZipFile) -> Tree:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise _too_many(path)
    for member in members:
        _check_member(path, member)
    size, packed = sum(x.file_size for x in members), path.stat().st_size
    if size > found.MAX_BYTES:
        limit, fewer = f"{found.MAX_BYTES / 2**30:.3g} GiB once unpacked", "Use fewer or smaller images."
        raise refused(path, f"at most {limit}", f"{size / 2**30:.3g} GiB", fewer)
    if size > _SUSPECT and size > _RATIO * packed:
        raise _bomb(path, size, packed)
    wanted = {x.filename: x for x in members if not _litter(x.filename.rstrip("/"))}
    files = {name: x.file_size for name, x in wanted.items() if not x.is_dir()}
    folders = {name.rstrip("/") for name, x in wanted.items() if x.is_dir()}
    folders |= {str(parent) for name in files for parent in PurePosixPath(name).parents} - {"."}

    def read(name: str) -> bytes:
        data = bytearray()
        with archive.open(wanted[name]) as file:  # room is made as bytes come, not as they are promised
            while len(data) <= files[name] and (some := file.read(CHUNK)):
                data += some
        return bytes(data)

    return Tree(path, _sorted(files), frozenset(folders), (), read)


def _check_member(path: Path, member: zipfile.ZipInfo) -> None:
    """Refuse a member that is not what a set of images is made of."""
    name = member.orig_filename
    parts = name.removesuffix("/").split("/")
    if "\\" in name or ".." in parts or "" in parts or "." in parts or re.match("[A-Za-z]:", name):
        raise _member(path, "names that stay inside the folder, with /", f"the name {shown(name)}")
    if UNFIT.search(name):
        raise _member(path, "names of plain text", f"the name {shown(name)}")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _member(path, "files and folders", f"the link {shown(name)}")
    if member.flag_bits & 0x1:
        raise refused(path, "a zip file without a password", f"{shown(name)}, encrypted", "Zip it without a password.")
    if member.compress_type not in _PACKED:
        names = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA"}
        kind = names.get(member.compress_type, f"method {member.compress_type}")
        raise _member(path, "files that are stored or deflated", f"{shown(name)}, packed with {kind}")
    if member.file_size > _SUSPECT and member.file_size > _RATIO * member.compress_size:
        raise _bomb(path, member.file_size, member.compress_size)


def _sorted(files: dict[str, int]) -> dict[str, int]:
    return {name: files[name] for name in sorted(files, key=natural)}


def _litter(name: str) -> bool:
    """Return whether a file is hidden or left by a file manager, itself or a folder that it lies in."""
    return any(x.startswith(".") or x in _LITTER for x in name.split("/"))


def _member(path: Path, expected: str, received: str) -> DatasetError:
    return refused(path, expected, received, _AGAIN)


def _bomb(path: Path, size: int, packed: int) -> DatasetError:
    return _member(path, "files packed to no less than a thousandth", f"{packed:,} bytes that promise {size:,}")


def _too_many(path: Path) -> DatasetError:
    return refused(path, f"at most {MAX_MEMBERS:,} files", "more", "Use fewer images.")
