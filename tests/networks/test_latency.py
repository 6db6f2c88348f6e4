from __future__ import annotations

import math
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.networks import latency
from core.networks.families import FAMILIES
from core.networks.network import Network

DEEP = FAMILIES["deep_cnn"].build(2)


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let nothing be measured yet."""
    monkeypatch.setattr(latency, "_measured", {})


def test_latency_is_the_shortest_of_calls_after_the_first(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 0.0
    takes = iter([1.0, 0.002, 0.002, 0.003, 0.001, 0.5, *[0.002] * 50])

    def predict(self: Network, weights: list[np.ndarray[Any, Any]], images: np.ndarray[Any, Any]) -> None:
        nonlocal clock
        assert tuple(x.shape for x in weights) == self.weight_shapes and images.shape == (1, 28, 28, 1)
        clock += next(takes)

    monkeypatch.setattr(Network, "predict", predict)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock))
    assert latency.microseconds(DEEP) == pytest.approx(1000.0)
    left = len(list(takes))
    assert left == 50, "the half second ended it, after no fewer than five"
    assert latency.microseconds(DEEP) == pytest.approx(1000.0), "measured once"


def test_latency_measures_for_a_while(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, calls = 0.0, 0

    def predict(*_: Any) -> None:
        nonlocal clock, calls
        clock, calls = clock + latency.SECONDS / 100, calls + 1

    monkeypatch.setattr(Network, "predict", predict)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock))
    latency.microseconds(DEEP)
    assert 100 <= calls <= 103


def test_latency_of_a_real_network(fresh: None) -> None:
    found = latency.microseconds(DEEP)
    assert 1 < found < 1e6 and math.isfinite(found)
    assert latency.microseconds(FAMILIES["deep_cnn"].build(2)) == found, "equal networks are the same one"


@pytest.fixture
def slow(fresh: None, monkeypatch: pytest.MonkeyPatch) -> list[Network]:
    """Let every measurement take a second of a clock and give the square root of the multiply-adds; list them."""
    clock, asked = 0.0, list[Network]()

    def measure(network: Network) -> float:
        nonlocal clock
        clock += 1.0
        asked.append(network)
        return math.sqrt(network.multiply_adds)

    monkeypatch.setattr(latency, "_measure", measure)
    monkeypatch.setattr(latency, "BUDGET", 10.0)
    monkeypatch.setattr(latency, "time", SimpleNamespace(perf_counter=lambda: clock))
    return asked


def test_a_long_table_is_measured_a_part_at_a_time_and_estimated_in_between(slow: list[Network]) -> None:
    wide = {n: FAMILIES["mlp"].build(n) for n in range(1, 31)}
    deep = {n: FAMILIES["deep_cnn"].build(n) for n in (3, 1, 2)}
    table = {"mlp": wide, "deep_cnn": deep}
    exact = {key: {n: math.sqrt(x.multiply_adds) for n, x in family.items()} for key, family in table.items()}
    found = latency.estimates(table)
    assert len(slow) == 10 and {wide[1], wide[30], *deep.values()} <= set(slow)
    for key in table:
        assert list(found[key]) == list(table[key]), "in the order asked for"
        assert found[key] == pytest.approx(exact[key]), "a power of the multiply-adds is a straight line"
    middle = [n for n in wide if wide[n] in slow]
    assert max(b - a for a, b in pairwise(middle)) <= 8, "spread over all widths"
    while len(slow) < 33:
        before = len(slow)
        latency.estimates(table)
        assert before < len(slow) <= before + 10
    latency.estimates(table)
    assert len(slow) == len(set(slow)) == 33, "each is measured once, and none is left"


def test_however_little_time_there_is_two_of_each_family_are_measured(
    slow: list[Network], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "BUDGET", 0.0)
    table = {key: {n: x.build(n) for n in (1, 2, 3)} for key, x in FAMILIES.items()}
    found = latency.estimates(table)
    assert len(slow) == 2 * len(FAMILIES)
    assert {key: list(x) for key, x in found.items()} == {key: [1, 2, 3] for key in FAMILIES}
    assert all(y > 0 for x in found.values() for y in x.values())


def test_thousands_of_networks_are_kept(fresh: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2 * sum(x.max_width for x in FAMILIES.values()) <= latency.KEPT
    monkeypatch.setattr(latency, "_measure", lambda network: float(network.parameters))
    monkeypatch.setattr(latency, "KEPT", 3)
    for n in range(1, 6):
        latency.microseconds(FAMILIES["mlp"].build(n))
    assert list(latency._measured) == [FAMILIES["mlp"].build(n) for n in (3, 4, 5)]
