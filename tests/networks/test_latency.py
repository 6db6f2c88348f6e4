from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.networks import latency
from core.networks.families import FAMILIES
from core.networks.latency import Latencies
from core.networks.network import Network

DEEP = FAMILIES["deep_cnn"].build(2)


def test_latency_is_the_shortest_of_calls_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    takes = iter([1.0, 0.002, 0.002, 0.003, 0.001, 0.5, *[0.002] * 50])

    def predict(self: Network, weights: list[np.ndarray[Any, Any]], images: np.ndarray[Any, Any]) -> None:
        nonlocal clock
        assert tuple(x.shape for x in weights) == self.weight_shapes and images.shape == (1, 28, 28, 1)
        clock += next(takes)

    monkeypatch.setattr(Network, "predict", predict)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock))
    latencies = Latencies()
    assert latencies.of(DEEP) == pytest.approx(1000.0)
    left = len(list(takes))
    assert left == 50, "the half second ended it, after no fewer than five"
    assert latencies.of(DEEP) == pytest.approx(1000.0), "measured once"


def test_latency_measures_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = 0.0, 0

    def predict(*_: Any) -> None:
        nonlocal clock, calls
        clock, calls = clock + latency.SECONDS / 100, calls + 1

    monkeypatch.setattr(Network, "predict", predict)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock))
    latency.microseconds(DEEP)
    assert 100 <= calls <= 103


def test_latency_of_a_real_network() -> None:
    latencies = Latencies()
    found = latencies.of(DEEP)
    assert 1 < found < 1e6 and math.isfinite(found)
    assert latencies.of(FAMILIES["deep_cnn"].build(2)) == found, "equal networks are the same one"


class Slow:
    """Each measurement takes a second of a clock and gives the square root of the multiply-adds."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.asked: list[Network] = []

    def __call__(self, network: Network) -> float:
        self.clock += 1.0
        self.asked.append(network)
        return math.sqrt(network.multiply_adds)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    made = Slow()
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: made.clock))
    return made


def test_a_long_table_is_measured_a_part_at_a_time_and_estimated_in_between(slow: Slow) -> None:
    wide = {n: FAMILIES["mlp"].build(n) for n in range(1, 31)}
    deep = {n: FAMILIES["deep_cnn"].build(n) for n in (3, 1, 2)}
    table = {"mlp": wide, "deep_cnn": deep}
    exact = {key: {n: math.sqrt(x.multiply_adds) for n, x in family.items()} for key, family in table.items()}
    latencies = Latencies(slow, budget=10.0)
    found = latencies.estimates(table)
    assert len(slow.asked) == 10 and {wide[1], wide[30], *deep.values()} <= set(slow.asked)
    for key in table:
        assert list(found[key]) == list(table[key]), "in the order asked for"
        assert found[key] == pytest.approx(exact[key]), "a power of the multiply-adds is a straight line"
    middle = [n for n in wide if wide[n] in slow.asked]
    assert max(b - a for a, b in pairwise(middle)) <= 8, "spread over all widths"
    while len(slow.asked) < 33:
        before = len(slow.asked)
        latencies.estimates(table)
        assert before < len(slow.asked) <= before + 10
    latencies.estimates(table)
    assert len(slow.asked) == len(set(slow.asked)) == 33, "each is measured once, and none is left"


def test_however_little_time_there_is_two_of_each_family_are_measured(slow: Slow) -> None:
    table = {key: {n: x.build(n) for n in (1, 2, 3)} for key, x in FAMILIES.items()}
    found = Latencies(slow, budget=0.0).estimates(table)
    assert len(slow.asked) == 2 * len(FAMILIES)
    assert {key: list(x) for key, x in found.items()} == {key: [1, 2, 3] for key in FAMILIES}
    assert all(y > 0 for x in found.values() for y in x.values())


def test_thousands_of_networks_are_kept(slow: Slow) -> None:
    assert 2 * sum(x.max_width for x in FAMILIES.values()) <= latency.KEPT
    latencies = Latencies(slow, kept=3)
    networks = [FAMILIES["mlp"].build(n) for n in (1, 2, 3, 4, 5)]
    for x in (*networks, *networks[2:], networks[0]):
        latencies.of(x)
    assert slow.asked == [*networks, networks[0]], "the last three were remembered, the oldest was not"
