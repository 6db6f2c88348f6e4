"""The forward pass in TensorFlow's own layout, images along the first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from core.networks.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D
from core.networks.network import Network
from core.training.steps import Step, Tensor, activate, drop, steps, way


def takes(network: Network) -> bool:
    """Return whether every layer can be written."""
    return all(type(layer) in WAYS for layer in network.layers)


def logits(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
    """Return logits ``(images, classes)`` of images ``(images, height, width, channels)`` or ``(images, units)``."""
    low = tf.bfloat16 if precision == "bfloat16" else tf.float32
    x = tf.cast(x, low)
    for layer, step in steps(network, [tf.cast(w, low) for w in weights], noise, lambda t: t):
        x = way(WAYS, layer)(layer, step, x)
    return tf.cast(x, tf.float32)


def _conv(layer: Conv2D, step: Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return activate(layer, biased(tf.nn.conv2d(x, kernel, 1, "VALID"), bias))


def _dense(layer: Dense, step: Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return activate(layer, biased(tf.matmul(x, kernel), bias))


def _pool(layer: MaxPooling2D, step: Step, x: Tensor) -> Tensor:
    return tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")


def _flatten(layer: Flatten, step: Step, x: Tensor) -> Tensor:
    return tf.reshape(x, (x.shape[0], -1))


def biased(x: Tensor, bias: Tensor) -> Tensor:
    """Return ``x + bias``; in bfloat16 with a gradient of our own.

    TensorFlow sums the bias's gradient in bfloat16 itself, which stops growing after a few hundred terms (measured:
    2,752 where 73,612 was right); a product with ones accumulates in float32.
    """
    if x.dtype == tf.float32:
        return tf.nn.bias_add(x, bias)

    @tf.custom_gradient
    def add(x: Tensor, bias: Tensor) -> Any:
        def gradient(g: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(g, (-1, g.shape[-1]))
            return g, tf.reshape(tf.matmul(tf.ones((1, flat.shape[0]), g.dtype), flat), (-1,))

        return tf.nn.bias_add(x, bias), gradient

    return add(x, bias)


# By kind of layer. A kind that is not here is refused.
WAYS: dict[type[Layer], Callable[[Any, Step, Tensor], Tensor]] = {
    Conv2D: _conv,
    Dense: _dense,
    MaxPooling2D: _pool,
    Flatten: _flatten,
    Dropout: drop,
}
