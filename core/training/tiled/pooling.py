"""Poolings on tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.networks.layers import Window
from core.training.tiled.blocking import parts
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.stage import Stage, T, X, Y
from core.training.tiled.tensors import Tensor, each

AT_ONCE = 4  # windows, or channels, that are pooled in one turn


def share(code: Code, values: Names, gradient: Name) -> Names:
    """Return what of a gradient each of some numbers gets: the first of the largest all of it, as in Keras."""
    best = values[0]
    for value in values[1:]:
        best = code.largest(best, value)
    found = []
    for value in values:
        is_best = code.compare("oeq", value, best)
        found.append(code.select(is_best, gradient, code.zero))
        gradient = code.select(is_best, code.zero, gradient)
    return found


@dataclass(slots=True, eq=False, kw_only=True)
class Tiles(Stage):
    """A pooling whose windows neither overlap nor leave the image.

    Attributes:
        window: of the pooling.
        mean: whether it takes the mean, not the largest.
    """

    window: Window
    mean: bool

    def _over(self, code: Code, write: bool) -> None:
        v, w, x, y = code.host.width, self.window, self.x, self.y
        offsets = [(i * x.pitch + j * x.pixel) * v for i in range(w.height) for j in range(w.width)]

        def places(count: int, p: Names) -> None:
            for i in range(count):
                there, one = [o + i * w.stride * x.pixel * v for o in offsets], i * y.pixel * v
                if write:
                    self._back_of(code, p, there, one)
                else:
                    code.store(self._pooled(code, [code.load(p[0], o) for o in there]), p[1], one)

        def channel(p: Names) -> None:
            moving = [(p[0], w.stride * x.pixel * v), (p[1], y.pixel * v)]
            code.blocks(parts(y.width, AT_ONCE), moving, lambda count, q, _: places(count, q))

        def line(p: Names) -> None:
            code.loop(y.channels, lambda q, _, __: channel(q), [(p[0], x.channel * v), (p[1], y.channel * v)])

        code.loop(y.height, lambda q, _, __: line(q), [(X, w.stride * x.pitch * v), (Y, y.pitch * v)])

    def _pooled(self, code: Code, values: Names) -> Name:
        first, *rest = values
        for value in rest:
            first = code.add(first, value) if self.mean else code.largest(first, value)
        return code.mul(first, code.constant(1 / len(values))) if self.mean else first

    def _back_of(self, code: Code, p: Names, offsets: list[int], one: int) -> None:
        gradient = code.load(p[1], one)
        if self.mean:
            given = [code.mul(gradient, code.constant(1 / len(offsets)))] * len(offsets)
        else:
            given = share(code, [code.load(p[0], o) for o in offsets], gradient)
        for offset, part in zip(offsets, given, strict=True):
            self.settle(code, p[0], offset, part)

    def forward(self, code: Code) -> None:
        self._over(code, write=False)

    def back(self, code: Code) -> None:
        self._over(code, write=True)
        x, w, v = self.x, self.window, code.host.width
        down, across = self.y.height * w.stride, self.y.width * w.stride

        def none(start: Name, rows: int, columns: int) -> None:
            """Settle what no window reads."""

            def channel(p: Names) -> None:
                code.loop(columns, lambda q, _, __: self.settle(code, q[0], 0, code.zero), [(p[0], x.pixel * v)])

            def line(p: Names) -> None:
                code.loop(x.channels, lambda q, _, __: channel(q), [(p[0], x.channel * v)])

            if rows and columns:
                code.loop(rows, lambda p, _, __: line(p), [(start, x.pitch * v)])

        none(code.at(X, down * x.pitch * v), x.height - down, x.width)
        none(code.at(X, across * x.pixel * v), down, x.width - across)


@dataclass(slots=True, eq=False, kw_only=True)
class Windows(Stage):
    """A pooling with windows that overlap, leave gaps, or reach beyond the image: each pixel's place is computed.

    Attributes:
        window: of the pooling.
        mean: whether it takes the mean, not the largest.
    """

    window: Window
    mean: bool

    def room(self, lanes: int) -> int:
        return self.x.height * self.x.width * self.x.channels

    def _bounded(self, code: Code, start: Name, offset: int, size: int) -> tuple[Name, Name]:
        """Return a pixel's place brought back into the image, and 1 if it was there already, else 0, as float."""
        place = code.new(f"add i64 {start}, {offset}")
        under, over = (code.new(f"icmp {how} i64 {place}, {end}") for how, end in (("slt", 0), ("sgt", size - 1)))
        bounded = code.new(f"select i1 {under}, i64 0, i64 {place}")
        bounded = code.new(f"select i1 {over}, i64 {size - 1}, i64 {bounded}")
        out = code.new(f"or i1 {under}, {over}")
        return bounded, code.new(f"select i1 {out}, float 0.0, float 1.0")

    def _over(self, code: Code, write: bool) -> None:
        v, w, x, y = code.host.width, self.window, self.x, self.y
        (above, _), (left, _) = w.padding(x.height, x.width)
        room = Tensor(x.shape)

        def place(row: Name, p: Names, column: Name) -> None:
            start_down = code.new(f"sub i64 {code.new(f'mul i64 {row}, {w.stride}')}, {above}")
            start_across = code.new(f"sub i64 {code.new(f'mul i64 {column}, {w.stride}')}, {left}")
            downs = [self._bounded(code, start_down, i, x.height) for i in range(w.height)]
            acrosses = [self._bounded(code, start_across, j, x.width) for j in range(w.width)]
            read, kept, inside = [], [], []
            for down, there in downs:
                for across, also in acrosses:
                    read.append(self._at(code, x, X, down, across))
                    kept.append(self._at(code, room, T, down, across))
                    inside.append(code.new(f"fmul float {there}, {also}"))
            shares = self._shares(code, inside)
            at = [(q, x.channel * v) for q in read] + [(q, room.channel * v) for q in kept]
            at.append((p[0], y.channel * v))
            code.loop(x.channels, lambda q, _, __: self._channel(code, q, shares, write), at)

        def line(p: Names, row: Name) -> None:
            code.loop(y.width, lambda q, _, column: place(row, q, column), [(p[0], y.pixel * v)])

        code.loop(y.height, lambda p, _, row: line(p, row), [(Y, y.pitch * v)])

    def _at(self, code: Code, tensor: Tensor, start: Name, down: Name, across: Name) -> Name:
        """Return where a pixel's first channel lies."""
        v = code.host.width
        line = code.at(start, code.new(f"mul i64 {down}, {tensor.pitch * v}"))
        return code.at(line, code.new(f"mul i64 {across}, {tensor.pixel * v}"))

    def _shares(self, code: Code, inside: Names) -> Names:
        """Return what each pixel of a window counts in its mean."""
        if not self.mean:
            return []
        total = inside[0]
        for value in inside[1:]:
            total = code.new(f"fadd float {total}, {value}")
        return [code.spread(code.new(f"fdiv float {value}, {total}")) for value in inside]

    def _channel(self, code: Code, p: Names, shares: Names, write: bool) -> None:
        count = (len(p) - 1) // 2
        read, kept, y = p[:count], p[count:-1], p[-1]
        values = [code.load(q) for q in read]
        if write:
            gradient = code.load(y)
            given = [code.mul(gradient, s) for s in shares] if self.mean else share(code, values, gradient)
            for place, part in zip(kept, given, strict=True):  # one after the other: two may be the same pixel
                code.store(code.add(code.load(place), part), place)
            return
        result = values[0]
        if self.mean:
            result = code.mul(values[0], shares[0])
            for value, part in zip(values[1:], shares[1:], strict=True):
                result = code.fma(value, part, result)
        else:
            for value in values[1:]:
                result = code.largest(result, value)
        code.store(result, y)

    def forward(self, code: Code) -> None:
        self._over(code, write=False)

    def back(self, code: Code) -> None:
        room = Tensor(self.x.shape)
        each(code, [(room, T)], lambda p, o: code.store(code.zero, p[0], o[0]))
        self._over(code, write=True)
        tensors = [(self.x, X), (room, T)]
        each(code, tensors, lambda p, o: self.settle(code, p[0], o[0], code.load(p[1], o[1])))


@dataclass(slots=True, eq=False, kw_only=True)
class Global(Stage):
    """A pooling over the whole image.

    Attributes:
        mean: whether it takes the mean, not the largest.
    """

    mean: bool

    def _places(self, code: Code, p: Name, turn: Callable[[Name, Names], Names], values: Names) -> Names:
        """Write a loop over all pixels of some channels."""
        v, x = code.host.width, self.x

        def line(q: Names, held: Names, _: Name) -> Names:
            return code.loop(x.width, lambda r, h, _: turn(r[0], h), [(q[0], x.pixel * v)], held)

        return code.loop(x.height, line, [(p, x.pitch * v)], values)

    def _each(self, code: Code, body: Callable[[int, Names], None]) -> None:
        v = code.host.width
        moving = [(X, self.x.channel * v), (Y, v)]
        code.blocks(parts(self.x.channels, AT_ONCE), moving, lambda channels, p, _: body(channels, p))

    def _pooled(self, code: Code, channels: int, p: Name) -> Names:
        v = code.host.width

        def turn(q: Name, held: Names) -> Names:
            values = [code.load(q, i * self.x.channel * v) for i in range(channels)]
            way = code.add if self.mean else code.largest
            return [way(a, b) for a, b in zip(held, values, strict=True)]

        begin = code.zero if self.mean else code.constant(float("-inf"))
        return self._places(code, p, turn, [begin] * channels)

    def forward(self, code: Code) -> None:
        pixels = self.x.height * self.x.width

        def body(channels: int, p: Names) -> None:
            for i, value in enumerate(self._pooled(code, channels, p[0])):
                scaled = code.mul(value, code.constant(1 / pixels)) if self.mean else value
                code.store(scaled, p[1], i * code.host.width)

        self._each(code, body)

    def back(self, code: Code) -> None:
        v, pixels, step = code.host.width, self.x.height * self.x.width, self.x.channel * code.host.width

        def body(channels: int, p: Names) -> None:
            left = [code.load(p[1], i * v) for i in range(channels)]
            if self.mean:
                left = [code.mul(g, code.constant(1 / pixels)) for g in left]
            best = [] if self.mean else self._pooled(code, channels, p[0])

            def turn(q: Name, held: Names) -> Names:
                after = []
                for i, g in enumerate(held):
                    if self.mean:
                        self.settle(code, q, i * step, g)
                        after.append(g)
                        continue
                    found = code.compare("oeq", code.load(q, i * step), best[i])
                    self.settle(code, q, i * step, code.select(found, g, code.zero))
                    after.append(code.select(found, code.zero, g))
                return after

            self._places(code, p[0], turn, left)

        self._each(code, body)
