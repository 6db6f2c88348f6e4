from __future__ import annotations

from pathlib import Path

import pytest

from core.recipe import RMSPROP
from core.runs import left
from core.runs.lock import Lock
from core.runs.run import Cell, RunState
from core.runs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store with a run that has ended and one that has not."""
    made = Store(tmp_path / "runs.sqlite3")
    facts = {"parameters": 3, "multiply_adds": 3, "train_images": 4, "test_images": 5}
    for seed in (0, 1):
        cell = Cell("tiny", "f", "mlp", 1, RMSPROP, seed)
        run = made.begin(cell, **facts, device="CPU", versions={})
        if seed == 0:
            made.end(run, RunState.FAILED, seconds=1.0)
    return made


def states(store: Store) -> list[RunState]:
    return [x.state for x in store.runs()]


def test_a_run_goes_on_while_somebody_has_the_lock(store: Store) -> None:
    with Lock(store.path.parent):
        assert [x.state for x in left.runs(store)] == ["failed", "running"]
        assert states(store) == ["failed", "running"]


def test_a_run_is_interrupted_where_nobody_has_it_and_that_is_written(store: Store) -> None:
    assert left.runs(store, "other") == [] and states(store) == ["failed", "running"]
    found = left.runs(store, "tiny")
    assert [x.state for x in found] == ["failed", "interrupted"] and found == store.runs()
    Lock(store.path.parent).release()  # left to the next


def test_a_store_that_cannot_be_written_is_shown_so_all_the_same(store: Store) -> None:
    reading = Store(store.path, read_only=True)
    assert [x.state for x in left.runs(reading)] == ["failed", "interrupted"]
    assert states(store) == ["failed", "running"]
    with Lock(store.path.parent):
        assert [x.state for x in left.runs(reading)] == ["failed", "running"]
