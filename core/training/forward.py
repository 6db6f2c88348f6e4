"""The ways to write a network's forward pass, and which is fastest where: the one place that decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import tensorflow as tf

from core.errors import invalid
from core.networks.layers import Convolution, Pooling, Shape
from core.networks.network import Network
from core.training import blocks, images_first
from core.training.device import Device
from core.training.steps import Batch, Tensor


@dataclass(frozen=True, slots=True)
class Formulation:
    """One way to write the same step.

    Attributes:
        name: for people.
        blocked: whether images lie along the last axis: see :mod:`core.training.blocks`.
        fused: whether XLA compiles the whole epoch; otherwise TensorFlow's own kernels (oneDNN on a CPU) run it.
    """

    name: str
    blocked: bool
    fused: bool


DENSE = Formulation("XLA", blocked=False, fused=True)
BLOCKED = Formulation("XLA, convolutions as one matrix product over blocks of 2×2 pixels", blocked=True, fused=True)
KERNELS = Formulation("oneDNN convolutions", blocked=False, fused=False)
WRITTEN_OUT = 49  # pixels of a kernel or a pooling: the blocked form writes down each, and all must be compiled


def choose(network: Network, device: Device) -> Formulation:
    """Return the fastest known formulation for a network on a device.

    The measurements behind it: seconds per epoch of 60,000 MNIST images and its test (batch 128, float32, compilation
    apart, fastest of several), on 2 cores of an Intel Xeon with AVX-512, TensorFlow 2.21; ``-`` was not run.

    Of 26 November 2026, on all images:

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

    Of 27 November 2026, on 6,400 images and times 9.4, while others used the machine, so that only the figures of a row
    compare; deep_cnn 2 took 1.7 s then:

    ===================================================================  =======  ======
    network                                                              blocked  oneDNN
    ===================================================================  =======  ======
    conv3(n, same) maxpool2 4x[separable3(n)] globalavg, n = 8               3.1     5.4
    the same, n = 16                                                         6.1     8.0
    the same, n = 32                                                        11.5    11.1
    conv3(n, same) maxpool2, 8 depthwise of 3x1 and 1x3 and 4 conv1 of
    shared weights, n = 9                                                    3.7     5.6
    conv3(n) batchnorm, residual block with two more, maxpool2, dense,
    n = 4                                                                    4.8    12.9
    the same, n = 8                                                         12.0    18.9
    conv3(n, stride2) avgpool2 conv3(2n), n = 8                              0.7     2.3
    the same, n = 16                                                         1.1     3.0
    ===================================================================  =======  ======

    XLA's own convolution is no choice on a CPU. Blocked ones multiply 1.78 times as often as they need to, which is
    cheap only while there are few channels. The last row has 32 of them, on 6 x 6 pixels: so few that it is left out of
    the rule. Compiling took the blocked form 2 to 10 s for these, and oneDNN 1 to 2 s. In bfloat16 the products of
    oneDNN were 1.5 times as fast as in float32 on an AMD EPYC (cnn 16) and took 1.5 times as long on the Xeon; the
    blocked form only rounds to it. On a GPU XLA throughout is expected to win; that has not been measured.
    """
    channels = [x.leaving[-1] for x in network.steps() if isinstance(x.layer, Convolution)]
    if device.gpu or not channels:
        return DENSE
    windows = [x.layer.window for x in network.steps() if isinstance(x.layer, Convolution | Pooling)]
    written_out = all(x.height * x.width <= WRITTEN_OUT for x in windows)
    return BLOCKED if max(channels) <= 16 and written_out and takes(BLOCKED, network) else KERNELS


def takes(formulation: Formulation, network: Network) -> bool:
    """Return whether a formulation can write every layer of a network."""
    return (blocks if formulation.blocked else images_first).takes(network)


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
    softmax = [getattr(layer, "activation", None) == "softmax" for layer in network.layers]
    if softmax != [False] * (len(softmax) - 1) + [True]:  # the loss takes the softmax in, so no other can be written
        kinds = [layer.kind for layer, found in zip(network.layers, softmax, strict=True) if found]
        raise invalid("network to train", "one softmax, in the last layer", f"softmax in {kinds}")
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
