"""Rows to columns, in registers."""

from __future__ import annotations

from collections.abc import Sequence

from core.training.tiled.code import Code, Name


def transposed(code: Code, rows: Sequence[Name], kind: str = "float") -> list[Name]:
    """Return the columns of a square of numbers, given as vectors of a kind, one for each lane."""
    count = len(rows)
    vector = f"<{count} x {kind}>"
    half = count // 2

    def interleaved(a: Name, b: Name, start: int) -> Name:
        order = ", ".join(f"i32 {start + i // 2 + (count if i % 2 else 0)}" for i in range(count))
        return code.new(f"shufflevector {vector} {a}, {vector} {b}, <{count} x i32> <{order}>")

    found = list(rows)
    for _ in range(count.bit_length() - 1):  # each doubles how far rows and columns are mixed
        found = [interleaved(found[i], found[i + half], start) for i in range(half) for start in (0, half)]
    return found
