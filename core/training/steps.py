"""What both layouts of a forward pass share: the walk over a network's layers, activations, dropout, batch norm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import tensorflow as tf

from core.errors import invalid
from core.networks.layer import LEAK
from core.networks.layers import BatchNormalization, Dropout, Layer, Shape
from core.networks.network import Network

Tensor = Any  # TensorFlow ships no types
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Batch:
    """What a forward pass needs to know of a batch to train on it.

    Attributes:
        noise: two integers that Dropout follows from.
        real: ``(images,)``, 1 for each image and 0 for what only fills the batch up; at least one is 1.
    """

    noise: Tensor
    real: Tensor


@dataclass(frozen=True, slots=True)
class Step:
    """What the function that writes a layer is given beside the layer and what enters it.

    Attributes:
        index: the layer's place in the network.
        shape: of what enters, for one image.
        arrays: all of the network's, in Keras's order; batch norm puts moved statistics in their place.
        place: of each of the layer's own, by name; those of an earlier layer where it shares them.
        batch: None at prediction time.
        low: rounds the operands of a product to the recipe's precision.
    """

    index: int
    shape: Shape
    arrays: list[Tensor]
    place: Mapping[str, int]
    batch: Batch | None
    low: Callable[[Tensor], Tensor]

    def array(self, name: str) -> Tensor:
        """Return the layer's array of a name."""
        return self.arrays[self.place[name]]


def steps(
    network: Network, arrays: list[Tensor], batch: Batch | None, low: Callable[[Tensor], Tensor]
) -> Iterator[tuple[Layer, Step]]:
    """Walk over a network's layers, each with what writes it needs; see :class:`Step`."""
    for x in network.steps():
        place = {name: x.first + i for i, (name, _) in enumerate(x.named)}
        yield x.layer, Step(x.index, x.entering, arrays, place, batch, low)


def way(ways: Mapping[type[Layer], T], layer: Layer) -> T:
    """Return the way that a table has for a layer's kind; a kind left out would train another network in silence."""
    if type(layer) not in ways:
        known = ", ".join(sorted(x.kind for x in ways))
        raise invalid("layer to train", f"one of the kinds {known}", layer.kind)
    return ways[type(layer)]


_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda x: x,
    "relu": tf.nn.relu,
    "leaky": lambda x: tf.nn.leaky_relu(x, LEAK),
    "elu": tf.nn.elu,
    "gelu": lambda x: tf.nn.gelu(x, approximate=False),
    "swish": tf.nn.silu,
    "tanh": tf.tanh,
    "sigmoid": tf.sigmoid,
    "softmax": lambda x: x,  # only ever the last layer's, where the loss takes it in
}


class Activated(Protocol):
    """A layer with an activation."""

    @property
    def activation(self) -> str:
        """A key of ``ACTIVATIONS``."""


def activate(layer: Activated, x: Tensor) -> Tensor:
    """Apply a layer's activation; a softmax is left to the loss."""
    if layer.activation not in _ACTIVATIONS:
        raise invalid("activation to train", f"one of {', '.join(_ACTIVATIONS)}", layer.activation)
    return _ACTIVATIONS[layer.activation](x)


def drop(layer: Dropout, step: Step, x: Tensor) -> Tensor:
    """Zero a share of the activations and scale the others up; nothing at prediction time."""
    if step.batch is None:
        return x
    drawn = tf.random.stateless_uniform(
        tf.shape(x), step.batch.noise + tf.constant([0, step.index << 24]), alg="philox"
    )
    return tf.where(drawn >= layer.rate, x / (1 - layer.rate), tf.zeros_like(x))


def normalize(
    layer: BatchNormalization,
    step: Step,
    x: Tensor,
    mean_of: Callable[[Tensor], Tensor],
    spread: Callable[[Tensor], Tensor],
) -> Tensor:
    """Return ``x``, in float32, normalised: by its batch's statistics in training, which move the kept ones.

    Args:
        layer: the batch norm.
        step: its place.
        x: what enters, in float32.
        mean_of: the mean of each channel over the real images of something shaped like ``x``.
        spread: numbers of each channel as they lie beside ``x``.
    """
    mean, variance = step.array("moving_mean"), step.array("moving_variance")
    if step.batch is not None:
        kept = mean, variance
        mean = mean_of(x)
        variance = mean_of(tf.square(x - spread(tf.stop_gradient(mean))))
        for name, old, new in zip(("moving_mean", "moving_variance"), kept, (mean, variance), strict=True):
            step.arrays[step.place[name]] = old * layer.MOMENTUM + new * (1 - layer.MOMENTUM)
    scale = step.array("gamma") * tf.math.rsqrt(variance + layer.EPSILON)
    return x * spread(scale) + spread(step.array("beta") - mean * scale)
