"""How large networks are, in a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.networks.latency import LATENCIES, Latencies
from core.networks.layers import Shape
from core.networks.network import Network
from core.results.analysis import Point


def sizes(
    points: Sequence[Point], unit: str, shape: Shape, classes: int, latencies: Latencies = LATENCIES
) -> list[float]:
    """Return the size of each network in a unit, a key of ``UNITS``.

    ``shape`` and ``classes`` are those of the images; only measuring needs them, and ``latencies``, which measures.
    """
    counted: dict[str, Callable[[], list[float]]] = {
        "weights": lambda: [x.parameters for x in points],
        "float32": lambda: [x * 4 / 1000 for x in _kept(points, shape, classes)],
        "int8": lambda: [x / 1000 for x in _kept(points, shape, classes)],
        "operations": lambda: [x.multiply_adds for x in points],
        "time": lambda: _times(points, shape, classes, latencies),
    }
    return counted[unit]()


def _kept(points: Sequence[Point], shape: Shape, classes: int) -> list[int]:
    """Return how many numbers predicting takes: the weights, batch norms folded where a neighbour takes them in."""
    return [
        _network(x, shape, classes).float32_bytes // 4 if x.curve.chosen.line.normalizes else x.parameters
        for x in points
    ]


def _network(point: Point, shape: Shape, classes: int) -> Network:
    return point.runs[0].cell.network(shape, classes)


def _times(points: Sequence[Point], shape: Shape, classes: int, latencies: Latencies) -> list[float]:
    networks: dict[str, dict[int, Network]] = {}
    for x in points:
        networks.setdefault(x.curve.family, {}).setdefault(x.width, _network(x, shape, classes))
    found = latencies.estimates(networks)
    return [found[x.curve.family][x.width] for x in points]
