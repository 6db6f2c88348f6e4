"""A network's forward pass in TensorFlow, as a formulation has it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from core.networks.layers import Shape
from core.networks.network import Network
from core.training import blocks, images_first
from core.training.program import Formulation, check_ending
from core.training.steps import Batch, Tensor


def logits(
    formulation: Formulation,
    network: Network,
    precision: str,
    weights: Sequence[Tensor],
    x: Tensor,
    batch: Batch | None,
) -> tuple[Tensor, list[Tensor]]:
    """Return what the last layer's softmax is taken of, and the arrays after it.

    Args:
        formulation: how to write it.
        network: its layers.
        precision: of the products.
        weights: all arrays in Keras's order.
        x: what :func:`pictures` gives.
        batch: to train on it; None at prediction time.

    Returns:
        ``(images, classes)`` in float32; and ``weights``, in training with the moving statistics moved.

    Raises:
        ArgumentError: if the formulation has no way to write one of the layers, or the softmax is not where it must be.
    """
    check_ending(network)
    write = blocks.logits if formulation.blocked else images_first.logits
    return write(network, precision, weights, x, batch)


def pictures(shape: Shape, formulation: Formulation, rows: Tensor) -> Tensor:
    """Return rows of bytes or floats as a batch of images of ``shape``, in floats, in the formulation's layout."""
    x = scaled(rows)
    if len(shape) == 1:
        return tf.transpose(x) if formulation.blocked else x
    x = tf.reshape(x, (-1, *shape))
    return tf.transpose(x, (3, 1, 2, 0)) if formulation.blocked else x


def scaled(x: Tensor) -> Tensor:
    """Return what :func:`core.data.images.scaled` does, to the last bit.

    A division by 255 is compiled to a product with its reciprocal, which differs from NumPy's by one unit in the last
    place for 126 of the 256 bytes. As 1 / 255 is 1 / 256 + 1 / 256 / 255, and the first term is exact, the sum rounds
    right for all of them; it took no longer, while a table of 256 floats took twice as long.
    """
    if x.dtype != tf.uint8:
        return x
    part = tf.cast(x, tf.float32) / 256
    return part + part * (1 / 255)
