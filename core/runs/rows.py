"""The columns that tell of a run, and the run that such a row of the store is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from core.networks.families import Families
from core.recipe import Recipe
from core.runs.own_families import named
from core.runs.run import RUNS_KEPT, Cell, Epoch, Origin, Run, RunState, Weights

IDENTITY = "dataset, fingerprint, layers, recipe, seed"  # the columns that tell cells apart
CELL = f"{IDENTITY}, family, width"
SAME = " AND ".join(f"{x} = :{x}" for x in IDENTITY.split(", "))
EPOCH = ", ".join(x.name for x in fields(Epoch))

# A run's accuracy and loss are those of its last epoch, as in the article; its fastest epoch is free of compiling.
_KEPT = ("parameters", "multiply_adds", "train_images", "test_images", "started", "ended", "seconds", "device")
_LAST = ("accuracy", "loss", "test_accuracy", "test_loss", "held_out_accuracy", "held_out_loss")
RUNS = f"""
    SELECT runs.id, {CELL}, state, versions, COALESCE(last.epoch, 0),
        {", ".join(f"runs.{x}" for x in (*_KEPT, "formulation", "message"))}, {", ".join(f"last.{x}" for x in _LAST)},
        (SELECT MIN(seconds) FROM epochs WHERE run = runs.id) AS epoch_seconds,
        CASE WHEN dropped IS NOT NULL THEN 'dropped' WHEN weights.run IS NOT NULL THEN 'kept' END AS weights
    FROM runs
    LEFT JOIN epochs AS last
        ON last.run = runs.id AND last.epoch = (SELECT MAX(epoch) FROM epochs WHERE run = runs.id)
    LEFT JOIN weights ON weights.run = runs.id
"""


@lru_cache(maxsize=RUNS_KEPT)
def run_of(origin: Origin, row: tuple[Any, ...], known: Families) -> Run:
    """Return the run of a row of ``RUNS``; the same object for the same row, as every view of a page reads all."""
    id, *cell, state, versions, epochs = row[:11]
    *told, seconds, weights = row[11:]
    return Run(
        id=id,
        origin=origin,
        cell=named(cell_of(cell), known),
        state=RunState(state),
        versions=_versions(versions),
        epochs=epochs,
        epoch_seconds=seconds,
        weights=weights and Weights(weights),
        **dict(zip((*_KEPT, "formulation", "message", *_LAST), told, strict=True)),
    )


def cell_of(row: Sequence[Any]) -> Cell:
    """Return the cell of a row of ``CELL``."""
    data, mark, layers, recipe, seed, key, width = row
    return Cell(data, mark, key, width, Recipe.from_json(recipe), seed, layers)


@lru_cache(maxsize=256)
def _versions(text: str | None) -> dict[str, str]:
    """Return the versions of a run; one dictionary for all that have the same, so nobody may change it."""
    found = json.loads(text or "{}")
    return {str(name): str(number) for name, number in found.items()}
