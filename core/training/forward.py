"""The ways to write a network's forward pass, and which is fastest where: the one place that decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np
import tensorflow as tf

from core.errors import invalid
from core.networks.layers import Array, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.networks.network import Network
from core.training.device import Device

Tensor = Any  # TensorFlow ships no types
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Formulation:
    """One way to write the same step.

    Attributes:
        name: for people.
        blocked: whether images lie along the last axis, in blocks of 2 x 2 pixels: see :func:`_blocked`. For kernels of
            odd sides and poolings of 2 x 2.
        fused: whether XLA compiles the whole epoch; otherwise TensorFlow's own kernels (oneDNN on a CPU) run it.
    """

    name: str
    blocked: bool
    fused: bool


DENSE = Formulation("XLA", blocked=False, fused=True)
BLOCKED = Formulation("XLA, convolutions as one matrix product over blocks of 2×2 pixels", blocked=True, fused=True)
KERNELS = Formulation("oneDNN convolutions", blocked=False, fused=False)


def choose(network: Network, device: Device) -> Formulation:
    """Return the fastest known formulation for a network on a device.

    The measurements behind it, of 26 November 2026: seconds per epoch of 60,000 MNIST images and its test (batch 128,
    float32, compilation apart, fastest of three), on 2 cores of an Intel Xeon with AVX-512, TensorFlow 2.21; ``-`` was
    not run.

    ===========  =====  =======  ======
    network        XLA  blocked  oneDNN
    ===========  =====  =======  ======
    mlp 32        0.12     -       0.26
    mlp 512       1.05     -       1.49
    deep_cnn 1     -      0.48     2.61
    deep_cnn 2    6.18    0.78     3.00
    deep_cnn 4     -      1.51     3.47
    deep_cnn 8     -      3.50     4.26
    deep_cnn 16    -      9.36     6.59
    cnn 2          -      0.77     2.37
    cnn 4          -      1.70     2.81
    cnn 8          -      3.75     3.84
    ===========  =====  =======  ======

    XLA's own convolution is no choice on a CPU. Blocked ones multiply 1.78 times as often as they need to, which is
    cheap only while there are few channels. In bfloat16 the products of oneDNN were 1.5 times as fast as in float32 on
    an AMD EPYC (cnn 16) and took 1.5 times as long on the Xeon; the blocked form only rounds to it. On a GPU XLA
    throughout is expected to win; that has not been measured.
    """
    filters = [layer.filters for layer in network.layers if isinstance(layer, Conv2D)]
    if device.gpu or not filters:
        return DENSE
    return BLOCKED if max(filters) <= 16 and takes(BLOCKED, network) else KERNELS


def takes(formulation: Formulation, network: Network) -> bool:
    """Return whether a formulation can write every layer of a network."""
    if not formulation.blocked:
        return all(type(layer) in _ROWS for layer in network.layers)
    return all(
        type(layer) in _BLOCKED
        and (not isinstance(layer, Conv2D) or layer.kernel % 2 == 1)
        and (not isinstance(layer, MaxPooling2D) or layer.size == 2)
        for layer in network.layers
    )


def rows(head: Sequence[Layer], x: Array) -> Array:
    """Return images ``(images, height, width, channels)`` after ``head``, one row each."""
    for layer in head:
        x = layer.forward(x, [])
    return np.ascontiguousarray(x.reshape(len(x), -1))


def logits(
    formulation: Formulation,
    network: Network,
    precision: str,
    weights: Sequence[Tensor],
    x: Tensor,
    noise: Tensor | None,
) -> Tensor:
    """Return logits ``(images, classes)``, in float32: what the last layer's softmax is taken of.

    ``x`` is what :func:`pictures` gives; ``noise`` two integers that Dropout follows from, or None to leave it out.

    Raises:
        ArgumentError: if the formulation has no way to write one of the layers, or the softmax is not where it must be.
    """
    softmax = [getattr(layer, "activation", None) == "softmax" for layer in network.layers]
    if softmax != [False] * (len(softmax) - 1) + [True]:  # the loss takes the softmax in, so no other can be written
        kinds = [layer.kind for layer, found in zip(network.layers, softmax, strict=True) if found]
        raise invalid("network to train", "one softmax, in the last layer", f"softmax in {kinds}")
    return (_blocked if formulation.blocked else _rows)(network, precision, weights, x, noise)


def pictures(shape: Shape, formulation: Formulation, rows: Tensor) -> Tensor:
    """Return rows of :func:`rows` as a batch of images of ``shape`` in the formulation's layout."""
    if len(shape) == 1:
        return tf.transpose(rows) if formulation.blocked else rows
    x = tf.reshape(rows, (-1, *shape))
    return _blocks(tf.transpose(x, (3, 1, 2, 0))) if formulation.blocked else x


@dataclass(frozen=True, slots=True)
class _Step:
    """What the function that writes a layer is given beside the layer and what enters it.

    Attributes:
        index: the layer's place in the network.
        shape: of what enters, for one image.
        weights: the layer's own, in Keras's order.
        noise: what Dropout follows from; None leaves it out.
        low: rounds the operands of a product to the recipe's precision.
    """

    index: int
    shape: Shape
    weights: tuple[Tensor, ...]
    noise: Tensor | None
    low: Callable[[Tensor], Tensor]


def _steps(
    network: Network, weights: Sequence[Tensor], noise: Tensor | None, low: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Layer, _Step]]:
    rest = tuple(weights)
    for index, (layer, shape, _) in enumerate(network.walk()):
        used = len(layer.weight_shapes(shape))
        yield layer, _Step(index, shape, rest[:used], noise, low)
        rest = rest[used:]


def _way(ways: Mapping[type[Layer], T], layer: Layer) -> T:
    """Return the way that a table has for a layer's kind; a kind left out would train another network in silence."""
    if type(layer) not in ways:
        known = ", ".join(sorted(x.kind for x in ways))
        raise invalid("layer to train", f"one of the kinds {known}", layer.kind)
    return ways[type(layer)]


def _rows(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
    """Return logits ``(images, classes)`` of images ``(images, height, width, channels)`` or ``(images, units)``."""
    low = tf.bfloat16 if precision == "bfloat16" else tf.float32
    x = tf.cast(x, low)
    for layer, step in _steps(network, [tf.cast(w, low) for w in weights], noise, lambda t: t):
        x = _way(_ROWS, layer)(layer, step, x)
    return tf.cast(x, tf.float32)


def _conv_rows(layer: Conv2D, step: _Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return _activate(layer, biased(tf.nn.conv2d(x, kernel, 1, "VALID"), bias))


def _dense_rows(layer: Dense, step: _Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return _activate(layer, biased(tf.matmul(x, kernel), bias))


def _pool_rows(layer: MaxPooling2D, step: _Step, x: Tensor) -> Tensor:
    return tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")


def _flatten_rows(layer: Flatten, step: _Step, x: Tensor) -> Tensor:
    return tf.reshape(x, (x.shape[0], -1))


def _blocked(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
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

    blocks = len(network.input_shape) == 3
    for layer, step in _steps(network, weights, noise, low):
        way = _way(_BLOCKED, layer)
        if way.enters == "blocks" and not blocks:
            x = _blocks(x)
        elif way.enters == "whole" and blocks:
            x = _whole(x, step.shape)
        x = way.write(layer, step, x)
        blocks = blocks if way.leaves == "same" else way.leaves == "blocks"
    return tf.transpose(x)


def _conv_blocks(layer: Conv2D, step: _Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return _activate(layer, _convolved(step.low(x), step.low(kernel)) + tf.tile(bias, [4])[:, None, None, None])


def _dense_columns(layer: Dense, step: _Step, x: Tensor) -> Tensor:
    kernel, bias = step.weights
    return _activate(layer, tf.matmul(step.low(kernel), step.low(x), transpose_a=True) + bias[:, None])


def _pool_blocks(layer: MaxPooling2D, step: _Step, x: Tensor) -> Tensor:
    return _pooled(x, step.shape)


def _flatten_columns(layer: Flatten, step: _Step, x: Tensor) -> Tensor:
    return tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (-1, x.shape[-1])) if len(step.shape) == 3 else x


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


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "softmax": lambda x: x,  # only ever the last layer's, where the loss takes it in
}


def _activate(layer: Conv2D | Dense, x: Tensor) -> Tensor:
    return _ACTIVATIONS[layer.activation](x)


def _drop(layer: Dropout, step: _Step, x: Tensor) -> Tensor:
    if step.noise is None:
        return x
    drawn = tf.random.stateless_uniform(tf.shape(x), step.noise + tf.constant([0, step.index << 24]), alg="philox")
    return tf.where(drawn >= layer.rate, x / (1 - layer.rate), tf.zeros_like(x))


def _half(side: int) -> int:
    return -(-side // 2)


def _blocks(x: Tensor) -> Tensor:
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
class _Way:
    """How the blocked form writes a layer.

    Attributes:
        write: ``(layer, step, x)`` to what leaves the layer.
        enters: the layout that it takes: ``"blocks"``, ``"whole"`` ``(channels, height, width, images)`` or ``(units,
            images)``, or ``"either"``.
        leaves: the layout of what leaves.
    """

    write: Callable[[Any, _Step, Tensor], Tensor]
    enters: Literal["blocks", "whole", "either"]
    leaves: Literal["blocks", "whole", "same"]


# What each formulation knows, by kind of layer. A kind that is not here is refused.
_ROWS: dict[type[Layer], Callable[[Any, _Step, Tensor], Tensor]] = {
    Conv2D: _conv_rows,
    Dense: _dense_rows,
    MaxPooling2D: _pool_rows,
    Flatten: _flatten_rows,
    Dropout: _drop,
}
_BLOCKED: dict[type[Layer], _Way] = {
    Conv2D: _Way(_conv_blocks, "blocks", "blocks"),
    Dense: _Way(_dense_columns, "whole", "whole"),
    MaxPooling2D: _Way(_pool_blocks, "blocks", "whole"),
    Flatten: _Way(_flatten_columns, "whole", "whole"),
    Dropout: _Way(_drop, "either", "same"),
}
