"""Fully connected layers on tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from core.networks.tiles import LATE
from core.training.tiled.blocking import even, parts
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.control import Control
from core.training.tiled.maths import ACTIVATIONS
from core.training.tiled.shuffles import transposed
from core.training.tiled.stage import BYTES, R, S, Stage, T, W, X, Y
from core.training.tiled.tensors import each

CHAINS = 8  # sums that grow side by side, as a product takes some turns to come back
PRODUCTS = 96  # multiply-adds of a turn
SPARE = 5  # registers for what is not a sum
GROUP = 3  # vectors of units whose sums have registers at once
LATER = "ptr noalias %s, ptr noalias %kept, i64 %tiles, i64 %from, i64 %to"  # sums of the kernel, all that is kept

End = Callable[[Name, int, Name, Name], None]


@dataclass(slots=True, eq=False, kw_only=True)
class Dense(Stage):
    """A fully connected layer; what enters lies without a frame, and is a row of numbers.

    Attributes:
        bias: whether each unit has one; they lie behind the kernel.
        shared: whether another layer has the same weights.
        kept: bytes to its own in what is kept of each tile of a batch.
    """

    weighs: ClassVar[bool] = True
    bias: bool
    shared: bool
    kept: int = 0

    @property
    def entering(self) -> int:
        return self.x.channels

    @property
    def units(self) -> int:
        return self.y.channels

    @property
    def late(self) -> bool:
        """Whether the gradient of its kernel waits for the end of a batch.

        It is then computed from all tiles at once, each thread its share of it: a tile's own part of a large kernel
        would take longer to add to the sums than to compute.
        """
        return not self.shared and self.entering * self.units >= LATE

    def keeps(self, lanes: int) -> int:
        """Return how many vectors it keeps of a tile until then."""
        return self.entering + lanes * self._blocks(lanes) if self.late else 0

    def _blocks(self, lanes: int) -> int:
        """Return how many vectors a number for each unit takes."""
        return -(-self.units // lanes)

    def room(self, lanes: int) -> int:
        return 0 if self.late else lanes * self._blocks(lanes)

    def forward(self, code: Code) -> None:
        activation = ACTIVATIONS[self.y.activation]

        def end(pointer: Name, offset: int, bias: Name, value: Name) -> None:
            if self.bias:
                value = code.add(value, code.weight(bias, offset // code.host.lanes))
            code.store(activation(code, value), pointer, offset)

        bias = code.at(W, self.entering * self.units * BYTES)
        product(code, (self.entering, self.units), (self.units * BYTES, BYTES), (X, Y, bias), end)

    def back(self, code: Code) -> None:
        def end(pointer: Name, offset: int, _: Name, value: Name) -> None:
            self.settle(code, pointer, offset, value)

        product(code, (self.units, self.entering), (BYTES, self.units * BYTES), (Y, X, W), end)

    def weights(self, code: Code) -> None:
        """Write the sums with a unit, not an image, in each lane: they need no sum over lanes."""
        lanes, v = code.host.lanes, code.host.width
        blocks, back = self._blocks(lanes), T
        if self.late:
            kept = code.at(code.load(R, Control(code.host).kept - Control(code.host).noise, "ptr"), self.kept)
            each(code, [(self.x, X), (self.x, kept)], lambda p, o: code.store(code.load(p[0], o[0]), p[1], o[1]))
            back = code.at(kept, self.entering * v)
        full, rest = divmod(self.units, lanes)
        bias = code.at(S, self.entering * self.units * BYTES)

        def turn(units: int, p: Names) -> None:
            """Write the gradients of so many units, an image in each vector, and what their biases get of them."""
            rows = transposed(code, [code.load(p[0], u * v) for u in range(units)] + [code.zero] * (lanes - units))
            for image, row in enumerate(rows):
                code.store(row, p[1], image * blocks * v)
            if self.bias:
                total = rows[0]
                for row in rows[1:]:
                    total = code.add(total, row)
                _added(code, [total], p[2], 0)

        if full:
            code.loop(full, lambda p, _, __: turn(lanes, p), [(Y, lanes * v), (back, v), (bias, v)])
        if rest:
            turn(rest, [code.at(x, n * full * v) for x, n in ((Y, lanes), (back, 1), (bias, 1))])
        if not self.late:
            moving = [(T, v), (S, v)]
            code.blocks(parts(blocks, even(blocks, GROUP)), moving, lambda b, p, _: self._some_units(code, b, p))

    def _inputs(self, code: Code, units: int) -> int:
        """Return for how many numbers that enter, and so many vectors of units, sums have registers at once."""
        return even(self.entering, (code.host.registers - SPARE) // units // 2)

    def _some_units(self, code: Code, units: int, pointers: Names) -> None:
        back, sums = pointers
        row = self.units * BYTES

        def some(inputs: int, p: Names) -> None:
            held = self._summed(code, (inputs, units), p[0], back, [code.zero] * (inputs * units))
            for i in range(inputs):
                _added(code, held[i * units : (i + 1) * units], p[1], i * row)

        found = parts(self.entering, self._inputs(code, units))
        code.blocks(found, [(X, code.host.width), (sums, row)], lambda inputs, p, _: some(inputs, p))

    def _summed(self, code: Code, size: tuple[int, int], x: Name, back: Name, held: Names) -> Names:
        """Return sums of so many inputs by so many vectors of units, with a tile's products added."""
        v, (inputs, units), held = code.host.width, size, list(held)
        blocks = self._blocks(code.host.lanes)
        for image in range(code.host.lanes):
            gradients = [code.load(back, (image * blocks + u) * v) for u in range(units)]
            for i in range(inputs):
                value = code.weight(x, i * v + image * BYTES)
                for u in range(units):
                    held[i * units + u] = code.fma(gradients[u], value, held[i * units + u])
        return held

    def shares(self, code: Code) -> int:
        """Return how many blocks of its kernel's gradient threads have to share."""
        return -(-self.entering // self._inputs(code, even(self._blocks(code.host.lanes), GROUP)))

    def end(self, code: Code, kept_bytes: int) -> None:
        """Write a function that puts some blocks of the kernel's gradient, over all tiles of a batch, where sums are.

        Its parameters are :data:`LATER`.

        Args:
            code: where to.
            kept_bytes: from what is kept of a tile to that of the next.
        """
        v, lanes, row = code.host.width, code.host.lanes, self.units * BYTES
        full, rest = divmod(self.units, lanes)
        inputs = self._inputs(code, even(self._blocks(lanes), GROUP))

        def group(units: int, x: Name, p: Names, last: int = lanes) -> None:
            """Write the sums of some vectors of units, of the last of which so many count."""
            size, start = (inputs, units), [code.zero] * (inputs * units)
            moving = [(x, kept_bytes), (p[0], kept_bytes)]
            held = code.loop("%tiles", lambda q, h, _: self._summed(code, size, q[0], q[1], h), moving, start)
            for i in range(inputs):
                for u in range(units):
                    count = last if u == units - 1 else lanes
                    code.store_some(held[i * units + u], p[1], i * row + u * v, count)

        def block(number: Name) -> None:
            # the last one is moved back to end where the inputs do, and gives some numbers once more
            start = code.new(f"mul i64 {number}, {inputs}")
            beyond = code.new(f"icmp ugt i64 {start}, {self.entering - inputs}")
            start = code.new(f"select i1 {beyond}, i64 {self.entering - inputs}, i64 {start}")
            x = code.at(code.at("%kept", self.kept), code.new(f"mul i64 {start}, {v}"))
            back = code.at("%kept", self.kept + self.entering * v)
            sums = code.at("%s", code.new(f"mul i64 {start}, {row}"))
            if full:
                moving = [(back, v), (sums, v)]
                code.blocks(parts(full, even(full, GROUP)), moving, lambda units, p, _: group(units, x, p))
            if rest:
                group(1, x, [code.at(back, full * v), code.at(sums, full * v)], rest)

        code.span("%from", "%to", "1", block)


def _added(code: Code, values: Names, s: Name, offset: int) -> None:
    """Add vectors to the sums there; lanes beyond the units hold zero, so that what lies behind stays."""
    for u, value in enumerate(values):
        place = code.at(s, offset + u * code.host.width)
        before = code.new(f"load {code.vector}, ptr {place}, align 4")
        code.store(code.add(before, value), place, align=4)


def product(
    code: Code, size: tuple[int, int], strides: tuple[int, int], pointers: tuple[Name, Name, Name], end: End
) -> None:
    """Write a product of a matrix with the vectors of a tile.

    Args:
        code: where to.
        size: numbers that are summed over, and sums.
        strides: bytes from weight to weight, over both.
        pointers: to what is read, what is written, and something of four bytes a sum that moves along.
        end: writes a sum: of where to, bytes from there, the third pointer, and the sum.
    """
    v, (x, y, n), (inner, outer) = code.host.width, pointers, size

    def block(sums: int, w: Name, y: Name, n: Name) -> None:
        chains = max(CHAINS // sums, 1)
        turn = min(max(PRODUCTS // sums // chains, 1) * chains, inner)

        def some(count: int, p: Names, held: Names) -> Names:
            held = list(held)
            for i in range(count):
                value = code.load(p[0], i * v)
                for f in range(sums):
                    at = i % chains * sums + f
                    held[at] = code.fma(value, code.weight(p[1], i * strides[0] + f * strides[1]), held[at])
            return held

        held = code.blocks(parts(inner, turn), [(x, v), (w, strides[0])], some, [code.zero] * (sums * chains))
        for f in range(sums):
            total = held[f]
            for chain in range(1, chains):
                total = code.add(total, held[chain * sums + f])
            end(y, f * v, n, total)

    found = parts(outer, even(outer, code.host.registers - SPARE))
    code.blocks(found, [(W, strides[1]), (y, v), (n, BYTES)], lambda sums, p, _: block(sums, *p))
