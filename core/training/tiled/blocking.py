"""How sums are shared out over registers: blocks that are computed at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

MOST = 320  # multiply-adds of a block that are written out: more are as fast and take longer to translate
VARIANT = 1.04  # what another size of block must gain to be worth translating


@dataclass(frozen=True, slots=True)
class Part:
    """Equal blocks side by side.

    Attributes:
        start: of the first.
        count: how many.
        size: of each.
    """

    start: int
    count: int
    size: int


def parts(total: int, size: int) -> list[Part]:
    """Return ``total`` things in blocks of ``size``, and in a smaller one what is left."""
    count, rest = divmod(total, size)
    found = [Part(0, count, size)] if count else []
    return [*found, Part(count * size, 1, rest)] if rest else found


def even(total: int, most: int) -> int:
    """Return the size of as few blocks as possible, none above ``most`` and all about equal."""
    return -(-total // -(-total // max(most, 1)))


@lru_cache(maxsize=1024)
def tile(columns: int, filters: int, taps: int, across: int, step: int, registers: int) -> tuple[int, int]:
    """Return of how many pixels of a line and of how many filters the sums are computed at once.

    Every sum has a register, and so have the numbers that the pixels' sums read in one line, and one weight.

    Args:
        columns: pixels of a line.
        filters: sums of each.
        taps: products of a sum, of each channel.
        across: pixels of a line that a sum reads.
        step: pixels from one sum's to the next.
        registers: there are.
    """

    def cost(pixels: int, side: int) -> float:
        found = 0.0
        for a in parts(columns, pixels):
            for b in parts(filters, side):
                products = taps * a.size * b.size
                # few sums wait for each other: a product takes four turns to come back
                waiting = max(products, 4 * taps)
                loads = taps / across * ((a.size - 1) * step + across) + taps * b.size
                found += a.count * b.count * (waiting + 0.4 * loads + 2 * a.size * b.size + 6)
        return found * VARIANT ** (len(parts(columns, pixels)) * len(parts(filters, side)) - 1)

    return min(_fitting(columns, filters, taps, across, step, registers), key=lambda x: cost(*x))


def _fitting(
    columns: int, filters: int, taps: int, across: int, step: int, registers: int
) -> Iterator[tuple[int, int]]:
    yield 1, 1
    for pixels in range(1, min(columns, registers) + 1):
        for side in range(1, min(filters, registers) + 1):
            held = pixels * side + (pixels - 1) * step + across + 1
            if held <= registers and taps * pixels * side <= MOST:
                yield pixels, side
