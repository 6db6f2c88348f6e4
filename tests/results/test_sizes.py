from __future__ import annotations

import math
from typing import Any

import pytest

from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE
from core.networks.latency import Latencies
from core.networks.network import Network
from core.results import analysis
from core.results.analysis import Point
from core.results.sizes import sizes
from core.results.units import UNITS
from tests.rows import runs, seeds


def points(*rows: dict[str, Any]) -> list[Point]:
    return analysis.points(runs(*rows))


@pytest.mark.parametrize(
    ("unit", "deep", "mlp"),
    # 932 and 26,506 weights; multiply-adds of the MLP: 784 x 32 + 32 x 32 + 32 x 10
    [("weights", 932, 26506), ("float32", 3.728, 106.024), ("int8", 0.932, 26.506), ("operations", 49_960, 26_432)],
)
def test_sizes_by_hand(unit: str, deep: float, mlp: float) -> None:
    table = points(*seeds("mlp", 32, 0.97), *seeds("deep_cnn", 2, 0.97))
    assert table[0].multiply_adds == 49_960
    assert sizes(table, unit, MNIST_SHAPE, MNIST_CLASSES) == pytest.approx([deep, mlp])


@pytest.mark.parametrize("unit", UNITS)
def test_every_unit_gives_positive_sizes_in_the_points_own_order(unit: str) -> None:
    table = points(*seeds("deep_cnn", 2, 0.97), *seeds("mlp", 32, 0.9), *seeds("deep_cnn", 1, 0.9))
    found = sizes(table, unit, MNIST_SHAPE, MNIST_CLASSES)
    assert len(found) == 3 and all(x > 0 and math.isfinite(x) for x in found)
    # measured once each, so the same again
    assert sizes(table[::-1], unit, MNIST_SHAPE, MNIST_CLASSES) == found[::-1]
    assert sizes([], unit, MNIST_SHAPE, MNIST_CLASSES) == []


def test_time_is_measured_of_networks_for_these_images() -> None:
    measured: list[Network] = []

    def fake(network: Network) -> float:
        measured.append(network)
        return float(network.parameters)

    latencies = Latencies(fake)
    table = points(*seeds("deep_cnn", 2, 0.97), *seeds("mlp", 4, 0.9))
    found = sizes(table, "time", (32, 32, 3), 7, latencies)
    built = [FAMILIES[key].build(n, (32, 32, 3), 7) for key, n in (("deep_cnn", 2), ("mlp", 4))]
    assert measured == built and found == [x.parameters for x in built]
    for unit in set(UNITS) - {"time"}:
        sizes(table, unit, (32, 32, 3), 7, latencies)
    assert measured == built, "no other unit measures"


def test_however_little_time_there_is_no_family_is_guessed() -> None:
    asked: list[Network] = []

    def measure(network: Network) -> float:
        asked.append(network)
        return math.sqrt(network.multiply_adds)

    table = points(*(x for key in FAMILIES for n in (1, 2, 3) for x in seeds(key, n, 0.9)))
    found = sizes(table, "time", MNIST_SHAPE, MNIST_CLASSES, Latencies(measure, budget=0.0))
    assert len(asked) == 2 * len(FAMILIES) and len(found) == len(table)
    # a power of the multiply-adds is a straight line
    assert found == pytest.approx([math.sqrt(x.multiply_adds) for x in table])
