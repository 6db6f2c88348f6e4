"""The app and its training process, killed in mid-sweep under the eyes of a real browser, with TensorFlow."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core import ROOT
from tests.browser.conftest import LONG, ask_health, await_start, free_port

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from tests.browser.conftest import NewPage

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

SWEEP = "train?families=MLP&widths_mlp=16&widths_mlp=17&widths_mlp=18&recipe=My+own&epochs=200&batch=8"


@contextmanager
def app(home: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the dashboard and give its process and address."""
    port, log = free_port(), home / "server.log"
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.address=127.0.0.1"]
    folders = {"FEATHERWEIGHT_HOME": str(home), "FEATHERWEIGHT_DATA": "", "KERAS_HOME": str(home / "keras")}
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, f"--server.port={port}"],
            cwd=ROOT,
            env={**os.environ, **folders},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_start(server, lambda: ask_health(f"http://127.0.0.1:{port}"), log)
        yield server, f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def cells(page: Page) -> Locator:
    return page.get_by_test_id("stDataFrame").locator("[role=gridcell]")


def states(path: Path) -> dict[int, str]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return dict(connection.execute("SELECT width, state FROM runs"))


def trainer(server: subprocess.Popen[bytes]) -> int:
    """Return the id of the server's training process."""
    tasks = Path(f"/proc/{server.pid}/task")
    if not tasks.is_dir():
        pytest.skip("No /proc: the training process is found through it.")
    children = [int(x) for task in tasks.iterdir() for x in (task / "children").read_text().split()]
    (found,) = (x for x in children if b"core.training" in Path(f"/proc/{x}/cmdline").read_bytes())
    return found


def test_killed_and_started_again_the_app_has_what_was_finished_and_resumes_the_rest(
    new_page: NewPage, tmp_path: Path
) -> None:
    store = tmp_path / "runs.sqlite3"
    with app(tmp_path) as (server, url):
        page = new_page()
        page.goto(f"{url}/{SWEEP}")
        page.get_by_role("button", name="Start 3 runs").click()
        expect(cells(page).nth(2)).to_have_text(re.compile("^✓"), timeout=LONG)
        expect(cells(page).nth(5)).to_have_text(re.compile(r"^▶ epoch \d+ of 200$"))
        server.kill()
        server.wait(30)
    before = states(store)
    assert before.pop(16) == "done" and before == {17: "running"}
    with app(tmp_path) as (server, url):
        page = new_page()
        page.goto(f"{url}/{SWEEP}")
        expect(page.get_by_test_id("stAlertContentWarning")).to_contain_text("2 runs ")
        expect(cells(page).nth(5)).to_have_text("◼ interrupted")
        page.get_by_role("button", name="Resume them").click()
        expect(cells(page).nth(5)).to_have_text(re.compile(r"^▶ epoch (?!1 )\d+ of 200$"), timeout=LONG)

        os.kill(trainer(server), signal.SIGKILL)  # once: the run is tried again
        for number in (5, 8):
            expect(cells(page).nth(number)).to_have_text(re.compile("^✓"), timeout=LONG)
        expect(page.get_by_test_id("stAlertContentError")).to_have_count(0)
        expect(page.get_by_test_id("stException")).to_have_count(0)
    assert states(store) == {16: "done", 17: "done", 18: "done"}
