"""A program with a disk of its own: it trains with the fake, lets the disk fail, and prints what the pages then show.

``small_disk.py HOME full`` fills the disk while a run goes on, ``limit`` forbids the process to let a file grow, and
``weights`` forbids that where the weights at a run's end are large, and
``read_only`` mounts it so between two lives of the app. ``full`` and ``read_only`` mount a disk of 16 MB on HOME
and want a mount namespace.
"""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from core import ROOT, settings
from core.access import Visitor
from core.data import datasets
from core.recipe import Recipe
from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell
from core.runs.store import Store
from core.ui import shared
from core.ui.shared import Services
from tests.fake_training import ENOUGH
from tests.runs_of import epochs

SHORT, OTHER, LONG = Recipe("sgd", 0.1, 3), Recipe("sgd", 0.2, 3), Recipe("sgd", 0.1, 1000)


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def until(runner: Runner, condition: Callable[[Progress], object]) -> Progress:
    seen = runner.progress()
    for _ in range(5000):
        if condition(seen):
            return seen
        seen = runner.wait(seen, timeout=30)
    raise SystemExit(f"still {seen}")


def page(name: str) -> dict[str, Any]:
    """Return what a page shows."""
    at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    at.query_params["data"] = "tiny"
    at.switch_page(name).run()
    return {
        "exceptions": [x.message for x in at.exception],
        "errors": [x.value for x in at.error],
        "warnings": [x.value for x in at.warning],
        "tables": len(at.dataframe),
        "start": [x.disabled for x in at.button if x.key == "start"],
    }


def begin() -> None:
    """Begin a life of the app, which trains with the fake; its store and runner are made when a page asks for them."""
    fake = (sys.executable, "-m", "tests.fake_training")
    shared.SERVICES = Services(lambda x: LocalBackend(x.log, fake))


def again() -> None:
    """End the app's life and begin another."""
    shared.SERVICES.close()
    begin()


def at_work() -> tuple[Runner, Store]:
    """Return what the pages work with."""
    context = shared.SERVICES.context(Visitor("me", "local"))
    assert context.runner, context.problem
    return context.runner.runner, context.store


def fill(path: Path) -> None:
    """Write until there is no room."""
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as e:
            print(f"filled: {e}", file=sys.stderr)


def sound(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def main(home: Path, fault: str) -> dict[str, Any]:
    if fault not in ("limit", "weights"):
        mount("-t", "tmpfs", "-o", "size=16m", "none", str(home))
    data = home.with_name("data")
    data.mkdir()
    x, y = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8), np.arange(20) % 10
    np.savez(data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    os.environ |= {"FEATHERWEIGHT_HOME": str(home), "FEATHERWEIGHT_DATA": str(data)}
    loaded = settings.load()
    told: dict[str, Any] = {}

    def cells(recipe: Recipe) -> list[Cell]:
        return sweep.cells(datasets.find(loaded, "tiny"), {"deep_cnn": [2]}, [ENOUGH], recipe)

    begin()
    runner, store = at_work()
    runner.submit(cells(SHORT))
    until(runner, lambda p: p.done == 1)
    if fault == "read_only":
        again()
        mount("-o", "remount,ro", str(home))
        told["train"], told["results"] = page("pages/train.py"), page("pages/results.py")
        return told

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    if fault == "weights":  # there is room for the epochs, and for them alone
        os.environ["FAKE_WEIGHTS"] = "500000"
        again()
        runner, store = at_work()
        resource.setrlimit(resource.RLIMIT_FSIZE, (loaded.store.stat().st_size + 10**6, before[1]))
        runner.submit(cells(OTHER))
    else:
        runner.submit(cells(LONG))
        until(runner, lambda p: len(epochs(p)) > 2)
    if fault == "full":
        fill(home / "filler")
    if fault == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (loaded.store.stat().st_size, before[1]))
    now = until(runner, lambda p: p.phase == "paused")
    told["problem"], told["queue"] = now.problem, len(now.queue)
    told["train"], told["results"] = page("pages/train.py"), page("pages/results.py")
    if fault == "weights":
        told["held"], told["epochs"] = store.counts(), store.runs()[-1].epochs
    if fault == "full":
        again()
        fill(home / "more")  # the log of the closed store left room
        told["train again"], told["results again"] = page("pages/train.py"), page("pages/results.py")
        for name in ("filler", "more"):
            (home / name).unlink()
        runner, _ = at_work()
        told["left"] = len(runner.progress().left)
        runner.resume_left()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        runner.resume()
    until(runner, lambda p: p.done == 1)
    _, store = at_work()
    told["states"], told["weights"] = store.counts(), len(store.weights(store.runs()[-1].id) or b"")
    shared.SERVICES.close()
    told["sound"] = sound(loaded.store)
    return told


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
