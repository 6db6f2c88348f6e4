"""What a network's kernels begin as in the initialisation of He et al. (2015)."""

from __future__ import annotations

import math
from collections.abc import Iterator

from core.networks.layer import Layer, Shape
from core.networks.layers import DepthwiseConv2D
from core.networks.network import Network

RECTIFIERS = ("relu", "leaky", "elu", "gelu", "swish")  # let about half of what enters pass


def spreads(network: Network) -> list[float | None]:
    """Return the standard deviation that each kernel is drawn with, from a normal distribution with mean 0.

    It is the root of 2 / inputs where a rectifier follows and of 1 / inputs where none does, so that numbers neither
    grow nor shrink on their way (He et al. 2015, sections 2.2 and 3). Inputs are those that one output sums: of a
    depthwise kernel its own channel's alone, unlike Keras's ``he_normal``, which takes all channels.

    Returns:
        One for each array of ``network.arrays``; None for biases and what batch norm has, which begin as always.
    """
    found: list[float | None] = []
    for step in network.steps():
        found += _of(step.layer, step.named) if step.own else ()
    return found


def _of(layer: Layer, named: tuple[tuple[str, Shape], ...]) -> Iterator[float | None]:
    rectified = getattr(layer, "activation", "linear") in RECTIFIERS
    for name, shape in named:
        match name:
            case "depthwise_kernel":  # the pointwise one follows, and nothing between
                yield math.sqrt(1 / math.prod(shape[:2]))
            case "kernel" | "pointwise_kernel":
                inputs = math.prod(shape[:2] if isinstance(layer, DepthwiseConv2D) else shape[:-1])
                yield math.sqrt((2 if rectified else 1) / inputs)
            case _:
                yield None
