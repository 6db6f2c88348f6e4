"""The ways to say how large a network is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from core.networks import latency
from core.networks.families import family
from core.networks.layers import Shape
from core.networks.network import Network


@dataclass(frozen=True, slots=True)
class Unit:
    """One way to measure size.

    Attributes:
        title: for the choice and the tables.
        axis: for the axis.
        format: how d3 writes its ticks.
        help: what it means.
    """

    title: str
    axis: str
    format: str
    help: str


UNITS = {
    "weights": Unit("Weights", "Trainable weights", "~s", "trainable weights, biases included"),
    "float32": Unit("kB, float32", "Size of the weights in kB at float32", ",~g", "1 kB is 1,000 bytes, 4 a weight"),
    "int8": Unit("kB, int8", "Size of the weights in kB at int8", ",~g", "1 byte a weight, were it quantised"),
    "operations": Unit("Multiply-adds", "Multiply-adds per digit", "~s", "multiplications followed by an addition"),
    "time": Unit(
        "µs per digit",
        "Microseconds per digit, measured here",
        ",~g",
        "NumPy's forward pass of one digit at a time here; of a hundred and more new networks some are estimated from "
        "the others of their family until the page is drawn again",
    ),
}


def sizes(points: pd.DataFrame, unit: str, shape: Shape, classes: int) -> pd.Series:
    """Return the size of each row of ``analysis.points`` in a unit, a key of ``UNITS``.

    ``shape`` and ``classes`` are those of the images; only measuring needs them.
    """
    counted: dict[str, Callable[[], pd.Series]] = {
        "weights": lambda: points["parameters"],
        "float32": lambda: points["parameters"] * 4 / 1000,
        "int8": lambda: points["parameters"] / 1000,
        "operations": lambda: points["multiply_adds"],
        "time": lambda: _times(points, shape, classes),
    }
    return counted[unit]()


def _times(points: pd.DataFrame, shape: Shape, classes: int) -> pd.Series:
    networks: dict[str, dict[int, Network]] = {}
    for key, n in zip(points["family"], points["width"], strict=True):
        networks.setdefault(key, {}).setdefault(n, family(key).build(n, shape, classes))
    found = latency.estimates(networks)
    times = [found[key][n] for key, n in zip(points["family"], points["width"], strict=True)]
    return pd.Series(times, index=points.index, dtype="float64")
