"""A browser and Streamlit servers for tests that look at real pages; skipped by name where there is no Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from core import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUMS = ("/usr/bin/chromium", "chromium", "chromium-browser", "google-chrome")
# No GPU, no sandbox (a container's root has none) and no calls home.
CHROMIUM_OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
START_SECONDS = 60
# Milliseconds: for whatever a page shows, and for what waits for TensorFlow to start or to compile. On a busy machine
# Chromium was seen to take more than 15 s to load the parts of Streamlit that a page needs.
PATIENCE, LONG = 60_000, 120_000

ColorScheme = Literal["light", "dark"]
NewPage = Callable[..., "Page"]
Serve = Callable[..., str]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Start the installed Chromium once for all tests."""
    executable = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if executable is None:
        pytest.skip("No Chromium found: install it with 'apt-get install chromium'.")
    try:
        from playwright.sync_api import expect, sync_playwright
    except ImportError:
        pytest.skip("No Playwright found: install it with 'pip install playwright'.")
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=executable, args=list(CHROMIUM_OPTIONS))
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> dict[tuple[int, int, str], BrowserContext]:
    """Keep one context for each kind of window, so that only the first page of a kind loads Streamlit's files anew."""
    return {}


@pytest.fixture
def new_page(browser: Browser, contexts: dict[tuple[int, int, str], BrowserContext]) -> Iterator[NewPage]:
    """Return a function that opens an empty page; at the end, fail if a page's own JavaScript has thrown.

    ``new_page(width=1280, height=900, color_scheme="light")``; below 600 pixels the window has touch.
    """
    thrown: list[str] = []
    pages: list[Page] = []

    def open_page(width: int = 1280, height: int = 900, color_scheme: ColorScheme = "light") -> Page:
        kind = (width, height, color_scheme)
        if kind not in contexts:
            contexts[kind] = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=color_scheme, has_touch=width < 600
            )
            contexts[kind].set_default_timeout(PATIENCE)
        page = contexts[kind].new_page()
        pages.append(page)
        page.on("pageerror", lambda error: thrown.append(str(error)))
        return page

    yield open_page
    for page in pages:
        page.close()
    assert not thrown


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function that serves a Streamlit script until the module's tests end and returns its address.

    ``serve(script, env={"FEATHERWEIGHT_HOME": str(folder)}, options={"server.address": "0.0.0.0"})``; ``env`` is added
    to the environment, and ``options`` are Streamlit's in place of the usual ones. The script finds ``core`` and runs
    from the repository's root, so that the theme is the app's. Wherever the server listens, the address returned is
    this machine's own.
    """
    servers: list[subprocess.Popen[bytes]] = []

    def start(script: Path, env: Mapping[str, str] | None = None, options: Mapping[str, str] | None = None) -> str:
        port = free_port()
        log = tmp_path_factory.mktemp("server") / "log.txt"
        usual = {
            "server.headless": "true",
            "server.address": "127.0.0.1",
            "server.port": str(port),
            "server.fileWatcherType": "none",
            "browser.gatherUsageStats": "false",
        }
        command = [sys.executable, "-m", "streamlit", "run", str(script)]
        command += [word for name, value in (usual | dict(options or {})).items() for word in (f"--{name}", value)]
        with log.open("wb") as output:
            server = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT), **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        servers.append(server)
        url = f"http://127.0.0.1:{port}"
        await_start(server, lambda: ask_health(url), log)
        return url

    yield start
    for server in servers:
        server.terminate()
    for server in servers:
        try:
            server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_start(server: subprocess.Popen[bytes], reach: Callable[[], None], log: Path) -> None:
    """Wait until a server that has just been started is reached; fail with its log if it ends or takes too long."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return reach()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"The server did not start. Its log:\n{log.read_text('utf-8', 'replace')}")
            # Not a wait of its own: a refused connection answers at once, and the loop must not take a whole core.
            time.sleep(0.05)


def ask_health(url: str) -> None:
    """Return if the server at ``url`` says that it is well."""
    # Around any proxy of this machine: the server is on it.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    opener.open(f"{url}/_stcore/health", timeout=5).close()
