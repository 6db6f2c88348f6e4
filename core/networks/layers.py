"""Every kind of layer that a network may have."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from core.errors import ArgumentError
from core.networks.convolutions import Conv2D, Convolution, DepthwiseConv2D, SeparableConv2D
from core.networks.layer import (
    ACTIVATIONS,
    STATISTICS,
    Array,
    Layer,
    Shape,
    Window,
    activate,
    check_activation,
    keras_activation,
    shape_text,
)
from core.networks.pooling import AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, MaxPooling2D, Pooling

__all__ = [
    "ACTIVATIONS", "MAX_CHANNELS", "STATISTICS",
    "Activation", "Add", "Array", "AveragePooling2D", "BatchNormalization", "Conv2D",
    "Convolution", "Dense", "DepthwiseConv2D", "Dropout", "Flatten", "GlobalAveragePooling2D", "GlobalMaxPooling2D",
    "Layer", "MaxPooling2D", "Pooling", "SeparableConv2D", "Shape", "Window", "shape_text",
]  # fmt: skip

MAX_CHANNELS = 2**18  # that a convolution may give: 4,096 filters, each with 64 depthwise kernels behind it


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
    """A fully connected layer.

    Attributes:
        units: numbers that leave.
        activation: a key of ``ACTIVATIONS``.
        bias: whether each unit has one.
        tied: the name of the layers that share its weights.
    """

    kind: ClassVar[str] = "Dense"
    units: int
    activation: str = "relu"
    bias: bool = True
    tied: str = ""

    def __post_init__(self) -> None:
        check_activation(self.activation)

    @property
    def tie(self) -> str:
        return self.tied

    def label(self) -> str:
        return "Dense"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 1:
            raise ArgumentError(
                f"Dense expects a row of numbers, not the shape {input_shape}; put a Flatten before it."
            )
        return (self.units,)

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        kernel = ("kernel", (input_shape[0], self.units))
        return (kernel, ("bias", (self.units,))) if self.bias else (kernel,)

    def formula(self, input_shape: Shape) -> str:
        return f"({input_shape[0]} + 1)·{self.units}" if self.bias else f"{input_shape[0]}·{self.units}"

    def multiply_adds(self, input_shape: Shape) -> int:
        return input_shape[0] * self.units

    def keras(self) -> tuple[str, dict[str, Any]]:
        given = {"units": self.units, "activation": keras_activation(self.activation)}
        return self.kind, given if self.bias else given | {"use_bias": False}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        summed = x @ weights[0]
        return activate(summed + weights[1] if self.bias else summed, self.activation)


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


@dataclass(frozen=True, slots=True)
class Activation(Layer):
    """An activation on its own, after a batch norm or an addition, say; softmax only as the last layer."""

    kind: ClassVar[str] = "Activation"
    activation: str

    def __post_init__(self) -> None:
        check_activation(self.activation)

    def label(self) -> str:
        return self.activation.capitalize()

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"activation": keras_activation(self.activation)}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return activate(x, self.activation)


@dataclass(frozen=True, slots=True)
class BatchNormalization(Layer):
    """Each channel less its mean over its standard deviation, then scaled and shifted (Ioffe and Szegedy, 2015).

    While training, mean and variance are those of the batch; at prediction time the moving ones, which each batch moves
    by a hundredth. Momentum and epsilon are Keras's defaults.

    Attributes:
        tied: the name of the layers that share its weights and its moving statistics.
    """

    kind: ClassVar[str] = "BatchNormalization"
    MOMENTUM: ClassVar[float] = 0.99
    EPSILON: ClassVar[float] = 1e-3
    tied: str = ""

    @property
    def tie(self) -> str:
        return self.tied

    def label(self) -> str:
        return "Batch norm"

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        return tuple((name, input_shape[-1:]) for name in ("gamma", "beta", *STATISTICS))

    def formula(self, input_shape: Shape) -> str:
        return f"2·{input_shape[-1]}"

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        gamma, beta, mean, variance = weights
        scale = gamma / np.sqrt(variance + np.asarray(self.EPSILON, variance.dtype))
        return x * scale + (beta - mean * scale)


@dataclass(frozen=True, slots=True)
class Add(Layer):
    """The end of a residual block: what entered it is added to what leaves it.

    Attributes:
        over: how many layers the block has; what entered the first of them is added.
    """

    kind: ClassVar[str] = "Add"
    over: int

    def label(self) -> str:
        return "Add"

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        """Return ``x``; the network, which knows what entered the block, adds that."""
        return x
