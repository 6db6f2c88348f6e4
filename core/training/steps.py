"""What both layouts of a forward pass share: the walk over a network's layers, activations, Dropout."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import tensorflow as tf

from core.errors import invalid
from core.networks.layers import Conv2D, Dense, Dropout, Layer, Shape
from core.networks.network import Network

Tensor = Any  # TensorFlow ships no types
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
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


def steps(
    network: Network, weights: Sequence[Tensor], noise: Tensor | None, low: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Layer, Step]]:
    """Walk over a network's layers, each with what writes it needs; ``weights`` in Keras's order, of all layers."""
    rest = tuple(weights)
    for index, (layer, shape, _) in enumerate(network.walk()):
        used = len(layer.weight_shapes(shape))
        yield layer, Step(index, shape, rest[:used], noise, low)
        rest = rest[used:]


def way(ways: Mapping[type[Layer], T], layer: Layer) -> T:
    """Return the way that a table has for a layer's kind; a kind left out would train another network in silence."""
    if type(layer) not in ways:
        known = ", ".join(sorted(x.kind for x in ways))
        raise invalid("layer to train", f"one of the kinds {known}", layer.kind)
    return ways[type(layer)]


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "softmax": lambda x: x,  # only ever the last layer's, where the loss takes it in
}


def activate(layer: Conv2D | Dense, x: Tensor) -> Tensor:
    """Apply a layer's activation; a softmax is left to the loss."""
    if layer.activation not in _ACTIVATIONS:
        raise invalid("activation to train", f"one of {', '.join(_ACTIVATIONS)}", layer.activation)
    return _ACTIVATIONS[layer.activation](x)


def drop(layer: Dropout, step: Step, x: Tensor) -> Tensor:
    """Zero a share of the activations and scale the others up; nothing where there is no noise."""
    if step.noise is None:
        return x
    drawn = tf.random.stateless_uniform(tf.shape(x), step.noise + tf.constant([0, step.index << 24]), alg="philox")
    return tf.where(drawn >= layer.rate, x / (1 - layer.rate), tf.zeros_like(x))
