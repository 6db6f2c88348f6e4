"""What every layer is: its shapes, weight arrays, counts, Keras layer and NumPy forward pass, as data.

Shapes are those of one image or activation without the batch axis: ``(height, width, channels)`` or ``(units,)``.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from core.errors import ArgumentError, invalid

Shape = tuple[int, ...]
Array = np.ndarray[Any, np.dtype[Any]]
Size = int | tuple[int, int]  # of a kernel or a pooling: its side, or height and width where they differ

# Arrays that a layer keeps and that no optimiser changes, by their name.
STATISTICS = ("moving_mean", "moving_variance")
LEAK = 0.2  # slope of a leaky ReLU below zero: the default of Keras's activation of that name


class TooSmallError(ArgumentError):
    """An image, or what is left of it, is too small for a layer.

    Args:
        label: the layer's.
        least: the sides that it needs.
        got: those that it would get.
        place: the layer's in its network, from 1; 0 where it is in none.
    """

    def __init__(self, label: str, least: str, got: str, place: int = 0) -> None:
        self.label, self.least, self.got = label, least, got
        hint = f"at layer {place} (write same in it, or take out a pooling before it) " if place else ""
        super().__init__(f"{label} {hint}needs at least {least} pixels and would get {got}.")


def shape_text(shape: Shape) -> str:
    """Return a shape for people: ``26×26×2``."""
    return "×".join(str(side) for side in shape)


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def _sigmoid(x: Array) -> Array:
    return 0.5 * (1 + np.tanh(0.5 * x))  # unlike 1 / (1 + exp(-x)) it overflows nowhere


def _gelu(x: Array) -> Array:
    from scipy.special import erf  # takes a moment to import, and few networks need it

    return 0.5 * x * (1 + erf(x / np.sqrt(2, dtype=x.dtype)))


# By the name in a line of text. Keras's own, with its default settings.
ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky": lambda x: np.where(x > 0, x, LEAK * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "gelu": _gelu,
    "swish": lambda x: x * _sigmoid(x),
    "tanh": np.tanh,
    "sigmoid": _sigmoid,
    "softmax": _softmax,
}
# Those that Keras calls otherwise.
KERAS_ACTIVATIONS = {"leaky": "leaky_relu", "swish": "silu"}


def activate(x: Array, activation: str) -> Array:
    """Apply an activation of ``ACTIVATIONS`` to ``x``; softmax goes over the last axis."""
    return ACTIVATIONS[activation](x)


@dataclass(frozen=True, slots=True)
class Layer(ABC):
    """One layer without its weights; each kind overrides what differs from 'no weights, same shape'.

    Attributes:
        kind: its name in ``keras.layers``.
        constant: whether what leaves it follows from what enters alone, in training too: no weights, nothing random.
    """

    kind: ClassVar[str] = "Layer"
    constant: ClassVar[bool] = False

    @property
    def tie(self) -> str:
        """The name that layers share which have the same weights; empty for a layer with weights of its own."""
        return ""

    def label(self) -> str:
        """Return a short name for tables and pictures."""
        return self.kind

    def output_shape(self, input_shape: Shape) -> Shape:
        """Return the shape that leaves this layer.

        Raises:
            ArgumentError: if the layer cannot take ``input_shape``.
        """
        return input_shape

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        """Return ``(name, shape)`` of each array in Keras's order; those of ``STATISTICS`` are kept, not trained."""
        return ()

    def parameters(self, input_shape: Shape) -> int:
        """Return the number of trainable weights, biases included."""
        return sum(math.prod(shape) for name, shape in self.weight_shapes(input_shape) if name not in STATISTICS)

    def statistics(self, input_shape: Shape) -> int:
        """Return how many numbers are kept and not trained."""
        return sum(math.prod(shape) for name, shape in self.weight_shapes(input_shape) if name in STATISTICS)

    def formula(self, input_shape: Shape) -> str:
        """Return the arithmetic behind :meth:`parameters`, or an empty string."""
        return ""

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return multiply-accumulate operations for one image.

        Biases, activations, pooling and batch norm, which can be folded, count none.
        """
        return 0

    def numbers(self, input_shape: Shape) -> int:
        """Return how many numbers :meth:`forward` holds at once for one image: what bounds a batch."""
        return math.prod(input_shape)

    @abstractmethod
    def keras(self) -> tuple[str, dict[str, Any]]:
        """Return the name in ``keras.layers`` and its arguments; source code and models are both made from it."""

    @abstractmethod
    def forward(self, x: Array, weights: list[Array]) -> Array:
        """Return the activations for a batch ``x`` of shape ``(images, *input_shape)``, as at prediction time."""


def keras_activation(activation: str) -> str:
    """Return what Keras calls an activation."""
    return KERAS_ACTIVATIONS.get(activation, activation)


def check_activation(activation: str) -> None:
    """Raise ``ArgumentError`` for an activation that there is none of."""
    if activation not in ACTIVATIONS:
        raise invalid("activation", f"one of {', '.join(ACTIVATIONS)}", activation)


@dataclass(frozen=True, slots=True)
class Window:
    """What slides over an image: a kernel's or a pooling's sides, its stride and whether the image is padded.

    Attributes:
        height: of the window.
        width: of the window.
        stride: pixels from one place to the next, along both axes.
        same: whether zeros around the image let the output be as large as it, divided by the stride and rounded up.
    """

    height: int
    width: int
    stride: int = 1
    same: bool = False

    @property
    def text(self) -> str:
        """The sides for people: ``3×3``."""
        return f"{self.height}×{self.width}"

    def places(self, shape: Shape, label: str) -> tuple[int, int]:
        """Return how many places the window takes down and across an image of ``shape``.

        Raises:
            ArgumentError: if ``shape`` is no image's.
            TooSmallError: if the window does not fit into it.
        """
        if len(shape) != 3:
            raise ArgumentError(f"{label} expects height, width and channels, not the shape {shape}.")
        if self.same:
            return -(-shape[0] // self.stride), -(-shape[1] // self.stride)
        if shape[0] < self.height or shape[1] < self.width:
            raise TooSmallError(label, self.text, f"{shape[0]}×{shape[1]}")
        return (shape[0] - self.height) // self.stride + 1, (shape[1] - self.width) // self.stride + 1

    def padding(self, height: int, width: int) -> tuple[tuple[int, int], tuple[int, int]]:
        """Return how many pixels are added above and below, left and right; as TensorFlow does, fewer before."""
        if not self.same:
            return (0, 0), (0, 0)
        both = []
        for side, window in ((height, self.height), (width, self.width)):
            whole = max((-(-side // self.stride) - 1) * self.stride + window - side, 0)
            both.append((whole // 2, whole - whole // 2))
        return both[0], both[1]

    def padded(self, x: Array, filled: float = 0.0) -> Array:
        """Return a batch of images with the padding around each."""
        down, across = self.padding(x.shape[1], x.shape[2])
        if not any((*down, *across)):
            return x
        return np.pad(x, ((0, 0), down, across, (0, 0)), constant_values=filled)

    def patches(self, x: Array, filled: float = 0.0) -> Array:
        """Return a view of ``(images, rows, columns, channels, window rows, window columns)``, padded first."""
        slid = np.lib.stride_tricks.sliding_window_view(self.padded(x, filled), (self.height, self.width), axis=(1, 2))
        return slid[:, :: self.stride, :: self.stride]


def sides(size: Size) -> tuple[int, int]:
    """Return height and width of a kernel or a pooling that is given as one number where they are equal."""
    return size if isinstance(size, tuple) else (size, size)


def squared(size: Size) -> Size:
    """Return a size as one number where its sides are equal, so that equal layers are equal."""
    height, width = sides(size)
    return height if height == width else (height, width)
