"""The optimisers' arithmetic: Keras's, with its default settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensor = Any  # TensorFlow ships no types
SLOTS = {"sgd": 0, "rmsprop": 1, "adam": 2, "adadelta": 2}  # arrays of memory for each array of weights
EPSILON = 1e-7


def _sgd(rate: float, step: Tensor, w: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    return (w - g * rate,)


def _rmsprop(rate: float, step: Tensor, w: Tensor, g: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    v = 0.9 * v + 0.1 * tf.square(g)
    return w - rate * g / tf.sqrt(v + EPSILON), v


def _adam(rate: float, step: Tensor, w: Tensor, g: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    alpha = rate * tf.sqrt(1 - tf.pow(0.999, step + 1)) / (1 - tf.pow(0.9, step + 1))
    m = m + (g - m) * (1 - 0.9)
    v = v + (tf.square(g) - v) * (1 - 0.999)
    return w - m * alpha / (tf.sqrt(v) + EPSILON), m, v


def _adadelta(rate: float, step: Tensor, w: Tensor, g: Tensor, a: Tensor, d: Tensor) -> tuple[Tensor, ...]:
    a = 0.95 * a + (1 - 0.95) * tf.square(g)
    delta = tf.sqrt(d + EPSILON) * g / tf.sqrt(a + EPSILON)
    d = 0.95 * d + (1 - 0.95) * tf.square(delta)
    return w - rate * delta, a, d


# By key: (learning rate, updates done, weights, gradient, *memory) to the weights and the memory after it.
OPTIMIZERS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adadelta": _adadelta,
}
