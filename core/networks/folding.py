"""What a network's weights take on a device: batch norms are folded into a neighbour where there is one."""

from __future__ import annotations

from collections.abc import Sequence

from core.networks.layers import Add, BatchNormalization, Convolution, Dense, Dropout, Flatten, GlobalAveragePooling2D
from core.networks.step import Step

Linear = Convolution | Dense


def kept_numbers(steps: Sequence[Step]) -> int:
    """Return how many numbers predicting takes, each batch norm being a scale and a shift for each channel.

    A layer with weights right before it, linear and used nowhere else, takes them into its own weights; so does one
    right after it that is not padded, as zeros beyond the edge would not be shifted. A layer that had no biases gets
    them. Where neither is there, two numbers a channel remain (Jacob et al., 2018, section 3.2).
    """
    shared = {x.owner for x in steps if not x.own}
    added = {x.index - x.layer.over for x in steps if isinstance(x.layer, Add)}  # what enters these is read again
    biased: set[int] = set()
    total = 0
    for x in steps:
        if not x.own:
            continue
        total += x.layer.parameters(x.entering)
        if not isinstance(x.layer, BatchNormalization):
            continue
        into = None if x.index in shared else _before(steps, x.index, shared, added)
        if into is None and x.index not in shared:
            into = _after(steps, x.index, shared, added)
        if into is not None:
            total -= x.layer.parameters(x.entering)
            layer = steps[into].layer
            assert isinstance(layer, Linear)
            if not layer.bias and into not in biased:
                total += steps[into].leaving[-1]
                biased.add(into)
    return total


def _before(steps: Sequence[Step], index: int, shared: set[int], added: set[int]) -> int | None:
    """Return the place of the layer before a batch norm that can take it in."""
    place = index - 1
    while place >= 0 and isinstance(steps[place].layer, Dropout) and place + 1 not in added:
        place -= 1
    if place < 0 or place + 1 in added:
        return None
    layer = steps[place].layer
    alone = steps[place].own and place not in shared
    return place if isinstance(layer, Linear) and layer.activation == "linear" and alone else None


def _after(steps: Sequence[Step], index: int, shared: set[int], added: set[int]) -> int | None:
    """Return the place of the layer after a batch norm that can take it in."""
    place = index + 1
    while place < len(steps) and isinstance(steps[place].layer, Dropout | Flatten | GlobalAveragePooling2D):
        if place in added:
            return None
        place += 1
    if place >= len(steps) or place in added or not steps[place].own or place in shared:
        return None
    layer = steps[place].layer
    padded = isinstance(layer, Convolution) and layer.same
    return place if isinstance(layer, Linear) and not padded else None
