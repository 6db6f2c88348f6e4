"""Gradients of a convolution's weights: sums over all pixels and images of what was read times what came back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.training.tiled.blocking import MOST, even, parts
from core.training.tiled.code import Code, Name, Names

CACHED = 2**19  # bytes of lines that are gone over for one block of weights after the other: half of a second cache


@dataclass(frozen=True, slots=True)
class Kernel:
    """What is known beforehand of the weights of a convolution; strides in bytes.

    Attributes:
        height: of the kernel.
        width: of the kernel.
        channels: that one filter reads.
        filters: of a group.
        groups: of channels that are not mixed.
        rows: places that the kernel takes, down.
        columns: places across.
        read: of what was read: to the next line and pixel of places, line and pixel of pixels, channel, and group.
        back: of what came back: to the next line, pixel, filter and group.
        sums: of the gradient: to the next line and pixel of the kernel, channel, filter and group.
    """

    height: int
    width: int
    channels: int
    filters: int
    groups: int
    rows: int
    columns: int
    read: tuple[int, int, int, int, int, int]
    back: tuple[int, int, int, int]
    sums: tuple[int, int, int, int, int]


def shares(kernel: Kernel, registers: int) -> tuple[int, int, int]:
    """Return how many lines of the kernel, channels and filters have their sums in registers at once."""
    best, least = (1, 1, 1), float("inf")
    for down in {kernel.height, 1}:
        for channels in range(1, min(kernel.channels, 8) + 1):
            for filters in range(1, min(kernel.filters, 12) + 1):
                many, window = down * kernel.width * channels * filters, down * kernel.width * channels
                if many + min(window, 9) + filters > registers and many > 1:
                    continue
                blocks = -(-kernel.height // down) * -(-kernel.channels // channels) * -(-kernel.filters // filters)
                variants = len(parts(kernel.channels, channels)) * len(parts(kernel.filters, filters))
                cost = blocks * (max(many, 4) + 0.5 * (down * channels + filters) + 1) * 1.03**variants
                if cost < least:
                    best, least = (down, channels, filters), cost
    return best


def gradients(code: Code, kernel: Kernel, x: Name, y: Name, s: Name) -> None:
    """Write the loops that add a tile's gradients to the sums.

    Args:
        code: where to.
        kernel: the convolution.
        x: where the first place of the kernel begins to read.
        y: what came back of the first place.
        s: the sums of the weights, which lie as the weights do.
    """
    lines = max(CACHED // (kernel.read[0] + kernel.back[0]), 1)
    moving = [(x, kernel.read[0]), (y, kernel.back[0]), (s, 0)]
    found = parts(kernel.rows, min(lines, kernel.rows))
    code.blocks(found, moving, lambda rows, p, _: _some_lines(code, replace(kernel, rows=rows), p))


def _some_lines(code: Code, kernel: Kernel, pointers: Names) -> None:
    """Write the loops over the kernel's weights for some lines of places."""
    down, channels, filters = shares(kernel, code.host.registers)
    _, _, line, _, channel, group = kernel.read

    def over_filters(c: int, p: Names) -> None:
        moving = [(p[0], 0), (p[1], kernel.back[2]), (p[2], kernel.sums[3])]
        found = parts(kernel.filters, filters)
        code.blocks(found, moving, lambda f, q, _: _block(code, kernel, (down, c, f), q))

    def over_channels(p: Names) -> None:
        moving = [(p[0], channel), (p[1], 0), (p[2], kernel.sums[2])]
        code.blocks(parts(kernel.channels, channels), moving, lambda c, q, _: over_filters(c, q))

    def over_lines(p: Names) -> None:
        steps = (down * line, 0, down * kernel.sums[0])
        code.loop(kernel.height // down, lambda q, _, __: over_channels(q), list(zip(p, steps, strict=True)))

    groups = zip(pointers, (group, kernel.back[3], kernel.sums[4]), strict=True)
    code.loop(kernel.groups, lambda p, _, __: over_lines(p), list(groups))


def _block(code: Code, kernel: Kernel, share: tuple[int, int, int], pointers: Names) -> None:
    """Write the sums over all places of one block of weights."""
    down, channels, filters = share
    window = [(i, j, c) for i in range(down) for j in range(kernel.width) for c in range(channels)]
    next_line, next_pixel, line, pixel, channel, _ = kernel.read

    def some(count: int, p: Names, held: Names) -> Names:
        there: dict[int, Name] = {}
        held = list(held)
        for place in range(count):
            back = [code.load(p[1], place * kernel.back[1] + f * kernel.back[2]) for f in range(filters)]
            for at, (i, j, c) in enumerate(window):
                offset = place * next_pixel + i * line + j * pixel + c * channel
                if offset not in there:
                    there[offset] = code.load(p[0], offset)
                for f in range(filters):
                    held[at * filters + f] = code.fma(there[offset], back[f], held[at * filters + f])
        return held

    def over_line(p: Names, held: Names, _: Name) -> Names:
        found = parts(kernel.columns, even(kernel.columns, MOST // (len(window) * filters)))
        return code.blocks(found, [(p[0], next_pixel), (p[1], kernel.back[1])], some, held)

    x, y, s = pointers
    start = [code.zero] * (len(window) * filters)
    held = code.loop(kernel.rows, over_line, [(x, next_line), (y, kernel.back[0])], start)
    for at, (i, j, c) in enumerate(window):
        for f in range(filters):
            offset = i * kernel.sums[0] + j * kernel.sums[1] + c * kernel.sums[2] + f * kernel.sums[3]
            gather(code, held[at * filters + f], s, offset)


def gather(code: Code, value: Name, s: Name, offset: int) -> None:
    """Add the sum of a vector's lanes to a number."""
    place = code.at(s, offset)
    before = code.load(place, 0, "float")
    code.store(code.new(f"fadd float {before}, {code.total(value)}"), place, 0, "float")
