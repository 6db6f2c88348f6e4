"""Stages that change every number for itself: activations, dropout, the end of a residual block, a new arrangement."""

from __future__ import annotations

from dataclasses import dataclass

from core.training.tiled.code import Code, Name, Names
from core.training.tiled.maths import ACTIVATIONS, SLOPES_OF_X
from core.training.tiled.noise import philox, uniform
from core.training.tiled.stage import R, Stage, T, X, Y
from core.training.tiled.tensors import Tensor, each


@dataclass(slots=True, eq=False, kw_only=True)
class Activation(Stage):
    """An activation on its own, where what enters tells the slope, or what entered is still needed.

    Attributes:
        activation: which, by whose slope the gradient is multiplied here; ``y`` then says ``'linear'``.
    """

    activation: str

    def forward(self, code: Code) -> None:
        def one(p: Names, o: list[int]) -> None:
            code.store(ACTIVATIONS[self.activation](code, code.load(p[0], o[0])), p[1], o[1])

        each(code, [(self.x, X), (self.y, Y)], one)

    def back(self, code: Code) -> None:
        def one(p: Names, o: list[int]) -> None:
            gradient = code.load(p[1], o[1])
            if self.activation in SLOPES_OF_X:
                gradient = code.mul(gradient, SLOPES_OF_X[self.activation](code, code.load(p[0], o[0])))
            self.settle(code, p[0], o[0], gradient)

        each(code, [(self.x, X), (self.y, Y)], one)


@dataclass(slots=True, eq=False, kw_only=True)
class Dropout(Stage):
    """Zero a share of the numbers and scale the others up; what each is multiplied by is kept for the way back.

    Attributes:
        rate: the share.
        index: the layer's place in the network.
    """

    rate: float
    index: int

    def room(self, lanes: int) -> int:
        return self.x.height * self.x.width * self.x.channels

    def _tensors(self) -> list[tuple[Tensor, Name]]:
        return [(self.x, X), (self.y, Y), (Tensor(self.x.shape), T)]

    def forward(self, code: Code) -> None:
        self._drawn(code)
        each(
            code,
            self._tensors(),
            lambda p, o: code.store(code.mul(code.load(p[0], o[0]), code.load(p[2], o[2])), p[1], o[1]),
        )

    def evaluated(self, code: Code) -> None:
        each(code, self._tensors()[:2], lambda p, o: code.store(code.load(p[0], o[0]), p[1], o[1]))

    def back(self, code: Code) -> None:
        each(
            code,
            self._tensors(),
            lambda p, o: self.settle(code, p[0], o[0], code.mul(code.load(p[1], o[1]), code.load(p[2], o[2]))),
        )

    def _drawn(self, code: Code) -> None:
        """Draw what every number is multiplied by: from seed, update, layer, image of the epoch and place."""
        v, count = code.host.width, self.room(code.host.lanes)
        images = code.load(R, 0, code.whole)
        seed, update = (code.spread(code.load(R, v + 4 * i, "i32"), "i32") for i in range(2))
        kept = code.constant(1 / (1 - self.rate))

        def turn(p: Names, number: Name, many: int) -> None:
            place = code.spread(code.new(f"trunc i64 {number} to i32"), "i32")
            drawn = philox(code, [place, images, update, code.integer(self.index)], [seed, code.integer(0)])
            for i, bits in enumerate(drawn[:many]):
                enough = code.compare("oge", uniform(code, bits), code.constant(self.rate))
                code.store(code.select(enough, kept, code.zero), p[0], i * v)

        turns, rest = divmod(count, 4)
        if turns:
            code.loop(turns, lambda p, _, number: turn(p, number, 4), [(T, 4 * v)])
        if rest:
            turn([code.at(T, 4 * turns * v)], str(turns), rest)


@dataclass(slots=True, eq=False, kw_only=True)
class Sum(Stage):
    """The end of a residual block: ``x`` and what entered the block.

    Its functions are given what entered in place of room, and where what goes back to it is kept in place of noise.

    Attributes:
        entered: what is added.
        again: whether something goes back to it from a later block already.
    """

    entered: Tensor
    again: bool = False

    def forward(self, code: Code) -> None:
        each(
            code,
            [(self.x, X), (self.entered, T), (self.y, Y)],
            lambda p, o: code.store(code.add(code.load(p[0], o[0]), code.load(p[1], o[1])), p[2], o[2]),
        )

    def back(self, code: Code) -> None:
        if self.entered.wanted:

            def one(p: Names, o: list[int]) -> None:
                gradient = code.load(p[0], o[0])
                code.store(code.add(gradient, code.load(p[1], o[1])) if self.again else gradient, p[1], o[1])

            each(code, [(self.y, Y), (self.entered, R)], one)
        if self.x.wanted:
            each(code, [(self.x, X), (self.y, Y)], lambda p, o: self.settle(code, p[0], o[0], code.load(p[1], o[1])))


@dataclass(slots=True, eq=False)
class Copy(Stage):
    """The same numbers as one row, pixel by pixel, without a frame."""

    def forward(self, code: Code) -> None:
        each(code, self._tensors(), lambda p, o: code.store(code.load(p[0], o[0]), p[1], o[1]))

    def back(self, code: Code) -> None:
        each(code, self._tensors(), lambda p, o: self.settle(code, p[0], o[0], code.load(p[1], o[1])))

    def _tensors(self) -> list[tuple[Tensor, Name]]:
        return [(self.x, X), (Tensor(self.x.shape, flat=True), Y)]
