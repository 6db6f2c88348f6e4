"""A line of text as a network that grows with n: its layers for a width, its one name, and what it is drawn with."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from core.errors import ArgumentError
from core.networks.expansion import fixed, flat, matches
from core.networks.layer import Layer
from core.networks.layers import (
    MAX_CHANNELS,
    Activation,
    Add,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    MaxPooling2D,
    SeparableConv2D,
)
from core.networks.notation import MAX_WIDTH, SOFTMAX, Item, Token, Width, tokens, written
from core.networks.parser import parse

MAX_WRITTEN = 3_500  # characters of a line with its groups written out: room for the widths as numbers is left


@dataclass(frozen=True, slots=True)
class Span:
    """A group of layers as it is drawn.

    Attributes:
        kind: ``'residual'``, ``'repeat'`` or ``'shared'``.
        times: how often its layers come.
        first: the place of its first layer, from 0.
        last: the place of its last one, of a residual that of the addition.
        depth: how many groups it lies in.
    """

    kind: str
    times: int
    first: int
    last: int
    depth: int


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """Layers as they are written. Two lines that write the same are equal.

    Attributes:
        items: layers and groups.
        text: what they write, in its one form.
    """

    items: tuple[Item, ...]
    text: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", written(self.items))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Line) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)

    @staticmethod
    def of(text: str) -> Line:
        """Return the line of a text.

        Raises:
            ArgumentError: naming the layer, what was expected and what came.
        """
        return _line(text) if isinstance(text, str) else Line(parse(text))  # which says what came

    def __str__(self) -> str:
        return self.text

    @property
    def widths(self) -> tuple[Width, ...]:
        """The widths that grow with n, in order."""
        return tuple(x.width for x in tokens(self.items) if x.width and x.width.times)

    @property
    def linear(self) -> bool:
        """Whether all widths grow linearly with n, so that counts are polynomials."""
        return not any(x.over for x in self.widths)

    @property
    def has_dropout(self) -> bool:
        """Whether there is a dropout."""
        return any(x.name == "dropout" for x in tokens(self.items))

    @property
    def normalizes(self) -> bool:
        """Whether there is a batch norm."""
        return any(x.name == "batchnorm" for x in tokens(self.items))

    @property
    def convolves(self) -> bool:
        """Whether there is a convolution."""
        return any(x.name in ("conv", "separable", "depthwise") for x in tokens(self.items))

    @property
    def max_width(self) -> int:
        """The largest n: no layer is wider than ``MAX_WIDTH``, and what is made thinner not wider than it was."""
        if not self.widths:
            return 1
        most = max(1, MAX_CHANNELS // math.prod(x.multiplier for x in tokens(self.flat(False))))  # before they multiply
        linear = [(min(MAX_WIDTH, most) - x.plus) // x.times for x in self.widths if not x.over]
        divided = [MAX_WIDTH * x.over // x.times for x in self.widths if x.over]
        thinner = max((x.over for x in self.widths), default=0)
        return max(1, min([*linear, *divided, *([thinner] if thinner else [])]))

    def identity(self, n: int, dropout: bool) -> str:
        """Return the network of a width as text: the same for all lines that are the same network.

        Groups are written out but for residuals, names that tie nothing go and the others are a, b, c.

        Args:
            n: the width.
            dropout: whether its dropouts are in.
        """
        return written(fixed(self.flat(dropout), n))

    def flat(self, dropout: bool) -> tuple[Item, ...]:
        """Return the layers with every group but residuals written out, widths as they are."""
        return flat(self.items, dropout)

    def layers(self, n: int, classes: int, dropout: bool) -> tuple[Layer, ...]:
        """Return the layers for a width, the softmax layer over the classes among them."""
        items = self.flat(dropout)
        last = items[-1] if items else None
        if not (isinstance(last, Token) and "softmax" in (last.name, last.activation)):
            items = (*items, SOFTMAX)
        return tuple(_made(items, n, classes))

    def match(self, identity: str, dropout: bool) -> int | None:
        """Return the width for which :meth:`identity` gives this text, or None; of several the smallest."""
        bounds: list[tuple[int, int]] = [(1, self.max_width)]
        if not matches(self.flat(dropout), Line.of(identity).items, bounds):
            return None
        low, high = max(x for x, _ in bounds), min(x for _, x in bounds)
        return next((n for n in range(low, min(high, low + 4) + 1) if self.identity(n, dropout) == identity), None)

    def spans(self, dropout: bool) -> list[Span]:
        """Return the groups as they are drawn, outer ones first."""
        found: list[Span] = []
        _spans(self.items, 0, 0, dropout, found)
        return found


@lru_cache(maxsize=20_000)  # the texts of thousands of networks in a store
def _line(text: str) -> Line:
    line = Line(parse(text))
    if len(written(line.flat(True))) > MAX_WRITTEN:
        raise ArgumentError(f"Expected a line of at most {MAX_WRITTEN:,} characters after repeating. Received: more.")
    return line


def _made(items: Iterable[Item], n: int, classes: int) -> Iterator[Layer]:
    for item in items:
        if isinstance(item, Token):
            yield _layer(item, n, classes)
        else:
            inner = list(_made(item.body, n, classes))
            yield from inner
            yield Add(len(inner))


def _layer(token: Token, n: int, classes: int) -> Layer:
    width = 0 if token.width is None else classes if token.width.classes else token.width.at(n)
    size = token.size or (0, 0)
    activation, same, stride, tie = token.activation, token.same, token.stride, token.tie
    match token.name:
        case "conv":
            return Conv2D(width, size, activation, same, stride or 1, token.bias, tie)
        case "separable":
            return SeparableConv2D(width, size, activation, same, stride or 1, token.multiplier, token.bias, tie)
        case "depthwise":
            return DepthwiseConv2D(size, activation, same, stride or 1, token.multiplier, token.bias, tie)
        case "dense":
            return Dense(width, activation, token.bias, tie)
        case "maxpool":
            return MaxPooling2D(size, stride, same)
        case "avgpool":
            return AveragePooling2D(size, stride, same)
        case "globalavg":
            return GlobalAveragePooling2D()
        case "globalmax":
            return GlobalMaxPooling2D()
        case "flatten":
            return Flatten()
        case "batchnorm":
            return BatchNormalization(tie)
        case "dropout":
            return Dropout(token.rate)
        case activation:
            return Activation(activation)


def _spans(items: Iterable[Item], place: int, depth: int, dropout: bool, found: list[Span]) -> int:
    """Add the spans of items that begin at a place, and return the place behind them."""
    for item in items:
        if isinstance(item, Token):
            place += dropout or item.name != "dropout"
            continue
        first, at = place, len(found)
        place = _spans(item.body, place, depth + 1, dropout, found)
        if item.kind == "residual":
            place += 1
        else:
            place = first + (place - first) * item.times
        found.insert(at, Span(item.kind, item.times, first, place - 1, depth))
    return place
