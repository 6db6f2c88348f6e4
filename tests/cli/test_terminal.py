from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich import progress

from core import settings
from core.cli import terminal
from core.data import datasets
from core.recipe import RMSPROP, Protocol
from core.runner import local
from core.runner.progress import Progress, Running
from core.runs import sweep
from core.runs.run import Cell, Epoch
from core.runs.store import Store
from tests.cli.typed import LINES, SWEEP, runs, start

ARTICLE = Epoch(3, 0.5, 0.8, 0.4, 0.87654, 1.0)
HELD_OUT = Epoch(3, 0.5, 0.8, None, None, 1.0, 0.4, 0.76543)


@pytest.mark.parametrize(
    ("protocol", "epoch", "words"),
    [(Protocol.ARTICLE, ARTICLE, "test 87.65 %"), (Protocol.HELD_OUT, HELD_OUT, "held-out 76.54 %")],
)
def test_the_bar_says_what_every_epoch_is_measured_on(protocol: Protocol, epoch: Epoch, words: str) -> None:
    bar = progress.Progress(disable=True)
    task = bar.add_task("Starting", total=None, words="")
    cell = Cell("mnist", "f", "mlp", 8, replace(RMSPROP, protocol=protocol), 0)
    for epochs, shown in ((), ""), ((epoch,), words):
        terminal.show(bar, task, Progress(running=(Running(cell, 0.0, epochs),), total=1))
        assert bar.tasks[0].fields["words"] == shown


def test_the_bar_names_the_first_run_and_counts_all() -> None:
    bar = progress.Progress(disable=True)
    task = bar.add_task("Starting", total=None, words="")
    first, second = (Cell("mnist", "f", "mlp", 8, replace(RMSPROP, epochs=4), x) for x in (0, 1))
    running = (Running(first, 0.0, (ARTICLE, ARTICLE)), Running(second, 1.0, (ARTICLE,)))
    terminal.show(bar, task, Progress(running=running, done=2, total=5))
    shown = bar.tasks[0]
    assert (shown.description, shown.completed, shown.total) == ("MLP n = 8, seed 0 (3 of 5)", 2.75, 5)


def test_a_card_that_cannot_be_used_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("FAKE_NOTE", "NVIDIA B200 cannot be used.")
    monkeypatch.setattr(local, "COMMAND", (sys.executable, "-m", "tests.fake_training"))
    own = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})
    x, y = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8), np.arange(20) % 10
    np.savez(own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    cells = sweep.cells(datasets.find(own, "tiny"), {"mlp": [1]}, [0, 6], replace(RMSPROP, epochs=2))
    terminal.follow(own, Store(own.store), cells)
    lines = capsys.readouterr().err.splitlines()
    assert lines.count("NVIDIA B200 cannot be used.") == 1
    assert len(lines) == 5, "and one line for each of two epochs of two runs"


def test_a_log_grows_by_a_line_an_epoch_while_the_training_goes_on(tmp_path: Path) -> None:
    with start(tmp_path, *SWEEP, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr
        assert [process.stderr.readline().rstrip() for _ in LINES] == LINES
        assert process.poll() is None, "the second run waits to be stopped"
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Stopping.\n")


def test_a_terminal_that_cannot_move_its_cursor_gets_lines_too(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with start(tmp_path, *SWEEP, stderr=theirs, env={"TERM": "dumb"}) as process, os.fdopen(ours, "rb") as terminal:
        os.close(theirs)
        assert [terminal.readline().decode().rstrip() for _ in LINES] == LINES
        process.terminate()
        assert process.wait(60) == 130


def test_a_hangup_stops_and_keeps_what_is_finished(tmp_path: Path) -> None:
    with start(tmp_path, *SWEEP, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert [process.stderr.readline().rstrip() for _ in LINES] == LINES
        process.send_signal(signal.SIGHUP)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Stopping.\n")
    stopped(tmp_path)


def stopped(tmp_path: Path) -> None:
    """Check that the first run is finished, and that the second one was stopped at once with what it had."""
    store, (first, second) = runs(tmp_path)
    assert (first.state, first.epochs, second.state, second.epochs) == ("done", 2, "stopped", 1)
    assert store.weights(first.id) and store.weights(second.id) is None


def test_a_terminal_that_is_closed_stops_and_keeps_what_is_finished(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with start(
        tmp_path,
        *SWEEP,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={"TERM": "xterm"},
        start_new_session=True,
        prepare=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(theirs)
        shown = b""
        while b"(2 of 2)" not in shown or b"test 50.00 %" not in shown.rpartition(b"(2 of 2)")[2]:
            shown += os.read(ours, 4096)
        os.close(ours)
        assert process.wait(60) == 130
    stopped(tmp_path)


@pytest.mark.skipif(not shutil.which("nohup"), reason="No nohup found: it is part of coreutils.")
def test_under_nohup_a_hangup_is_nothing(tmp_path: Path) -> None:
    with start(tmp_path, *SWEEP, before=("nohup",), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert [process.stderr.readline().rstrip() for _ in LINES] == LINES
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, "Stopping after this epoch; Ctrl-C again stops at once.\n")
    store, (_, second) = runs(tmp_path)
    assert second.state == "stopped" and store.weights(second.id), "the training process was asked, not killed"


def test_a_log_that_nobody_reads_ends_the_training(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    with start(
        tmp_path, "train", "mlp", "4", "--seed", "1", "--data", "tiny", "--epochs", "2", stderr=theirs
    ) as process:
        os.close(theirs)
        assert process.wait(60) == 130
    _, (run,) = runs(tmp_path)
    assert (run.state, run.epochs) == ("stopped", 1)
