"""Counts over many widths, as tables for charts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from core.errors import ArgumentError
from core.networks.families import Family
from core.networks.layers import Shape

# Weights that a result or a budget can be compared with fit a float and a chart; a larger number is a slip of the hand.
MAX_BUDGET = 10**12


DRAWN = 1024  # the widest that a curve is drawn to, if nothing wider is looked at


def widths(chosen: Family, upto: int = 0) -> list[int]:
    """Return widths to draw a curve through: every one up to 16, then about eight a doubling, ``upto`` among them."""
    most = min(chosen.max_width, max(DRAWN, upto))
    wanted = {*range(1, 17), *chosen.widths, most, *(round(16 * 2 ** (i / 8)) for i in range(65))}
    return sorted(x for x in wanted if x <= most)


@lru_cache(maxsize=32)
def weights(families: tuple[Family, ...], input_shape: Shape, classes: int, upto: int = 0) -> pd.DataFrame:
    """Return ``family``, ``title``, ``width``, ``parameters`` for every family that can take such images.

    ``upto`` is a width that must be among them where it is a family's.
    """
    rows = []
    for chosen in families:
        try:
            count = chosen.polynomial(input_shape, classes)
        except ArgumentError:  # the images are too small for this family
            continue
        rows += [
            {"family": chosen.key, "title": chosen.title, "width": n, "parameters": count(n)}
            for n in widths(chosen, upto)
        ]
    return pd.DataFrame(rows, columns=["family", "title", "width", "parameters"])


@lru_cache(maxsize=128)
def layer_shares(chosen: Family, input_shape: Shape, classes: int, upto: int = 0) -> pd.DataFrame:
    """Return ``width``, ``layer``, ``order``, ``parameters`` for each layer with weights, over the family's widths."""
    rows = []
    for n in widths(chosen, upto):
        weighted = [x for x in chosen.build(n, input_shape, classes).summary() if x.parameters]
        rows += [
            {"width": n, "layer": f"{i}. {x.label}", "order": i, "parameters": x.parameters}
            for i, x in enumerate(weighted, start=1)
        ]
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True)
class Affordable:
    """The largest network of a family within a budget; ``width`` and ``parameters`` are None if not even n = 1 fits."""

    family: str
    title: str
    width: int | None
    parameters: int | None


def within(budget: int, families: Iterable[Family], input_shape: Shape, classes: int) -> list[Affordable]:
    """Return the largest network of at most ``budget`` weights of every family that can take such images."""
    found = []
    for chosen in families:
        try:
            width, count = chosen.largest_within(budget, input_shape, classes) or (None, None)
        except ArgumentError:
            continue
        found.append(Affordable(chosen.key, chosen.title, width, count))
    return found
