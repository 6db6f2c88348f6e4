from __future__ import annotations

import io
import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from core.data.datasets import EMBEDDED
from core.export import tables
from core.networks.families import FAMILIES
from core.recipe import ADADELTA, RMSPROP
from core.runs.run import Run
from tests.rows import ROW, runs

FIRST: dict[str, Any] = {"family": "mlp", "recipe": RMSPROP.to_json(), "device": "CPU: A, 2 cores", "seconds": 1.5}
SECOND: dict[str, Any] = {
    "id": 2, "dataset": "naïve, “quoted”", "recipe": ADADELTA.to_json(), "state": "running", "ended": None,
    "seconds": None, "device": None, "versions": {}, "formulation": None, "epochs": 0, "epoch_seconds": None,
    **dict.fromkeys(("accuracy", "loss", "test_accuracy", "test_loss")),
}  # fmt: skip
TWO = runs(FIRST, SECOND)

# as before runs had a type of their own: who reads the files of today reads those of then
IDENTITY = ["id", "dataset", "fingerprint", "family", "width"]
RECIPE = [
    "optimizer",
    "learning_rate",
    "epochs",
    "batch_size",
    "dropout",
    "precision",
    "protocol",
    "schedule",
    "warmup",
]
RECIPE += ["beta2", "weight_decay", "clip", "label_smoothing", "shift", "initialization"]
COUNTS = ["seed", "parameters", "multiply_adds", "train_images", "test_images"]
STATE = ["state", "started", "ended", "seconds", "device"]
LAST = ["formulation", "message", "origin", "epochs", "accuracy", "loss", "test_accuracy", "test_loss"]
LAST += ["held_out_accuracy", "held_out_loss", "epoch_seconds", "weights", "layers"]


def opened(found: list[Run]) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = json.loads(tables.json(found))
    return read


def test_csv_opens_what_the_store_keeps_as_json() -> None:
    written = tables.csv(TWO)
    table = pd.read_csv(io.BytesIO(written))
    assert list(table["recipe_optimizer"]) == ["rmsprop", "adadelta"] and "recipe" not in table
    assert list(table["recipe_protocol"]) == ["article", "article"]
    assert list(table["dataset"]) == ["mnist", "naïve, “quoted”"] and table["device"][0] == "CPU: A, 2 cores"
    assert table["versions_keras"][0] == "3.15.1" and b"nan" not in written.lower() and b"None" not in written
    assert np.isnan(table["seconds"][1]) and list(table["seed"]) == [0, 0]


def test_csv_has_the_columns_that_it_had() -> None:
    recipe = [f"recipe_{x}" for x in RECIPE]
    assert list(pd.read_csv(io.BytesIO(tables.csv(TWO))).columns) == [
        *IDENTITY, *recipe, *COUNTS, *STATE, "versions_keras", *LAST
    ]  # fmt: skip


def test_a_column_that_only_a_later_run_has_is_there() -> None:
    table = pd.read_csv(io.BytesIO(tables.csv(runs(SECOND, {"versions": {"keras": "3.15.1", "numpy": "2.4.6"}}))))
    assert table["versions_numpy"][1] == "2.4.6" and pd.isna(table["versions_numpy"][0])


def test_times_are_iso_and_no_runs_are_only_a_header() -> None:
    assert b"2026-11-01T00:01:00.000+00:00" in tables.csv(TWO)
    assert opened(TWO)[0]["ended"] == "2026-11-01T00:01:00.000+00:00"
    header = tables.csv([])
    assert header.startswith(b"id,dataset,fingerprint,family,width,recipe_optimizer,") and header.count(b"\n") == 1
    # what trained it is a column a package, of which there is none
    assert header.decode().strip().split(",") == [
        *IDENTITY, *(f"recipe_{x}" for x in RECIPE), *COUNTS, *STATE, *LAST
    ]  # fmt: skip
    assert opened([]) == []


def test_json_holds_plain_values() -> None:
    first, second = opened(TWO)
    assert first["recipe"]["learning_rate"] == 0.001 and first["recipe"]["protocol"] == "article"
    assert first["versions"] == {"keras": "3.15.1"} and second["versions"] == {}
    assert second["seconds"] is None and second["dataset"] == "naïve, “quoted”"
    assert (second["state"], second["origin"], second["epochs"], second["weights"]) == ("running", "own", None, None)
    assert "“quoted”" in tables.json(TWO).decode()
    assert list(first) == [*IDENTITY, "recipe", *COUNTS, *STATE, "versions", *LAST] and list(first["recipe"]) == RECIPE


def test_json_of_a_run_is_the_run() -> None:
    (read,) = opened(runs({"dataset": EMBEDDED, "weights": "dropped", "origin": "reference"}))
    recipe = asdict(ADADELTA)
    assert read == ROW | {"dataset": EMBEDDED, "weights": "dropped", "origin": "reference", "recipe": recipe} | {
        "layers": FAMILIES["deep_cnn"].identity(2, False)
    }


def test_a_loss_that_is_no_number_is_null() -> None:
    first, second = opened(runs({"loss": float("inf"), "seconds": float("nan")}, {}))
    assert (first["loss"], first["seconds"], first["test_loss"]) == (None, None, 0.1) and second["loss"] == 0.1
