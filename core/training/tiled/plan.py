"""A network as stages on a tile: what lies where, and the functions that take a tile through it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

from core.networks import layers, tiles
from core.networks.layers import Layer, Window
from core.networks.network import Network
from core.networks.step import Step
from core.training.steps import way
from core.training.tiled import images, loss, stage
from core.training.tiled.code import Code
from core.training.tiled.control import Control
from core.training.tiled.convolution import Convolution
from core.training.tiled.dense import Dense
from core.training.tiled.elementwise import Activation, Copy, Dropout, Sum
from core.training.tiled.host import Host
from core.training.tiled.maths import ACTIVATIONS, SLOPES_OF_X
from core.training.tiled.pooling import Global, Tiles, Windows
from core.training.tiled.stage import Stage
from core.training.tiled.tensors import Tensor

PARAMETERS = "ptr %tile, ptr %weights, ptr %sums"


class Plan:
    """The stages of a network, and where everything lies in a tile.

    Attributes:
        stages: in order.
        passed: what enters the network, and what leaves each layer.
        numbers: vectors that a tile takes.
        kept: vectors that are kept of a tile until the end of its batch.
    """

    def __init__(self, network: Network, host: Host) -> None:
        self.host = host
        self.stages: list[Stage] = []
        self.offsets = _offsets(network)
        self.shared = {x.first for x in network.steps() if not x.own}
        self.passed = [Tensor(network.input_shape, wanted=False, flat=True)]
        flattened = [isinstance(x, layers.Flatten) for x in (*network.layers[1:], *network.layers[:1])]
        for step, self.flat in zip(network.steps(), flattened, strict=True):
            self.passed.append(way(WAYS, step.layer)(self, step, self.passed[-1]))
        self._place()

    def add(self, made: Stage) -> Tensor:
        """Take a stage in, and return what leaves it."""
        made.y.wanted, made.y.flat = made.x.wanted or made.weighs, self.flat or len(made.y.shape) == 1
        self.stages.append(made)
        return made.y

    def _place(self) -> None:
        """Give everything its place: what enters and leaves stages, what goes back past them, and their room."""
        free = Control(self.host).numbers
        tensors = [self.passed[0], *(x.y for x in self.stages)]
        for tensor in tensors:
            tensor.place, free = free + tensor.origin, free + tensor.numbers
            if tensor.skips and tensor.wanted:
                tensor.beside, free = free + tensor.origin, free + tensor.numbers
        for tensor in (x for made in self.stages for x in (made.x, *_entered(made))):
            if tensor.home is not tensor:  # the same numbers under another shape
                tensor.place, tensor.beside = tensor.home.place, tensor.home.beside
        self.rooms = []
        for made in self.stages:
            self.rooms.append(free)
            free += made.room(self.host.lanes)
        self.numbers = free
        kept = 0
        for dense in self.late:
            dense.kept, kept = kept * self.host.width, kept + dense.keeps(self.host.lanes)
        self.kept = kept

    @property
    def late(self) -> list[Dense]:
        """The stages whose gradients wait for the end of a batch."""
        return [x for x in self.stages if isinstance(x, Dense) and x.late]

    def functions(self, pixel_bytes: int, label_smoothing: float) -> tuple[str, set[str]]:
        """Return LLVM's text of ``@prepared``, ``@trained`` and ``@tested``, and what they declare.

        The first is called once the weights have changed; the others take a tile through. All are given the tile, the
        weights and the sums of the weights' gradients.
        """
        texts: dict[str, str] = {}  # names of functions by their text: equal stages have one
        used: set[str] = set()

        def function(write: Callable[[Code], None], parameters: str) -> str:
            code = Code(self.host)
            write(code)
            used.update(code.used)
            return texts.setdefault(code.text("NAME", parameters), f"stage{len(texts)}")

        v, control = self.host.width, Control(self.host)
        source, last = self.passed[0], self.stages[-1].y
        bodies = []
        for train in (True, False):
            tile = Code(self.host)
            begin = tile.at("%tile", source.place * v)
            name = function(lambda code: images.load(code, source, pixel_bytes), images.PARAMETERS)
            tile.do(f"call void @{name}(ptr {begin}, ptr {tile.at('%tile', control.rows)})")
            for index, made in enumerate(self.stages):
                write = made.forward if train else made.evaluated
                self._call(tile, index, function(write, stage.PARAMETERS))
            name = function(
                partial(loss.measure, train=train, labels=loss.labels(label_smoothing, last.channels)), loss.PARAMETERS
            )
            labels, real, sums = (tile.at("%tile", x) for x in (control.labels, control.real, control.sums))
            end = tile.at("%tile", last.place * v)
            tile.do(f"call void @{name}(ptr {end}, i64 {last.channels}, ptr {labels}, ptr {real}, ptr {sums})")
            for index in reversed(range(len(self.stages)) if train else ()):
                made = self.stages[index]
                if made.weighs:
                    self._call(tile, index, function(made.weights, stage.PARAMETERS))
                if made.x.wanted or any(x.wanted for x in _entered(made)):
                    self._call(tile, index, function(made.back, stage.PARAMETERS))
            bodies.append(tile.text("trained" if train else "tested", PARAMETERS))
        tile = Code(self.host)
        for index, made in enumerate(self.stages):
            self._call(tile, index, function(made.prepare, stage.PARAMETERS))
        bodies.append(tile.text("prepared", PARAMETERS))
        named = [text.replace("@NAME(", f"@{name}(", 1) for text, name in texts.items()]
        return "\n".join([*named, *bodies]), used

    def _call(self, tile: Code, index: int, name: str) -> None:
        """Write a call of one of a stage's functions."""
        made, v = self.stages[index], self.host.width
        x, y = tile.at("%tile", made.x.place * v), tile.at("%tile", made.y.place * v)
        w, s = (tile.at(p, stage.BYTES * made.first) for p in ("%weights", "%sums"))
        past = 0 if made.x.beside is None else (made.x.beside - made.x.place) * v
        room, noise = self.rooms[index] * v, Control(self.host).noise
        for entered in _entered(made):
            room, noise = entered.place * v, (entered.beside or 0) * v
        t, r = tile.at("%tile", room), tile.at("%tile", noise)
        tile.do(f"call void @{name}(ptr {x}, ptr {y}, ptr {w}, ptr {s}, i64 {past}, ptr {t}, ptr {r})")


def takes(network: Network) -> bool:
    """Return whether code can be written for every layer."""
    known = (type(x) in WAYS and getattr(x, "activation", "linear") in ACTIVATIONS for x in network.layers)
    return all(known) and tiles.takes(network)


def _offsets(network: Network) -> list[int]:
    """Return how many weights lie before each array, and all of them last."""
    offsets = [0]
    for _, shape in network.arrays:
        offsets.append(offsets[-1] + math.prod(shape))
    return offsets


def _entered(made: Stage) -> tuple[Tensor, ...]:
    return (made.entered,) if isinstance(made, Sum) else ()


def _activated(plan: Plan, activation: str, make: Callable[[Tensor], Stage], shape: Any) -> Tensor:
    """Take in a stage that ends with an activation; as a stage of its own where what enters it is needed again."""
    apart = activation in SLOPES_OF_X
    left = plan.add(make(Tensor(shape, "linear" if apart else activation)))
    return plan.add(Activation(left, Tensor(shape), activation=activation)) if apart else left


def _convolution(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    groups = x.channels if isinstance(layer, layers.DepthwiseConv2D) else 1
    first = plan.offsets[step.first]

    def make(y: Tensor) -> Stage:
        return Convolution(x, y, first, window=layer.window, groups=groups, bias=layer.bias)

    return _activated(plan, layer.activation, make, step.leaving)


def _separable(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    first, second = plan.offsets[step.first : step.first + 2]
    between = Tensor((*step.leaving[:2], x.channels * layer.multiplier))
    plan.add(Convolution(x, between, first, window=layer.window, groups=x.channels, bias=False))

    def make(y: Tensor) -> Stage:
        return Convolution(between, y, second, window=Window(1, 1), bias=layer.bias)

    return _activated(plan, layer.activation, make, step.leaving)


def _dense(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer

    def make(y: Tensor) -> Stage:
        return Dense(x, y, plan.offsets[step.first], bias=layer.bias, shared=step.first in plan.shared)

    return _activated(plan, layer.activation, make, step.leaving)


def _pooling(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    window, mean = layer.window, isinstance(layer, layers.AveragePooling2D)
    apart = not window.same and window.stride == window.height == window.width
    return plan.add((Tiles if apart else Windows)(x, Tensor(step.leaving), window=window, mean=mean))


def _global(plan: Plan, step: Step, x: Tensor) -> Tensor:
    return plan.add(Global(x, Tensor(step.leaving), mean=isinstance(step.layer, layers.GlobalAveragePooling2D)))


def _activation(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    told = "linear" if layer.activation in SLOPES_OF_X else layer.activation
    return plan.add(Activation(x, Tensor(step.leaving, told), activation=layer.activation))


def _flatten(plan: Plan, step: Step, x: Tensor) -> Tensor:
    if x.framed or not x.flat:
        return plan.add(Copy(x, Tensor(step.leaving)))
    return Tensor(step.leaving, x.activation, x.wanted, of=x)


def _dropout(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    return plan.add(Dropout(x, Tensor(step.leaving), rate=layer.rate, index=step.index))


def _sum(plan: Plan, step: Step, x: Tensor) -> Tensor:
    layer: Any = step.layer
    entered = plan.passed[step.index - layer.over]
    entered.home.skips += 1
    made = Sum(x, Tensor(step.leaving), entered=entered)
    y = plan.add(made)
    y.wanted = x.wanted or entered.wanted
    # on the way back, the last block that adds something comes first
    for earlier in plan.stages[:-1]:
        if isinstance(earlier, Sum) and earlier.entered.home is entered.home:
            earlier.again = True
    return y


# By kind of layer. A kind that is not here is refused.
WAYS: dict[type[Layer], Callable[[Plan, Step, Tensor], Tensor]] = {
    layers.Activation: _activation,
    layers.Add: _sum,
    layers.AveragePooling2D: _pooling,
    layers.Conv2D: _convolution,
    layers.Dense: _dense,
    layers.DepthwiseConv2D: _convolution,
    layers.Dropout: _dropout,
    layers.Flatten: _flatten,
    layers.GlobalAveragePooling2D: _global,
    layers.GlobalMaxPooling2D: _global,
    layers.MaxPooling2D: _pooling,
    layers.SeparableConv2D: _separable,
}
