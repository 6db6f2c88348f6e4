"""The ways to write a network's forward pass, and which is fastest where: the one place that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from core.errors import invalid
from core.networks.layers import Array, Conv2D, Layer, Shape
from core.networks.network import Network
from core.training import blocks, images_first
from core.training.device import Device
from core.training.steps import Tensor


@dataclass(frozen=True, slots=True)
class Formulation:
    """One way to write the same step.

    Attributes:
        name: for people.
        blocked: whether images lie along the last axis, in blocks of 2 x 2 pixels: see :mod:`core.training.blocks`.
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
    return (blocks if formulation.blocked else images_first).takes(network)


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
    write = blocks.logits if formulation.blocked else images_first.logits
    return write(network, precision, weights, x, noise)


def pictures(shape: Shape, formulation: Formulation, rows: Tensor) -> Tensor:
    """Return rows of :func:`rows` as a batch of images of ``shape`` in the formulation's layout."""
    if len(shape) == 1:
        return tf.transpose(rows) if formulation.blocked else rows
    x = tf.reshape(rows, (-1, *shape))
    return blocks.into_blocks(tf.transpose(x, (3, 1, 2, 0))) if formulation.blocked else x
