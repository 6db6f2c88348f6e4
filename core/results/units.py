"""The ways to say how large a network is."""

from __future__ import annotations

from dataclasses import dataclass


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
