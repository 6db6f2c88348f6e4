"""Fixed widths of a network as multiples of one n, so that it can be made thinner."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from core.networks.layer import Layer
from core.networks.layers import Add, Conv2D, Dense, DepthwiseConv2D, Flatten, SeparableConv2D
from core.networks.network import Network
from core.networks.notation import CLASSES, MAX_DIVISOR, Group, Item, Width

FEW = 8  # with fewer widths to choose from than this, those in between are worth having
_IMAGE, _CLASSES = 0, -1  # what gives the image's channels and what takes one for each class, beside layers from 1 on


def growing(items: tuple[Item, ...], network: Network) -> tuple[tuple[Item, ...], int]:
    """Return layers whose widths grow with n, and the n at which they are what they were.

    What gives one number for each class stays so, and what must fit the image's channels stays as wide as it is. All
    others are multiples of n, as large an n as divides them, or if that leaves few widths, n over the largest of them,
    but no more than can be counted one by one.

    Args:
        items: layers with fixed widths, the last one a softmax.
        network: the network that they are.
    """
    origins = _origins(network)
    fixed = [(origin, _width(step.layer)) for origin, step in zip(origins, network.steps(), strict=True)]
    free = {width for origin, width in fixed if width and origin not in (_IMAGE, _CLASSES)}
    divisor, largest = math.gcd(*free), min(max(free, default=1), MAX_DIVISOR)
    even = divisor >= FEW or len(free) == 1
    widths = (
        CLASSES
        if origin == _CLASSES
        else Width(plus=width)
        if origin == _IMAGE
        else Width(times=width // divisor)
        if even
        else Width(times=width, over=largest)
        for origin, width in fixed
        if width
    )
    return _with(items, widths), divisor if even and free else largest


def _origins(network: Network) -> list[int]:
    """Return for each layer what its width must be equal to: layers of one number have equal widths."""
    same: dict[int, int] = {}

    def root(origin: int) -> int:
        while origin in same:
            origin = same[origin]
        return origin

    def equate(one: tuple[int, int], other: tuple[int, int]) -> None:
        a, b = sorted((root(one[0]), root(other[0])), reverse=True)
        if one[1] == other[1]:
            if a != b:
                same[a] = b
        elif b in (_IMAGE, _CLASSES):  # so many times what is given: it can only stay as it is
            same.update({x: _IMAGE for x in {a, b} if x != _IMAGE})

    passing = [(_IMAGE, 1)]  # by layer, what its channels are a multiple of, and the multiple
    owners: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for step in network.steps():
        entering = passing[-1]
        leaving = _leaving(step.layer, step.index, entering, math.prod(step.entering[:-1]))
        if isinstance(step.layer, Add):
            equate(passing[step.index - step.layer.over], entering)
        owners.append((entering, leaving))
        if not step.own:
            for one, other in zip(owners[step.owner], owners[-1], strict=True):
                equate(one, other)
        passing.append(leaving)
    equate(passing[-1], (_CLASSES, 1))
    return [root(place + 1) for place in range(len(network.layers))]


def _leaving(layer: Layer, index: int, entering: tuple[int, int], places: int) -> tuple[int, int]:
    """Return what the channels that leave a layer are a multiple of, and the multiple."""
    origin, multiple = entering
    if _width(layer):
        return index + 1, 1
    if isinstance(layer, DepthwiseConv2D):
        return origin, multiple * layer.multiplier
    return origin, multiple * (places if isinstance(layer, Flatten) else 1)


def _width(layer: Layer) -> int:
    """Return the width that a layer was given; 0 for none."""
    if isinstance(layer, Conv2D | SeparableConv2D):
        return layer.filters
    return layer.units if isinstance(layer, Dense) else 0


def _with(items: Iterable[Item], widths: Iterator[Width]) -> tuple[Item, ...]:
    """Return items with other widths, given in the order of the layers that have one."""
    return tuple(
        replace(x, body=_with(x.body, widths))
        if isinstance(x, Group)
        else replace(x, width=next(widths))
        if x.width
        else x
        for x in items
    )
