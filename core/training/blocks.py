"""The forward pass over blocks of 2 x 2 pixels, images along the last axis: fast where there are few channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from core.networks.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.networks.network import Network
from core.training.steps import Step, Tensor, activate, drop, steps, way


def takes(network: Network) -> bool:
    """Return whether every layer can be written: only kernels of odd sides and poolings of 2 x 2 fit the blocks."""
    return all(
        type(layer) in WAYS
        and (not isinstance(layer, Conv2D) or layer.kernel % 2 == 1)
        and (not isinstance(layer, MaxPooling2D) or layer.size == 2)
        for layer in network.layers
    )


def logits(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
    """Return logits ``(images, classes)`` of images in blocks, or of ``(units, images)``.

    A block is 2 x 2 pixels: ``(4 * channels, ceil(height / 2), ceil(width / 2), images)``, with its upper left pixels'
    channels first, then the upper right ones', lower left ones' and lower right ones'. All four results of a block come
    from the same few neighbouring blocks, by one product with a matrix in which the kernel stands four times. For 3 x 3
    kernels these are 4 neighbours instead of 9 shifted copies of the image, so a product reads 2.25 times less, and is
    less narrow; it multiplies 1.78 times as often, which costs little where there are few channels. A pooling of 2 x 2
    takes the largest of four slices. Where a side is odd, half of the last blocks is filled with numbers that nobody
    reads: a result within the image never rests on them, and poolings and :func:`_whole` drop them.
    """

    def low(t: Tensor) -> Tensor:
        # products of rounded operands are exact in float32: the same numbers as bfloat16 hardware with a float32 sum
        return tf.cast(tf.cast(t, tf.bfloat16), tf.float32) if precision == "bfloat16" else t

    in_blocks = len(network.input_shape) == 3
    for layer, step in steps(network, weights, noise, low):
        known = way(WAYS, layer)
        if known.enters == "blocks" and not in_blocks:
            x = into_blocks(x)
        elif known.enters == "whole" and in_blocks:
            x = _whole(x, step.shape)
        x = known.write(layer, step, x)
        in_blocks = in_blocks if known.leaves == "same" else known.leaves == "blocks"
    return tf.transpose(x)


def _conv(layer: Conv2D, step: Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return activate(layer, _convolved(step.low(x), step.low(kernel)) + tf.tile(bias, [4])[:, None, None, None])


def _dense(layer: Dense, step: Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return activate(layer, tf.matmul(step.low(kernel), step.low(x), transpose_a=True) + bias[:, None])


def _pool(layer: MaxPooling2D, step: Step, x: Tensor) -> Tensor:
    return _pooled(x, step.shape)


def _flatten(layer: Flatten, step: Step, x: Tensor) -> Tensor:
    return tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (-1, x.shape[-1])) if len(step.shape) == 3 else x


def _half(side: int) -> int:
    return -(-side // 2)


def into_blocks(x: Tensor) -> Tensor:
    """Return images ``(channels, height, width, images)`` in blocks."""
    channels, height, width, images = x.shape
    x = tf.pad(x, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
    x = tf.reshape(x, (channels, _half(height), 2, _half(width), 2, images))
    return tf.reshape(tf.transpose(x, (2, 4, 0, 1, 3, 5)), (4 * channels, _half(height), _half(width), images))


def _whole(x: Tensor, shape: Shape) -> Tensor:
    """Return images of ``shape`` in blocks as ``(channels, height, width, images)``."""
    height, width, channels = shape
    _, rows, columns, images = x.shape
    x = tf.transpose(tf.reshape(x, (2, 2, channels, rows, columns, images)), (2, 3, 0, 4, 1, 5))
    return tf.reshape(x, (channels, 2 * rows, 2 * columns, images))[:, :height, :width]


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
    best = four[0]
    for other in (four[1], four[2], four[3]):
        best = tf.maximum(best, other)  # on a tie the gradient goes to the first, as in Keras
    return best


@dataclass(frozen=True, slots=True)
class Way:
    """How the blocked form writes a layer.

    Attributes:
        write: ``(layer, step, x)`` to what leaves the layer.
        enters: the layout that it takes: ``"blocks"``, ``"whole"`` ``(channels, height, width, images)`` or ``(units,
            images)``, or ``"either"``.
        leaves: the layout of what leaves.
    """

    write: Callable[[Any, Step, Tensor], Tensor]
    enters: Literal["blocks", "whole", "either"]
    leaves: Literal["blocks", "whole", "same"]


# By kind of layer. A kind that is not here is refused.
WAYS: dict[type[Layer], Way] = {
    Conv2D: Way(_conv, "blocks", "blocks"),
    Dense: Way(_dense, "whole", "whole"),
    MaxPooling2D: Way(_pool, "blocks", "whole"),
    Flatten: Way(_flatten, "whole", "whole"),
    Dropout: Way(drop, "either", "same"),
}
