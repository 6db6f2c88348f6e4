from __future__ import annotations

import sys
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
    x, y = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 10
    np.savez(own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    cells = sweep.cells(datasets.find(own, "tiny"), {"mlp": [1]}, [0, 6], replace(RMSPROP, epochs=2))
    terminal.follow(own, Store(own.store), cells)
    assert capsys.readouterr().err.splitlines() == ["NVIDIA B200 cannot be used."]
