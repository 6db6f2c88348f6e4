from __future__ import annotations

import io
import json

import numpy as np
import pandas as pd

from core.export import tables
from core.recipe import ADADELTA
from core.runs.run import Run
from tests.rows import runs

TWO: list[Run] = runs(
    {"id": 1, "family": "mlp", "width": 3, "dataset": "naïve, “quoted”", "seconds": 1.5, "device": "CPU: A, 2 cores"},
    {"id": 2, "recipe": ADADELTA.to_json(), "seconds": None, "versions": {}, "device": None, "ended": None},
)


def test_csv_has_a_column_for_every_fact_of_recipe_and_versions() -> None:
    written = tables.csv(TWO)
    table = pd.read_csv(io.BytesIO(written))
    assert list(table["recipe_optimizer"]) == ["adadelta", "adadelta"] and "recipe" not in table
    assert list(table["recipe_protocol"]) == ["article", "article"]
    assert table["dataset"][0] == "naïve, “quoted”" and table["device"][0] == "CPU: A, 2 cores"
    assert table["versions_keras"][0] == "3.15.1" and b"nan" not in written.lower() and b"None" not in written
    assert np.isnan(table["seconds"][1]) and pd.isna(table["device"][1])
    assert list(table.columns)[:6] == ["id", "dataset", "fingerprint", "family", "width", "recipe_optimizer"]


def test_times_are_iso_and_no_runs_are_only_a_header() -> None:
    assert b"2026-11-01T00:01:00.000+00:00" in tables.csv(TWO)
    assert tables.csv([]).startswith(b"id,dataset,") and tables.csv([]).count(b"\n") == 1
    assert json.loads(tables.json([])) == []


def test_json_holds_objects_and_nulls() -> None:
    first, second = json.loads(tables.json(TWO))
    assert first["recipe"]["learning_rate"] == 1.0 and first["recipe"]["protocol"] == "article"
    assert first["versions"] == {"keras": "3.15.1"} and second["versions"] == {}
    assert second["seconds"] is None and first["dataset"] == "naïve, “quoted”"
    assert list(first)[:7] == ["id", "dataset", "fingerprint", "family", "width", "recipe", "seed"]
