from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import asdict, replace

import pytest

from core.recipe import ADADELTA, Protocol, Recipe
from core.runs import reference
from core.runs.run import Origin, RunState, Weights
from tests.rows import ROW, runs

# how a store of before there was a type for runs told of them, column by column
BEFORE = """
    SELECT runs.id, dataset, fingerprint, family, width, recipe, seed, parameters, multiply_adds, train_images,
        test_images, state, started, ended, runs.seconds, device, versions, formulation, message, 'reference' AS origin,
        last.epoch AS epochs, last.accuracy, last.loss, last.test_accuracy, last.test_loss,
        last.held_out_accuracy, last.held_out_loss,
        (SELECT MIN(seconds) FROM epochs WHERE run = runs.id) AS epoch_seconds,
        CASE WHEN dropped IS NOT NULL THEN 'dropped' WHEN weights.run IS NOT NULL THEN 'kept' END AS weights, layers
    FROM runs
    LEFT JOIN epochs AS last
        ON last.run = runs.id AND last.epoch = (SELECT MAX(epoch) FROM epochs WHERE run = runs.id)
    LEFT JOIN weights ON weights.run = runs.id
    ORDER BY runs.id
"""
COLUMNS = [
    "id", "dataset", "fingerprint", "family", "width", "recipe", "seed", "parameters", "multiply_adds", "train_images",
    "test_images", "state", "started", "ended", "seconds", "device", "versions", "formulation", "message", "origin",
    "epochs", "accuracy", "loss", "test_accuracy", "test_loss", "held_out_accuracy", "held_out_loss", "epoch_seconds",
    "weights", "layers",
]  # fmt: skip


LAYERS = "conv3(2) conv3(2) maxpool2 conv3(4) conv3(4) maxpool2 flatten"


def test_facts_are_what_the_store_told_before_column_by_column() -> None:
    with closing(sqlite3.connect(f"{reference.PATH.as_uri()}?mode=ro", uri=True)) as connection:
        cursor = connection.execute(BEFORE)
        names = [x[0] for x in cursor.description]
        expected = [dict(zip(names, row, strict=True)) for row in cursor]
    assert names == COLUMNS and len(expected) > 100
    for row in expected:
        row["recipe"] = asdict(Recipe.from_json(row["recipe"]))
        row["versions"] = json.loads(row["versions"])
    found = [x.facts() for x in reference.store().runs()]
    assert found == expected
    assert {tuple(x) for x in found} == {tuple(COLUMNS)}, "in the order that they had"
    assert {x["weights"] for x in found} == {None, "kept"}


def test_facts_are_plain_values() -> None:
    (run,) = runs({"weights": "dropped", "origin": "reference", "state": "stopped", "message": "why"})
    facts = run.facts()
    assert json.loads(json.dumps(facts, allow_nan=False)) == facts
    changed = {"weights": "dropped", "origin": "reference", "state": "stopped", "message": "why"}
    assert facts == ROW | changed | {"recipe": facts["recipe"], "layers": LAYERS} and list(facts) == COLUMNS
    assert facts["recipe"] == asdict(ADADELTA) and json.loads(ADADELTA.to_json()).items() <= facts["recipe"].items()
    held_out = replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json()
    assert runs({"recipe": held_out})[0].facts()["recipe"]["protocol"] == "held_out"


def test_a_run_before_its_first_epoch_has_no_figures() -> None:
    last = dict.fromkeys(("accuracy", "loss", "test_accuracy", "test_loss", "epoch_seconds"))
    facts = runs({"epochs": 0, **last})[0].facts()
    assert [facts[x] for x in ("epochs", *last)] == [None] * 6


def test_facts_are_a_copy() -> None:
    (run,) = runs({})
    run.facts()["versions"]["keras"] = "another"
    assert run.versions == {"keras": "3.15.1"}


@pytest.mark.parametrize("protocol", Protocol)
def test_the_accuracy_that_chooses_is_the_protocols(protocol: Protocol) -> None:
    recipe = replace(ADADELTA, protocol=protocol).to_json()
    (run,) = runs({"recipe": recipe, "test_accuracy": 0.9, "held_out_accuracy": 0.8})
    assert run.choosing == {"article": 0.9, "held_out": 0.8}[protocol]


def test_a_run_says_what_its_cell_says() -> None:
    (run,) = runs({"seed": 7, "weights": "kept"})
    assert (run.dataset, run.fingerprint, run.family, run.width, run.recipe, run.seed) == (
        "mnist", "f", "deep_cnn", 2, ADADELTA, 7
    )  # fmt: skip
    assert (run.state, run.origin, run.weights) == (RunState.DONE, Origin.OWN, Weights.KEPT)
    assert run.cell.columns == {x: ROW[x] for x in COLUMNS[1:6]} | {"seed": 7, "layers": LAYERS}
    assert len({run, *runs({"seed": 7, "weights": "kept"}), *runs({})}) == 2, "equal runs are the same one"
