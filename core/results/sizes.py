"""How large networks are, in a unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.networks.families import family
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
        "float32": lambda: [x.parameters * 4 / 1000 for x in points],
        "int8": lambda: [x.parameters / 1000 for x in points],
        "operations": lambda: [x.multiply_adds for x in points],
        "time": lambda: _times(points, shape, classes, latencies),
    }
    return counted[unit]()


def _times(points: Sequence[Point], shape: Shape, classes: int, latencies: Latencies) -> list[float]:
    networks: dict[str, dict[int, Network]] = {}
    for x in points:
        networks.setdefault(x.curve.family, {}).setdefault(
            x.width, family(x.curve.family).build(x.width, shape, classes)
        )
    found = latencies.estimates(networks)
    return [found[x.curve.family][x.width] for x in points]
