"""The forward pass with images along the last axis: fast where there are few channels."""

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
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    SeparableConv2D,
    Shape,
)
from core.networks.network import Network
from core.training import whole
from core.training.layouts import Laid, as_row, into_blocks
from core.training.steps import Batch, Step, Tensor, activate, drop, normalize, steps, way


def takes(network: Network) -> bool:
    """Return whether every layer can be written."""
    return all(type(layer) in WAYS for layer in network.layers)


def logits(
    network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, batch: Batch | None
) -> tuple[Tensor, list[Tensor]]:
    """Return logits of images ``(channels, height, width, images)`` or ``(units, images)``, and the arrays after it.

    Plain convolutions run over blocks of 2 x 2 pixels, see :class:`core.training.layouts.Laid`. All four results of a
    block come from the same few neighbouring blocks, by one product with a matrix in which the kernel stands four
    times. For 3 x 3 kernels these are 4 neighbours instead of 9 shifted copies of the image, so a product reads 2.25
    times less, and is less narrow; it multiplies 1.78 times as often, which costs little where there are few channels.
    A pooling of 2 x 2 takes the largest of four slices. Depthwise convolutions run over a row of pixels, and all else
    over whole images.
    """

    def low(t: Tensor) -> Tensor:
        # products of rounded operands are exact in float32: the same numbers as bfloat16 hardware with a float32 sum
        return tf.cast(tf.cast(t, tf.bfloat16), tf.float32) if precision == "bfloat16" else t

    arrays, passed = list(weights), [Laid(x, network.input_shape)]
    for layer, step in steps(network, arrays, batch, low):
        laid = way(WAYS, layer)(layer, step, passed[-1])
        if isinstance(layer, Add):
            entered = passed[step.index - layer.over]
            if laid.layout == "row":
                laid = _whole(layer, step, laid.whole())
            laid = laid.with_(laid.x + (entered.blocks() if laid.layout == "blocks" else entered.whole()))
        passed.append(laid)
    return tf.transpose(passed[-1].x), arrays


def _ended(layer: Any, step: Step, laid: Laid) -> Laid:
    """Return sums with the layer's bias, if it has one, after its activation."""
    x = laid.x + laid.spread(step.array("bias")) if layer.bias else laid.x
    return laid.with_(activate(layer, x))


def _whole(layer: Any, step: Step, x: Tensor) -> Laid:
    return Laid(x, layer.output_shape(step.shape))


def _conv(layer: Conv2D, step: Step, laid: Laid) -> Laid:
    window, kernel = layer.window, step.low(step.array("kernel"))
    if window.height == window.width == 1 == window.stride:
        return _ended(layer, step, _mixed(layer, step, laid, kernel))
    odd = window.height == window.width and window.height % 2 == 1 and window.stride == 1
    if not odd:
        return _ended(layer, step, _whole(layer, step, whole.convolved(step.low(laid.whole()), kernel, window)))
    x = into_blocks(whole.padded(laid.whole(), window)) if window.same else laid.blocks()
    return _ended(layer, step, Laid(_convolved(step.low(x), kernel), layer.output_shape(step.shape), "blocks"))


def _depthwise(layer: DepthwiseConv2D, step: Step, laid: Laid) -> Laid:
    return _ended(layer, step, _by_channel(layer, step, laid, step.low(step.array("kernel"))))


def _separable(layer: SeparableConv2D, step: Step, laid: Laid) -> Laid:
    between = _by_channel(layer, step, laid, step.low(step.array("depthwise_kernel")))
    return _ended(layer, step, _mixed(layer, step, between, step.low(step.array("pointwise_kernel"))))


def _by_channel(layer: Any, step: Step, laid: Laid, kernel: Tensor) -> Laid:
    window, shape = layer.window, layer.output_shape(step.shape)
    if window.stride > 1:
        return Laid(whole.by_channel(step.low(laid.whole()), kernel, window), shape)
    row = as_row(whole.padded(laid.whole(), window), step.shape) if window.same else laid.row()
    return Laid(whole.by_channel_in_row(step.low(row.x), kernel, row.pitch), shape, "row", row.pitch)


def _mixed(layer: Any, step: Step, laid: Laid, kernel: Tensor) -> Laid:
    """Return images after a 1 x 1 convolution."""
    if laid.layout == "blocks":
        laid = Laid(laid.whole(), laid.shape)
    mixed = whole.product(step.low(laid.x), kernel[0, 0])
    return Laid(mixed, layer.output_shape(step.shape), laid.layout, laid.pitch)


def _dense(layer: Dense, step: Step, laid: Laid) -> Laid:
    kernel = step.low(step.array("kernel"))
    return _ended(layer, step, _whole(layer, step, tf.matmul(kernel, step.low(laid.x), transpose_a=True)))


def _largest(layer: MaxPooling2D, step: Step, laid: Laid) -> Laid:
    if layer.tiles and layer.size == 2:
        return _whole(layer, step, _pooled(laid.blocks(), step.shape))
    return _whole(layer, step, whole.largest(laid.whole(), layer.window))


def _averaged(layer: AveragePooling2D, step: Step, laid: Laid) -> Laid:
    return _whole(layer, step, whole.averaged(laid.whole(), layer.window))


def _global_mean(layer: GlobalAveragePooling2D, step: Step, laid: Laid) -> Laid:
    return _whole(layer, step, tf.reduce_mean(laid.whole(), (1, 2)))


def _global_largest(layer: GlobalMaxPooling2D, step: Step, laid: Laid) -> Laid:
    return _whole(layer, step, tf.reduce_max(laid.whole(), (1, 2)))


def _flatten(layer: Flatten, step: Step, laid: Laid) -> Laid:
    x = laid.whole()
    x = tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (-1, x.shape[-1])) if len(step.shape) == 3 else x
    return _whole(layer, step, x)


def _batch_norm(layer: BatchNormalization, step: Step, laid: Laid) -> Laid:
    def mean(t: Tensor) -> Tensor:
        assert step.batch is not None
        return laid.mean(t, step.batch.real)

    return laid.with_(normalize(layer, step, laid.x, mean, laid.spread))


def _convolved(x: Tensor, kernel: Tensor) -> Tensor:
    side, _, channels, filters = kernel.shape
    reach = (side + 1) // 2  # blocks that the pixels of one block's results lie in, along each axis
    height, width = x.shape[1] - reach + 1, x.shape[2] - reach + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(reach) for j in range(reach)]
    patches = tf.reshape(tf.concat(shifted, 0), (reach**2 * x.shape[0], -1))
    placed = [tf.pad(kernel, [[i, 1 - i], [j, 1 - j], [0, 0], [0, 0]]) for i in range(2) for j in range(2)]
    matrix = tf.reshape(tf.stack(placed, 3), (reach, 2, reach, 2, channels, 4 * filters))
    matrix = tf.reshape(tf.transpose(matrix, (0, 2, 1, 3, 4, 5)), (-1, 4 * filters))
    return tf.reshape(tf.matmul(matrix, patches, transpose_a=True), (4 * filters, height, width, -1))


def _pooled(x: Tensor, shape: Shape) -> Tensor:
    """Return the largest of each block of images of ``shape`` as ``(channels, height // 2, width // 2, images)``."""
    height, width, channels = shape
    four = tf.reshape(x, (4, channels, *x.shape[1:]))[:, :, : height // 2, : width // 2]
    return whole.largest_of(four)


# By kind of layer. A kind that is not here is refused.
WAYS: dict[type[Layer], Callable[[Any, Step, Laid], Laid]] = {
    Activation: lambda layer, step, laid: laid.with_(activate(layer, laid.x)),
    Add: lambda layer, step, laid: laid,  # the walk, which knows what entered the block, adds that
    AveragePooling2D: _averaged,
    BatchNormalization: _batch_norm,
    Conv2D: _conv,
    Dense: _dense,
    DepthwiseConv2D: _depthwise,
    Dropout: lambda layer, step, laid: laid.with_(drop(layer, step, laid.x)),
    Flatten: _flatten,
    GlobalAveragePooling2D: _global_mean,
    GlobalMaxPooling2D: _global_largest,
    MaxPooling2D: _largest,
    SeparableConv2D: _separable,
}
