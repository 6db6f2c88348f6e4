"""What every page does when the store is damaged, another's, odd or large."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.access import Visitor
from core.data import datasets
from core.networks.families import FAMILIES
from core.recipe import Recipe
from core.runs import sweep
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings
from core.ui import shared
from tests.fake_training import ENOUGH, HANG
from tests.runs_of import states_of

if TYPE_CHECKING:
    from tests.pages.conftest import Until, Visit

Sentences = Callable[[AppTest], list[str]]
TRAIN, RESULTS = "pages/train.py", "pages/results.py"
PAGES = ("app.py", TRAIN, "pages/find.py", RESULTS, "pages/draw.py", "pages/inspect.py")
FRESH = "Set it aside and begin a fresh one"
NOISE = b"no database, but long enough to look like one" * 100
# What another dashboard does with the store while ours looks.
OTHER = """
import sys
from core import settings
from core.runner.local import LocalBackend
from core.runner.runner import Runner
from core.runs.store import Store
loaded = settings.load()
fake = LocalBackend(loaded.log, (sys.executable, "-m", "tests.fake_training"))
runner = Runner(loaded, Store(loaded.store), fake)
print("has it", flush=True)
sys.stdin.read()
runner.close()
"""


def opened() -> Store:
    """Return the store as the pages have it now."""
    return shared.SERVICES.context(Visitor("me", "local")).store


def press(at: AppTest, label: str) -> AppTest:
    (found,) = (x for x in at.button if x.label == label)
    return found.click().run()


def cells(own: Settings, *seeds: int, width: int = 2) -> list[Cell]:
    return sweep.cells(datasets.find(own, datasets.EMBEDDED), {"deep_cnn": [width]}, seeds, Recipe("sgd", 0.1, 3))


def finish(store: Store, cell: Cell) -> None:
    counts = {"parameters": 932, "multiply_adds": 49960, "train_images": 4000, "test_images": 1000}
    run = store.begin(cell, **counts, device="CPU", versions={})
    store.add_epoch(run, Epoch(1, 0.5, 0.9, 0.5, 0.9, 1.0))
    store.end(run, RunState.DONE, seconds=1.0)


@pytest.mark.parametrize("page", PAGES)
def test_a_fresh_store_is_made_on_request_and_the_damaged_one_is_kept(
    visit: Visit, sentences: Sentences, own: Settings, page: str
) -> None:
    own.store.write_bytes(NOISE)
    at = visit(page)
    (sentence,) = sentences(at)
    assert str(own.store) in sentence and own.store.read_bytes() == NOISE
    at = press(at, FRESH)
    assert sentences(at) == [] and at.title
    assert (own.home / "runs-set-aside.sqlite3").read_bytes() == NOISE
    assert Store(own.store).runs() == [] and FRESH not in [x.label for x in at.button]


def test_a_store_damaged_while_the_app_runs_is_replaced_on_request(
    visit: Visit, sentences: Sentences, own: Settings, until: Until
) -> None:
    at = visit(TRAIN)
    for path in own.home.glob("runs.sqlite3*"):
        path.unlink()
    own.store.write_bytes(NOISE)
    at = press(at.run(), FRESH)
    assert sentences(at) == []
    press(at, "Start 1 run")
    until(lambda p: p.done == 1)
    assert [x.state for x in Store(own.store).runs()] == ["done"]


def test_a_newer_store_is_refused_and_a_fresh_one_offered(
    visit: Visit, sentences: Sentences, own: Settings, store: Store
) -> None:
    with store.database.connection() as connection:
        connection.execute("PRAGMA user_version = 99")
    at = visit()
    assert len(sentences(at)) == 1 and str(own.store) in sentences(at)[0]
    assert sentences(press(at, FRESH)) == [] and (own.home / "runs-set-aside.sqlite3").is_file()


def test_a_second_app_on_the_same_store_says_so_and_only_reads(
    visit: Visit, sentences: Sentences, own: Settings, store: Store
) -> None:
    finish(store, cells(own, ENOUGH)[0])
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as app:
        assert app.stdout and app.stdout.readline() == b"has it\n"
        at = visit(TRAIN)
        assert sentences(at) == []
        (warning,) = at.warning
        assert f" {own.home}." in warning.value
        assert [x.disabled for x in at.button if x.key == "start"] == [True]
        results = visit(RESULTS)
        assert sentences(results) == [] and len(results.dataframe) >= 3
        assert opened().database.read_only
        finish(store, cells(own, 77)[0])  # as the other app does
        assert len(opened().runs()) == 2
        app.communicate(timeout=60)
    assert not visit(TRAIN).warning, "the other has ended, and this one trains"
    assert not opened().database.read_only


@pytest.fixture
def left(own: Settings, store: Store) -> list[Cell]:
    """What an app leaves behind that is killed in mid-sweep: a finished run, one that goes on and one that waits."""
    finished, begun, waits = cells(own, ENOUGH, 70, 71)
    finish(store, finished)
    store.keep_waiting([begun, waits])
    store.begin(begun, parameters=1, multiply_adds=1, train_images=1, test_images=1, device="", versions={})
    return [finished, begun, waits]


def test_one_click_resumes_what_a_killed_app_left(
    visit: Visit, sentences: Sentences, until: Until, store: Store, left: list[Cell]
) -> None:
    at = visit(TRAIN)
    assert [x.value for x in at.warning] == ["2 runs of the last sweep were interrupted or still waiting."]
    assert states_of(store, left) == {left[0]: "done", left[1]: "interrupted"}
    press(at, "Resume them")
    until(lambda p: p.done == 2)
    at.run()
    assert sentences(at) == [] and not at.warning
    assert set(states_of(store, left).values()) == {"done"} and store.waiting() == []


def test_what_a_killed_app_left_can_be_forgotten(
    visit: Visit, sentences: Sentences, own: Settings, store: Store, left: list[Cell]
) -> None:
    at = press(visit(TRAIN), "Forget them")
    assert sentences(at) == [] and not at.warning and store.waiting() == []
    assert states_of(store, left) == {left[0]: "done", left[1]: "interrupted"}


def test_a_run_left_behind_is_not_1_runs(visit: Visit, own: Settings, store: Store) -> None:
    store.keep_waiting(cells(own, HANG))
    at = visit(TRAIN)
    assert [x.value.split()[:2] for x in at.warning] == [["1", "run"]] and " were " not in at.warning[0].value
    assert {"Resume it", "Forget it"} <= {x.label for x in at.button}


def test_a_sweep_whose_images_are_gone_can_be_resumed_and_says_so(
    visit: Visit, sentences: Sentences, until: Until, store: Store
) -> None:
    store.keep_waiting([Cell("gone", "f", "mlp", 2, Recipe("sgd", 0.1, 3), 0)])
    at = press(visit(TRAIN), "Resume it")
    until(lambda p: p.done == 1)
    (sentence,) = sentences(at.run())
    assert "was not trained" in sentence and store.waiting() == []


@pytest.mark.parametrize("page", PAGES)
def test_a_clock_that_was_set_back_and_long_names_are_shown(
    visit: Visit, sentences: Sentences, own: Settings, store: Store, page: str
) -> None:
    name = "Ziffern_Ω" * 22  # 198 characters
    for cell in (*cells(own, ENOUGH, 7), *(Cell(name, "f", "mlp", 2, Recipe("sgd", 0.1, 3), x) for x in (0, 1))):
        finish(store, cell)
    with store.database.connection() as connection:
        connection.execute("UPDATE runs SET started = '2030-01-01T00:00:00.000+00:00', seconds = -5.0")
        connection.execute("UPDATE epochs SET seconds = -1.0")
    assert sentences(visit(page)) == []


@pytest.fixture
def thousands(own: Settings, store: Store) -> Store:
    """A store with 10,000 finished runs, on networks of every width."""
    identity = cells(own, 0)[0].columns

    def network(key: str, width: int, seed: int) -> dict[str, object]:
        layers = FAMILIES[key].identity(width, False)
        return {"family": key, "width": width, "layers": layers, "seed": seed}

    with store.database.connection() as connection:
        connection.executemany(
            "INSERT INTO runs (dataset, fingerprint, layers, family, width, recipe, seed, parameters, multiply_adds, "
            "train_images, test_images, state, started, ended, seconds, device, versions) VALUES (:dataset, "
            ":fingerprint, :layers, :family, :width, :recipe, :seed, 100 + :width * :width, 100 + :width, 4000, "
            "1000, 'done', '2026-11-01', '2026-11-01', 1.0, 'CPU', '{}')",
            [identity | network(("mlp", "pooled_mlp")[x % 2], 1 + x // 2 % 512, x // 1024) for x in range(10_000)],
        )
        connection.execute("INSERT INTO epochs SELECT id, 1, 0.5, 0.9, 0.5, 0.9, 1.0, NULL, NULL FROM runs")
    return store


@pytest.mark.parametrize("page", PAGES)
def test_every_page_opens_over_10000_runs(visit: Visit, sentences: Sentences, thousands: Store, page: str) -> None:
    at = visit(page)
    assert sentences(at) == [] and at.title and sum(thousands.counts().values()) == 10_000
