from __future__ import annotations

import pytest

from core import costs
from core.costs import Plan
from core.recipes import ADADELTA, RMSPROP, Recipe
from core.runs import Cell
from tests.rows import runs


def cell(family: str = "deep_cnn", width: int = 2, recipe: Recipe = ADADELTA, seed: int = 9) -> Cell:
    return Cell("mnist", "f", family, width, recipe, seed)


def plan(images: int = 60000, work: int = 49960, **changed: object) -> Plan:
    return Plan(cell(**changed), work, images)  # type: ignore[arg-type]


def test_cost_of_a_known_network_is_its_epochs_and_one_compilation() -> None:
    known = runs({}, {"seed": 1, "seconds": 24.0})
    estimate = costs.cost(known, [plan()], "CPU")
    assert estimate.seconds == pytest.approx(24 + 6) and estimate.runs == 2
    assert costs.cost(known, [plan(), plan(seed=10)], "CPU").seconds == pytest.approx(2 * 24 + 6)
    assert costs.cost(known, [plan(images=4000)], "CPU").seconds == pytest.approx(24 / 15 + 6)
    assert costs.cost(known, [plan(width=9, work=4 * 49960)], "CPU").seconds == pytest.approx(48 + 6)
    assert costs.cost(known, [plan(family="mlp", recipe=RMSPROP)], "CPU").seconds == pytest.approx(40 + 6)


def test_cost_is_unknown_without_finished_runs_on_the_device() -> None:
    assert costs.cost(runs({}), [plan()], "GPU") == costs.Cost(None, 0)
    assert costs.cost(runs({"state": "failed"}), [plan()], "CPU") == costs.Cost(None, 0)
    assert costs.cost(runs(), [], "CPU").seconds == 0
