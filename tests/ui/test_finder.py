from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core import settings
from core.access import Visitor
from core.data import datasets
from core.errors import AccessError, LimitError
from core.finder.question import Question, asked
from core.finder.search import Phase, Search, Standing
from core.networks.families import FAMILIES
from core.recipe import Protocol
from core.runner.guarded import GuardedRunner, Owners
from core.runner.local import LocalBackend
from core.runner.runner import Runner
from core.runs.store import Store
from core.ui.find.finder import Finder
from tests.runs_of import epochs

ME, VIEWER = Visitor("me", "local"), Visitor("other", "viewer", "You may look.")


@dataclass
class Place:
    """A finder with a runner whose networks all read 93.75 % of the held-out images; a run of seed 1 waits."""

    finder: Finder
    store: Store
    runner: Runner
    dataset: datasets.Dataset

    def question(self, seeds: int) -> Question:
        family = FAMILIES["deep_cnn"]
        recipe = replace(family.recipe, protocol=Protocol.HELD_OUT)
        return Question((asked(family, recipe, (28, 28, 1), 10),), 0.9, seeds=seeds)

    def start(self, seeds: int, visitor: Visitor = ME) -> None:
        guarded = GuardedRunner(self.runner, settings.load(), Owners(), visitor)
        self.finder.start(self.question(seeds), self.dataset, self.store, guarded)

    def search(self) -> Search | None:
        return self.finder.search

    def searching(self) -> bool:
        return self.finder.searching

    def stopping(self) -> bool:
        return self.finder.stopping

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    for variable in ("HOME", "DATA"):
        monkeypatch.setenv(f"FEATHERWEIGHT_{variable}", str(tmp_path / variable))
    own = settings.load()
    store = Store(own.store)
    backend = LocalBackend(own.log, (sys.executable, "-m", "tests.fake_training"))
    with closing(Runner(own, store, backend)) as runner:
        finder = Finder()
        yield Place(finder, store, runner, datasets.find(own, datasets.EMBEDDED))
        finder.end()
    finder.close()


def ended(place: Place) -> Standing:
    """Return how the search stands once it has ended."""
    place.until(lambda: not place.searching())
    search = place.search()
    assert search
    return search.standing()


def test_a_search_goes_on_until_it_has_ended_and_is_kept(place: Place) -> None:
    assert place.search() is None and place.finder.seconds == 0
    version = place.finder.version
    place.start(seeds=1)
    begun = place.finder.version
    assert begun > version and place.search()
    standing = ended(place)
    assert standing.phase is Phase.ENDED and standing.findings[0].parameters == 408
    assert place.finder.version > begun and place.finder.seconds == standing.seconds > 0


def test_there_is_one_search_at_a_time(place: Place) -> None:
    place.start(seeds=5)
    first = place.search()
    with pytest.raises(LimitError):
        place.start(seeds=1)
    assert place.search() is first and place.searching()


def test_a_stopped_search_can_be_asked_again_and_trains_nothing_twice(place: Place) -> None:
    place.start(seeds=5)
    place.until(lambda: epochs(now := place.runner.progress()) and now.running[0].cell.seed == 1)
    place.finder.stop(ME)
    assert place.stopping()
    assert ended(place).phase is Phase.STOPPED
    before = {x.cell: x for x in place.store.runs() if x.cell.seed == 0}
    place.start(seeds=1)
    assert not place.stopping()
    assert ended(place).phase is Phase.ENDED and not ended(place).spent
    assert {x.cell: x for x in place.store.runs() if x.cell.seed == 0} == before


def test_who_may_only_look_neither_starts_nor_stops(place: Place) -> None:
    with pytest.raises(AccessError, match="look"):
        place.start(1, VIEWER)
    assert place.search() is None
    place.start(seeds=5)
    with pytest.raises(AccessError, match="look"):
        place.finder.stop(VIEWER)
    assert place.searching() and not place.stopping()


def test_a_closed_one_has_ended_its_search_and_forgotten_it(place: Place) -> None:
    place.start(seeds=5)
    search = place.search()
    assert search
    place.finder.end()
    place.runner.close()
    place.finder.close()
    assert search.standing().phase is not Phase.SEARCHING
    assert place.search() is None and not place.searching()
