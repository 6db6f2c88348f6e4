"""The IDX files of MNIST and its likes, plain or under gzip, told by their first bytes and not by their name.

The format is the one described with MNIST: two zero bytes, one for the type, one for the number of axes, the lengths of
the axes as big-endian 32-bit numbers, and the elements, big-endian too, the last axis fastest.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np

from core.data.formats.found import Told, refused, silent
from core.data.formats.streams import AGAIN, Ended, Meter, check_room, explained, file_size, ordered, take
from core.networks.layers import Array

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 4
_GZIP = b"\x1f\x8b"


def is_idx(path: Path) -> bool:
    """Return whether a file begins as IDX does, under gzip or not."""
    try:
        with _opened(path) as (file, _):
            first = file.read(4)
    except (OSError, EOFError, zlib.error):
        return False
    return len(first) == 4 and first[:2] == b"\0\0" and first[2] in _TYPES and 1 <= first[3] <= _MOST_AXES


def read_idx(path: Path, told: Told = silent, room: int | None = None) -> Array:
    """Return the array of an IDX file, in the byte order of the machine.

    Args:
        path: of the file.
        told: how much of it has been read.
        room: bytes that it may have; MAX_BYTES if not given.

    Raises:
        DatasetError: one sentence on why it cannot be read.
    """
    with explained(path), _opened(path) as (file, packed):
        first = take(file.read, 4)
        if first[:2] != b"\0\0" or first[2] not in _TYPES or not 1 <= first[3] <= _MOST_AXES:
            expected = f"IDX, which begins with 00 00, a type and 1 to {_MOST_AXES} axes"
            raise refused(path, expected, first.hex(" "), "Give the file as it was fetched.")
        dtype = np.dtype(_TYPES[first[2]])
        shape = struct.unpack(f">{first[3]}I", take(file.read, 4 * first[3]))
        size = math.prod(shape) * dtype.itemsize
        check_room(path, size, room)
        promised = f"{size:,} bytes for the shape {shape} that it begins with"
        if not packed and (held := file_size(path) - 4 - 4 * len(shape)) > size:
            raise refused(path, promised, f"{held:,}", AGAIN)
        try:
            data = take(file.read, size, Meter(told, size, f"Reading {path.name}"))
        except Ended as e:
            if not packed:
                raise
            raise refused(path, promised, str(e), AGAIN) from None
        if file.read(1):
            raise refused(path, promised, "more", AGAIN)
        array = ordered(data, dtype, shape, columns_first=False)
        return array if dtype.isnative else array.byteswap(inplace=True).view(dtype.newbyteorder("="))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, bool]]:
    """Open a file and unpack it if it is under gzip; the second value says so."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _GZIP
        raw.seek(0)
        if not packed:
            yield raw, False
            return
        with gzip.GzipFile(fileobj=raw) as file:
            yield file, True  # type: ignore[misc]  # it reads as a binary file does
