"""The command, its app and its training process, killed in mid-search; with real training on the embedded digits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core import ROOT
from core.errors import StoreError
from core.runs.run import Run, RunState
from core.runs.store import Store

ASK = (
    "find --layers flatten|dense(n) --data mnist_5k --target 0.85 --widths 2,4,8,16 --seeds 5 --epochs 16 --batch 16 "
    "--own --json"
)
ENDED = (RunState.DONE, RunState.STOPPED)  # hopeless ones are stopped
WORDS = [x.replace("|", " ") for x in ASK.split()]


Start = Callable[[Path], subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start the command with a home; what still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def begin(home: Path) -> subprocess.Popen[str]:
        home.mkdir(exist_ok=True)
        folders = {"FEATHERWEIGHT_HOME": str(home), "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
        process = subprocess.Popen(
            [sys.executable, "-m", "core", *WORDS],
            cwd=ROOT,
            env=os.environ | folders,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate()


def runs(home: Path) -> list[Run]:
    try:
        return Store(home / "runs.sqlite3", read_only=True).runs()
    except StoreError:  # it is only being made
        return []


def finished(home: Path) -> dict[Any, tuple[int, str]]:
    """Return number and beginning of the finished run of each cell."""
    found: dict[Any, tuple[int, str]] = {}
    for x in runs(home):
        if x.state is RunState.DONE:
            assert x.cell not in found, "one cell has two finished runs"
            found[x.cell] = x.id, x.started
    return found


def until(process: subprocess.Popen[str], condition: Callable[[], object]) -> bool:
    """Wait for a condition and return whether it came true before the search ended."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        if process.poll() is not None:
            return False
        time.sleep(0.02)
    return True


def trainer(process: subprocess.Popen[str]) -> int | None:
    """Return the number of a command's training process, if it has one."""
    for task in Path(f"/proc/{process.pid}/task").glob("*/children"):
        with suppress(OSError):  # a thread or a process that has ended meanwhile
            for child in task.read_text().split():
                if b"core.training" in Path(f"/proc/{child}/cmdline").read_bytes():
                    return int(child)
    return None


def begun_after(home: Path, count: int) -> bool:
    """Return whether so many runs have ended and another has an epoch."""
    states = [x.state for x in runs(home) if x.state is not RunState.RUNNING or x.epochs]
    return sum(x in ENDED for x in states) >= count and RunState.RUNNING in states


def answered(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    (family,) = json.loads(out)["families"]
    return {x: family[x] for x in ("width", "parameters", "bracket_below", "bracket_above", "verdict")}


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="No /proc: the training process is found there.")
def test_killed_five_times_it_trains_nothing_twice_and_finds_the_same(tmp_path: Path, start: Start) -> None:
    home, quiet = tmp_path / "killed", tmp_path / "quiet"
    kept: dict[Any, tuple[int, str]] = {}
    undisturbed, process = start(quiet), start(home)
    for victim in ("trainer", "command", "trainer", "command", "command"):
        ended = sum(x.state in ENDED for x in runs(home))
        mid_run = partial(begun_after, home, ended + 1)
        assert until(process, mid_run), "the search ended before it was killed"
        before = finished(home)
        number = trainer(process) if victim == "trainer" else process.pid
        assert number is not None
        os.kill(number, signal.SIGKILL)
        if victim == "command":
            process.communicate()
            process = start(home)
        now = finished(home)
        assert kept.items() <= before.items() <= now.items(), "what is finished stays as it is"
        kept = now
    found = answered(process)
    assert kept.items() <= finished(home).items() and Store(home / "runs.sqlite3").waiting() == []
    assert {x.state for x in runs(home)} <= set(ENDED), "what was killed has been trained since"
    assert found == answered(undisturbed) and found["verdict"] == "found"
    assert {x.cell for x in runs(home)} == {x.cell for x in runs(quiet)}, "not a run more than undisturbed"
    read = {x.cell: x.held_out_accuracy for x in runs(quiet) if x.state is RunState.DONE}
    both = [x for x in runs(home) if x.state is RunState.DONE and x.cell in read]
    assert both and all(x.held_out_accuracy == read[x.cell] for x in both)
