"""Fully connected layers on tiles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from core.training.tiled.blocking import Part, even, parts
from core.training.tiled.code import Code, Name
from core.training.tiled.maths import ACTIVATIONS
from core.training.tiled.shuffles import transposed
from core.training.tiled.stage import BYTES, S, Stage, T, W, X, Y

CHAINS = 8  # sums that grow side by side, as a product takes some turns to come back
PRODUCTS = 96  # multiply-adds of a turn
SPARE = 5  # registers for what is not a sum


@dataclass(slots=True, eq=False, kw_only=True)
class Dense(Stage):
    """A fully connected layer; what enters lies without a frame, and is a row of numbers.

    Attributes:
        bias: whether each unit has one; they lie behind the kernel.
    """

    weighs: ClassVar[bool] = True
    bias: bool

    @property
    def entering(self) -> int:
        return self.x.channels

    @property
    def units(self) -> int:
        return self.y.channels

    def room(self, lanes: int) -> int:
        return lanes * -(-self.units // lanes)

    def forward(self, code: Code) -> None:
        activation = ACTIVATIONS[self.y.activation]

        def end(pointer: Name, offset: int, bias: Name, value: Name) -> None:
            if self.bias:
                value = code.add(value, code.weight(bias, offset // code.host.lanes))
            code.store(activation(code, value), pointer, offset)

        bias = code.at(W, self.entering * self.units * BYTES)
        _product(code, self.entering, self.units, (self.units * BYTES, BYTES), (X, Y, bias), end)

    def back(self, code: Code) -> None:
        def end(pointer: Name, offset: int, _: Name, value: Name) -> None:
            self.settle(code, pointer, offset, value)

        _product(code, self.units, self.entering, (BYTES, self.units * BYTES), (Y, X, W), end)

    def weights(self, code: Code) -> None:
        """Write the sums with a unit, not an image, in each lane: they need no sum over lanes."""
        lanes, v = code.host.lanes, code.host.width
        blocks = -(-self.units // lanes)
        for b in range(blocks):
            units = range(b * lanes, min((b + 1) * lanes, self.units))
            columns = [code.load(Y, u * v) for u in units] + [code.zero] * (lanes - len(units))
            for image, row in enumerate(transposed(code, columns)):
                code.store(row, T, (image * blocks + b) * v)
        together = even(blocks, 3)
        for b in parts(blocks, together):
            at = [(code.at(T, b.start * v), b.size * v), (code.at(S, b.start * v), b.size * v)]
            code.loop(b.count, lambda p, _, __, b=b: self._some_units(code, b, blocks, p), at)  # type: ignore[misc]

    def _some_units(self, code: Code, b: Part, blocks: int, p: list[Name]) -> list[Name]:
        v = code.host.width
        pixels = even(self.entering, max((code.host.registers - SPARE) // b.size // 2, 1))
        for k in parts(self.entering, pixels):
            at = [(code.at(X, k.start * v), k.size * v)]
            at.append((code.at(p[1], k.start * self.units * BYTES), k.size * self.units * BYTES))

            def rows(q: list[Name], _: list[Name], __: Name, k: Part = k) -> list[Name]:
                held = [code.zero] * (k.size * b.size)
                for image in range(code.host.lanes):
                    back = [code.load(p[0], (image * blocks + u) * v) for u in range(b.size)]
                    for i in range(k.size):
                        value = code.weight(q[0], i * v + image * BYTES)
                        for u in range(b.size):
                            held[i * b.size + u] = code.fma(back[u], value, held[i * b.size + u])
                for i in range(k.size):
                    _added(code, held[i * b.size : (i + 1) * b.size], q[1], i * self.units * BYTES)
                return []

            code.loop(k.count, rows, at)
        if self.bias:
            total = [code.zero] * b.size
            for image in range(code.host.lanes):
                total = [code.add(t, code.load(p[0], (image * blocks + u) * v)) for u, t in enumerate(total)]
            _added(code, total, p[1], self.entering * self.units * BYTES)
        return []


def _added(code: Code, values: list[Name], s: Name, offset: int) -> None:
    """Add vectors to the sums there; lanes beyond the units hold zero, so that what lies behind stays."""
    for u, value in enumerate(values):
        place = code.at(s, offset + u * code.host.width)
        before = code.new(f"load {code.vector}, ptr {place}, align 4")
        code.store(code.add(before, value), place, align=4)


def _product(
    code: Code,
    inner: int,
    outer: int,
    strides: tuple[int, int],
    pointers: tuple[Name, Name, Name],
    end: Callable[[Name, int, Name, Name], None],
) -> None:
    """Write a product of a matrix with the vectors of a tile.

    Args:
        code: where to.
        inner: numbers that are summed over.
        outer: sums.
        strides: bytes from weight to weight, over both.
        pointers: to what is read, what is written, and something of four bytes a sum that moves along.
        end: writes a sum: of where to, bytes from there, the third pointer, and the sum.
    """
    v, (x, y, n) = code.host.width, pointers
    size = even(outer, code.host.registers - SPARE)

    def block(b: Part, w: Name, y: Name, n: Name) -> list[Name]:
        chains = max(CHAINS // b.size, 1)
        turn = min(max(PRODUCTS // b.size // chains, 1) * chains, inner)
        held = [code.zero] * (b.size * chains)

        def some(count: int, p: list[Name], held: list[Name]) -> list[Name]:
            held = list(held)
            for i in range(count):
                value = code.load(p[0], i * v)
                for f in range(b.size):
                    at = i % chains * b.size + f
                    held[at] = code.fma(value, code.weight(p[1], i * strides[0] + f * strides[1]), held[at])
            return held

        for a in parts(inner, turn):
            at = [(code.at(x, a.start * v), a.size * v), (code.at(w, a.start * strides[0]), a.size * strides[0])]
            held = code.loop(a.count, lambda p, h, _, a=a: some(a.size, p, h), at, held)  # type: ignore[misc]
        for f in range(b.size):
            total = held[f]
            for chain in range(1, chains):
                total = code.add(total, held[chain * b.size + f])
            end(y, f * v, n, total)
        return []

    for b in parts(outer, size):
        at = [(code.at(W, b.start * strides[1]), b.size * strides[1]), (code.at(y, b.start * v), b.size * v)]
        at.append((code.at(n, b.start * BYTES), b.size * BYTES))
        code.loop(b.count, lambda p, _, __, b=b: block(b, *p), at)  # type: ignore[misc]
