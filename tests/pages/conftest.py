"""Pages without a browser: every test has folders of its own and a training process without TensorFlow."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from core import ROOT, settings
from core.data import npz
from core.runner.backend import Backend
from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import reference
from core.runs.store import Store
from core.settings import Settings
from core.ui import login, shared
from core.ui.shared import Services

FAKE = (sys.executable, "-m", "tests.fake_training")
SHIPPED = reference.PATH

Visit = Callable[..., AppTest]
Bring = Callable[..., Path]
Until = Callable[[Callable[[Progress], object]], Progress]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Folders with nothing in them."""
    for variable, folder in (("HOME", "home"), ("DATA", "data")):
        monkeypatch.setenv(f"FEATHERWEIGHT_{variable}", str(tmp_path / folder))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return settings.load(os.environ)


@pytest.fixture
def store(own: Settings) -> Store:
    return Store(own.store)


def _point(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setattr(reference, "PATH", path)
    reference.store.cache_clear()


@pytest.fixture(autouse=True)
def reference_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    """Let nothing come with the product but what a test writes into this store, so that own runs stand alone."""
    store = Store(tmp_path / "reference.sqlite3")
    _point(monkeypatch, store.path)
    yield store
    reference.store.cache_clear()


@pytest.fixture
def shipped(reference_runs: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Return the reference results as they come with the product."""
    _point(monkeypatch, SHIPPED)
    return reference.store()


@pytest.fixture
def without_reference(reference_runs: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Take the file of reference results away and return where it is looked for."""
    _point(monkeypatch, tmp_path / "gone" / "reference.sqlite3")
    return reference.PATH


@pytest.fixture(autouse=True)
def at_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the pages be opened at the machine they run on, as `make run` serves them; AppTest has no request."""
    before = st.get_option("server.address")
    config.set_option("server.address", "127.0.0.1")
    monkeypatch.setattr(login, "headers", lambda: {"Host": "127.0.0.1:8501"})
    yield
    config.set_option("server.address", before)


@pytest.fixture(autouse=True)
def runners(own: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Runner]]:
    """Let the pages make a runner whose training process is a fake, and end with the test what they share."""
    made: list[Runner] = []

    class Recorded(Runner):
        def __init__(self, settings: Settings, store: Store, backend: Backend | None = None) -> None:
            super().__init__(settings, store, backend)
            made.append(self)

    services = Services(lambda x: LocalBackend(x.log, FAKE))
    monkeypatch.setattr(shared, "Runner", Recorded)
    monkeypatch.setattr(shared, "SERVICES", services)
    yield made
    services.close()


@pytest.fixture
def visit(as_served: None) -> Visit:
    """Return a function that opens a page as a new tab does: ``visit("pages/train.py", seed="3")``."""

    def go(page: str = "app.py", **query: str | list[str]) -> AppTest:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
        at.query_params.update(query)
        if page != "app.py":
            at.switch_page(page)
        return at.run()

    return go


@pytest.fixture
def until(runners: list[Runner]) -> Until:
    """Return a function that waits for something to become true of the runner, at most half a minute a step."""

    def wait(condition: Callable[[Progress], object]) -> Progress:
        seen = runners[-1].progress()
        for _ in range(1000):
            if condition(seen):
                return seen
            before, seen = seen, runners[-1].wait(seen, timeout=30)
            if before == seen:
                break
        raise AssertionError(f"still {seen}")

    return wait


@pytest.fixture
def bring(own: Settings) -> Bring:
    """Return a function that puts an image set into the data folder: ``bring("mine", 32, 32, 3)``."""

    def put(name: str, *shape: int, classes: int = 10, **replaced: Any) -> Path:
        x = np.random.default_rng(0).integers(0, 256, (20, *shape)).astype(np.uint8)
        y = (np.arange(20) % classes).astype(np.uint8)
        path = own.data / f"{name}.npz"
        np.savez(path, **{"x_train": x, "y_train": y, "x_test": x, "y_test": y} | replaced)
        assert replaced or npz.facts(path).classes == classes
        return path

    return put


@pytest.fixture
def sentences(own: Settings) -> Callable[[AppTest], list[str]]:
    """Return a function that gives the failures a page shows; a traceback among them is a failure of the test."""

    def shown(at: AppTest) -> list[str]:
        assert [x.message for x in at.exception] == []
        found = [str(x.value) for x in at.error]
        assert all(x and "\n" not in x and "Traceback" not in x for x in found)
        return found

    return shown
