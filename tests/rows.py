"""Hand-made runs, like those that ``Store.runs`` returns."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from core.networks.families import FAMILIES
from core.recipe import ADADELTA, Recipe
from core.runs.run import Cell, Origin, Run, RunState, Weights

ROW: dict[str, Any] = {
    "id": 1, "dataset": "mnist", "fingerprint": "f", "family": "deep_cnn", "width": 2, "recipe": ADADELTA.to_json(),
    "seed": 0, "parameters": 932, "multiply_adds": 49960, "train_images": 60000, "test_images": 10000, "state": "done",
    "started": "2026-11-01T00:00:00.000+00:00", "ended": "2026-11-01T00:01:00.000+00:00", "seconds": 30.0,
    "device": "CPU", "versions": {"keras": "3.15.1"}, "formulation": "XLA", "message": None, "origin": "own",
    "epochs": 12, "accuracy": 0.96, "loss": 0.1, "test_accuracy": 0.97, "test_loss": 0.1, "held_out_accuracy": None,
    "held_out_loss": None, "epoch_seconds": 2.0, "weights": None,
}  # fmt: skip


def runs(*rows: dict[str, Any]) -> list[Run]:
    """Return a run for each of ``rows``, which say in plain values how it differs from ``ROW``."""
    return [_run(ROW | x) for x in rows]


def _run(row: dict[str, Any]) -> Run:
    told = row | {
        "origin": Origin(row["origin"]),
        "state": RunState(row["state"]),
        "weights": row["weights"] and Weights(row["weights"]),
    }
    identity = {x.name: told.pop(x.name) for x in fields(Cell) if x.name in told}
    identity["recipe"] = Recipe.from_json(identity["recipe"])
    return Run(cell=Cell(**identity), **told)


def seeds(family: str, width: int, *accuracies: float, **changed: Any) -> list[dict[str, Any]]:
    """Return a row for each test accuracy, the seeds of one network with its true counts and its family's recipe."""
    network = FAMILIES[family].build(width)
    same = {
        "family": family,
        "width": width,
        "recipe": FAMILIES[family].recipe.to_json(),
        "parameters": network.parameters,
        "multiply_adds": network.multiply_adds,
    }
    return [same | {"seed": seed, "test_accuracy": x} | changed for seed, x in enumerate(accuracies)]
