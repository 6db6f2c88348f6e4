"""SIGHUP while the dashboard trains: a server of its own, a training process that waits, and no browser."""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from streamlit.proto.BackMsg_pb2 import BackMsg
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from core import ROOT
from core.runs.run import Run
from core.runs.store import Store
from tests.browser.conftest import ask_health, await_start, free_port

# Two runs of two epochs, of which the second waits after its first epoch until it is stopped.
SCRIPT = """
import sys
from dataclasses import replace

import streamlit as st

from core.access import Visitor
from core.data import datasets
from core.recipe import RMSPROP
from core.runner import local
from core.runs import sweep
from core.ui.shared import SERVICES
from tests.fake_training import ENOUGH, WAIT

local.COMMAND = (sys.executable, "-m", "tests.fake_training")
context = SERVICES.context(Visitor("somebody", "local"))
images = datasets.find(context.settings, "tiny")
context.runner.runner.submit(sweep.cells(images, {"mlp": [4]}, [ENOUGH, WAIT], replace(RMSPROP, epochs=2)))
"""
SECONDS = 30

Server = tuple[subprocess.Popen[bytes], str]


@contextmanager
def training(folder: Path, before: tuple[str, ...] = (), terminal: int | None = None) -> Iterator[Server]:
    """Serve the script until the block ends and open it; yield when its second run has had its first epoch.

    Args:
        folder: for all its files.
        before: goes before Python on the command line.
        terminal: the descriptor of the terminal that it is started from, and writes to in place of its log.
    """
    x, y = np.random.default_rng(0).integers(0, 256, (20, 8, 8), np.uint8), np.arange(20) % 10
    (folder / "data").mkdir()
    np.savez(folder / "data" / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    (folder / "script.py").write_text(SCRIPT, "utf-8")
    port, log = free_port(), folder / "log"
    command = [sys.executable, "-m", "streamlit", "run", str(folder / "script.py"), "--server.address=127.0.0.1"]

    def ready() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        if terminal is not None:
            fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)

    environment = {"FEATHERWEIGHT_HOME": str(folder / "home"), "FEATHERWEIGHT_DATA": str(folder / "data")}
    with log.open("wb") as words:
        process = subprocess.Popen(
            [*before, *command, f"--server.port={port}"],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
            stdin=subprocess.DEVNULL,
            stdout=words if terminal is None else terminal,
            stderr=words if terminal is None else terminal,
            start_new_session=terminal is not None,
            pass_fds=[] if terminal is None else [terminal],
            preexec_fn=ready,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        await_start(process, lambda: ask_health(url), log)
        asked = BackMsg()
        asked.rerun_script.query_string = ""
        address, spoken = f"{url.replace('http', 'ws', 1)}/_stcore/stream", Subprotocol("streamlit")
        with connect(address, subprotocols=[spoken], max_size=None) as tab:
            tab.send(asked.SerializeToString())
            wait_for(lambda: [(x.state, x.epochs) for x in runs(folder)] == [("done", 2), ("running", 1)], process)
            yield process, url
    finally:
        process.kill()
        process.wait()


def runs(folder: Path) -> list[Run]:
    path = folder / "home" / "runs.sqlite3"
    return Store(path).runs() if path.exists() else []


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Poll another process's file; there is nothing else to wait on."""
    end = time.monotonic() + SECONDS
    while not condition():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.05)


def stopped(folder: Path) -> None:
    """Check that all ended in order: epochs kept, states right, the lock free."""
    assert [(x.state, x.epochs) for x in runs(folder)] == [("done", 2), ("stopped", 1)]
    with FileLock(folder / "home" / "runner.lock", blocking=False):
        pass


def test_a_hangup_ends_the_dashboard_as_sigterm_does(tmp_path: Path) -> None:
    with training(tmp_path) as (process, _):
        process.send_signal(signal.SIGHUP)
        assert process.wait(SECONDS) == 0
    words = (tmp_path / "log").read_text()
    assert words.count("Stopping...") == 1 and "Traceback" not in words
    stopped(tmp_path)


def test_a_terminal_that_is_closed_ends_it_too(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with training(tmp_path, terminal=theirs) as (process, _):  # its few words fit into what a terminal holds
        os.close(theirs)
        os.close(ours)
        assert process.wait(SECONDS) == 0
    stopped(tmp_path)


@pytest.mark.skipif(not shutil.which("nohup"), reason="No nohup found: it is part of coreutils.")
def test_under_nohup_a_hangup_is_nothing(tmp_path: Path) -> None:
    with training(tmp_path, before=("nohup",)) as (process, url):
        process.send_signal(signal.SIGHUP)
        ask_health(url)
        assert [x.state for x in runs(tmp_path)] == ["done", "running"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    assert (tmp_path / "log").read_text().count("Stopping...") == 1, "not twice"
    stopped(tmp_path)
