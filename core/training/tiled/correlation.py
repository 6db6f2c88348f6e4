"""Sums of products over pixels: what a convolution gives, and what its gradient gives back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.training.tiled.blocking import Part, parts, tile
from core.training.tiled.code import Body, Code, Name, Names, Pointer

BYTES = 4  # of a weight


@dataclass(frozen=True, slots=True)
class Tap:
    """One of the places that a sum reads.

    Attributes:
        down: pixels below where the sum's reading begins.
        across: pixels to the right of it.
        weight: bytes from the first weight to this place's.
    """

    down: int
    across: int
    weight: int


@dataclass(frozen=True, slots=True)
class Side:
    """How something is walked over; all in bytes.

    Attributes:
        line: to the next line of sums.
        pixel: to the next sum of a line.
        channel: to the next channel of a sum; for what is read, of what is summed over.
        group: to the next group of channels.
    """

    line: int
    pixel: int
    channel: int
    group: int


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over taps and channels for every pixel and filter of every group: all that is known of them beforehand.

    Attributes:
        rows: lines of sums.
        columns: sums of a line.
        filters: sums of a pixel, in a group.
        channels: summed over, of a group.
        groups: of channels that are not mixed.
        taps: what a sum reads of each channel.
        read: how what is read is walked over.
        written: how what is written is; a channel is a filter there.
        pitch: bytes from a line of pixels that is read to the next; a tap may lie so many lines down.
        spot: bytes from one pixel of a line that is read to the next.
        weights: bytes between weights of a channel and the next, a filter and the next, a group and the next.
    """

    rows: int
    columns: int
    filters: int
    channels: int
    groups: int
    taps: tuple[Tap, ...]
    read: Side
    written: Side
    pitch: int
    spot: int
    weights: tuple[int, int, int]


Begin = Callable[[Name, int], Name]  # of a pointer that moves with the filters, and a filter's number there
End = Callable[[Name, int, Name], None]  # of a pointer to what is written, bytes from it, and the sum


@dataclass(frozen=True, slots=True)
class Walk:
    """How the weights of some equal blocks of filters are walked over; in bytes.

    Attributes:
        start: to the first block.
        block: from block to block.
        channel: from channel to channel.
        filter: from filter to filter.
        taps: to each tap.
    """

    start: int
    block: int
    channel: int
    filter: int
    taps: tuple[int, ...]


def _walk(sums: Sums, b: Part, packed: bool) -> Walk:
    if not packed:
        channel, filter_, _ = sums.weights
        return Walk(b.start * filter_, b.size * filter_, channel, filter_, tuple(t.weight for t in sums.taps))
    taps = tuple(i * b.size * BYTES for i in range(len(sums.taps)))
    channel = len(taps) * b.size * BYTES
    of_filter = len(taps) * sums.channels * BYTES
    return Walk(b.start * of_filter, b.size * of_filter, channel, BYTES, taps)


def _blocks(code: Code, sums: Sums) -> tuple[list[Part], list[Part]]:
    """Return the blocks of pixels and of filters."""
    across = [t.across for t in sums.taps] or [0]
    step, taps = max(sums.read.pixel // sums.spot, 1), max(len(sums.taps), 1)
    reach = max(across) - min(across) + 1
    pixels, filters = tile(sums.columns, sums.filters, taps, reach, step, code.host.registers)
    return parts(sums.columns, pixels), parts(sums.filters, filters)


def pack(code: Code, sums: Sums, w: Name, room: Name) -> None:
    """Write a copy of the weights of a single group in the order that :func:`correlate` reads them in."""
    for part in _blocks(code, sums)[1]:
        there, here = _walk(sums, part, packed=False), _walk(sums, part, packed=True)
        at = [(code.at(w, there.start), there.block), (code.at(room, here.start), here.block)]
        code.loop(part.count, _packed(code, sums, (there, here), part.size), at)


def _packed(code: Code, sums: Sums, walks: tuple[Walk, Walk], filters: int) -> Body:
    """Return what writes a block's copy."""
    there, here = walks

    def channel(p: Names) -> None:
        for old, new in zip(there.taps, here.taps, strict=True):
            for f in range(filters):
                value = code.load(p[0], old + f * there.filter, "float")
                code.store(value, p[1], new + f * here.filter, "float")

    def block(p: Names, _: Names, __: Name) -> None:
        code.loop(sums.channels, lambda q, _, __: channel(q), [(p[0], there.channel), (p[1], here.channel)])

    return block


def correlate(
    code: Code,
    sums: Sums,
    pointers: tuple[Name, Name, Name],
    end: End,
    begin: Begin | None = None,
    bias: Pointer | None = None,
    packed: bool = False,
) -> None:
    """Write the loops of some sums.

    Args:
        code: where to.
        sums: which.
        pointers: to where the first sum's reading begins, to the weights, and to where the first sum is written.
        end: writes a finished sum.
        begin: gives what a sum begins with; zero if it is None.
        bias: a pointer that moves on with filters, four bytes each, for ``begin``; and bytes from group to group.
        packed: whether the weights lie as :func:`pack` has them.
    """
    of_pixels, of_filters = _blocks(code, sums)

    def block(pixels: int, part: Part, x: Name, p: Names) -> None:
        (w, y, n), walk = p, _walk(sums, part, packed)
        first = [begin(n, f) if begin else code.zero for f in range(part.size)]
        held = [first[f] for _ in range(pixels) for f in range(part.size)]
        if sums.taps:
            moving = [(x, sums.read.channel), (w, walk.channel)]
            size = pixels, part.size
            held = code.loop(sums.channels, lambda q, v, _: _products(code, sums, walk, size, q, v), moving, held)
        for i in range(pixels):
            for f in range(part.size):
                end(y, i * sums.written.pixel + f * sums.written.channel, held[i * part.size + f])

    def over_filters(pixels: int, p: Names) -> None:
        x, w, y, n = p
        for part in of_filters:
            walk, channel = _walk(sums, part, packed), sums.written.channel
            at = [(code.at(w, walk.start), walk.block), (code.at(y, part.start * channel), part.size * channel)]
            at.append((code.at(n, part.start * BYTES), part.size * BYTES) if bias else (n, 0))
            code.loop(part.count, _given(block, pixels, part, x), at)

    def over_line(p: Names) -> None:
        x, w, y, n = p
        moving = [(x, sums.read.pixel), (w, 0), (y, sums.written.pixel), (n, 0)]
        code.blocks(of_pixels, moving, lambda pixels, q, _: over_filters(pixels, q))

    def over_rows(p: Names) -> None:
        steps = (sums.read.line, 0, sums.written.line, 0)
        code.loop(sums.rows, lambda q, _, __: over_line(q), list(zip(p, steps, strict=True)))

    groups = (sums.read.group, sums.weights[2], sums.written.group)
    moving: list[Pointer] = [*zip(pointers, groups, strict=True), bias or (pointers[1], 0)]
    code.loop(sums.groups, lambda p, _, __: over_rows(p), moving)


def _given(block: Callable[[int, Part, Name, Names], None], pixels: int, part: Part, x: Name) -> Body:
    return lambda p, _, __: block(pixels, part, x, p)


def _products(code: Code, sums: Sums, walk: Walk, size: tuple[int, int], pointers: Names, held: Names) -> Names:
    """Return the sums of a block, so many pixels by so many filters, with the products of one channel added."""
    held, (x, w), (pixels, filters) = list(held), pointers, size
    there: dict[int, Name] = {}
    for tap, offset in sorted(zip(sums.taps, walk.taps, strict=True), key=lambda t: (t[0].down, t[0].across)):
        for f in range(filters):
            weight = code.weight(w, offset + f * walk.filter)
            for i in range(pixels):
                at = tap.down * sums.pitch + tap.across * sums.spot + i * sums.read.pixel
                if at not in there:
                    there[at] = code.load(x, at)
                held[i * filters + f] = code.fma(there[at], weight, held[i * filters + f])
    return held
