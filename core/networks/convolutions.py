"""Convolutions: full, depthwise and separable; any kernel, stride, padding, with a bias or without."""

from __future__ import annotations

import math
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from core.networks.layer import (
    Array,
    Layer,
    Shape,
    Size,
    Window,
    activate,
    check_activation,
    keras_activation,
    sides,
    squared,
)


class Convolution(Layer):
    """What all convolutions have.

    Attributes:
        kernel: its side, or height and width.
        activation: a key of ``ACTIVATIONS``.
        same: whether the image is padded with zeros to keep its size.
        stride: pixels from one place to the next.
        bias: whether each channel that leaves has one.
        tied: the name of the layers that share its weights.
    """

    __slots__ = ()
    word: ClassVar[str] = ""
    kernel: Size
    activation: str
    same: bool
    stride: int
    bias: bool
    tied: str

    def __post_init__(self) -> None:
        check_activation(self.activation)
        object.__setattr__(self, "kernel", squared(self.kernel))

    @property
    def window(self) -> Window:
        """What slides over the image."""
        return Window(*sides(self.kernel), self.stride, self.same)

    @property
    def tie(self) -> str:
        return self.tied

    def label(self) -> str:
        return f"{self.word} {self.window.text}"

    @abstractmethod
    def leaving(self, channels: int) -> int:
        """Return how many channels leave, of so many that enter."""

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*self.window.places(input_shape, self.label()), self.leaving(input_shape[-1]))

    @abstractmethod
    def kernels(self, channels: int) -> tuple[tuple[str, Shape], ...]:
        """Return name and shape of each kernel, for so many channels that enter."""

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        bias = (("bias", (self.leaving(input_shape[-1]),)),) if self.bias else ()
        return (*self.kernels(input_shape[-1]), *bias)

    def numbers(self, input_shape: Shape) -> int:
        rows, columns, _ = self.output_shape(input_shape)
        return rows * columns * self.window.height * self.window.width * input_shape[-1]

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of Keras that all kinds have, but for what is Keras's default."""
        found: dict[str, Any] = {"kernel_size": self.kernel, "activation": keras_activation(self.activation)}
        found |= {"strides": self.stride} if self.stride > 1 else {}
        found |= {"padding": "same"} if self.same else {}
        return found | ({} if self.bias else {"use_bias": False})

    def ended(self, summed: Array, weights: list[Array]) -> Array:
        """Return sums with the bias, which is the last array, after the activation."""
        return activate(summed + weights[-1] if self.bias else summed, self.activation)


@dataclass(frozen=True, slots=True)
class Conv2D(Convolution):
    """A convolution: each of ``filters`` kernels reads all channels. The rest is as in ``Convolution``."""

    kind: ClassVar[str] = "Conv2D"
    word: ClassVar[str] = "Conv"
    filters: int
    kernel: Size = 3
    activation: str = "relu"
    same: bool = False
    stride: int = 1
    bias: bool = True
    tied: str = ""

    def leaving(self, channels: int) -> int:
        return self.filters

    def kernels(self, channels: int) -> tuple[tuple[str, Shape], ...]:
        return (("kernel", (*sides(self.kernel), channels, self.filters)),)

    def formula(self, input_shape: Shape) -> str:
        inputs = f"{self.window.height}·{self.window.width}·{input_shape[-1]}"
        return f"({inputs} + 1)·{self.filters}" if self.bias else f"{inputs}·{self.filters}"

    def multiply_adds(self, input_shape: Shape) -> int:
        return self.numbers(input_shape) * self.filters

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"filters": self.filters} | self.arguments()

    def forward(self, x: Array, weights: list[Array]) -> Array:
        # (images, rows, columns, channels, kernel rows, kernel columns), a view: no copy until the product
        patches = self.window.patches(x).transpose(0, 1, 2, 4, 5, 3)
        columns = patches.reshape(*patches.shape[:3], math.prod(patches.shape[3:]))
        return self.ended(columns @ weights[0].reshape(-1, self.filters), weights)


@dataclass(frozen=True, slots=True)
class DepthwiseConv2D(Convolution):
    """A depthwise convolution: each channel has kernels of its own, and channels are never mixed.

    Attributes:
        multiplier: kernels for each channel. The rest is as in ``Convolution``.
    """

    kind: ClassVar[str] = "DepthwiseConv2D"
    word: ClassVar[str] = "Depthwise"
    kernel: Size = 3
    activation: str = "relu"
    same: bool = False
    stride: int = 1
    multiplier: int = 1
    bias: bool = True
    tied: str = ""

    def leaving(self, channels: int) -> int:
        return channels * self.multiplier

    def kernels(self, channels: int) -> tuple[tuple[str, Shape], ...]:
        return (("kernel", (*sides(self.kernel), channels, self.multiplier)),)

    def formula(self, input_shape: Shape) -> str:
        kernel, leaving = f"{self.window.height}·{self.window.width}", _times(input_shape[-1], self.multiplier)
        return f"({kernel} + 1)·{leaving}" if self.bias else f"{kernel}·{leaving}"

    def multiply_adds(self, input_shape: Shape) -> int:
        return self.numbers(input_shape) * self.multiplier

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, self.arguments() | _multiplied(self.multiplier)

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return self.ended(_depthwise(x, weights[0], self.window), weights)


@dataclass(frozen=True, slots=True)
class SeparableConv2D(Convolution):
    """A depthwise convolution without bias, then a 1 x 1 convolution to ``filters`` with the activation.

    Attributes:
        filters: channels that leave.
        multiplier: kernels for each channel. The rest is as in ``Convolution``.
    """

    kind: ClassVar[str] = "SeparableConv2D"
    word: ClassVar[str] = "Separable"
    filters: int
    kernel: Size = 3
    activation: str = "relu"
    same: bool = False
    stride: int = 1
    multiplier: int = 1
    bias: bool = True
    tied: str = ""

    def leaving(self, channels: int) -> int:
        return self.filters

    def kernels(self, channels: int) -> tuple[tuple[str, Shape], ...]:
        depthwise = (*sides(self.kernel), channels, self.multiplier)
        return ("depthwise_kernel", depthwise), ("pointwise_kernel", (1, 1, channels * self.multiplier, self.filters))

    def formula(self, input_shape: Shape) -> str:
        between = _times(input_shape[-1], self.multiplier)
        last = f"({between} + 1)·{self.filters}" if self.bias else f"{between}·{self.filters}"
        return f"{self.window.height}·{self.window.width}·{between} + {last}"

    def multiply_adds(self, input_shape: Shape) -> int:
        rows, columns, _ = self.output_shape(input_shape)
        between = input_shape[-1] * self.multiplier
        return self.numbers(input_shape) * self.multiplier + rows * columns * between * self.filters

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {"filters": self.filters} | self.arguments() | _multiplied(self.multiplier)

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return self.ended(_depthwise(x, weights[0], self.window) @ weights[1][0, 0], weights)


def _depthwise(x: Array, kernel: Array, window: Window) -> Array:
    """Return ``(images, rows, columns, channels * multiplier)``: each channel by kernels of its own."""
    patches = window.patches(x)
    images, rows, columns, channels = patches.shape[:4]
    # a product for each channel: (channels, places, kernel) by (channels, kernel, multiplier)
    places = patches.transpose(3, 0, 1, 2, 4, 5).reshape(
        channels, images * rows * columns, window.height * window.width
    )
    product = places @ kernel.transpose(2, 0, 1, 3).reshape(channels, -1, kernel.shape[3])
    return product.transpose(1, 0, 2).reshape(images, rows, columns, channels * kernel.shape[3])


def _times(channels: int, multiplier: int) -> str:
    return str(channels) if multiplier == 1 else f"{channels}·{multiplier}"


def _multiplied(multiplier: int) -> dict[str, Any]:
    return {} if multiplier == 1 else {"depth_multiplier": multiplier}
