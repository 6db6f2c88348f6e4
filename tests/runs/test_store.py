from __future__ import annotations

import contextlib
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import ArgumentError, StoreError
from core.recipe import ADADELTA, RMSPROP, Protocol
from core.runs.migrations import VERSION
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store, Usage
from tests.runs_of import run_of, states_of


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
    store.end(run, RunState.DONE, seconds=12.5, weights=b"npz")
    again = Store(store.path)
    row = run_of(again, cell())
    assert row.recipe.optimizer == "adadelta" and row.versions == {"a": "1"}
    assert (row.state, row.epochs, row.test_accuracy, row.seconds, row.epoch_seconds) == (
        "done",
        3,
        0.3,
        12.5,
        3.0,
    )
    assert again.epochs(run) == [epoch(1, 0.1), epoch(2, 0.2), epoch(3, 0.3)]
    assert again.weights(run) == b"npz"
    assert len(again.runs()) == len(again.runs("mnist")) == 1 and again.runs("other") == []
    assert again.runs("mnist") == [row]


def test_a_run_is_found_by_its_id(store: Store) -> None:
    begin(store, cell())
    run = begin(store, cell(seed=1))
    store.add_epoch(run, epoch(1, 0.75))
    found = store.run(run)
    assert (
        found and found == run_of(store, cell(seed=1)) and found.test_accuracy == 0.75 and found.versions == {"a": "1"}
    )
    assert store.run(run + 1) is None


def ended(store: Store, seed: int, size: int, state: RunState = RunState.DONE) -> int:
    run = begin(store, cell(seed=seed))
    store.end(run, state, seconds=1.0, weights=bytes(size))
    return run


def test_the_weights_of_the_oldest_runs_make_room_and_their_results_stay(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite3", room=100)
    runs = [ended(store, seed, 40) for seed in range(2)]
    assert store.usage() == Usage(2, 0, 80)
    runs += [ended(store, 2, 60)]
    assert store.usage() == Usage(2, 1, 100)  # full to the last byte
    runs += [ended(store, 3, 90)]
    assert store.usage() == Usage(1, 3, 90)
    assert [row.weights for row in store.runs()] == ["dropped", "dropped", "dropped", "kept"]
    assert [store.weights(x) for x in runs] == [None, None, None, bytes(90)]
    assert {row.state for row in store.runs()} == {"done"}
    ended(store, 4, 101)  # more than there is room for
    assert store.usage() == Usage(0, 5, 0) and store.datasets() == ["mnist"] and store.datasets(True) == []


def test_the_weights_of_runs_that_are_not_finished_go_first(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite3", room=100)
    runs = [ended(store, 0, 40), ended(store, 1, 30, RunState.STOPPED), ended(store, 2, 30, RunState.STOPPED)]
    runs.append(ended(store, 3, 20))
    assert [row.weights for row in store.runs()] == ["kept", "dropped", "kept", "kept"]
    runs.append(ended(store, 4, 70, RunState.STOPPED))  # no finished run makes room for one that is not
    assert [store.weights(x) for x in runs] == [bytes(40), None, None, bytes(20), None]
    ended(store, 5, 50)
    assert [row.weights for row in store.runs()] == [*["dropped"] * 3, "kept", "dropped", "kept"]


def test_without_a_bound_all_weights_stay(store: Store) -> None:
    for seed in range(3):
        ended(store, seed, 10**6)
    begin(store, cell(seed=9))
    assert store.usage() == Usage(3, 0, 3 * 10**6)
    assert [row.weights for row in store.runs()] == [*["kept"] * 3, None]


def test_dropped_weights_leave_their_place_to_new_ones(tmp_path: Path) -> None:
    store = Store(tmp_path / "runs.sqlite3", room=10**6)
    sizes = []
    for seed in range(12):
        ended(store, seed, 400_000)
        with sqlite3.connect(store.path) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        sizes.append(store.path.stat().st_size)
    assert max(sizes) < 1.5 * 10**6 < 12 * 400_000


def test_a_held_out_run_has_test_figures_in_its_last_epoch_only(store: Store) -> None:
    held_out = cell(recipe=replace(ADADELTA, protocol=Protocol.HELD_OUT))
    run = begin(store, held_out)
    epochs = [Epoch(1, 1.0, 0.4, None, None, 3.0, 0.8, 0.5), Epoch(2, 0.9, 0.5, 0.7, 0.625, 2.0, 0.6, 0.75)]
    store.add_epoch(run, epochs[0])
    row = run_of(store, held_out)
    assert (row.test_accuracy, row.test_loss) == (None, None)
    assert (row.held_out_accuracy, row.held_out_loss) == (0.5, 0.8)
    store.add_epoch(run, epochs[1])
    row = run_of(store, held_out)
    assert (row.test_accuracy, row.test_loss) == (0.625, 0.7)
    assert (row.held_out_accuracy, row.held_out_loss) == (0.75, 0.6)
    assert store.epochs(run) == epochs
    assert store.runs_of([cell()]) == {}, "another protocol is another run"


def version_1(path: Path) -> None:
    """Write a store as the first version did: one finished run of the article's protocol, with weights."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE runs (
                id INTEGER PRIMARY KEY, dataset TEXT NOT NULL, fingerprint TEXT NOT NULL, family TEXT NOT NULL,
                width INTEGER NOT NULL, recipe TEXT NOT NULL, seed INTEGER NOT NULL, parameters INTEGER NOT NULL,
                multiply_adds INTEGER NOT NULL, train_images INTEGER NOT NULL, test_images INTEGER NOT NULL,
                state TEXT NOT NULL, started TEXT NOT NULL, ended TEXT, seconds REAL, device TEXT, versions TEXT,
                formulation TEXT, message TEXT, UNIQUE (dataset, fingerprint, family, width, recipe, seed)
            );
            CREATE TABLE epochs (
                run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE, epoch INTEGER NOT NULL,
                loss REAL NOT NULL, accuracy REAL NOT NULL, test_loss REAL NOT NULL, test_accuracy REAL NOT NULL,
                seconds REAL NOT NULL, PRIMARY KEY (run, epoch)
            ) WITHOUT ROWID;
            CREATE TABLE weights (
                run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE, npz BLOB NOT NULL
            );
            INSERT INTO runs VALUES (
                7, 'mnist', 'f', 'cnn', 2, '{"batch_size": 128, "dropout": false, "epochs": 12, "learning_rate": 1.0, '
                || '"optimizer": "adadelta", "precision": "float32"}', 0, 4802, 58328, 60000, 10000, 'done',
                '2026-11-01T00:00:00.000+00:00', '2026-11-01T00:01:00.000+00:00', 60.0, 'CPU', '{"a": "1"}', 'XLA', NULL
            );
            INSERT INTO epochs VALUES (7, 1, 1.0, 0.4, 0.9, 0.5, 3.0), (7, 2, 0.8, 0.5, 0.7, 0.625, 2.0);
            INSERT INTO weights VALUES (7, x'6e707a');
            PRAGMA user_version = 1;
            """
        )


def test_a_store_of_the_first_version_is_taken_over_whole(tmp_path: Path) -> None:
    version_1(tmp_path / "runs.sqlite3")
    for _ in range(2):  # a second time there is nothing left to do
        store = Store(tmp_path / "runs.sqlite3")
        row = run_of(store, cell())
        assert (row.id, row.state, row.seconds, row.epochs) == (7, "done", 60.0, 2)
        assert (row.test_accuracy, row.test_loss, row.epoch_seconds) == (0.625, 0.7, 2.0)
        assert (row.held_out_accuracy, row.held_out_loss) == (None, None)
        assert store.epochs(7) == [Epoch(1, 1.0, 0.4, 0.9, 0.5, 3.0), Epoch(2, 0.8, 0.5, 0.7, 0.625, 2.0)]
        assert store.weights(7) == b"npz" and states_of(store, [cell()]) == {cell(): "done"}
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()
    # what the new table is for, and that its epochs still go with their run
    run = begin(store, cell(seed=1))
    store.add_epoch(run, Epoch(1, 1.0, 0.4, None, None, 3.0, 0.8, 0.5))
    assert store.epochs(begin(store, cell(seed=1))) == []


def test_a_move_to_a_new_version_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    version_1(path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE VIEW busy AS SELECT test_loss FROM epochs")  # SQLite renames no table under a view
        before = list(connection.iterdump())
    connection.close()
    with pytest.raises(StoreError, match="cannot be used"):
        Store(path)
    with sqlite3.connect(path) as connection:
        assert list(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    connection.close()


def test_every_part_of_the_identity_makes_another_run(store: Store) -> None:
    others = {"dataset": "b", "fingerprint": "g", "family": "mlp", "width": 3, "recipe": RMSPROP, "seed": 1}
    cells = [cell(), *(cell(**{name: value}) for name, value in others.items())]
    for x in cells:
        begin(store, x)
    assert len(store.runs()) == 7
    assert set(states_of(store, cells)) == set(cells)
    assert states_of(store, [cell(width=9)]) == {}


def test_an_unfinished_run_is_replaced_with_its_epochs_and_a_finished_one_never(store: Store) -> None:
    first = begin(store, cell())
    store.add_epoch(first, epoch(1))
    store.end(first, RunState.FAILED, seconds=1.0, message="why")
    second = begin(store, cell())
    row = run_of(store, cell())
    assert row.id == second and row.epochs == 0 and row.message is None
    store.end(second, RunState.DONE, seconds=1.0)
    with pytest.raises(StoreError, match="UNIQUE"):
        begin(store, cell())
    assert states_of(store, [cell()]) == {cell(): "done"}


def test_a_failed_write_leaves_nothing_half_done(store: Store) -> None:
    run = begin(store, cell())
    with pytest.raises(StoreError):
        store.end(run, RunState.DONE, seconds=1.0, weights={"no": "bytes"})  # type: ignore[arg-type]
    row = run_of(store, cell())
    assert row.state == "running" and store.weights(run) is None


def test_runs_left_running_are_marked_interrupted(store: Store) -> None:
    begin(store, cell())
    done = begin(store, cell(seed=1))
    store.end(done, RunState.DONE, seconds=1.0)
    assert store.interrupt() == 1
    assert states_of(store, [cell(), cell(seed=1)]) == {cell(): "interrupted", cell(seed=1): "done"}


def test_the_runs_of_cells_are_found_with_the_accuracy_of_their_last_epoch(store: Store) -> None:
    finished, going_on, never = cell(), cell(seed=1), cell(seed=2)
    for what in (finished, going_on):
        run = begin(store, what)
        for number in (1, 2):
            store.add_epoch(run, epoch(number, number / 4))
    store.end(run_of(store, finished).id, RunState.DONE, seconds=1.0)
    found = store.runs_of([finished, going_on, never])
    assert {x: (run.state, run.test_accuracy) for x, run in found.items()} == {
        finished: ("done", 0.5),
        going_on: ("running", 0.5),
    }


def test_what_waits_is_kept_in_order_until_it_has_been_trained(store: Store) -> None:
    first, second, third = cell(width=3), cell(width=1), cell(width=2)
    store.keep_waiting([first, second])
    store.keep_waiting([second, third])
    assert Store(store.path).waiting() == [first, second, third]
    store.end(begin(store, second), RunState.FAILED, seconds=1.0, waits=True)
    assert store.waiting() == [first, second, third]
    store.end(begin(store, second), RunState.DONE, seconds=1.0)
    assert store.waiting() == [first, third]
    store.forget_waiting([third])
    assert store.waiting() == [first]


def test_a_run_that_waits_and_is_of_another_version_is_one_sentence(store: Store) -> None:
    store.keep_waiting([cell()])
    with store.database.connection() as connection:
        connection.execute("UPDATE waiting SET recipe = '{}'")
    with pytest.raises(StoreError, match="waits") as told:
        store.waiting()
    assert str(store.path) in str(told.value)


def test_many_threads_write_at_once(store: Store) -> None:
    def write(seed: int) -> None:
        run = begin(store, cell(seed=seed))
        for number in range(1, 6):
            store.add_epoch(run, epoch(number))
        store.end(run, RunState.DONE, seconds=1.0)

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [x.epochs for x in store.runs()] == [5] * 8


def test_a_file_that_is_no_store_is_refused_and_left_untouched(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    path.write_bytes(b"something else entirely" * 100)
    with pytest.raises(StoreError, match=f"{path} .*damaged"):
        Store(path)
    assert path.read_bytes() == b"something else entirely" * 100


def test_a_store_of_a_newer_version_is_refused(store: Store) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(StoreError, match=f"{store.path} .*newer"):
        Store(store.path)


def test_a_folder_that_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=f"{tmp_path / 'none'}.*unable to open"):
        Store(tmp_path / "none" / "runs.sqlite3")


@pytest.mark.parametrize("changed", [{"family": "rnn"}, {"width": 0}, {"seed": -1}, {"width": "abc"}])
def test_cells_are_checked_when_made(changed: dict[str, object]) -> None:
    ((name, value),) = changed.items()
    with pytest.raises(ArgumentError, match=rf"\b{name}\b.* {value!r}\.$"):
        cell(**changed)
