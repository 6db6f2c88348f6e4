"""The ways to write a network's forward pass, and which is fastest where: the one place that decides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from core.device import Device
from core.layers import Array, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.network import Network

Tensor = Any  # TensorFlow ships no types


@dataclass(frozen=True, slots=True)
class Formulation:
    """One way to write the same step.

    Attributes:
        name: for people.
        columns: whether images lie along the last axis, ``(channels, height, width, images)``.
        fused: whether XLA compiles the whole epoch; otherwise TensorFlow's own kernels (oneDNN on a CPU) run it.
    """

    name: str
    columns: bool
    fused: bool


DENSE = Formulation("XLA", columns=False, fused=True)
SLICED = Formulation("XLA, convolutions as slices and one matrix product", columns=True, fused=True)
KERNELS = Formulation("oneDNN convolutions", columns=False, fused=False)


FORMULATIONS = (DENSE, SLICED, KERNELS)


def choose(network: Network, device: Device) -> Formulation:
    """Return the fastest known formulation for a network on a device.

    The measurements behind it: seconds per epoch of 60,000 MNIST images, taken on 12,800 of them (batch 128, float32,
    compilation apart, median of three), on 2 cores of an AMD EPYC with AVX-512, TensorFlow 2.21; ``-`` was not run.

    ============  ====  ======  ======
    network        XLA  sliced  oneDNN
    ============  ====  ======  ======
    mlp 32        0.11     -      0.27
    mlp 512       1.40     -      1.95
    deep_cnn 1     -      0.70    3.55
    deep_cnn 2    6.18    1.36    3.28
    deep_cnn 4     -      2.33    4.22
    deep_cnn 8     -      5.36    5.25
    cnn 2          -      0.95    2.47
    cnn 4          -      2.32    3.28
    cnn 8          -      6.57    5.19
    ============  ====  ======  ======

    XLA's own convolution is no choice on a CPU. Sliced ones move each pixel nine times over, which is cheap only while
    there are few channels. bfloat16 pays where oneDNN multiplies in it (cnn 16: 6.79 instead of 10.44); the sliced form
    only rounds to it. On a GPU XLA throughout is expected to win; that has not been measured.
    """
    filters = [layer.filters for layer in network.layers if isinstance(layer, Conv2D)]
    if device.gpu or not filters:
        return DENSE
    return SLICED if max(filters) <= 8 else KERNELS


def rows(head: Sequence[Layer], columns: bool, x: Array) -> Array:
    """Return images ``(images, height, width, channels)`` after ``head``, one row each, in a formulation's layout."""
    for layer in head:
        x = layer.forward(x, [])
    if columns and x.ndim == 4:
        x = x.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(x.reshape(len(x), -1))


def logits(
    formulation: Formulation,
    network: Network,
    precision: str,
    weights: Sequence[Tensor],
    x: Tensor,
    noise: Tensor | None,
) -> Tensor:
    """Return logits ``(images, classes)``, in float32.

    ``x`` is what :func:`pictures` gives; ``noise`` two integers that Dropout follows from, or None to leave it out.
    """
    return (_columns if formulation.columns else _rows)(network, precision, weights, x, noise)


def pictures(shape: Shape, formulation: Formulation, rows: Tensor) -> Tensor:
    """Return rows of :func:`rows` as a batch of images of ``shape`` in the formulation's layout."""
    columns = formulation.columns
    if len(shape) == 1:
        return tf.transpose(rows) if columns else rows
    if not columns:
        return tf.reshape(rows, (-1, *shape))
    height, width, channels = shape
    return tf.reshape(tf.transpose(rows), (channels, height, width, -1))


def _weighted(network: Network, weights: Sequence[Tensor]) -> Iterator[tuple[int, Layer, tuple[Tensor, ...]]]:
    rest = tuple(weights)
    for index, (layer, shape, _) in enumerate(network.walk()):
        used = len(layer.weight_shapes(shape))
        yield index, layer, rest[:used]
        rest = rest[used:]


def _rows(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
    """Return logits ``(images, classes)`` of images ``(images, height, width, channels)`` or ``(images, units)``."""
    low = tf.bfloat16 if precision == "bfloat16" else tf.float32
    x = tf.cast(x, low)
    for index, layer, mine in _weighted(network, [tf.cast(w, low) for w in weights]):
        if isinstance(layer, Conv2D):
            x = _activate(layer, biased(tf.nn.conv2d(x, mine[0], 1, "VALID"), mine[1]))
        elif isinstance(layer, Dense):
            x = _activate(layer, biased(tf.matmul(x, mine[0]), mine[1]))
        elif isinstance(layer, MaxPooling2D):
            x = tf.nn.max_pool2d(x, layer.size, layer.size, "VALID")
        elif isinstance(layer, Flatten):
            x = tf.reshape(x, (x.shape[0], -1))
        elif isinstance(layer, Dropout):
            x = _drop(layer, index, x, noise)
    return tf.cast(x, tf.float32)


def _columns(network: Network, precision: str, weights: Sequence[Tensor], x: Tensor, noise: Tensor | None) -> Tensor:
    """Return logits ``(images, classes)`` of images ``(channels, height, width, images)`` or ``(units, images)``."""

    def low(t: Tensor) -> Tensor:
        # products of rounded operands are exact in float32: the same numbers as bfloat16 hardware with a float32 sum
        return tf.cast(tf.cast(t, tf.bfloat16), tf.float32) if precision == "bfloat16" else t

    for index, layer, mine in _weighted(network, weights):
        if isinstance(layer, Conv2D):
            x = _activate(layer, _sliced(low(x), low(mine[0])) + mine[1][:, None, None, None])
        elif isinstance(layer, Dense):
            x = _activate(layer, tf.matmul(low(mine[0]), low(x), transpose_a=True) + mine[1][:, None])
        elif isinstance(layer, MaxPooling2D):
            x = _pooled(x, layer.size)
        elif isinstance(layer, Flatten):
            x = tf.reshape(tf.transpose(x, (1, 2, 0, 3)), (-1, x.shape[-1]))
        elif isinstance(layer, Dropout):
            x = _drop(layer, index, x, noise)
    return tf.transpose(x)


def biased(x: Tensor, bias: Tensor) -> Tensor:
    """Return ``x + bias``; in bfloat16 with a gradient of our own.

    TensorFlow sums the bias's gradient in bfloat16 itself, which stops growing after a few hundred terms (measured:
    2,752 where 73,612 was right); a product with ones accumulates in float32.
    """
    if x.dtype == tf.float32:
        return tf.nn.bias_add(x, bias)

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def add(x: Tensor, bias: Tensor) -> Any:
        def gradient(g: Tensor) -> tuple[Tensor, Tensor]:
            flat = tf.reshape(g, (-1, g.shape[-1]))
            return g, tf.reshape(tf.matmul(tf.ones((1, flat.shape[0]), g.dtype), flat), (-1,))

        return tf.nn.bias_add(x, bias), gradient

    return add(x, bias)


def _activate(layer: Conv2D | Dense, x: Tensor) -> Tensor:
    # softmax only ever comes last, where the loss takes it in
    return tf.nn.relu(x) if layer.activation == "relu" else x


def _drop(layer: Dropout, index: int, x: Tensor, noise: Tensor | None) -> Tensor:
    if noise is None:
        return x
    drawn = tf.random.stateless_uniform(tf.shape(x), noise + tf.constant([0, index << 24]), alg="philox")
    return tf.where(drawn >= layer.rate, x / (1 - layer.rate), tf.zeros_like(x))


def _sliced(x: Tensor, kernel: Tensor) -> Tensor:
    side, _, channels, filters = kernel.shape
    height, width = x.shape[1] - side + 1, x.shape[2] - side + 1
    shifted = [x[:, i : i + height, j : j + width] for i in range(side) for j in range(side)]
    patches = tf.reshape(tf.concat(shifted, 0), (side * side * channels, -1))
    product = tf.matmul(tf.reshape(kernel, (-1, filters)), patches, transpose_a=True)
    return tf.reshape(product, (filters, height, width, -1))


def _pooled(x: Tensor, side: int) -> Tensor:
    height, width = x.shape[1] // side, x.shape[2] // side
    whole = x[:, : height * side, : width * side]
    squares = tf.reshape(whole, (x.shape[0], height, side, width, side, x.shape[3]))
    best = squares[:, :, 0, :, 0]
    for i in range(side):
        for j in range(side):
            # on a tie the gradient goes to the first, as in Keras
            best = tf.maximum(best, squares[:, :, i, :, j]) if i or j else best
    return best
