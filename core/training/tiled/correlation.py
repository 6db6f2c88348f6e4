"""Sums of products over pixels: what a convolution gives, and what its gradient gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.training.tiled.blocking import Part, parts, tile
from core.training.tiled.code import Code, Name, Pointer

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
    for b in _blocks(code, sums)[1]:
        there, here = _walk(sums, b, packed=False), _walk(sums, b, packed=True)

        def channel(p: list[Name], there: Walk = there, here: Walk = here, size: int = b.size) -> list[Name]:
            for old, new in zip(there.taps, here.taps, strict=True):
                for f in range(size):
                    value = code.load(p[0], old + f * there.filter, "float")
                    code.store(value, p[1], new + f * here.filter, "float")
            return []

        def block(p: list[Name], there: Walk = there, here: Walk = here) -> list[Name]:
            moving = [(p[0], there.channel), (p[1], here.channel)]
            code.loop(sums.channels, lambda q, _, __: channel(q, there, here), moving)
            return []

        at = [(code.at(w, there.start), there.block), (code.at(room, here.start), here.block)]
        code.loop(b.count, lambda p, _, __, block=block: block(p), at)  # type: ignore[misc]


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

    def block(a: Part, b: Part, x: Name, w: Name, y: Name, n: Name) -> list[Name]:
        walk = _walk(sums, b, packed)
        first = [begin(n, f) if begin else code.zero for f in range(b.size)]
        held = [first[f] for _ in range(a.size) for f in range(b.size)]
        if sums.taps:
            moving = [(x, sums.read.channel), (w, walk.channel)]
            held = code.loop(sums.channels, lambda p, v, _: _products(code, sums, walk, a, b, p, v), moving, held)
        for i in range(a.size):
            for f in range(b.size):
                end(y, i * sums.written.pixel + f * sums.written.channel, held[i * b.size + f])
        return []

    def over_filters(a: Part, p: Sequence[Name]) -> list[Name]:
        x, w, y, n = p
        for b in of_filters:
            walk, channel = _walk(sums, b, packed), sums.written.channel
            at = [(code.at(w, walk.start), walk.block), (code.at(y, b.start * channel), b.size * channel)]
            at.append((code.at(n, b.start * BYTES), b.size * BYTES) if bias else (n, 0))
            code.loop(b.count, lambda q, _, __, b=b: block(a, b, x, *q), at)  # type: ignore[misc]
        return []

    def over_line(p: Sequence[Name]) -> list[Name]:
        x, w, y, n = p
        for a in of_pixels:
            at = [(code.at(x, a.start * sums.read.pixel), a.size * sums.read.pixel), (w, 0)]
            at += [(code.at(y, a.start * sums.written.pixel), a.size * sums.written.pixel), (n, 0)]
            code.loop(a.count, lambda q, _, __, a=a: over_filters(a, q), at)  # type: ignore[misc]
        return []

    def over_rows(p: Sequence[Name]) -> list[Name]:
        steps = (sums.read.line, 0, sums.written.line, 0)
        code.loop(sums.rows, lambda q, _, __: over_line(q), list(zip(p, steps, strict=True)))
        return []

    groups = (sums.read.group, sums.weights[2], sums.written.group)
    moving: list[Pointer] = [*zip(pointers, groups, strict=True), bias or (pointers[1], 0)]
    code.loop(sums.groups, lambda p, _, __: over_rows(p), moving)


def _products(code: Code, sums: Sums, walk: Walk, a: Part, b: Part, p: list[Name], held: list[Name]) -> list[Name]:
    """Return the sums of a block with the products of one channel added."""
    held, (x, w) = list(held), p
    there: dict[int, Name] = {}
    for tap, offset in sorted(zip(sums.taps, walk.taps, strict=True), key=lambda t: (t[0].down, t[0].across)):
        for f in range(b.size):
            weight = code.weight(w, offset + f * walk.filter)
            for i in range(a.size):
                at = tap.down * sums.pitch + tap.across * sums.spot + i * sums.read.pixel
                if at not in there:
                    there[at] = code.load(x, at)
                held[i * b.size + f] = code.fma(there[at], weight, held[i * b.size + f])
    return held
