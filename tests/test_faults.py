"""Faults made to happen: real training processes that are killed or run out of memory, and disks that fail."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import ROOT, settings
from core.data import datasets
from core.recipe import Recipe
from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell
from core.runs.store import Store
from core.settings import Settings
from tests.fake_training import HANG
from tests.runs_of import current, epochs, pid, run_of, states_of

SHORT, ENDLESS = Recipe("sgd", 0.1, 2, 100), Recipe("sgd", 0.1, 1000, 4)
MEMORY = 3000  # MB: enough to compile and train a small network, not to read 2 GB of images twice


@pytest.fixture
def own(tmp_path: Path) -> Settings:
    loaded = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})
    rng = np.random.default_rng(0)
    y = np.arange(400) % 10
    x = rng.integers(0, 256, (400, 8, 8)).astype(np.uint8)
    np.savez(loaded.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return loaded


def cell(own: Settings, data: str, family: str, width: int, recipe: Recipe, seed: int = 0) -> Cell:
    (made,) = sweep.cells(datasets.find(own, data), {family: [width]}, [seed], recipe)
    return made


@contextmanager
def running(own: Settings, command: tuple[str, ...] | None = None) -> Iterator[tuple[Runner, Store]]:
    store = Store(own.store)
    runner = Runner(own, store, LocalBackend(own.log, command))
    yield runner, store
    runner.close()


def until(runner: Runner, condition: Callable[[Progress], object]) -> Progress:
    """Wait for a condition, at most a minute from one change to the next."""
    seen = runner.progress()
    while not condition(seen):
        before, seen = seen, runner.wait(seen, timeout=60)
        assert seen != before, f"still {seen}"
    return seen


def kill(runner: Runner) -> int:
    """Kill the training process and return its id."""
    number = pid(runner)
    os.kill(number, signal.SIGKILL)
    return number


def test_a_training_process_killed_in_mid_epoch_is_tried_once_more_and_the_queue_goes_on(own: Settings) -> None:
    doomed, last = cell(own, "tiny", "mlp", 4, ENDLESS), cell(own, "tiny", "mlp", 4, SHORT)
    with running(own) as (runner, store):
        runner.submit([doomed, last])
        until(runner, lambda p: len(epochs(p)) > 1)
        first = kill(runner)
        until(runner, lambda p: not epochs(p))
        again = until(runner, lambda p: len(epochs(p)) > 1)
        assert current(again) == doomed and again.queue == (last,) and kill(runner) != first
        now = until(runner, lambda p: p.done == 2)
        assert now.problem and now.problem.startswith(
            "MLP n = 4, seed 0 failed twice: The training process ended unexpectedly (SIGKILL"
        )
        row = run_of(store, doomed)
        assert row.state == "failed" and "SIGKILL" in (row.message or "") and row.epochs > 1
        assert states_of(store, [last]) == {last: "done"} and store.waiting() == []


def test_a_loss_that_is_no_number_fails_the_run_and_the_next_goes_on(own: Settings) -> None:
    wild = cell(own, "tiny", "flatten dense(8n, linear) dense(8, linear)", 1, Recipe("sgd", 10.0, 8, 400))
    last = cell(own, "tiny", "mlp", 4, SHORT)
    with running(own) as (runner, store):
        runner.submit([wild, last])
        now = until(runner, lambda p: p.done == 2)
        row = run_of(store, wild)
        assert row.state == "failed" and row.epochs == 3
        assert (
            row.message
            and row.message.startswith("Training diverged at epoch 4: ")
            and row.message in (now.problem or "")
        )
        assert "twice" not in (now.problem or ""), "it would diverge again"
        assert states_of(store, [last]) == {last: "done"}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="No /proc: the limit is set from what it tells.")
def test_a_training_process_that_runs_out_of_memory_is_tried_once_more_and_the_queue_goes_on(own: Settings) -> None:
    x, y = np.zeros((10_000, 400, 400), np.uint8), np.arange(10_000) % 10
    x[:, 0, 0] = 255
    np.savez_compressed(own.data / "large.npz", x_train=x, y_train=y, x_test=x[:10], y_test=y[:10])
    large, last = cell(own, "large", "mlp", 4, SHORT), cell(own, "tiny", "mlp", 4, SHORT)
    with running(own, (sys.executable, "-m", "tests.little_memory", str(MEMORY))) as (runner, store):
        runner.submit([large, last])
        now = until(runner, lambda p: p.done == 2)
        assert now.problem and now.problem.startswith("MLP n = 4, seed 0 failed twice: ")
        row = run_of(store, large)
        assert row.state == "failed" and "emory ran out" in (row.message or "")
        assert states_of(store, [last]) == {last: "done"}


def of_its_own(fault: str) -> list[str]:
    """Return what starts a program that may mount a disk, where that takes something."""
    if fault == "limit":
        return []
    for command in (["unshare", "--mount"], ["unshare", "--map-root-user", "--mount"]):
        if shutil.which("unshare"):
            tried = [*command, "sh", "-c", "mount -t tmpfs none /mnt"]
            if subprocess.run(tried, capture_output=True).returncode == 0:
                return command
    pytest.skip("No disk can be mounted here: that takes a user who may, or user namespaces.")


def told(tmp_path: Path, fault: str) -> dict[str, Any]:
    home = tmp_path / "home"
    home.mkdir()
    result = subprocess.run(
        [*of_its_own(fault), sys.executable, str(ROOT / "tests" / "small_disk.py"), str(home), fault],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(("fault", "words"), [("full", "database or disk is full"), ("limit", "disk I/O error")])
def test_a_disk_that_fills_up_stops_training_with_a_sentence_and_loses_nothing(
    tmp_path: Path, fault: str, words: str
) -> None:
    found = told(tmp_path, fault)
    assert words in found["problem"] and found["queue"] == 1
    train, results = found["train"], found["results"]
    assert train["exceptions"] == results["exceptions"] == results["errors"] == []
    assert train["errors"] == [found["problem"]] and "\n" not in found["problem"]
    assert results["tables"] >= 3, "what was trained is shown"
    assert found["states"] == {"done": 2} and found["sound"], "with room again, it goes on"


def test_a_disk_with_no_room_for_a_runs_weights_interrupts_it_and_loses_nothing(tmp_path: Path) -> None:
    found = told(tmp_path, "weights")
    assert "disk I/O error" in found["problem"] and "\n" not in found["problem"] and found["queue"] == 1
    assert found["held"] == {"done": 1, "interrupted": 1} and found["epochs"] == 3, "what it had is kept"
    train, results = found["train"], found["results"]
    assert train["exceptions"] == results["exceptions"] == results["errors"] == []
    assert train["errors"] == [found["problem"]] and results["tables"] >= 3
    assert found["states"] == {"done": 2} and found["sound"], "with room again, it goes on"
    assert found["weights"] > 4_000_000


def test_an_app_that_starts_on_a_full_disk_shows_results_and_offers_what_waited(tmp_path: Path) -> None:
    found = told(tmp_path, "full")
    train, results = found["train again"], found["results again"]
    assert train["exceptions"] == results["exceptions"] == train["errors"] == results["errors"] == []
    (warning,) = train["warnings"]
    assert "disk is full" in warning or "cannot be written" in warning
    assert train["start"] == [True] and results["tables"] >= 3
    assert found["left"] == 1


def test_a_store_on_a_read_only_disk_is_shown_and_nothing_can_be_trained(tmp_path: Path) -> None:
    found = told(tmp_path, "read_only")
    train, results = found["train"], found["results"]
    assert train["exceptions"] == results["exceptions"] == train["errors"] == results["errors"] == []
    (warning,) = train["warnings"]
    assert "cannot be written" in warning and "results are shown and nothing can be trained" in warning
    assert train["start"] == [True] and results["tables"] >= 3


def test_an_app_that_is_killed_leaves_what_waits_to_the_next(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    # a hanging run in a process that is killed: its fake is of the same session as what trains in a real one
    recipe = Recipe("sgd", 0.1, 3)
    finished = cell(own, "tiny", "mlp", 2, recipe)
    begun, waits = (cell(own, "tiny", "mlp", x, recipe, seed=HANG) for x in (3, 4))
    program = (
        "import sys; from core import settings; from core.data import datasets; from core.recipe import Recipe\n"
        "from core.runner.local import LocalBackend; from core.runner.runner import Runner\n"
        "from core.runs import sweep; from core.runs.store import Store; from tests.runs_of import epochs, pid\n"
        "loaded = settings.load(); store = Store(loaded.store); tiny = datasets.find(loaded, 'tiny')\n"
        "fake = LocalBackend(loaded.log, (sys.executable, '-m', 'tests.fake_training'))\n"
        "runner = Runner(loaded, store, fake)\n"
        "cells = lambda n, seed: sweep.cells(tiny, {'mlp': n}, [seed], Recipe('sgd', 0.1, 3))\n"
        f"runner.submit(cells([2], 0) + cells([3, 4], {HANG}))\n"
        "seen = runner.progress()\n"
        "second = lambda x: epochs(x) and x.running[0].cell.width == 3\n"
        "while not second(seen): seen = runner.wait(seen, 60)\n"
        "print('training', pid(runner), flush=True); sys.stdin.read()\n"
    )
    folders = {"FEATHERWEIGHT_HOME": str(own.home), "FEATHERWEIGHT_DATA": str(own.data)}
    environment = {**os.environ, **folders, "PYTHONPATH": str(ROOT)}
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(own.home))
    with subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as app:
        assert app.stdout
        word, number = app.stdout.readline().split()
        assert word == b"training"
        app.kill()
    os.kill(int(number), signal.SIGKILL)  # it hangs; the real one ends with its input
    with running(own, (sys.executable, "-m", "tests.fake_training")) as (runner, store):
        assert states_of(store, [finished, begun, waits]) == {finished: "done", begun: "interrupted"}
        assert runner.progress().left == (begun, waits)
        store.database.check()
        runner.resume_left()
        now = until(runner, lambda p: current(p) == begun and epochs(p))
        assert now.queue == (waits,) and now.left == () and now.total == 2
        runner.forget_left()
        assert store.waiting() == [begun, waits], "what was resumed is no longer left behind"
