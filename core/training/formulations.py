"""The ways to compute a network's training, and which is fastest where: the one place that decides."""

from __future__ import annotations

from core.networks import tiles
from core.networks.layers import Convolution, Pooling
from core.networks.network import Network
from core.recipe import Recipe
from core.training import blocks, epoch, images_first
from core.training.device import Device
from core.training.program import Formulation, Program
from core.training.tiled import program as tiled
from core.training.tiled.host import host

TILED = Formulation("machine code for this network, on tiles of a few images", tiled=True)
DENSE = Formulation("XLA", fused=True)
BLOCKED = Formulation("XLA, convolutions as one matrix product over blocks of 2×2 pixels", blocked=True, fused=True)
KERNELS = Formulation("oneDNN convolutions")
WRITTEN_OUT = 49  # pixels of a kernel or a pooling: the blocked form writes down each, and all must be compiled


def choose(network: Network, recipe: Recipe, device: Device) -> Formulation:
    """Return the fastest known formulation for a network on a device.

    The measurements behind it: seconds per epoch of 60,000 MNIST images and its test (batch 128, float32, compilation
    apart, fastest of three in turns, on 12,800 images and times 4.7), on 2 cores of an AMD EPYC with AVX-512 (Zen 4),
    TensorFlow 2.21, 28 November 2026; ``-`` was not run.

    ==================================================================  ======  =====  =======  ======
    network                                                              tiles    XLA  blocked  oneDNN
    ==================================================================  ======  =====  =======  ======
    mlp 32                                                                0.09   0.16     -        -
    mlp 128                                                               0.22   0.33     -        -
    mlp 256                                                               0.53   0.93     -        -
    mlp 512                                                               1.28   1.64     -        -
    pooled_mlp 64                                                         0.06   0.11     -        -
    deep_cnn 1                                                            0.05     -     0.45     3.29
    deep_cnn 2                                                            0.12     -     0.52     3.47
    deep_cnn 4                                                            0.36     -     1.46     4.72
    deep_cnn 8                                                            1.31     -     4.93     6.42
    deep_cnn 16                                                           5.30     -    13.5     12.6
    deep_cnn 32                                                          20.1      -      -      30.7
    cnn 2                                                                 0.14     -     0.68     2.94
    cnn 8                                                                 1.81     -     5.14     5.99
    cnn 16                                                                6.29     -    16.2     13.1
    cnn 32                                                               25.4      -      -      37.7
    conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg,
    n = 8                                                                 0.24     -     1.45     4.60
    the same, n = 16                                                      0.55     -     2.84     5.35
    the same, n = 32                                                      1.46     -      -       9.26
    conv3(n, stride2) avgpool2 conv3(2n) flatten, n = 16                  0.28     -     0.83     2.47
    mlp 1024                                                              7.6    5.8      -        -
    maxpool2 conv3(n, same) conv3(n, same) maxpool2 globalavg, n = 128   59       -       -      61
    ==================================================================  ======  =====  =======  ======

    Tiles lose where the weights of fully connected layers, which every tile reads, outgrow the caches, and products
    over a whole batch are cheap: see :mod:`core.networks.tiles`. They take no batch norm, no bfloat16 and no window of
    more than 49 pixels, and were not measured on other processors than x86-64; there the forms of TensorFlow remain. Of
    those, blocked ones multiply 1.78 times as often as they need to, which is cheap only while there are few channels;
    XLA's own convolution is no choice on a CPU. In bfloat16 the products of oneDNN were 1.5 times as fast as in float32
    on an AMD EPYC (cnn 16) and took 1.5 times as long on a Xeon; the blocked form only rounds to it. On a GPU XLA
    throughout is expected to win; that has not been measured.
    """
    convolutions = [x for x in network.steps() if isinstance(x.layer, Convolution)]
    if device.gpu:
        return DENSE
    if takes(TILED, network) and tiles.pays(network, recipe.precision, recipe.batch_size):
        return TILED
    if not convolutions:
        return DENSE
    windows = [x.layer.window for x in network.steps() if isinstance(x.layer, Convolution | Pooling)]
    written_out = all(x.height * x.width <= WRITTEN_OUT for x in windows)
    few = max(x.leaving[-1] for x in convolutions) <= 16
    return BLOCKED if few and written_out and takes(BLOCKED, network) else KERNELS


def takes(formulation: Formulation, network: Network) -> bool:
    """Return whether a formulation can compute every layer of a network."""
    if formulation.tiled:
        return host() is not None and tiled.takes(network)
    return (blocks if formulation.blocked else images_first).takes(network)


def build(network: Network, recipe: Recipe, formulation: Formulation) -> Program:
    """Return the program of a network whose leading layers :func:`core.training.program.split` has taken off.

    Raises:
        ArgumentError: if the formulation cannot compute a layer, or the recipe's precision; those of TensorFlow say so
            when they are compiled.
    """
    return tiled.build(network, recipe, formulation) if formulation.tiled else epoch.build(network, recipe, formulation)
