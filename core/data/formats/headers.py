"""The header of an array as NumPy writes it.

The format is that of ``numpy.lib.format``, versions 1 to 3. The header is read here and not by NumPy, whose reader
evaluates it as Python, warns, and makes room for whatever it promises.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.data.formats.streams import take
from core.networks.layers import Shape

MAGIC = b"\x93NUMPY"
_LONGEST, _MOST_AXES = 10_000, 64  # bytes of a header and axes of an array, as NumPy has it
_TYPE = re.compile(r"[<>|=]?(?:[?]|b1|[iu][1248]|f[248]|c8|c16|[SU][1-9]\d{0,5})")
_ENTRIES = {
    "descr": re.compile(r"'descr'\s*:\s*'([^']*)'"),
    "fortran_order": re.compile(r"'fortran_order'\s*:\s*(True|False)"),
    "shape": re.compile(r"'shape'\s*:\s*\(([\dL,\s]*)\)"),
}


@dataclass(frozen=True, slots=True)
class Header:
    """What the beginning of an array's file says.

    Attributes:
        shape: of the array.
        dtype: of its elements; None for what is not numbers, text, or yes and no.
        columns_first: whether its first axis runs fastest.
        start: bytes before its elements.
        pickled: whether it holds Python objects.
    """

    shape: Shape
    dtype: np.dtype[Any] | None
    columns_first: bool
    start: int
    pickled: bool = False

    @property
    def bytes(self) -> int:
        """Bytes of all elements."""
        return math.prod(self.shape) * (self.dtype.itemsize if self.dtype else 0)

    def __str__(self) -> str:
        return "Python objects" if self.pickled else f"{self.dtype or 'values of another type'} {self.shape}"


def parse(read: Callable[[int], bytes]) -> Header:
    """Return the header of an array.

    Raises:
        Ended: if it is cut off.
        ValueError: if it is none.
    """
    magic = take(read, 8)
    if magic[:6] != MAGIC or magic[6] not in (1, 2, 3):
        raise ValueError("it does not begin as NumPy's files do")
    wide = 2 if magic[6] == 1 else 4
    length = int.from_bytes(take(read, wide), "little")
    if length > _LONGEST:
        raise ValueError(f"a header of {length:,} bytes")
    text = take(read, length).decode("utf-8" if magic[6] == 3 else "latin-1")
    start = 8 + wide + length
    if re.search(r"'[<>|=]?O\d*'", text):  # in structures, too
        return Header((), None, False, start, pickled=True)
    if re.search(r"'descr'\s*:\s*\[", text):
        return Header((), None, False, start)
    entries = {key: form.search(text) for key, form in _ENTRIES.items()}
    descr, order, shape = entries["descr"], entries["fortran_order"], entries["shape"]
    if descr is None or order is None or shape is None:
        raise ValueError("a header without type, order and shape")
    if shape[1].count(",") > _MOST_AXES:
        raise ValueError(f"an array of more than {_MOST_AXES} axes")
    sides = tuple(int(x[:20]) for x in re.findall(r"\d+", shape[1]))  # longer ones are beyond any size, too
    dtype = np.dtype(descr[1]) if _TYPE.fullmatch(descr[1]) else None
    return Header(sides, dtype, order[1] == "True", start)
