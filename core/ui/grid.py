"""The grid of a sweep: a row per network, a column per seed, each cell's state in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from core.data import datasets
from core.networks.families import family
from core.results.sentences import percent
from core.runner.progress import Progress
from core.runs.run import Cell, Run, RunState

CellState = RunState | Literal["new", "queued"]


def states(wanted: Sequence[Cell], runs: Mapping[Cell, Run], progress: Progress) -> dict[Cell, CellState]:
    """Return the state of each cell, from the store's runs and from what the runner is doing."""
    running, queued = {x.cell for x in progress.running}, set(progress.queue)

    def state(cell: Cell) -> CellState:
        if cell in running:
            return RunState.RUNNING
        if cell in queued:
            return "queued"
        return runs[cell].state if cell in runs else "new"

    return {cell: state(cell) for cell in wanted}


def grid(
    wanted: Sequence[Cell], now: Mapping[Cell, CellState], runs: Mapping[Cell, Run], progress: Progress
) -> pd.DataFrame:
    """Return a table with a row per network and a column per seed, each entry a state in words.

    Args:
        wanted: the cells.
        now: their states, from :func:`states`.
        runs: those that have one, for the accuracy of finished ones.
        progress: for the epoch of the running ones, and their held-out accuracy if they have one.
    """
    running = {x.cell: x for x in progress.running}

    def words(cell: Cell) -> str:
        match now[cell]:
            case RunState.DONE:
                accuracy = runs[cell].test_accuracy if cell in runs else None
                return "✓ done" if accuracy is None else f"✓ {percent(accuracy)}"
            case RunState.RUNNING if cell in running:
                epochs = running[cell].epochs
                held_out = epochs[-1].held_out_accuracy if epochs else None
                reads = "" if held_out is None else f", held-out {percent(held_out)}"
                return f"▶ epoch {running[cell].epoch} of {cell.recipe.epochs}{reads}"
            case RunState.RUNNING:  # another process trains it
                return "▶ running"
            case "queued":
                return "… queued"
            case RunState.FAILED:
                return "✗ failed"
            case "new":
                return "○ new"
            case other:
                return f"◼ {other}"

    several_sets = len({x.dataset for x in wanted}) > 1
    several_recipes = len({(x.family, x.recipe) for x in wanted}) > len({x.family for x in wanted})
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for cell in wanted:
        row: dict[str, object] = {"Family": family(cell.family).title, "Width n": cell.width}
        if several_sets:
            row["Data set"] = datasets.title(cell.dataset)
        if several_recipes:
            row["Recipe"] = str(cell.recipe)
        rows.setdefault(tuple(row.values()), row)[f"Seed {cell.seed}"] = words(cell)
    return pd.DataFrame(rows.values()).fillna("")
