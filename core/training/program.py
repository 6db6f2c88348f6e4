"""What trains a network, however it is computed; how its weights begin, and in which order images come."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import numpy as np
import tensorflow as tf

from core.errors import invalid
from core.networks.initial import spreads
from core.networks.layers import Add, Array, Layer
from core.networks.network import Network
from core.recipe import Initialization
from core.training.steps import Tensor


@dataclass(frozen=True, slots=True)
class Formulation:
    """One way to compute the same step.

    Attributes:
        name: for people.
        tiled: whether code of our own trains it, a few images at a time: see :mod:`core.training.tiled`.
        blocked: whether TensorFlow does, with images along the last axis: see :mod:`core.training.blocks`.
        fused: whether XLA compiles the whole epoch; otherwise TensorFlow's own kernels (oneDNN on a CPU) run it.
    """

    name: str
    tiled: bool = False
    blocked: bool = False
    fused: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled epoch. What it calls a state is its own: weights, the optimiser's memory of them, updates done.

    Attributes:
        formulation: how the step is computed.
        begin: arrays in the order of ``network.arrays`` to the state that training starts from.
        arrays: a state to its arrays, copies, in that order.
        epoch: ``(state, train, test, course)`` to the next state and the sums
            ``(loss, correct, test loss, test correct)``, with 1 last if every weight is finite, else 0. The state that
            it is given stays as it is.
        compile: ``(state, train, test, evaluated)``: have the epoch compiled for such images, and the evaluation of the
            last if there are any, and compute nothing.
        evaluate: ``(state, images)`` to the sums ``(loss, correct)``.

    Images are three tensors: rows of bytes or floats, an int32 label of each, and the places of those that are meant.
    """

    formulation: Formulation
    begin: Callable[[Sequence[Array]], Any]
    arrays: Callable[[Any], list[Array]]
    epoch: Callable[..., tuple[Any, Any]]
    compile: Callable[..., None]
    evaluate: Callable[..., Any]


def begin(network: Network, seed: int, initialization: Initialization = Initialization.GLOROT) -> list[Array]:
    """Return fresh arrays that begin as Keras's defaults do, kernels glorot-uniform or as He et al. have them.

    Raises:
        ArgumentError: if a layer has weights of another name, whose beginning is not known.
    """
    weights = []
    he = spreads(network) if initialization is Initialization.HE else [None] * len(network.arrays)
    for index, ((name, shape), spread) in enumerate(zip(network.arrays, he, strict=True)):
        if spread is not None:
            drawn = np.random.default_rng((seed, index)).normal(0, spread, shape)
            weights.append(drawn.astype(np.float32))
            continue
        match name:
            case "bias" | "beta" | "moving_mean":
                weights.append(np.zeros(shape, np.float32))
            case "gamma" | "moving_variance":
                weights.append(np.ones(shape, np.float32))
            case "kernel" | "depthwise_kernel" | "pointwise_kernel":
                field = math.prod(shape[:-2])
                limit = math.sqrt(6 / (field * (shape[-2] + shape[-1])))
                weights.append(np.random.default_rng((seed, index)).uniform(-limit, limit, shape).astype(np.float32))
            case _:
                raise invalid("weights to train", "kernel, bias or those of batch norm", name)
    return weights


def order(images: int, seed: Tensor, number: Tensor) -> Tensor:
    """Return the order of an epoch's images: a permutation that follows from seed and epoch number."""
    return tf.random.experimental.stateless_shuffle(tf.range(images), seed=tf.stack([seed, number]))


def split(network: Network) -> tuple[tuple[Layer, ...], Network]:
    """Return the leading layers whose output is the same in every epoch, and the network of the layers after them."""
    # what enters a residual block is needed at its end
    entered = [index - layer.over for index, layer in enumerate(network.layers) if isinstance(layer, Add)]
    leading = network.layers[: min(entered, default=None)]
    head = tuple(takewhile(lambda layer: layer.constant, leading))
    shape = network.input_shape
    for layer in head:
        shape = layer.output_shape(shape)
    return head, Network(shape, network.layers[len(head) :])


def check_ending(network: Network) -> None:
    """Raise ``ArgumentError`` unless there is one softmax, at the end, where the loss takes it in."""
    softmax = [getattr(layer, "activation", None) == "softmax" for layer in network.layers]
    if softmax != [False] * (len(softmax) - 1) + [True]:
        kinds = [layer.kind for layer, found in zip(network.layers, softmax, strict=True) if found]
        raise invalid("network to train", "one softmax, in the last layer", f"softmax in {kinds}")
