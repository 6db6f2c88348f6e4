"""SIGTERM, as a container's engine or a service manager sends it, while TensorFlow trains and a browser looks on."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from filelock import FileLock

from core import ROOT
from core.runs.run import Run
from core.runs.store import Store
from tests.browser.conftest import LONG, ask_health, await_start, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.conftest import NewPage

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

SECONDS = 10  # what the engines of containers grant before they kill
ENDLESS = 1000  # epochs

Server = tuple[subprocess.Popen[bytes], str]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """The dashboard as `make run` starts it, and its address."""
    port, log = free_port(), tmp_path / "log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address=127.0.0.1"]
    folders = {"FEATHERWEIGHT_HOME": "home", "FEATHERWEIGHT_DATA": "data", "KERAS_HOME": "keras"}
    env = os.environ | {name: str(tmp_path / folder) for name, folder in folders.items()}
    with log.open("wb") as out:
        started = subprocess.Popen([*command, f"--server.port={port}"], cwd=ROOT, env=env, stdout=out, stderr=out)
    url = f"http://127.0.0.1:{port}"
    await_start(started, lambda: ask_health(url), log)
    yield started, url
    started.kill()
    started.wait()


def start(page: Page, url: str, epochs: int) -> None:
    page.goto(f"{url}/train?families=MLP&widths_mlp=4&recipe=My+own&epochs={epochs}&batch=8")
    page.get_by_role("button", name="Start 1 run").click(timeout=LONG)


def trainers(server: subprocess.Popen[bytes]) -> list[int]:
    """Return the training processes that the server has started and that are still there."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=", "-o", "ppid=", "-o", "args="], capture_output=True, text=True, check=True
    )
    processes = [x.split(maxsplit=2) for x in listed.stdout.splitlines()]
    return [int(pid) for pid, parent, words in processes if int(parent) == server.pid and "core.training" in words]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(store: Store, epochs: int) -> Run:
    """Poll another process's file until its last run has this many epochs; there is nothing else to wait on."""
    end = time.monotonic() + LONG / 1000
    while not (rows := store.runs()) or rows[-1].recipe.epochs != ENDLESS or rows[-1].epochs < epochs:
        assert time.monotonic() < end, rows
        time.sleep(0.05)
    return rows[-1]


def test_sigterm_stops_the_training_and_keeps_what_is_finished(
    new_page: NewPage, server: Server, tmp_path: Path
) -> None:
    process, url = server
    page = new_page()
    start(page, url, 1)
    expect(page.get_by_text("The last sweep has ended")).to_be_visible(timeout=LONG)
    start(page, url, ENDLESS)
    store = Store(tmp_path / "home" / "runs.sqlite3")
    kept = wait_for(store, epochs=3)
    (trainer,) = trainers(process)

    asked = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(SECONDS) == 0
    print(f"ended after {time.monotonic() - asked:.1f} s")
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log, log
    assert not alive(trainer)

    done, stopped = store.runs()
    assert (done.state, done.epochs) == ("done", 1) and store.weights(done.id)
    assert stopped.state == "stopped" and kept.epochs <= stopped.epochs < ENDLESS
    assert len(store.epochs(stopped.id)) == stopped.epochs
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    with FileLock(tmp_path / "home" / "runner.lock", blocking=False):
        pass  # free for the next one
