from __future__ import annotations

import math

import pandas as pd
import pytest

from core import analysis
from core.analysis import Plan
from core.recipes import ADADELTA, RMSPROP, Recipe
from core.runs import Cell

ROW = {
    "dataset": "mnist", "fingerprint": "f", "family": "deep_cnn", "width": 2, "recipe": ADADELTA.to_json(), "seed": 0,
    "parameters": 932, "multiply_adds": 49960, "train_images": 60000, "state": "done", "test_accuracy": 0.97,
    "device": "CPU", "seconds": 30.0, "epochs": 12, "epoch_seconds": 2.0,
}  # fmt: skip


def runs(*rows: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([ROW | x for x in rows], columns=list(ROW))


def test_points_are_means_over_seeds_of_finished_runs() -> None:
    found = analysis.points(
        runs(
            {"test_accuracy": 0.96},
            {"seed": 1, "test_accuracy": 0.98},
            {"seed": 2, "test_accuracy": 0.1, "state": "stopped"},
        )
    )
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["mean"], row["low"], row["high"], row["seeds"], row["title"]) == (0.97, 0.96, 0.98, 2, "Deep CNN")
    assert row["sd"] == pytest.approx(math.sqrt(2) * 0.01)


def test_one_seed_has_no_spread() -> None:
    assert math.isnan(analysis.points(runs({})).iloc[0]["sd"])


def test_recipes_and_contents_are_never_averaged_together() -> None:
    other = Recipe("adadelta", 1.0, 3).to_json()
    found = analysis.points(
        runs({}, {"recipe": other, "test_accuracy": 0.5}, {"fingerprint": "g", "test_accuracy": 0.1})
    )
    assert sorted(found["mean"]) == [0.1, 0.5, 0.97]


def test_no_runs_give_empty_tables() -> None:
    assert analysis.points(runs()).empty
    assert analysis.smallest_reaching(analysis.points(runs()), 0.97).empty


def test_the_smallest_network_that_reaches_the_target() -> None:
    table = analysis.points(
        runs(
            {"test_accuracy": 0.97},
            {"width": 4, "parameters": 2358, "test_accuracy": 0.98},
            {"width": 1, "parameters": 408, "test_accuracy": 0.9},
            {"family": "mlp", "width": 32, "parameters": 26506, "test_accuracy": 0.9},
        )
    )
    assert list(analysis.smallest_reaching(table, 0.97)["parameters"]) == [932]
    assert list(analysis.smallest_reaching(table, 0.975)["parameters"]) == [2358]
    assert list(analysis.smallest_reaching(table, 0.9)["parameters"]) == [408, 26506]
    assert analysis.smallest_reaching(table, 0.99).empty


def cell(family: str = "deep_cnn", width: int = 2, recipe: Recipe = ADADELTA, seed: int = 9) -> Cell:
    return Cell("mnist", "f", family, width, recipe, seed)


def plan(images: int = 60000, work: int = 49960, **changed: object) -> Plan:
    return Plan(cell(**changed), work, images)  # type: ignore[arg-type]


def test_cost_of_a_known_network_is_its_epochs_and_one_compilation() -> None:
    known = runs({}, {"seed": 1, "seconds": 24.0})
    estimate = analysis.cost(known, [plan()], "CPU")
    assert estimate.seconds == pytest.approx(24 + 6) and estimate.runs == 2
    assert analysis.cost(known, [plan(), plan(seed=10)], "CPU").seconds == pytest.approx(2 * 24 + 6)
    assert analysis.cost(known, [plan(images=4000)], "CPU").seconds == pytest.approx(24 / 15 + 6)
    assert analysis.cost(known, [plan(width=9, work=4 * 49960)], "CPU").seconds == pytest.approx(48 + 6)
    assert analysis.cost(known, [plan(family="mlp", recipe=RMSPROP)], "CPU").seconds == pytest.approx(40 + 6)


def test_cost_is_unknown_without_finished_runs_on_the_device() -> None:
    assert analysis.cost(runs({}), [plan()], "GPU") == analysis.Cost(None, 0)
    assert analysis.cost(runs({"state": "failed"}), [plan()], "CPU") == analysis.Cost(None, 0)
    assert analysis.cost(runs(), [], "CPU").seconds == 0


def test_accuracies_of_finished_cells() -> None:
    table = runs({}, {"seed": 1, "state": "stopped"})
    assert analysis.accuracies(table, [cell(seed=0), cell(seed=1), cell(seed=2)]) == {cell(seed=0): 0.97}


def test_tables_for_people_turn_shares_into_per_cent() -> None:
    shown = analysis.for_people(runs({}), {"test_accuracy": "Accuracy, %", "width": "n"})
    assert shown.to_dict("records") == [{"Accuracy, %": 97.0, "n": 2}]
