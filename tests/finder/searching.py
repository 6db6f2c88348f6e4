"""A store, a runner and a fake training process in which searches go on."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import settings
from core.data import datasets
from core.finder.question import Question, asked
from core.finder.search import Search, Standing
from core.networks.families import FAMILIES, of_line
from core.recipe import Recipe
from core.runner.local import LocalBackend
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell, RunState
from core.runs.store import Store
from core.settings import Settings
from tests.runs_of import current, epochs

RECIPE = Recipe("sgd", 0.1, 3)
WIDTHS = range(1, 17)
GOOD, BAD = [0.6, 0.8, 0.95], [0.3, 0.5, 0.65]  # by a target of 0.9
FROM_5 = {n: GOOD if n >= 5 else BAD for n in WIDTHS}
Trained = Callable[..., "Searching"]


class Searching:
    """A store, a runner and what is asked for there."""

    def __init__(self, own: Settings) -> None:
        self.own, self.store = own, Store(own.store)
        self.runner = Runner(
            own, self.store, LocalBackend(own.log, (sys.executable, "-m", "tests.finder.width_training"))
        )
        self.dataset = datasets.find(own, "tiny")

    def question(self, *keys: str, recipe: Recipe = RECIPE, **more: Any) -> Question:
        facts = self.dataset.facts
        some = [FAMILIES.get(x) or of_line(x) for x in keys or ("mlp",)]
        of = tuple(asked(x, recipe, facts.input_shape, facts.classes, WIDTHS) for x in some)
        return Question(of, **({"target": 0.9} | more))

    def search(self, *keys: str, **more: Any) -> Search:
        return Search(self.question(*keys, **more), self.dataset, self.store, self.runner, own=True)

    def cells(self, *places: tuple[int, int], epochs: int = 3) -> list[Cell]:
        return [self.cell(n, seed, epochs) for n, seed in places]

    def cell(self, n: int, seed: int, epochs: int = 3) -> Cell:
        (made,) = sweep.cells(self.dataset, {"mlp": [n]}, [seed], replace(RECIPE, epochs=epochs))
        return made

    def until(self, search: Search, condition: Callable[[Standing], object]) -> Standing:
        deadline, seen = time.monotonic() + 30, search.standing()
        while not condition(seen):
            assert time.monotonic() < deadline, f"still {seen}"
            seen = search.wait(seen, 0.05)
        return seen

    def watched(self, condition: Callable[[Progress], object]) -> Progress:
        """Wait for a condition of the runner."""
        deadline, seen = time.monotonic() + 30, self.runner.progress()
        while not condition(seen):
            assert time.monotonic() < deadline, f"still {seen}"
            seen = self.runner.wait(seen, 0.05)
        return seen

    def begun(self, cell: Cell) -> Progress:
        """Wait until a cell's first epoch is known."""
        return self.watched(lambda x: current(x) == cell and epochs(x))

    def places(self, state: RunState = RunState.DONE) -> list[tuple[int, int]]:
        return [(x.width, x.seed) for x in self.store.runs() if x.state is state]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trained]:
    """Return what makes a runner whose networks read as they are told to."""
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    own = settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})
    x, y = np.random.default_rng(0).integers(0, 256, (10_000, 4, 4), np.uint8), np.arange(10_000) % 10
    np.savez(own.data / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    made: list[Searching] = []

    def make(reads: dict[int, list[float]] = FROM_5, **more: Any) -> Searching:
        monkeypatch.setenv("READS", json.dumps({"reads": reads, **more}))
        made.append(Searching(own))
        return made[-1]

    yield make
    for x_ in made:
        x_.runner.close()


def background(search: Search) -> threading.Thread:
    thread = threading.Thread(target=search.run, daemon=True)
    thread.start()
    return thread
