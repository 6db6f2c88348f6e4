"""Which networks are trained on tiles of a few images, and what such a tile holds; see :mod:`core.training.tiled`.

It stands here because the forecast of memory asks as well, where no TensorFlow is.
"""

from __future__ import annotations

import math

from core.networks.layers import (
    Add,
    BatchNormalization,
    Convolution,
    Dense,
    Dropout,
    Flatten,
    Pooling,
    SeparableConv2D,
    Window,
)
from core.networks.network import Network

WINDOW = 49  # pixels of a kernel or a pooling: code is written for each
HELD = 700_000  # weights of a network of mostly dense layers that stay in the caches while tiles pass by
CHANNELS = 128  # that leave a convolution; with so many, tiles and oneDNN took the same time
BATCH = 16  # images of a batch that fill a tile: with fewer, most lanes would compute nothing
STREAMS = 8  # sums of gradients, each over tiles of its own: the same ones for any number of threads
LATE = 4096  # weights of a dense kernel from which on its gradient waits for the end of a batch
PACKED = 64  # weights of a pixel of a kernel from which on it is copied in the order in which it is read
APART = ("gelu", "swish")  # activations of which what entered is needed on the way back


def takes(network: Network) -> bool:
    """Return whether tiles take a network, of layers of the kinds there are today.

    Batch norm is left out: its statistics need a whole batch in the midst of the network.
    """
    windows = [getattr(x, "window", Window(1, 1)) for x in network.layers]
    return (
        not any(isinstance(x, BatchNormalization) for x in network.layers)
        and all(x.height * x.width <= WINDOW for x in windows)
        and network.parameters > 0
        and len(network.output_shape) == 1
    )


def pays(network: Network, precision: str, batch: int) -> bool:
    """Return whether tiles take a network and are the fastest way to train it on a processor that they are made for.

    Args:
        network: without leading layers that compute the same in every epoch, or with them.
        precision: of the recipe.
        batch: images of an update.
    """
    if precision != "float32" or batch < BATCH or not takes(network):
        return False
    convolutions = [x for x in network.steps() if isinstance(x.layer, Convolution)]
    if any(x.leaving[-1] > CHANNELS for x in convolutions):
        return False
    convolved = sum(x.layer.multiply_adds(x.entering) for x in convolutions)
    return convolved >= network.multiply_adds / 2 or network.parameters <= HELD


def held(network: Network) -> int:
    """Return about how many numbers a tile holds of each of its images."""
    passed, total = [math.prod(network.input_shape)], math.prod(network.input_shape)
    for step in network.steps():
        layer, entering, leaving = step.layer, math.prod(step.entering), math.prod(step.leaving)
        if not isinstance(layer, Flatten):  # the same numbers
            total += leaving * (2 if getattr(layer, "activation", "") in APART else 1)
        if isinstance(layer, SeparableConv2D):
            total += math.prod(step.leaving[:2]) * step.entering[-1] * layer.multiplier
        if isinstance(layer, Add):
            total += passed[step.index - layer.over]  # what goes back past the block
        if isinstance(layer, Dropout) or (isinstance(layer, Pooling) and not layer.tiles):
            total += entering
        passed.append(leaving)
    return total


def late(network: Network) -> int:
    """Return how many weights have gradients that wait for the end of a batch."""
    kernels = [math.prod(x.named[0][1]) for x in network.steps() if isinstance(x.layer, Dense) and x.own]
    return sum(x for x in kernels if x >= LATE)


def packed(network: Network) -> int:
    """Return how many weights every thread copies, forward and back, in the order in which they are read."""
    shapes = [shape for x in network.steps() if x.own for _, shape in x.named if len(shape) == 4]
    return sum(2 * math.prod(x) for x in shapes if x[2] * x[3] >= PACKED)
