"""The forward pass in TensorFlow's own layout, images along the first axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from core.networks.layers import (
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Convolution,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    Pooling,
    SeparableConv2D,
    Window,
)
from core.networks.network import Network
from core.training.steps import Batch, Step, Tensor, activate, drop, normalize, steps, way


def takes(network: Network) -> bool:
    """Return whether every layer can be written."""
    return all(type(layer) in WAYS for layer in network.layers)


def logits(
    network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, batch: Batch | None
) -> tuple[Tensor, list[Tensor]]:
    """Return logits of images ``(images, height, width, channels)`` or ``(images, units)``, and the arrays after it."""
    low = tf.bfloat16 if precision == "bfloat16" else tf.float32
    arrays, passed = list(weights), [tf.cast(x, low)]
    for layer, step in steps(network, arrays, batch, lambda t: tf.cast(t, low)):
        x = way(WAYS, layer)(layer, step, passed[-1])
        passed.append(x + passed[step.index - layer.over] if isinstance(layer, Add) else x)
    return tf.cast(passed[-1], tf.float32), arrays


def _ended(layer: Convolution | Dense, step: Step, x: Tensor) -> Tensor:
    return activate(layer, biased(x, step.low(step.array("bias"))) if layer.bias else x)


def _padding(window: Window) -> str:
    return "SAME" if window.same else "VALID"


def _conv(layer: Conv2D, step: Step, x: Tensor) -> Tensor:
    kernel = step.low(step.array("kernel"))
    return _ended(layer, step, tf.nn.conv2d(x, kernel, layer.stride, _padding(layer.window)))


def _depthwise(layer: DepthwiseConv2D, step: Step, x: Tensor) -> Tensor:
    return _ended(layer, step, _by_channel(layer.window, x, step.low(step.array("kernel"))))


def _separable(layer: SeparableConv2D, step: Step, x: Tensor) -> Tensor:
    x = _by_channel(layer.window, x, step.low(step.array("depthwise_kernel")))
    return _ended(layer, step, tf.nn.conv2d(x, step.low(step.array("pointwise_kernel")), 1, "VALID"))


def _by_channel(window: Window, x: Tensor, kernel: Tensor) -> Tensor:
    return tf.nn.depthwise_conv2d(x, kernel, [1, window.stride, window.stride, 1], _padding(window))


def _dense(layer: Dense, step: Step, x: Tensor) -> Tensor:
    return _ended(layer, step, tf.matmul(x, step.low(step.array("kernel"))))


def _pool(layer: Pooling, step: Step, x: Tensor) -> Tensor:
    window = layer.window
    pooled = tf.nn.max_pool2d if isinstance(layer, MaxPooling2D) else tf.nn.avg_pool2d
    return pooled(x, (window.height, window.width), window.stride, _padding(window))


def _mean(layer: GlobalAveragePooling2D, step: Step, x: Tensor) -> Tensor:
    return step.low(tf.reduce_mean(tf.cast(x, tf.float32), (1, 2)))


def _largest(layer: GlobalMaxPooling2D, step: Step, x: Tensor) -> Tensor:
    return tf.reduce_max(x, (1, 2))


def _flatten(layer: Flatten, step: Step, x: Tensor) -> Tensor:
    return tf.reshape(x, (x.shape[0], -1))


def _batch_norm(layer: BatchNormalization, step: Step, x: Tensor) -> Tensor:
    x = tf.cast(x, tf.float32)

    def mean(t: Tensor) -> Tensor:
        assert step.batch is not None
        real = step.batch.real / tf.reduce_sum(step.batch.real)
        by_image = tf.reduce_mean(t, list(range(1, len(t.shape) - 1)))
        return tf.linalg.matvec(by_image, real, transpose_a=True)

    return step.low(normalize(layer, step, x, mean, lambda t: t))


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
    Activation: lambda layer, step, x: activate(layer, x),
    Add: lambda layer, step, x: x,  # the walk, which knows what entered the block, adds that
    AveragePooling2D: _pool,
    BatchNormalization: _batch_norm,
    Conv2D: _conv,
    Dense: _dense,
    DepthwiseConv2D: _depthwise,
    Dropout: drop,
    Flatten: _flatten,
    GlobalAveragePooling2D: _mean,
    GlobalMaxPooling2D: _largest,
    MaxPooling2D: _pool,
    SeparableConv2D: _separable,
}
