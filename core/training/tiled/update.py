"""The optimisers' arithmetic on vectors of weights; that of :mod:`core.training.optimizers`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from core.networks.layers import Array
from core.recipe import Recipe
from core.training.optimizers import EPSILON
from core.training.tiled.code import Code, Name

# Over a range of vectors: the weights, the sums of every stream, both memories, the rate, and where to begin and end.
PARAMETERS = "ptr noalias %w, ptr noalias %g, ptr noalias %m, ptr noalias %v, float %rate, i64 %from, i64 %to"


def rates(recipe: Recipe, done: int, updates: int) -> Array:
    """Return the factor of each update to come, float32: the learning rate, and for Adam its correction as well."""
    steps = np.arange(done + 1, done + 1 + updates, dtype=np.float64)
    factor = np.ones(updates)
    if recipe.optimizer == "adam":
        factor = np.sqrt(1 - 0.999**steps) / (1 - 0.9**steps)
    return (recipe.learning_rate * factor).astype(np.float32)


def update(code: Code, optimizer: str, streams: int, stride: int) -> None:
    """Write one update of a range of weights; the sums are zero again after it.

    Args:
        code: where to.
        optimizer: a key of ``OPTIMIZERS``.
        streams: sums of gradients, which are added in order.
        stride: bytes from one stream's to the next.
    """
    rate = code.spread("%rate")
    change = OPTIMIZERS[optimizer]

    def one(i: Name) -> None:
        offset = code.new(f"mul i64 {i}, {code.host.width}")
        w, g, m, v = (code.at(x, offset) for x in ("%w", "%g", "%m", "%v"))
        total = code.load(g)
        code.store(code.zero, g)
        for stream in range(1, streams):
            total = code.add(total, code.load(g, stream * stride))
            code.store(code.zero, g, stream * stride)
        change(code, rate, w, total, m, v)

    code.span("%from", "%to", "1", one)


def _sgd(code: Code, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    code.store(code.sub(code.load(w), code.mul(g, rate)), w)


def _rmsprop(code: Code, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    after = _mixed(code, m, 0.9, 0.1, code.mul(g, g))
    step = code.div(code.mul(rate, g), _root(code, after))
    code.store(code.sub(code.load(w), step), w)


def _adam(code: Code, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
    first, second = code.load(m), code.load(v)
    first = code.fma(code.sub(g, first), code.constant(1 - 0.9), first)
    second = code.fma(code.sub(code.mul(g, g), second), code.constant(1 - 0.999), second)
    code.store(first, m)
    code.store(second, v)
    below = code.add(code.call("sqrt", second), code.constant(EPSILON))
    code.store(code.sub(code.load(w), code.div(code.mul(first, rate), below)), w)


def _adadelta(code: Code, rate: Name, w: Name, g: Name, m: Name, v: Name) -> None:
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


Change = Callable[[Code, Name, Name, Name, Name, Name], None]

OPTIMIZERS: dict[str, Change] = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adadelta": _adadelta}
