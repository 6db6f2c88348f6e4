"""The grid of a sweep: a row per network, a column per seed, each cell's state in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import pandas as pd

from core.data import datasets
from core.results.sentences import percent
from core.runner.progress import Progress
from core.runs.run import Cell, Run, RunState
from core.runs.store import Store

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
        row: dict[str, object] = {"Family": cell.chosen.title, "Width n": cell.width}
        if several_sets:
            row["Data set"] = datasets.title(cell.dataset)
        if several_recipes:
            row["Recipe"] = str(cell.recipe)
        rows.setdefault(tuple(row.values()), row)[f"Seed {cell.seed}"] = words(cell)
    return pd.DataFrame(rows.values()).fillna("")


class KeptGrid:
    """The grid of cells and of what is on its way, which is asked for every second by every viewer.

    Args:
        store: where the runs are.
        cells: of the sweep.
    """

    def __init__(self, store: Store, cells: Sequence[Cell]) -> None:
        self.cells = cells
        self.store = store
        self._version: int | None = None
        self._runs: dict[Cell, Run] = {}
        self._shown: list[Cell] = []
        self._epochs: list[int] = []
        self._table = pd.DataFrame()

    def table(self, now: Progress, fresh: bool = False) -> pd.DataFrame:
        """Return :func:`grid` as it is now.

        The store is read when the version is another, as a run began or ended then, or if ``fresh`` asks for it.
        """
        epochs = [len(x.epochs) for x in now.running]
        read = fresh or self._version != now.version
        if read:
            chosen = set(self.cells)
            self._shown = [*self.cells, *(x for x in now.busy if x not in chosen)]  # asked for in another tab, say
            self._runs = self.store.runs_of(self._shown)
        if read or epochs != self._epochs:
            self._table = grid(self._shown, states(self._shown, self._runs, now), self._runs, now)
        self._version, self._epochs = now.version, epochs
        return self._table
