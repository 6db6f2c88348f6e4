"""The optimisers' arithmetic on vectors of weights; that of :mod:`core.training.optimizers`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.networks.layers import Array
from core.recipe import ADAMS, Recipe
from core.training.optimizers import EPSILON
from core.training.tiled.code import Code, Name

# Over a range of vectors: the weights, the sums of every stream, both memories, two factors of the update, what
# gradients are multiplied by, and where to begin and end.
PARAMETERS = (
    "ptr noalias %w, ptr noalias %g, ptr noalias %m, ptr noalias %v, float %rate, float %keep, float %scale, "
    "i64 %from, i64 %to"
)


def factors(recipe: Recipe, done: int, rates: Array) -> Array:
    """Return ``(updates, 2)`` factors of the updates to come, float32.

    The first is the learning rate, for Adam with its correction as well; the second is the share of a weight that
    weight decay leaves.
    """
    steps = np.arange(done + 1, done + 1 + len(rates), dtype=np.float64)
    factor = np.ones(len(rates))
    if recipe.optimizer in ADAMS:
        factor = np.sqrt(1 - recipe.beta2**steps) / (1 - 0.9**steps)
    return np.stack([rates * factor, 1 - recipe.weight_decay * rates.astype(np.float64)], 1).astype(np.float32)


def update(code: Code, recipe: Recipe, streams: int, stride: int) -> None:
    """Write one update of a range of weights; the sums are zero again after it.

    Args:
        code: where to.
        recipe: how to train.
        streams: sums of gradients, which are added in order.
        stride: bytes from one stream's to the next.
    """
    rate = code.spread("%rate")
    change = OPTIMIZERS[recipe.optimizer]
    keep, scale = code.spread("%keep"), code.spread("%scale")

    def one(i: Name) -> None:
        offset = code.new(f"mul i64 {i}, {code.host.width}")
        w, g, m, v = (code.at(x, offset) for x in ("%w", "%g", "%m", "%v"))
        total = code.load(g)
        code.store(code.zero, g)
        for stream in range(1, streams):
            total = code.add(total, code.load(g, stream * stride))
            code.store(code.zero, g, stream * stride)
        if recipe.clip:
            total = code.mul(total, scale)
        if recipe.weight_decay:
            code.store(code.mul(code.load(w), keep), w)
        change(code, recipe, rate, w, total, m, v)

    code.span("%from", "%to", "1", one)


def _sgd(code: Code, recipe: Recipe, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    code.store(code.sub(code.load(w), code.mul(g, rate)), w)


def _rmsprop(code: Code, recipe: Recipe, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    after = _mixed(code, m, 0.9, 0.1, code.mul(g, g))
    step = code.div(code.mul(rate, g), _root(code, after))
    code.store(code.sub(code.load(w), step), w)


def _adam(code: Code, recipe: Recipe, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    first, second = code.load(m), code.load(v)
    first = code.fma(code.sub(g, first), code.constant(1 - 0.9), first)
    second = code.fma(code.sub(code.mul(g, g), second), code.constant(1 - recipe.beta2), second)
    code.store(first, m)
    code.store(second, v)
    below = code.add(code.call("sqrt", second), code.constant(EPSILON))
    code.store(code.sub(code.load(w), code.div(code.mul(first, rate), below)), w)


def _adadelta(code: Code, recipe: Recipe, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    after = _mixed(code, m, 0.95, 1 - 0.95, code.mul(g, g))
    before = code.load(v)
    delta = code.div(code.mul(_root(code, before), g), _root(code, after))
    _mixed(code, v, 0.95, 1 - 0.95, code.mul(delta, delta))
    code.store(code.sub(code.load(w), code.mul(rate, delta)), w)


def _mixed(code: Code, place: Name, old: float, new: float, value: Name) -> Name:
    """Return a weighted sum of what lies there and a value, which is then put there."""
    after = code.fma(code.load(place), code.constant(old), code.mul(value, code.constant(new)))
    code.store(after, place)
    return after


def _root(code: Code, x: Name) -> Name:
    return code.call("sqrt", code.add(x, code.constant(EPSILON)))


Change = Callable[[Code, Recipe, Name, Name, Name, Name, Name], None]

OPTIMIZERS: dict[str, Change] = {
    "sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adam, "adadelta": _adadelta,
}  # fmt: skip
