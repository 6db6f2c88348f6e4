from __future__ import annotations

import io
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import settings
from core.data import datasets
from core.errors import ArgumentError, StoreError, TrainingError
from core.recipe import Protocol, Recipe
from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import memory, sweep, weights
from core.runs.messages import EpochEnded, Event, Finished, Job, Ready, Started
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings
from tests.fake_training import CRASH, CRASH_ONCE, ENOUGH, FAIL, HANG, WAIT
from tests.runs_of import current, epochs, pid, run_of, states_of

FAKE = (sys.executable, "-m", "tests.fake_training")
RECIPE = Recipe("sgd", 0.1, 3)


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    loaded = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (20, 8, 8)).astype(np.uint8), np.arange(20) % 10
    np.savez(loaded.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return loaded


@pytest.fixture
def store(own: Settings) -> Store:
    return Store(own.store)


@pytest.fixture
def runner(own: Settings, store: Store) -> Iterator[Runner]:
    made = Runner(own, store, LocalBackend(own.log, FAKE))
    yield made
    made.close()


def cells(own: Settings, *seeds: int, width: int = 2) -> list[Cell]:
    return sweep.cells(datasets.find(own, "tiny"), {"mlp": [width]}, seeds, RECIPE)


def until(runner: Runner, condition: Callable[[Progress], object]) -> Progress:
    """Wait for a condition, at most half a minute."""
    seen = runner.progress()
    for _ in range(1000):
        if condition(seen):
            return seen
        seen = runner.wait(seen, timeout=30)
    raise AssertionError(f"still {seen}")


def full(*_: object) -> None:
    """Stand in for a write to a disk that is full."""
    raise StoreError("The store cannot be used (database or disk is full).")


def idle(now: Progress) -> bool:
    return now.phase == "idle"


def test_the_process_is_warm_before_anything_is_asked(runner: Runner) -> None:
    assert runner.progress().phase == "starting"
    now = until(runner, idle)
    assert (now.device, now.precisions) == ("fake device", ("float32",))


def test_cells_are_trained_in_order_and_kept_before_the_next_begins(
    own: Settings, store: Store, runner: Runner
) -> None:
    asked = [*cells(own, ENOUGH), *cells(own, WAIT), *cells(own, ENOUGH, width=3)]
    assert runner.submit(asked) == 3
    now = until(runner, lambda p: current(p) == asked[1] and epochs(p))
    assert now.queue == (asked[2],) and (now.done, now.total) == (1, 3)
    first = run_of(store, asked[0])
    assert first.state == "done" and first.test_accuracy == 1 - 0.5 / 3
    assert [x.epoch for x in store.epochs(first.id)] == [1, 2, 3]
    with np.load(io.BytesIO(store.weights(first.id) or b""), allow_pickle=False) as kept:
        assert kept["0"].shape == (3,)
    second = run_of(store, asked[1])
    assert second.state == "running" and second.epochs == 1


def test_a_held_out_run_is_kept_with_both_figures(own: Settings, store: Store, runner: Runner) -> None:
    (article,) = cells(own, ENOUGH)
    (asked,) = sweep.cells(datasets.find(own, "tiny"), {"mlp": [2]}, [ENOUGH], RECIPE, Protocol.HELD_OUT)
    assert runner.submit([article, asked]) == 2
    until(runner, lambda p: p.done == 2)
    row = run_of(store, asked)
    assert (row.state, row.test_accuracy, row.held_out_accuracy) == ("done", 1 - 0.5 / 3, 1 - 0.75 / 3)
    assert row.train_images == 20
    assert [x.test_accuracy for x in store.epochs(row.id)] == [None, None, 1 - 0.5 / 3]
    plain = run_of(store, article)
    assert plain.id != row.id and plain.held_out_accuracy is None


def test_a_finished_cell_is_not_trained_again(own: Settings, store: Store, runner: Runner) -> None:
    runner.submit(cells(own, ENOUGH))
    until(runner, lambda p: p.done == 1)
    before = run_of(store, cells(own, ENOUGH)[0])
    assert runner.submit(cells(own, ENOUGH)) == 0
    assert run_of(store, cells(own, ENOUGH)[0]) == before


def test_a_cell_that_waits_or_runs_is_not_queued_twice(own: Settings, runner: Runner) -> None:
    runner.submit(cells(own, WAIT, ENOUGH))
    assert runner.submit(cells(own, WAIT, ENOUGH)) == 0


def test_stop_after_epoch_keeps_what_there_is_and_holds_the_queue(own: Settings, store: Store, runner: Runner) -> None:
    asked = cells(own, WAIT, ENOUGH)
    runner.submit(sorted(asked, key=lambda x: x.seed != WAIT))
    until(runner, lambda p: epochs(p))
    runner.stop_after_epoch()
    now = until(runner, lambda p: p.phase == "paused")
    assert [x.seed for x in now.queue] == [ENOUGH]
    row = run_of(store, cells(own, WAIT)[0])
    assert (row.state, row.epochs) == ("stopped", 1)
    assert store.weights(row.id)
    runner.resume()
    until(runner, idle)
    assert states_of(store, asked)[cells(own, ENOUGH)[0]] == "done"


def test_stop_now_keeps_finished_epochs_and_a_fresh_process_follows(
    own: Settings, store: Store, runner: Runner
) -> None:
    runner.submit([*cells(own, HANG), *cells(own, ENOUGH)])
    until(runner, lambda p: epochs(p))
    runner.stop_now()
    now = until(runner, lambda p: p.phase == "paused" and p.ready)
    assert not now.problem
    row = run_of(store, cells(own, HANG)[0])
    assert (row.state, row.epochs, row.message) == ("stopped", 1, None)
    assert store.weights(row.id) is None
    assert runner.submit(cells(own, ENOUGH, width=5)) == 1  # a new start goes on with what was held, too
    until(runner, idle)
    assert [x.state for x in store.runs()].count(RunState.DONE) == 2


def test_a_stop_before_the_job_is_sent_counts(
    own: Settings, store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go = threading.Event(), threading.Event()
    begin = store.begin

    def slow(*args: object, **named: object) -> int:
        begun.set()
        go.wait(30)
        return begin(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "begin", slow)
    runner.submit(cells(own, WAIT))
    assert begun.wait(30)
    runner.stop_after_epoch()
    go.set()
    until(runner, lambda p: p.done == 1)
    assert states_of(store, cells(own, WAIT))[cells(own, WAIT)[0]] == "stopped"


def test_clear_forgets_what_waits_and_the_current_run_goes_on(own: Settings, runner: Runner) -> None:
    runner.submit([*cells(own, HANG), *cells(own, ENOUGH, FAIL)])
    until(runner, lambda p: epochs(p))
    runner.clear()
    now = runner.progress()
    assert current(now) == cells(own, HANG)[0] and now.queue == () and now.total == 1


def test_a_failed_run_says_why_and_the_next_goes_on(own: Settings, store: Store, runner: Runner) -> None:
    runner.submit([*cells(own, FAIL), *cells(own, ENOUGH)])
    now = until(runner, lambda p: p.done == 2)
    assert now.problem == "MLP n = 2, seed 4 failed: Training diverged at epoch 3."
    states = states_of(store, cells(own, FAIL, ENOUGH))
    assert sorted(states.values()) == ["done", "failed"]
    assert runner.submit(cells(own, FAIL)) == 1 and runner.progress().problem is None


def test_a_process_that_dies_is_replaced_and_the_run_tried_again(own: Settings, store: Store, runner: Runner) -> None:
    runner.submit(cells(own, CRASH_ONCE))
    now = until(runner, lambda p: p.done == 1)
    row = run_of(store, cells(own, CRASH_ONCE)[0])
    assert (row.state, row.epochs) == ("done", 3) and now.problem is None


def test_a_page_can_say_why_a_run_begins_again(own: Settings, runner: Runner) -> None:
    runner.submit(cells(own, HANG, ENOUGH))
    until(runner, lambda p: epochs(p))
    assert runner.progress().running[0].again is None
    os.kill(pid(runner), signal.SIGKILL)
    now = until(runner, lambda p: epochs(p) and p.running[0].again)
    assert current(now) == cells(own, HANG)[0] and now.running[0].again and "SIGKILL" in now.running[0].again
    runner.stop_now()
    until(runner, lambda p: p.phase == "paused")
    runner.resume()
    assert until(runner, lambda p: p.done == 2).problem is None


def test_a_process_that_dies_as_it_starts_anew_fails_the_run_and_the_queue_goes_on(
    own: Settings, store: Store, tmp_path: Path
) -> None:
    # the second of its processes is killed before it is ready, as one may be where memory is short
    starts = tmp_path / "starts"
    program = (
        f"import os, pathlib, runpy, signal; starts = pathlib.Path({str(starts)!r}); starts.open('a').write('.')\n"
        "if starts.stat().st_size == 2: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"runpy.run_module('tests.fake_training', run_name='__main__')"
    )
    runner = Runner(own, store, LocalBackend(own.log, (sys.executable, "-c", program)))
    runner.submit(cells(own, CRASH, ENOUGH))
    now = until(runner, lambda p: p.done == 2)
    runner.close()
    assert now.problem and "twice" in now.problem and "SIGKILL" in now.problem
    crash, enough = cells(own, CRASH, ENOUGH)
    assert states_of(store, [crash, enough]) == {crash: "failed", enough: "done"} and store.waiting() == []


@pytest.mark.parametrize("seed", [CRASH, ENOUGH])
def test_a_stop_while_a_fresh_process_starts_is_not_forgotten(
    own: Settings, store: Store, tmp_path: Path, seed: int
) -> None:
    # the second of its processes hangs before it is ready; the first dies of its run, or is killed while idle
    starts = tmp_path / "starts"
    program = (
        f"import pathlib, runpy, signal; starts = pathlib.Path({str(starts)!r}); starts.open('a').write('.')\n"
        "if starts.stat().st_size == 2: signal.pause()\n"
        f"runpy.run_module('tests.fake_training', run_name='__main__')"
    )
    runner = Runner(own, store, LocalBackend(own.log, (sys.executable, "-c", program)))
    until(runner, idle)
    if seed == ENOUGH:
        first = pid(runner)
        os.kill(first, signal.SIGKILL)
        os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    (asked,) = cells(own, seed)
    runner.submit([asked])
    deadline = time.monotonic() + 30
    while starts.stat().st_size < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    runner.stop_now()
    now = until(runner, lambda p: p.done == 1)
    runner.close()
    assert now.problem is None and store.waiting() == []
    if seed == CRASH:
        row = run_of(store, asked)
        assert (row.state, row.epochs, row.message) == ("stopped", 1, None) and (row.seconds or 0) > 0
    else:
        assert store.runs_of([asked]) == {}
    again = Runner(own, store, LocalBackend(own.log, FAKE))
    assert again.progress().left == ()
    again.close()


def test_a_run_that_kills_its_process_twice_has_failed_and_the_queue_goes_on(
    own: Settings, store: Store, runner: Runner
) -> None:
    runner.submit([*cells(own, CRASH), *cells(own, ENOUGH)])
    now = until(runner, lambda p: p.done == 2)
    assert now.problem and "failed twice: The training process ended unexpectedly (SIGKILL" in now.problem
    row = run_of(store, cells(own, CRASH)[0])
    assert row.state == "failed" and "SIGKILL" in (row.message or "")
    assert states_of(store, cells(own, ENOUGH))[cells(own, ENOUGH)[0]] == "done"


def test_networks_that_do_not_fit_the_images_are_refused_before_anything_is_queued(
    own: Settings, runner: Runner
) -> None:
    tiny = datasets.find(own, "tiny")
    too_small = Cell("tiny", tiny.facts.fingerprint, "deep_cnn", 2, RECIPE, 0)
    with pytest.raises(ArgumentError, match=r"8×8 .*'deep_cnn'"):
        runner.submit([*cells(own, ENOUGH), too_small])
    assert runner.progress().queue == () and current(runner.progress()) is None


def test_a_data_set_that_changed_while_its_run_waited_is_not_trained_on(own: Settings, runner: Runner) -> None:
    runner.submit([*cells(own, WAIT), *cells(own, ENOUGH)])
    until(runner, lambda p: epochs(p))
    x, y = np.full((4, 8, 8), 200, np.uint8), np.arange(4)
    np.savez(own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    runner.stop_after_epoch()
    until(runner, lambda p: p.phase == "paused")
    runner.resume()
    now = until(runner, lambda p: p.done == 2)
    assert now.problem and "The data set tiny has changed since this was asked for" in now.problem


def test_a_store_that_cannot_be_written_stops_training_with_one_sentence_and_keeps_the_queue(
    own: Settings, store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(store, "add_epoch", full)
        runner.submit(cells(own, ENOUGH))
        now = until(runner, lambda p: p.phase == "paused")
    assert now.problem == "The store cannot be used (database or disk is full)." and now.queue == tuple(
        cells(own, ENOUGH)
    )
    runner.resume()
    until(runner, lambda p: p.done == 1)
    assert states_of(store, cells(own, ENOUGH)) == {cells(own, ENOUGH)[0]: "done"}


def test_a_run_whose_weights_cannot_be_written_is_interrupted_and_trained_again(
    own: Settings, store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    end = store.end

    def no_room(run: int, state: RunState, **named: Any) -> None:
        if named.get("weights"):
            full()
        end(run, state, **named)

    (asked,) = cells(own, ENOUGH)
    with monkeypatch.context() as broken:
        broken.setattr(store, "end", no_room)
        runner.submit([asked])
        now = until(runner, lambda p: p.phase == "paused")
    row = run_of(store, asked)
    assert (row.state, row.epochs, row.message) == ("interrupted", 3, now.problem)
    assert now.problem == "The store cannot be used (database or disk is full)."
    assert now.queue == (asked,) and store.waiting() == [asked]
    runner.resume()
    until(runner, lambda p: p.done == 1)
    row = run_of(store, asked)
    assert (row.state, row.epochs) == ("done", 3) and store.weights(row.id) and store.waiting() == []


def test_a_program_that_does_not_start_is_explained(own: Settings, store: Store) -> None:
    for command, words in (
        (("/no/such/program",), "could not be started"),
        ((sys.executable, "-c", "raise SystemExit(3)"), "(exit code 3). Its last words are in"),
    ):
        runner = Runner(own, store, LocalBackend(own.log, command))
        runner.submit(cells(own, ENOUGH))
        now = until(runner, lambda p: p.problem)
        assert words in (now.problem or "") and now.queue == tuple(cells(own, ENOUGH))
        runner.close()


def test_one_store_has_one_runner(own: Settings, store: Store, runner: Runner) -> None:
    with pytest.raises(TrainingError, match="Another Featherweight already trains with the store"):
        Runner(own, store, LocalBackend(own.log, FAKE))
    runner.close()
    Runner(own, store, LocalBackend(own.log, FAKE)).close()


def test_runs_left_behind_by_a_process_that_died_are_marked_and_can_be_asked_for_again(
    own: Settings, store: Store
) -> None:
    cell = cells(own, ENOUGH)[0]
    store.begin(cell, parameters=1, multiply_adds=1, train_images=20, test_images=20, device="", versions={})
    runner = Runner(own, store, LocalBackend(own.log, FAKE))
    assert states_of(store, [cell]) == {cell: "interrupted"}
    assert runner.submit([cell]) == 1
    until(runner, lambda p: p.done == 1)
    assert states_of(store, [cell]) == {cell: "done"}
    runner.close()


def test_closing_ends_the_process_in_mid_run(own: Settings, store: Store) -> None:
    runner = Runner(own, store, LocalBackend(own.log, FAKE))
    runner.submit(cells(own, HANG))
    until(runner, lambda p: epochs(p))
    process = pid(runner)
    runner.close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
    assert states_of(store, cells(own, HANG)) == {cells(own, HANG)[0]: "stopped"}


def test_a_real_run_with_tensorflow(own: Settings, store: Store) -> None:
    runner = Runner(own, store)
    asked = cells(own, 0)
    runner.submit(asked)
    until(runner, lambda p: p.done == 1)
    row = run_of(store, asked[0])
    assert row.state == "done", row and row.message
    assert row.device and row.device.startswith(("CPU", "GPU")) and "tensorflow" in row.versions
    with np.load(io.BytesIO(store.weights(row.id) or b""), allow_pickle=False) as kept:
        assert [kept[x].shape for x in kept.files] == [(64, 2), (2,), (2, 2), (2,), (2, 10), (10,)]
    runner.close()


def test_after_failing_twice_a_fresh_process_is_warm(own: Settings, runner: Runner) -> None:
    runner.submit(cells(own, CRASH))
    until(runner, lambda p: p.done == 1)
    now = until(runner, lambda p: p.ready)
    assert now.phase == "idle" and pid(runner)


def test_a_process_that_died_while_idle_costs_no_attempt(own: Settings, store: Store, runner: Runner) -> None:
    until(runner, idle)
    process = pid(runner)
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    runner.submit(cells(own, CRASH_ONCE))
    until(runner, lambda p: p.done == 1)
    assert states_of(store, cells(own, CRASH_ONCE)) == {cells(own, CRASH_ONCE)[0]: "done"}


def test_clearing_a_held_queue_makes_the_runner_ready_again(
    own: Settings, store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(store, "add_epoch", full)
        runner.submit(cells(own, ENOUGH))
        until(runner, lambda p: p.phase == "paused")
    runner.clear()
    assert until(runner, idle).queue == ()


def test_a_process_that_cannot_start_can_be_tried_again(own: Settings, store: Store, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("raise SystemExit(3)")
    runner = Runner(own, store, LocalBackend(own.log, (sys.executable, str(program))))
    assert until(runner, lambda p: p.problem).phase == "paused"
    program.write_text("import sys; sys.path.insert(0, ''); from tests.fake_training import main; main()")
    runner.resume()
    assert until(runner, idle).problem is None
    runner.close()


def test_a_runner_closed_by_another_thread_frees_the_store(own: Settings, store: Store) -> None:
    runner = Runner(own, store, LocalBackend(own.log, FAKE))
    thread = threading.Thread(target=runner.close)
    thread.start()
    thread.join()
    second = Runner(own, store, LocalBackend(own.log, FAKE))  # refused if the first still held the store
    assert not second.progress().closed
    second.close()


class InProcess:
    """A backend in one class: it trains two epochs of every job at once, unless its jobs are to wait for a word."""

    def __init__(self) -> None:
        self.starts, self.closed = 0, False
        self.pid: int | None = None  # it has no process
        self.waits, self.told = False, threading.Event()
        self.stopped: list[str] = []

    def start(self) -> Ready:
        self.starts += 1
        return Ready("in process", None, ("float32",), {"fake": "2"})

    def train(self, job: Job) -> Iterator[Event]:
        self.told.clear()
        yield Started(job.job)
        for number in (1, 2):
            yield EpochEnded(job.job, Epoch(number, 0.5, 0.5, 0.5, 0.5 + number / 10, 0.1))
            if self.waits:
                assert self.told.wait(30)
                if job.job not in self.stopped:
                    raise TrainingError("killed")
                break
        yield Finished(job.job, job.job in self.stopped, "in process", weights.pack([np.zeros(3)]))

    def stop(self, job: str) -> None:
        self.stopped.append(job)
        self.told.set()

    def kill(self) -> None:
        self.told.set()

    def close(self) -> None:
        self.closed = True


def test_one_class_is_enough_of_a_backend(own: Settings, store: Store) -> None:
    backend = InProcess()
    runner = Runner(own, store, backend)
    asked = cells(own, 0, 1)
    runner.submit(asked)
    until(runner, lambda p: p.done == 2 and idle(p))
    assert states_of(store, asked) == dict.fromkeys(asked, "done")
    assert {(x.device, x.test_accuracy, x.epochs) for x in store.runs()} == {("in process", 0.7, 2)}
    backend.waits = True
    stopped, killed, last, waiting = cells(own, 2, 3, 4, 5)
    runner.submit([stopped, killed, last, waiting])
    until(runner, epochs)
    runner.stop_after_epoch()
    now = until(runner, lambda p: p.phase == "paused")
    assert now.queue == (killed, last, waiting)
    row = run_of(store, stopped)
    assert (row.state, row.epochs) == ("stopped", 1) and store.weights(row.id)
    runner.resume()
    until(runner, epochs)
    runner.stop_now()
    now = until(runner, lambda p: p.phase == "paused")
    row = run_of(store, killed)
    assert now.queue == (last, waiting) and (row.state, row.epochs) == ("stopped", 1)
    assert store.weights(row.id) is None
    runner.resume()
    until(runner, epochs)
    runner.close()
    assert backend.closed and backend.starts > 1 and runner.progress().phase == "closed"
    assert states_of(store, [last]) == {last: "stopped"} and store.waiting() == [last, waiting]


class Vanishing(Store):
    """A store on whose disk the images go as a run begins."""

    def begin(self, cell: Cell, **counts: Any) -> int:
        run = super().begin(cell, **counts)
        (self.path.parent / "data" / "tiny.npz").unlink()
        return run


def test_a_run_whose_images_go_as_it_begins_is_failed_and_does_not_stay_running(own: Settings) -> None:
    store = Vanishing(own.store)
    asked = cells(own, ENOUGH)
    runner = Runner(own, store, LocalBackend(own.log, FAKE))
    try:
        runner.submit(asked)
        now = until(runner, lambda p: p.done == 1)
        row = run_of(store, asked[0])
        assert row.state == "failed" and row.message and row.message in (now.problem or "")
        assert store.waiting() == []
    finally:
        runner.close()


def test_what_needs_more_memory_than_there_is_is_not_queued(
    own: Settings, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def little(trainer: int | None = None) -> int:
        asked.append(trainer)
        return 10**8

    until(runner, idle)
    monkeypatch.setattr(memory, "available", little)
    with pytest.raises(ArgumentError, match=r"0\.1 GB"):
        runner.submit(cells(own, ENOUGH))
    assert runner.progress().phase == "idle" and not runner.progress().busy
    assert asked == [pid(runner)], "what the trainer holds is the next run's"


def test_what_fits_no_longer_is_not_trained_and_the_queue_goes_on(
    own: Settings, store: Store, runner: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter([10**11, 10**8, 10**11])  # when they are queued, and when each is about to begin
    monkeypatch.setattr(memory, "available", lambda trainer=None: next(left))
    first, second = cells(own, ENOUGH), cells(own, ENOUGH, width=3)
    assert runner.submit([*first, *second]) == 2
    now = until(runner, lambda p: p.done == 2)
    assert now.problem and "was not trained" in now.problem and "0.1 GB" in now.problem
    assert states_of(store, second)[second[0]] == "done"
    assert not states_of(store, first) and not store.waiting()
