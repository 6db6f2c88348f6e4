"""Poolings: the largest or the mean of each square, or of the whole image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from core.errors import ArgumentError
from core.networks.layer import Array, Layer, Shape, Size, Window, sides, squared


@dataclass(frozen=True, slots=True)
class Pooling(Layer):
    """One number for each window of every channel.

    Attributes:
        size: the window's side, or height and width.
        stride: pixels from one window to the next; 0 is the window's own size, so that none overlap.
        same: whether windows may reach over the edge; what lies beyond counts nothing.
    """

    constant: ClassVar[bool] = True
    word: ClassVar[str] = ""
    size: Size = 2
    stride: int = 0
    same: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", squared(self.size))
        height, width = sides(self.size)
        if height == width == self.stride:
            object.__setattr__(self, "stride", 0)
        if height != width and not self.stride:
            raise ArgumentError(f"{self.label()} needs a stride, as its sides differ.")

    @property
    def window(self) -> Window:
        """What slides over the image."""
        height, width = sides(self.size)
        return Window(height, width, self.stride or height, self.same)

    @property
    def tiles(self) -> bool:
        """Whether its windows are squares side by side, without padding."""
        return not self.same and not self.stride

    def label(self) -> str:
        height, width = sides(self.size)
        return f"{self.word} pool {height}×{width}"

    def output_shape(self, input_shape: Shape) -> Shape:
        return (*self.window.places(input_shape, self.label()), input_shape[-1])

    def numbers(self, input_shape: Shape) -> int:
        height, width = sides(self.size)
        return math.prod(input_shape) if self.tiles else math.prod(self.output_shape(input_shape)) * height * width

    def keras(self) -> tuple[str, dict[str, Any]]:
        found: dict[str, Any] = {"pool_size": self.size}
        if self.stride:
            found["strides"] = self.stride
        return self.kind, found | ({"padding": "same"} if self.same else {})

    def _squares(self, x: Array) -> Array:
        """Return ``(images, rows, side, columns, side, channels)`` of windows that tile; what fills none is dropped."""
        side = self.window.height
        height, width = x.shape[1] // side, x.shape[2] // side
        return x[:, : height * side, : width * side].reshape(len(x), height, side, width, side, x.shape[3])


@dataclass(frozen=True, slots=True)
class MaxPooling2D(Pooling):
    """The largest value of each window; rows and columns that do not fill one are dropped."""

    kind: ClassVar[str] = "MaxPooling2D"
    word: ClassVar[str] = "Max"

    def forward(self, x: Array, weights: list[Array]) -> Array:
        if self.tiles:
            return self._squares(x).max(axis=(2, 4))
        return self.window.patches(x, -np.inf).max(axis=(4, 5))


@dataclass(frozen=True, slots=True)
class AveragePooling2D(Pooling):
    """The mean of each window, of as much of it as lies within the image."""

    kind: ClassVar[str] = "AveragePooling2D"
    word: ClassVar[str] = "Average"

    def forward(self, x: Array, weights: list[Array]) -> Array:
        if self.tiles:
            return self._squares(x).mean(axis=(2, 4))
        sums = self.window.patches(x).sum(axis=(4, 5))
        return (sums / self.window.patches(np.ones_like(x[:1, :, :, :1])).sum(axis=(4, 5))).astype(x.dtype)


@dataclass(frozen=True, slots=True)
class GlobalPooling(Layer):
    """One number for each channel of the whole image."""

    constant: ClassVar[bool] = True
    word: ClassVar[str] = ""

    def label(self) -> str:
        return f"Global {self.word}"

    def output_shape(self, input_shape: Shape) -> Shape:
        if len(input_shape) != 3:
            raise ArgumentError(f"{self.label()} expects height, width and channels, not the shape {input_shape}.")
        return input_shape[-1:]

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {}


@dataclass(frozen=True, slots=True)
class GlobalAveragePooling2D(GlobalPooling):
    """The mean of each channel."""

    kind: ClassVar[str] = "GlobalAveragePooling2D"
    word: ClassVar[str] = "average"

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return x.mean(axis=(1, 2))


@dataclass(frozen=True, slots=True)
class GlobalMaxPooling2D(GlobalPooling):
    """The largest number of each channel."""

    kind: ClassVar[str] = "GlobalMaxPooling2D"
    word: ClassVar[str] = "max"

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return x.max(axis=(1, 2))
