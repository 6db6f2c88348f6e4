"""Bytes that are not what they should be, and what a reader may do about them."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from core.data.formats.found import Found
from core.errors import DatasetError

SMALL = 2**20  # bytes for what does not grow with the file
_EXTREMES = (0, 1, 3, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xBFFFFFFF, 0xFFFFFFFF)


@st.composite
def damaged(draw: st.DrawFn, base: bytes, header: int) -> bytes:
    """Return bytes with a few changes, most of them in the first ``header``, and cut off at times."""
    data = bytearray(base)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, min(header, len(data)) - 1) | st.integers(0, len(data) - 1))
        match draw(st.sampled_from(("byte", "byte", "number", "reversed", "insert", "drop"))):
            case "byte":
                data[at] = draw(st.integers(0, 255))
            case "number":
                data[at : at + 4] = draw(st.sampled_from(_EXTREMES)).to_bytes(4, "little")
            case "reversed":
                data[at : at + 4] = draw(st.sampled_from(_EXTREMES)).to_bytes(4, "big")
            case "insert":
                data[at:at] = draw(st.binary(min_size=1, max_size=9))
            case _:
                del data[at : at + draw(st.integers(1, 9))]
        if not data:
            return b""
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.integers(0, 5)) == 0 else data)


def outcome(read: Callable[[], object], *paths: Path) -> object:
    """Return what a reader finds, or its one sentence, and check that it took no more memory than it may."""
    found: object
    tracemalloc.start()
    try:
        found = read()
    except DatasetError as e:
        found = said = str(e)
        assert said.isprintable() and len(said) < 1500, said
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    held = 0
    if isinstance(found, Found):
        parts = [part for part in (found.train, found.test) if part is not None]
        assert all(len(part.x) == len(part.y) > 0 and 2 <= part.x.ndim <= 4 for part in parts)
        held = sum(part.x.nbytes + part.y.nbytes for part in parts)
    elif isinstance(found, np.ndarray):
        held = found.nbytes
    assert peak <= 2 * max(held, sum(path.stat().st_size for path in paths)) + SMALL
    return found
