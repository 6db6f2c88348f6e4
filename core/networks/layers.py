"""Layer kinds as data: shapes, weight arrays, counts, the Keras layer and a NumPy forward pass.

Shapes are those of one image or activation without the batch axis: ``(height, width, channels)`` or ``(units,)``.
Convolutions have stride 1 and no padding, as in the article; every weighted layer has a bias.
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


def shape_text(shape: Shape) -> str:
    """Return a shape for people: ``26×26×2``."""
    return "×".join(str(side) for side in shape)


def _softmax(x: Array) -> Array:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


ACTIVATIONS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "softmax": _softmax,
}


def activate(x: Array, activation: str) -> Array:
    """Apply ``'linear'``, ``'relu'`` or ``'softmax'`` (over the last axis) to ``x``."""
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
        """Return ``(name, shape)`` of each weight array in Keras's order."""
        return ()

    def parameters(self, input_shape: Shape) -> int:
        """Return the number of trainable weights, biases included."""
        return sum(math.prod(shape) for _, shape in self.weight_shapes(input_shape))

    def formula(self, input_shape: Shape) -> str:
        """Return the arithmetic behind :meth:`parameters`, or an empty string."""
        return ""

    def multiply_adds(self, input_shape: Shape) -> int:
        """Return multiply-accumulate operations for one image; biases, activations and pooling count none."""
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


@dataclass(frozen=True, slots=True)
class Conv2D(Layer):
    """A convolution of ``filters`` square kernels, stride 1, no padding."""

    kind: ClassVar[str] = "Conv2D"
    filters: int
    kernel: int = 3
    activation: str = "relu"

    def __post_init__(self) -> None:
        _check_activation(self.activation)

    def label(self) -> str:
        return f"Conv {self.kernel}×{self.kernel}"

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, _ = _image(self, input_shape, self.kernel)
        return height - self.kernel + 1, width - self.kernel + 1, self.filters

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        return (("kernel", (self.kernel, self.kernel, input_shape[-1], self.filters)), ("bias", (self.filters,)))

    def formula(self, input_shape: Shape) -> str:
        return f"({self.kernel}·{self.kernel}·{input_shape[-1]} + 1)·{self.filters}"

    def multiply_adds(self, input_shape: Shape) -> int:
        height, width, filters = self.output_shape(input_shape)
        return height * width * filters * self.kernel**2 * input_shape[-1]

    def numbers(self, input_shape: Shape) -> int:
        height, width, _ = self.output_shape(input_shape)
        return height * width * self.kernel**2 * input_shape[-1]

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"filters": self.filters, "kernel_size": self.kernel, "activation": self.activation}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        kernel, bias = weights
        # (images, rows, columns, channels, kernel rows, kernel columns), a view: no copy until the product
        patches = np.lib.stride_tricks.sliding_window_view(x, (self.kernel, self.kernel), axis=(1, 2))
        patches = patches.transpose(0, 1, 2, 4, 5, 3)
        columns = patches.reshape(*patches.shape[:3], self.kernel**2 * x.shape[3])
        return activate(columns @ kernel.reshape(-1, self.filters) + bias, self.activation)


@dataclass(frozen=True, slots=True)
class MaxPooling2D(Layer):
    """The largest value of each ``size`` x ``size`` square; rows and columns that do not fill one are dropped."""

    kind: ClassVar[str] = "MaxPooling2D"
    constant: ClassVar[bool] = True
    size: int = 2

    def label(self) -> str:
        return f"Max pool {self.size}×{self.size}"

    def output_shape(self, input_shape: Shape) -> Shape:
        height, width, channels = _image(self, input_shape, self.size)
        return height // self.size, width // self.size, channels

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"pool_size": self.size}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        height, width = x.shape[1] // self.size, x.shape[2] // self.size
        whole = x[:, : height * self.size, : width * self.size]
        squares = whole.reshape(len(x), height, self.size, width, self.size, x.shape[3])
        return squares.max(axis=(2, 4))


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """An image as one row of numbers, channels last."""

    kind: ClassVar[str] = "Flatten"
    constant: ClassVar[bool] = True

    def output_shape(self, input_shape: Shape) -> Shape:
        return (math.prod(input_shape),)

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return x.reshape(len(x), math.prod(x.shape[1:]))


@dataclass(frozen=True, slots=True)
class Dense(Layer):
    """A fully connected layer of ``units``."""

    kind: ClassVar[str] = "Dense"
    units: int
    activation: str = "relu"

    def __post_init__(self) -> None:
        _check_activation(self.activation)

    def label(self) -> str:
        return "Dense"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ArgumentError(
                f"Dense expects a row of numbers, not the shape {input_shape}; put a Flatten before it."
            )
        return (self.units,)

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        return (("kernel", (input_shape[0], self.units)), ("bias", (self.units,)))

    def formula(self, input_shape: Shape) -> str:
        return f"({input_shape[0]} + 1)·{self.units}"

    def multiply_adds(self, input_shape: Shape) -> int:
        return input_shape[0] * self.units

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"units": self.units, "activation": self.activation}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        kernel, bias = weights
        return activate(x @ kernel + bias, self.activation)


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Zero a share ``rate`` of the activations while training; nothing at prediction time."""

    kind: ClassVar[str] = "Dropout"
    rate: float

    def label(self) -> str:
        return f"Dropout {self.rate:g}"

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"rate": self.rate}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return x


def _check_activation(activation: str) -> None:
    if activation not in ACTIVATIONS:
        raise invalid("activation", f"one of {', '.join(ACTIVATIONS)}", activation)


def _image(layer: Layer, shape: Shape, least: int) -> Shape:
    if len(shape) != 3:
        raise ArgumentError(f"{layer.label()} expects height, width and channels, not the shape {shape}.")
    if min(shape[:2]) < least:
        raise ArgumentError(
            f"{layer.label()} needs at least {least}×{least} pixels and would get {shape[0]}×{shape[1]}."
        )
    return shape
