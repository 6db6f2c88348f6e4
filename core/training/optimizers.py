"""The optimisers' arithmetic: Keras's, with its default settings where a recipe has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from core.recipe import Recipe

Tensor = Any  # TensorFlow ships no types
SLOTS = {"sgd": 0, "rmsprop": 1, "adam": 2, "adamw": 2, "adadelta": 2}  # arrays of memory for each array of weights
EPSILON = 1e-7


def _sgd(recipe: Recipe, rate: Tensor, step: Tensor, w: Tensor, g: Tensor) -> tuple[Tensor, ...]:
    return (w - g * rate,)


def _rmsprop(recipe: Recipe, rate: Tensor, step: Tensor, w: Tensor, g: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    v = 0.9 * v + 0.1 * tf.square(g)
    return w - rate * g / tf.sqrt(v + EPSILON), v


def _adam(recipe: Recipe, rate: Tensor, step: Tensor, w: Tensor, g: Tensor, m: Tensor, v: Tensor) -> tuple[Tensor, ...]:
    w = w - w * recipe.weight_decay * rate if recipe.weight_decay else w
    alpha = rate * tf.sqrt(1 - tf.pow(recipe.beta2, step + 1)) / (1 - tf.pow(0.9, step + 1))
    m = m + (g - m) * (1 - 0.9)
    v = v + (tf.square(g) - v) * (1 - recipe.beta2)
    return w - m * alpha / (tf.sqrt(v) + EPSILON), m, v


def _adadelta(
    recipe: Recipe, rate: Tensor, step: Tensor, w: Tensor, g: Tensor, a: Tensor, d: Tensor
) -> tuple[Tensor, ...]:
    a = 0.95 * a + (1 - 0.95) * tf.square(g)
    delta = tf.sqrt(d + EPSILON) * g / tf.sqrt(a + EPSILON)
    d = 0.95 * d + (1 - 0.95) * tf.square(delta)
    return w - rate * delta, a, d


# By key: (recipe, learning rate, updates done, weights, gradient, *memory) to the weights and the memory after it.
OPTIMIZERS: dict[str, Callable[..., tuple[Tensor, ...]]] = {
    "sgd": _sgd,
    "rmsprop": _rmsprop,
    "adam": _adam,
    "adamw": _adam,
    "adadelta": _adadelta,
}
