"""NumPy's own files: ``.npz`` under any of the usual names, and ``.npy``."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from core.data.formats.found import Found, Options, Part, Told, refused, silent, unreadable
from core.data.formats.headers import Header, parse
from core.data.formats.roles import USUAL, Chosen, choose, elsewhere
from core.data.formats.streams import (
    AGAIN,
    CHUNK,
    Ended,
    Meter,
    check_room,
    cut_off,
    explained,
    file_size,
    fitting,
    ordered,
    paired,
    shown,
    take,
)
from core.errors import DatasetError
from core.networks.layers import Array

NAMES = ("class_names", "label_names", "names")


class Npz:
    """The arrays of an open ``.npz`` file.

    Attributes:
        path: of the file.
        members: the zip file's entry of each array, by the array's name.
    """

    __slots__ = ("_file", "members", "path")

    def __init__(self, path: Path, file: zipfile.ZipFile) -> None:
        self.path, self._file = path, file
        self.members = {x.filename[:-4]: x for x in file.infolist() if x.filename.endswith(".npy")}

    def header(self, name: str) -> Header:
        """Return the header of an array, which promises what its member holds.

        Raises:
            DatasetError: if it does not, or cannot be read.
        """
        info = self.members[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            # the others have no limit to what comes out of one read
            raise unreadable(self.path, "compressed in another way than NumPy's", "Write it with numpy.savez.")
        with explained(self.path), self._file.open(info) as member:
            header = parse(member.read)
        held = info.file_size - header.start
        if header.dtype is not None and header.bytes != held:
            what = f"{shown(name)} promises {header.bytes:,} bytes and holds {held:,}"
            raise unreadable(self.path, what, AGAIN)
        return header

    def read(self, name: str, meter: Meter | None = None) -> Array:
        """Return an array.

        Raises:
            DatasetError: if it holds objects, is longer than there may be, or cannot be read.
        """
        header = self.header(name)
        dtype = plain(self.path, name, header)
        check_room(self.path, header.bytes)
        with explained(self.path), self._file.open(self.members[name]) as member:
            take(member.read, header.start)
            try:
                data = take(member.read, header.bytes, meter)
            except Ended:
                raise ValueError(f"{shown(name)} ends early") from None
            member.read(1)  # where the checksum is looked at
            return ordered(data, dtype, header.shape, header.columns_first)

    def parts(self, name: str) -> Iterator[Array]:
        """Yield the elements of an array of numbers part by part, along one axis, as they lie.

        Raises:
            DatasetError: if it cannot be read.
        """
        header = self.header(name)
        dtype = plain(self.path, name, header)
        left = header.bytes
        with explained(self.path), self._file.open(self.members[name]) as member:
            take(member.read, header.start)
            while left:
                some = take(member.read, min(left, CHUNK * dtype.itemsize))
                left -= len(some)
                yield np.frombuffer(some, dtype)


class _Bounded(io.FileIO):
    """A file of which no more is read at a time than a directory of a few thousand arrays has."""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > CHUNK:
            raise zipfile.BadZipFile("it lists more arrays than an image set has")
        return super().read(size)


@contextmanager
def open_npz(path: Path) -> Iterator[Npz]:
    """Open a ``.npz`` file, of which nothing is read yet but which arrays it has.

    Raises:
        DatasetError: if it cannot be read or is none.
    """
    with explained(path):
        raw = _Bounded(path)
    with raw:
        with explained(path):
            begins = raw.read(4)
            if not zipfile.is_zipfile(raw):
                if begins[:2] == b"PK":
                    raise cut_off(path)
                raise unreadable(path, "it is no .npz file", "Write it with numpy.savez, or fetch it again.")
            file = zipfile.ZipFile(raw)
        with file:
            yield Npz(path, file)


def plain(path: Path, name: str, header: Header) -> np.dtype[Any]:
    """Return the type of an array of numbers or text, and refuse others.

    Raises:
        DatasetError: if it holds Python objects, which are never opened, or structures.
    """
    if header.dtype is not None:
        return header.dtype
    expected = f"plain numbers or text in {shown(name)}"
    if header.pickled:
        do = "Write it again from an array of one type, such as numpy.stack(list_of_images)."
        raise refused(path, expected, "pickled Python objects, which are not opened", do)
    raise refused(path, expected, str(header), "Write its fields as arrays of their own.")


def read_npy(path: Path, told: Told = silent, room: int | None = None) -> Array:
    """Return the array of a ``.npy`` file.

    Args:
        path: of the file.
        told: how much of it has been read.
        room: bytes that it may have; MAX_BYTES if not given.

    Raises:
        DatasetError: one sentence on why it cannot be read.
    """
    with explained(path), path.open("rb") as file:
        header = parse(file.read)
        dtype = plain(path, path.name, header)
        check_room(path, header.bytes, room)
        held = file_size(path) - header.start
        if held > header.bytes:
            raise ValueError(f"it promises {header.bytes:,} bytes and holds {held:,}")
        data = take(file.read, header.bytes, Meter(told, header.bytes, f"Reading {path.name}"))
        return ordered(data, dtype, header.shape, header.columns_first)


def read_one(path: Path, told: Told = silent, room: int | None = None) -> Array:
    """Return the array of a ``.npz`` file that has exactly one.

    Raises:
        DatasetError: if it has more or none, or cannot be read.
    """
    with open_npz(path) as file:
        if len(file.members) != 1:
            raise refused(path, "one array", f"{len(file.members)}", "Give this file by itself.")
        [name] = file.members
        size = file.header(name).bytes
        check_room(path, size, room)
        return file.read(name, Meter(told, size, f"Reading {path.name}"))


def read_npz(path: Path, options: Options, told: Told = silent) -> Found:
    """Return the image set of a ``.npz`` file.

    Args:
        path: of the file.
        options: of which ``test`` may be another ``.npz`` file, whose test images are taken, or all if it does not
            tell them apart.
        told: how much of it has been read.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    with open_npz(path) as file:
        chosen = _chosen(file)
        if options.test is None:
            return _read(file, chosen, told)
        with open_npz(options.test) as other:
            return _read(file, chosen, told, other)


def _chosen(file: Npz, as_test: bool = False) -> Chosen:
    chosen = choose([x for x in file.members if x.lower() not in NAMES], as_test) or _unnamed(file)
    if chosen is not None:
        return chosen
    few = [f"{shown(name)} ({_described(file, name)})" for name in list(file.members)[:8]]
    more = f" and {len(file.members) - 8} more" if len(file.members) > 8 else ""
    there = f"the arrays {', '.join(few)}{more}" if few else "no arrays"
    raise refused(file.path, "images and labels under usual names", there, f"Call them {USUAL}.")


def _unnamed(file: Npz) -> Chosen | None:
    """Return which arrays are which where they were written without names: ``numpy.savez(path, x, y)``."""
    names = [f"arr_{place}" for place in range(len(file.members))]
    if len(names) not in (2, 4) or set(names) != set(file.members):
        return None
    shapes = {x: file.header(x).shape for x in names}
    labels = [x for x in names if len(shapes[x]) == 1 or shapes[x][1:] == (1,)]
    pairs = list(zip([x for x in names if x not in labels], labels, strict=False))
    if 2 * len(pairs) != len(names) or any(shapes[x][:1] != shapes[y][:1] for x, y in pairs):
        return None
    train, *test = pairs
    said = "; ".join(f"{x} as images and {y} as labels" for x, y in pairs)
    return Chosen(train, test[0] if test else None, (f"The arrays have no names: {said} were taken.",))


def _described(file: Npz, name: str) -> str:
    try:
        return str(file.header(name))
    except DatasetError:
        return "damaged"


def _read(file: Npz, chosen: Chosen, told: Told, other: Npz | None = None) -> Found:
    """Return the chosen arrays, those of the test images from the other file if there is one."""
    pairs = [(file, chosen.train)]
    notes = chosen.notes
    if other is not None:
        taken = _chosen(other, as_test=True)
        pairs.append((other, taken.train))
        notes = elsewhere(chosen.notes, chosen.test or (), other.path.name, taken.train)
    elif chosen.test is not None:
        pairs.append((file, chosen.test))
    size = 0
    for source, names in pairs:
        headers = [source.header(name) for name in names]
        for name, header in zip(names, headers, strict=True):
            plain(source.path, name, header)
        size += sum(x.bytes for x in headers)
    check_room(file.path, size)
    meter = Meter(told, size, f"Reading {file.path.name}")
    parts: list[Part] = []
    for source, names in pairs:
        x, y = (source.read(name, meter) for name in names)
        parts.append(paired(source.path, x, y, names))
    train, *rest = parts
    return Found("a .npz file", train, rest[0] if rest else None, _class_names(file, train.y), notes)


def _class_names(file: Npz, y: Array) -> tuple[str, ...]:
    """Return the names of the classes, if the file has as many as there are labels."""
    name = next((x for x in file.members if x.lower() in NAMES), None)
    if name is None:
        return ()
    header = file.header(name)
    if header.dtype is None or header.dtype.kind not in "SU" or header.bytes > CHUNK * 8:
        return ()
    values = file.read(name).reshape(-1).tolist()
    return fitting(tuple(x.decode("utf-8", "replace") if isinstance(x, bytes) else x for x in values), y)
