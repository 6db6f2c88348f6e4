"""Short ways for tests to ask a store for the run of a cell, and a runner's progress for what is being trained."""

from __future__ import annotations

from collections.abc import Iterable

from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs.run import Cell, Epoch, Run, RunState
from core.runs.store import Store


def run_of(store: Store, cell: Cell) -> Run:
    """Return the run of a cell that has one."""
    return store.runs_of([cell])[cell]


def states_of(store: Store, cells: Iterable[Cell]) -> dict[Cell, RunState]:
    """Return the state of each cell that has a run."""
    return {cell: run.state for cell, run in store.runs_of(cells).items()}


def current(now: Progress) -> Cell | None:
    """Return the cell that is being trained."""
    return now.running[0].cell if now.running else None


def pid(runner: Runner) -> int:
    """Return the number of the training process, which must live."""
    assert isinstance(runner.backend, LocalBackend) and runner.backend.pid
    return runner.backend.pid


def epochs(now: Progress) -> tuple[Epoch, ...]:
    """Return the epochs so far of the run that is being trained."""
    return now.running[0].epochs if now.running else ()
