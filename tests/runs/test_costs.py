from __future__ import annotations

from dataclasses import replace

import pytest

from core.recipe import ADADELTA, RMSPROP, Recipe
from core.runs import costs
from core.runs.costs import UPDATE, Plan
from core.runs.run import Cell
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


def test_what_was_computed_in_another_way_before_says_nothing_any_more() -> None:
    now = {"seed": 1, "seconds": 3.0, "epoch_seconds": 0.2, "formulation": "tiles", "ended": "2026-11-28 12:00:00"}
    late = {"seed": 2, "seconds": 3.0, "epoch_seconds": 0.2, "formulation": "tiles", "ended": "2026-11-28 13:00:00"}
    before = {"seed": 3, "formulation": "blocks", "ended": "2026-11-27 12:00:00"}
    for known in (runs(before, now, late), runs(now, late, before)):
        estimate = costs.cost(known, [plan()], "CPU")
        assert estimate.seconds == pytest.approx(12 * 0.2 + 3 - 12 * 0.2) and estimate.runs == 2


def small(batch: int, **changed: object) -> Recipe:
    return replace(ADADELTA, batch_size=batch, **changed)  # type: ignore[arg-type]


def test_smaller_batches_cost_their_updates() -> None:
    known, plans = runs({}), [plan(recipe=small(1))]
    by_hand = 24 * (1 + UPDATE) / (1 + UPDATE / 128)
    assert costs.cost(known, plans, "CPU").seconds == pytest.approx(by_hand + 6)
    assert 4 * 24 < by_hand < 128 * 24, "128 times the updates is much more, but an update is not all there is"
    assert costs.cost(known, [plan(images=64)], "CPU").seconds == pytest.approx(
        24 * 64 / 60_000 * (1 + UPDATE / 64) / (1 + UPDATE / 128) + 6
    ), "a batch is no larger than the set"


def test_the_runs_most_alike_count_and_only_those() -> None:
    slow = {"seed": 1, "recipe": small(1).to_json(), "epoch_seconds": 20.0, "seconds": 246.0}
    half = {"seed": 2, "recipe": small(128, precision="bfloat16").to_json(), "epoch_seconds": 1.0, "seconds": 18.0}
    wide = {"seed": 3, "width": 8, "multiply_adds": 16 * 49960, "epoch_seconds": 7.0, "seconds": 90.0}
    known = runs({}, {"seed": 4}, slow, half, wide)
    for recipe, width, seconds, count in (
        (ADADELTA, 2, 30.0, 2),
        (small(1), 2, 246.0, 1),
        (small(2), 2, 240 * (1 + UPDATE / 2) / (1 + UPDATE) + 6, 1),
        (small(128, precision="bfloat16"), 2, 18.0, 1),
        (ADADELTA, 8, 90.0, 1),
    ):
        work = 49960 if width == 2 else 16 * 49960
        estimate = costs.cost(known, [plan(recipe=recipe, width=width, work=work)], "CPU")
        assert estimate.seconds == pytest.approx(seconds) and estimate.runs == count
    both = [plan(), plan(seed=10), plan(recipe=small(1))]
    assert costs.cost(known, both, "CPU").runs == 3, "each run once, and those used alone"
    other = costs.cost(runs(half), [plan()], "CPU")
    assert other.seconds == pytest.approx(18.0), "of another precision, where there is none of its own"


def test_cost_is_unknown_without_finished_runs_on_the_device() -> None:
    assert costs.cost(runs({}), [plan()], "GPU") == costs.Cost(None, 0)
    assert costs.cost(runs({"state": "failed"}), [plan()], "CPU") == costs.Cost(None, 0)
    assert costs.cost(runs(), [], "CPU").seconds == 0
