"""Convolutions on tiles: plain, depthwise and pointwise ones, of any stride and padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from core.networks.layers import Window
from core.networks.tiles import PACKED
from core.training.tiled.blocking import even, parts
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.correlation import Side, Sums, Tap, correlate, pack
from core.training.tiled.filters import Kernel, gather, gradients
from core.training.tiled.maths import ACTIVATIONS
from core.training.tiled.stage import BYTES, S, Stage, T, W, X, Y

BIASES = 8  # sums of a bias's gradient that are computed at once


@dataclass(slots=True, eq=False, kw_only=True)
class Convolution(Stage):
    """A convolution whose channels are in groups that are not mixed: one for a plain one, all for a depthwise one.

    Attributes:
        window: its kernel.
        groups: of channels.
        bias: whether each filter has one; they lie behind the kernel.
    """

    weighs: ClassVar[bool] = True
    window: Window
    groups: int = 1
    bias: bool

    def __post_init__(self) -> None:
        w, (above, _), (left, _) = self.window, *self._padding()
        over_down = (self.y.height - 1) * w.stride + w.height - above - self.x.height
        over_right = (self.y.width - 1) * w.stride + w.width - left - self.x.width
        self.x.widen(above, max(over_down, 0), left, max(over_right, 0))
        if self.x.wanted:
            for phase in self._phases():
                self._widen(phase)

    @property
    def channels(self) -> int:
        """That enter, of a group."""
        return self.x.channels // self.groups

    @property
    def filters(self) -> int:
        """That leave, of a group."""
        return self.y.channels // self.groups

    @property
    def _size(self) -> int:
        """Weights of one pixel of the kernel."""
        return self.groups * self.channels * self.filters if self.groups == 1 else self.groups * self.filters

    def _strides(self) -> tuple[int, int, int]:
        """Return bytes between the weights of a channel and the next, a filter and the next, a group and the next."""
        return (self.filters * BYTES if self.groups == 1 else 0), BYTES, self.filters * BYTES

    def _padding(self) -> tuple[tuple[int, int], tuple[int, int]]:
        return self.window.padding(self.x.height, self.x.width)

    def _weight(self, i: int, j: int) -> int:
        return (i * self.window.width + j) * self._size * BYTES

    def _phases(self) -> list[tuple[int, int, int, int, tuple[Tap, ...]]]:
        """Return the pixels of ``x`` by their remainder with the stride, and what each reads of ``y`` on the way back.

        Each is the first pixel's line and column, how many lines and columns there are, and the taps.
        """
        w, (above, _), (left, _) = self.window, *self._padding()
        found = []
        for down in range(min(w.stride, self.x.height)):
            for right in range(min(w.stride, self.x.width)):
                taps = tuple(
                    Tap((down + above - i) // w.stride, (right + left - j) // w.stride, self._weight(i, j))
                    for i in range(w.height)
                    for j in range(w.width)
                    if (down + above - i) % w.stride == 0 == (right + left - j) % w.stride
                )
                rows, columns = -(-(self.x.height - down) // w.stride), -(-(self.x.width - right) // w.stride)
                found.append((down, right, rows, columns, taps))
        return found

    def _widen(self, phase: tuple[int, int, int, int, tuple[Tap, ...]]) -> None:
        """Have zeros where the taps of a phase read beyond ``y``."""
        _, _, rows, columns, taps = phase
        for tap in taps:
            below = tap.down + rows - self.y.height
            beyond = tap.across + columns - self.y.width
            self.y.widen(max(-tap.down, 0), max(below, 0), max(-tap.across, 0), max(beyond, 0))

    @property
    def _packed(self) -> bool:
        """Whether the weights are read from a copy in the order they are needed in."""
        return self.groups == 1 and self.channels * self.filters >= PACKED

    def room(self, lanes: int) -> int:
        kernel = self.window.height * self.window.width * self._size
        return 2 * -(-kernel // lanes) if self._packed else 0

    def prepare(self, code: Code) -> None:
        room = T
        for sums in [self._forward(code), *(sums for _, sums in self._back(code))] if self._packed else ():
            pack(code, sums, W, room)
            room = code.at(room, len(sums.taps) * sums.channels * sums.filters * BYTES)

    def _forward(self, code: Code) -> Sums:
        v, w, x, y = code.host.width, self.window, self.x, self.y
        return Sums(
            y.height,
            y.width,
            self.filters,
            self.channels,
            self.groups,
            tuple(Tap(i, j, self._weight(i, j)) for i in range(w.height) for j in range(w.width)),
            Side(w.stride * x.pitch * v, w.stride * x.pixel * v, x.channel * v, self.channels * x.channel * v),
            Side(y.pitch * v, y.pixel * v, y.channel * v, self.filters * y.channel * v),
            x.pitch * v,
            x.pixel * v,
            self._strides(),
        )

    def _back(self, code: Code) -> list[tuple[int, Sums]]:
        """Return what goes back to the pixels of each remainder, and bytes to the first of them."""
        v, x, y, stride = code.host.width, self.x, self.y, self.window.stride
        channel, filter_, group = self._strides()
        found = []
        for down, right, rows, columns, taps in self._phases() if x.wanted else ():
            sums = Sums(
                rows,
                columns,
                self.channels,
                self.filters,
                self.groups,
                taps,
                Side(y.pitch * v, y.pixel * v, y.channel * v, self.filters * y.channel * v),
                Side(stride * x.pitch * v, stride * x.pixel * v, x.channel * v, self.channels * x.channel * v),
                y.pitch * v,
                y.pixel * v,
                (filter_, channel, group),
            )
            found.append(((down * x.pitch + right * x.pixel) * v, sums))
        return found

    def forward(self, code: Code) -> None:
        x, kernel = self.x, self.window.height * self.window.width * self._size * BYTES
        (above, _), (left, _) = self._padding()
        start = code.at(X, -(above * x.pitch + left * x.pixel) * code.host.width)

        def end(pointer: Name, offset: int, value: Name) -> None:
            code.store(ACTIVATIONS[self.y.activation](code, value), pointer, offset)

        pointers, packed = (start, T if self._packed else W, Y), self._packed
        if self.bias:
            moving = code.at(W, kernel), self.filters * BYTES
            begin = lambda n, f: code.weight(n, f * BYTES)  # noqa: E731 - the bias, which moves with the filters
            correlate(code, self._forward(code), pointers, end, begin, moving, packed)
        else:
            correlate(code, self._forward(code), pointers, end, packed=packed)

    def back(self, code: Code) -> None:
        room = code.at(T, self.window.height * self.window.width * self._size * BYTES) if self._packed else T
        for offset, sums in self._back(code):
            pointers = (Y, room if self._packed else W, code.at(X, offset))
            correlate(code, sums, pointers, lambda p, o, g: self.settle(code, p, o, g), packed=self._packed)
            if self._packed:
                room = code.at(room, len(sums.taps) * sums.channels * sums.filters * BYTES)

    def weights(self, code: Code) -> None:
        v, w, x, y = code.host.width, self.window, self.x, self.y
        (above, _), (left, _) = self._padding()
        channel, filter_, group = self._strides()
        kernel = Kernel(
            w.height,
            w.width,
            self.channels,
            self.filters,
            self.groups,
            y.height,
            y.width,
            (
                w.stride * x.pitch * v,
                w.stride * x.pixel * v,
                x.pitch * v,
                x.pixel * v,
                x.channel * v,
                self.channels * x.channel * v,
            ),
            (y.pitch * v, y.pixel * v, y.channel * v, self.filters * y.channel * v),
            (self._weight(1, 0), self._weight(0, 1), channel, filter_, group),
        )
        gradients(code, kernel, code.at(X, -(above * x.pitch + left * x.pixel) * v), Y, S)
        if self.bias:
            self._biases(code, code.at(S, w.height * w.width * self._size * BYTES))

    def _biases(self, code: Code, s: Name) -> None:
        """Write the sums of what came back, of each filter."""
        v, y = code.host.width, self.y

        def block(filters: int, p: Names) -> None:
            at_once = even(y.width, BIASES // filters)

            def some(count: int, q: Names, held: Names) -> Names:
                held = list(held)
                for place in range(count):
                    for i in range(filters):
                        value = code.load(q[0], (place * y.pixel + i * y.channel) * v)
                        held[place * filters + i] = code.add(held[place * filters + i], value)
                return held

            def line(q: Names, held: Names, _: Name) -> Names:
                return code.blocks(parts(y.width, at_once), [(q[0], y.pixel * v)], some, held)

            held = code.loop(y.height, line, [(p[0], y.pitch * v)], [code.zero] * (at_once * filters))
            for i in range(filters):
                total = held[i]
                for place in range(1, at_once):
                    total = code.add(total, held[place * filters + i])
                gather(code, total, p[1], i * BYTES)

        moving = [(Y, y.channel * v), (s, BYTES)]
        code.blocks(parts(y.channels, BIASES), moving, lambda filters, p, _: block(filters, p))
