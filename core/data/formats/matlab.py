"""MATLAB's files of level 5, as ``save -v7`` and ``save -v6`` write them: the arrays of numbers in them.

The format is "MAT-File Level 5 File Format" by MathWorks: a header of 128 bytes, then elements, each a tag of type and
length and its data; a compressed element is another one under zlib. SciPy's reader is not used, because it trusts the
lengths: a file of 1 KB can make it ask for gigabytes, and one of 5 MB end the process.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core.data.formats.found import refused
from core.data.formats.streams import CHUNK, Ended, Meter, check_room, explained, file_size, ordered, shown, take
from core.networks.layers import Array, Shape

_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_MATRIX, _COMPRESSED = 14, 15  # types of elements
_STRUCT, _NUMBERS = 2, range(6, 16)  # classes of arrays
_COMPLEX = 0x800
_HEADER = 128
_HDF5 = b"\x89HDF\r\n\x1a\n"
_MOST_VARIABLES, _DEEPEST, _LONGEST_NAME, _MOST_FIELDS = 1000, 4, 256, 100
_SAVE = "Save it again in MATLAB with save(..., '-v7'), or as .npz."


@dataclass(frozen=True, slots=True)
class Variable:
    """An array in a file.

    Attributes:
        shape: of it.
        dtype: that its elements are stored as; None for what is not plain numbers.
    """

    shape: Shape
    dtype: np.dtype[Any] | None

    @property
    def bytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * (self.dtype.itemsize if self.dtype else 0)

    def __str__(self) -> str:
        return f"{self.dtype or 'no plain numbers'} {self.shape}"


class _Source:
    """Bytes one after the other, and how many have come."""

    __slots__ = ("_read", "at")

    def __init__(self, read: Callable[[int], bytes], at: int = 0) -> None:
        self._read, self.at = read, at

    def read(self, count: int) -> bytes:
        some = self._read(count)
        self.at += len(some)
        return some

    def skip_to(self, end: int) -> None:
        """Pass over what is left of an element."""
        if end < self.at:
            raise ValueError("an array goes beyond its own end")
        while self.at < end:
            if not self.read(min(CHUNK, end - self.at)):
                raise Ended(f"{self.at:,} bytes of {end:,}")


def _unpacked(file: BinaryIO, packed: int) -> Callable[[int], bytes]:
    """Return how to read what is under zlib in the next ``packed`` bytes, never more at a time than is asked for."""
    inflate, left = zlib.decompressobj(), packed

    def read(count: int) -> bytes:
        nonlocal left
        while not inflate.eof:
            some = inflate.unconsumed_tail
            if not some:
                some = file.read(min(CHUNK, left))
                left -= len(some)
                if not some:
                    break
            if out := inflate.decompress(some, count):
                return out
        return b""

    return read


class _Scan:
    """One way through a file, which lists the arrays and keeps those that are wanted."""

    __slots__ = ("_meter", "_order", "_path", "_unpacked", "_wanted", "arrays", "variables")

    def __init__(self, path: Path, order: str, wanted: Collection[str], meter: Meter | None) -> None:
        self._path, self._order, self._wanted, self._meter = path, order, wanted, meter
        self._unpacked = 0
        self.variables: dict[str, Variable] = {}
        self.arrays: dict[str, Array] = {}

    def file(self, file: BinaryIO, size: int) -> None:
        """Go through all variables of an open file of ``size`` bytes, whose header has been read."""
        source = _Source(file.read, _HEADER)
        while source.at < size:
            if len(self.variables) >= _MOST_VARIABLES:
                raise ValueError(f"more than {_MOST_VARIABLES} variables")
            kind, length, _ = self._tag(source)
            end = source.at + length
            if end > size:
                raise Ended(f"{size - source.at:,} bytes of {length:,}")
            if kind == _COMPRESSED:
                self._compressed(_Source(_unpacked(file, length)))
            elif kind == _MATRIX:
                self._matrix(source, end, "")
            else:
                raise ValueError(f"an element of type {kind} among the variables")
            file.seek(end)
            source.at = end

    def _compressed(self, source: _Source) -> None:
        try:
            kind, length, _ = self._tag(source)
            if kind != _MATRIX:
                raise ValueError(f"an element of type {kind} under zlib")
            self._unpacked += length
            check_room(self._path, self._unpacked)
            self._matrix(source, source.at + length, "")
            if source.read(1):  # where the checksum is looked at
                raise ValueError("a compressed variable goes on beyond its end")
        except Ended:
            raise ValueError("a compressed variable ends early") from None

    def _matrix(self, source: _Source, end: int, inside: str, called: str = "", deep: int = 0) -> None:
        """Go through an array: its flags, dimensions and name, and then its numbers or its fields."""
        if source.at == end:  # an empty one has nothing at all
            return
        flags = struct.unpack(f"{self._order}I", self._small(source, 8)[:4])[0]
        kind = flags & 0xFF
        if kind != _STRUCT and kind not in _NUMBERS:  # text, cells, functions and what is not written down
            return source.skip_to(end)
        sides = self._small(source, 4 * 32)
        shape = struct.unpack(f"{self._order}{len(sides) // 4}i", sides[: len(sides) // 4 * 4])
        name = inside + (self._small(source, _LONGEST_NAME).decode("latin-1") or called)
        if min(shape, default=-1) < 0 or not name:
            raise ValueError(f"the dimensions {shape} of {shown(name)!r}")
        if name in self.variables:
            raise ValueError(f"two variables called {shown(name)}")
        if kind == _STRUCT:
            self._struct(source, name, shape, deep)
        elif not flags & _COMPLEX:
            self._numbers(source, end, name, shape)
        return source.skip_to(end)

    def _struct(self, source: _Source, name: str, shape: Shape, deep: int) -> None:
        self.variables[name] = Variable(shape, None)
        if math.prod(shape) != 1 or deep >= _DEEPEST:
            return
        length = int.from_bytes(self._small(source, 4), "little" if self._order == "<" else "big")
        names = self._small(source, _MOST_FIELDS * 64)
        if not 0 < length <= 64 or len(self.variables) + len(names) // length > _MOST_VARIABLES:
            raise ValueError(f"the fields of {shown(name)}")
        for start in range(0, len(names) - length + 1, length):
            kind, size, _ = self._tag(source)
            if kind != _MATRIX:
                raise ValueError(f"a field of type {kind} in {shown(name)}")
            field = bytes(names[start : start + length]).split(b"\0")[0].decode("latin-1")
            self._matrix(source, source.at + size, f"{name}.", field, deep + 1)

    def _numbers(self, source: _Source, end: int, name: str, shape: Shape) -> None:
        kind, length, small = self._tag(source)
        dtype = np.dtype(f"{self._order}{_TYPES[kind]}") if kind in _TYPES else None
        found = Variable(shape, dtype)
        if dtype is None or found.bytes != length or (small is None and source.at + length > end):
            raise ValueError(f"{shown(name)} has {length:,} bytes for the dimensions {shape}")
        self.variables[name] = found
        if name in self._wanted:
            data = bytearray(small) if small is not None else take(source.read, length, self._meter)
            self.arrays[name] = ordered(data, dtype, shape, columns_first=True)

    def _tag(self, source: _Source) -> tuple[int, int, bytes | None]:
        """Return type and length of an element, and its data where they lie in the tag itself."""
        first = take(source.read, 8)
        kind, length = struct.unpack(f"{self._order}II", first)
        if kind >> 16:
            if kind >> 16 > 4:
                raise ValueError(f"{kind >> 16} bytes in the place of 4")
            return kind & 0xFFFF, kind >> 16, bytes(first[4 : 4 + (kind >> 16)])
        return kind, length, None

    def _small(self, source: _Source, most: int) -> bytes:
        """Return the data of an element of at most so many bytes."""
        _, length, small = self._tag(source)
        if small is not None:
            return small
        if length > most:
            raise ValueError(f"{length:,} bytes in the place of at most {most}")
        data = bytes(take(source.read, length))
        take(source.read, -length % 8)
        return data


def _scan(path: Path, wanted: Collection[str] = (), meter: Meter | None = None) -> _Scan:
    with explained(path), path.open("rb") as file:
        start = file.read(_HEADER)
        file.seek(512)
        if _HDF5 in (start[:8], file.read(8)) or start.startswith(b"MATLAB 7.3"):
            raise refused(path, "MATLAB's level 5 (version 7)", "HDF5 (version 7.3), which is not read", _SAVE)
        order = {b"IM": "<", b"MI": ">"}.get(start[126:])
        if order is None:
            raise refused(path, "MATLAB's level 5 (version 7)", f"a file that begins with {start[:4].hex(' ')}", _SAVE)
        file.seek(_HEADER)
        scan = _Scan(path, order, wanted, meter)
        scan.file(file, file_size(path))
        return scan


def variables(path: Path) -> dict[str, Variable]:
    """Return what a file holds, by name; an array in a structure is called ``structure.field``.

    Raises:
        DatasetError: one sentence on why it cannot be read.
    """
    return _scan(path).variables


def load(path: Path, names: Collection[str], meter: Meter | None = None) -> dict[str, Array]:
    """Return arrays of a file by name.

    Raises:
        DatasetError: one sentence on why they cannot be read.
    """
    return _scan(path, names, meter).arrays
