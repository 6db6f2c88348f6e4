from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from core.errors import ArgumentError, StoreError
from core.recipes import ADADELTA, RMSPROP
from core.runs import Cell, Epoch
from core.store import Store


def cell(**changed: Any) -> Cell:
    usual: dict[str, Any] = {"dataset": "mnist", "fingerprint": "f", "family": "cnn", "width": 2, "recipe": ADADELTA}
    return Cell(**(usual | {"seed": 0} | changed))


def begin(store: Store, what: Cell) -> int:
    return store.begin(
        what,
        parameters=4802,
        multiply_adds=58328,
        train_images=60000,
        test_images=10000,
        device="CPU",
        versions={"a": "1"},
    )


def epoch(number: int, accuracy: float = 0.5) -> Epoch:
    return Epoch(number, 1.0, 0.4, 0.9, accuracy, 2.0 + number)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite3")


def test_a_run_is_kept_with_its_last_epoch_and_weights(store: Store) -> None:
    run = begin(store, cell())
    for number in (1, 2, 3):
        store.add_epoch(run, epoch(number, number / 10))
    store.end(run, "done", seconds=12.5, weights=b"npz")
    again = Store(store.path)
    row = again.run(cell())
    assert row and row["recipe"]["optimizer"] == "adadelta" and row["versions"] == {"a": "1"}
    assert (row["state"], row["epochs"], row["test_accuracy"], row["seconds"], row["epoch_seconds"]) == (
        "done",
        3,
        0.3,
        12.5,
        3.0,
    )
    assert again.epochs(run) == [epoch(1, 0.1), epoch(2, 0.2), epoch(3, 0.3)]
    assert again.weights(run) == b"npz"
    assert len(again.runs()) == len(again.runs("mnist")) == 1 and again.runs("other").empty
    assert again.rows("mnist") == [row]


def test_every_part_of_the_identity_makes_another_run(store: Store) -> None:
    others = {"dataset": "b", "fingerprint": "g", "family": "mlp", "width": 3, "recipe": RMSPROP, "seed": 1}
    cells = [cell(), *(cell(**{name: value}) for name, value in others.items())]
    for x in cells:
        begin(store, x)
    assert len(store.runs()) == 7
    assert set(store.states(cells)) == set(cells)
    assert store.states([cell(width=9)]) == {}


def test_an_unfinished_run_is_replaced_with_its_epochs_and_a_finished_one_never(store: Store) -> None:
    first = begin(store, cell())
    store.add_epoch(first, epoch(1))
    store.end(first, "failed", seconds=1.0, message="why")
    second = begin(store, cell())
    row = store.run(cell())
    assert row and row["id"] == second and row["epochs"] is None and row["message"] is None
    store.end(second, "done", seconds=1.0)
    with pytest.raises(StoreError, match="UNIQUE"):
        begin(store, cell())
    assert store.states([cell()]) == {cell(): "done"}


def test_a_failed_write_leaves_nothing_half_done(store: Store) -> None:
    run = begin(store, cell())
    with pytest.raises(StoreError):
        store.end(run, "done", seconds=1.0, weights={"no": "bytes"})  # type: ignore[arg-type]
    row = store.run(cell())
    assert row and row["state"] == "running" and store.weights(run) is None


def test_runs_left_running_are_marked_interrupted(store: Store) -> None:
    begin(store, cell())
    done = begin(store, cell(seed=1))
    store.end(done, "done", seconds=1.0)
    assert store.interrupt() == 1
    assert store.states([cell(), cell(seed=1)]) == {cell(): "interrupted", cell(seed=1): "done"}


def test_many_threads_write_at_once(store: Store) -> None:
    def write(seed: int) -> None:
        run = begin(store, cell(seed=seed))
        for number in range(1, 6):
            store.add_epoch(run, epoch(number))
        store.end(run, "done", seconds=1.0)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.runs()["epochs"]) == [5] * 8


def test_a_file_that_is_no_store_is_refused_and_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match=f"The store {path} cannot be used"):
        Store(path)
    assert path.read_bytes() == b"something else entirely" * 100


def test_a_store_of_a_newer_version_is_refused(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match="written by a newer Featherweight"):
        Store(store.path)


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="unable to open database file"):
        Store(tmp_path / "none" / "runs.sqlite3")


@pytest.mark.parametrize("changed", [{"family": "rnn"}, {"width": 0}, {"seed": -1}, {"width": "abc"}])
def test_cells_are_checked_when_made(changed: dict[str, object]) -> None:
    with pytest.raises(ArgumentError, match=r"^Invalid (family|width|seed)"):
        cell(**changed)
