from __future__ import annotations

import csv
import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from streamlit.runtime.memory_media_file_storage import MemoryMediaFileStorage
from streamlit.testing.v1 import AppTest

from core import datasets, sweep
from core.families import FAMILIES
from core.recipes import Recipe
from core.runs import Cell, Epoch
from core.settings import Settings
from core.store import Store
from tests.fake_training import WAIT

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]
Train = Callable[..., None]
RESULTS = "pages/results.py"
EMBEDDED = "MNIST, 5,000 digits"
SMALL = "Run the small sweep"


def deep(n: int) -> int:
    return FAMILIES["deep_cnn"].polynomial()(n)


@pytest.fixture
def trained(own: Settings, store: Store) -> Train:
    """Return a function that records a run: ``trained("mlp", 32, 0.97, seed=1)``."""

    def record(
        family: str,
        width: int,
        accuracy: float,
        *,
        seed: int = 0,
        recipe: Recipe | None = None,
        state: str = "done",
        data: str = "mnist_5k",
    ) -> None:
        dataset = datasets.find(own, data)
        cell = Cell(data, dataset.facts.fingerprint, family, width, recipe or FAMILIES[family].recipe, seed)
        network = FAMILIES[family].build(width, dataset.facts.input_shape, dataset.facts.classes)
        run = store.begin(
            cell,
            parameters=network.parameters,
            multiply_adds=network.multiply_adds,
            train_images=dataset.facts.train,
            test_images=dataset.facts.test,
            device="a device",
            versions={},
        )
        store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, accuracy, 1.5))
        store.end(run, state, seconds=2.5)

    return record


@pytest.fixture
def some(trained: Train) -> None:
    """Two families, one network with two seeds, and runs that must not count."""
    trained("mlp", 32, 0.975, seed=0)
    trained("mlp", 32, 0.965, seed=1)
    trained("mlp", 16, 0.95)
    trained("deep_cnn", 2, 0.968)
    trained("deep_cnn", 4, 0.981)
    trained("deep_cnn", 8, 0.999, state="stopped")
    trained("cnn", 2, 0.999, state="failed")


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the page offers to download, by file name."""
    offered: dict[str, bytes] = {}
    keep = MemoryMediaFileStorage.load_and_get_id

    def spy(
        storage: MemoryMediaFileStorage, content: bytes, mimetype: str, kind: object, filename: str | None = None
    ) -> str:
        offered[filename or ""] = content
        return keep(storage, content, mimetype, kind, filename)  # type: ignore[arg-type]

    monkeypatch.setattr(MemoryMediaFileStorage, "load_and_get_id", spy)
    return offered


def tables(at: AppTest) -> tuple[pd.DataFrame, pd.DataFrame]:
    networks, runs = (x.value for x in at.dataframe)
    return networks, runs


def answers(at: AppTest) -> list[str]:
    """Return the lines that answer the page's question."""
    return str(at.markdown[-1].value).splitlines()


def test_an_empty_page_says_what_to_do_and_does_it(
    visit: Visit, sentences: Sentences, until: Until, store: Store
) -> None:
    at = visit(RESULTS)
    assert sentences(at) == []
    assert at.info[0].value.startswith(f"No finished run on {EMBEDDED} yet.")
    assert not at.dataframe and not at.get("vega_lite_chart") and not at.download_button
    (small,) = at.button
    assert small.label == SMALL
    small.click().run()
    until(lambda p: p.phase == "idle" and p.done == 12)
    assert {(x["family"], x["width"]) for x in store.rows()} == {(x, n) for x, w in sweep.SMALL.items() for n in w}
    at.run()  # the page was there all the time: each result appears as it comes
    assert sentences(at) == [] and len(tables(at)[0]) == 12


def test_the_small_sweep_cannot_be_asked_for_twice(visit: Visit, sentences: Sentences, until: Until) -> None:
    button = next(x for x in visit("pages/train.py", seed=str(WAIT), families="MLP").button if x.key == "start")
    button.click().run()
    until(lambda p: p.epochs)
    at = visit(RESULTS)
    assert sentences(at) == []
    assert [x.disabled for x in at.button] == [True]
    assert any("Training MLP, n = 32, seed 1: epoch 2 of 20" in str(x.value) for x in at.caption)


@pytest.mark.usefixtures("some")
def test_the_smallest_network_that_reaches_the_target_is_named(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    assert sentences(at) == []
    assert answers(at) == [
        f"- **Deep CNN**: {deep(4):,} weights (n = 4) reach 98.10%, mean of 1 seed.",
        "- **MLP**: 26,506 weights (n = 32) reach 97.00%, mean of 2 seeds.",
    ]


@pytest.mark.usefixtures("some")
def test_another_target_picks_again(visit: Visit) -> None:
    at = visit(RESULTS)
    at.slider(key="target").set_value(96.5).run()
    assert answers(at)[0] == "- **Deep CNN**: 932 weights (n = 2) reach 96.80%, mean of 1 seed."
    at.slider(key="target").set_value(98.0).run()
    assert len(answers(at)) == 1
    at.slider(key="target").set_value(99.9).run()
    assert answers(at) == ["No network trained here reaches 99.9% yet."]
    assert answers(visit(RESULTS, target="96.5"))[0].startswith("- **Deep CNN**: 932 weights")


@pytest.mark.usefixtures("some")
def test_the_tables_hold_what_the_chart_draws(visit: Visit) -> None:
    at = visit(RESULTS)
    networks, runs = tables(at)
    shown = networks[["Family", "Width n", "Weights", "Seeds"]].to_numpy().tolist()
    assert shown == [
        ["Deep CNN", 2, 932, 1],
        ["Deep CNN", 4, deep(4), 1],
        ["MLP", 16, 13_002, 1],
        ["MLP", 32, 26_506, 2],
    ]
    mean = networks.iloc[-1]
    figures = [mean[x] for x in ("Mean accuracy, %", "Lowest, %", "Highest, %", "Standard deviation, %")]
    assert figures == pytest.approx([97.0, 96.5, 97.5, 0.7071], abs=1e-4)
    assert len(runs) == 5 and sorted(runs["Test accuracy, %"]) == pytest.approx([95.0, 96.5, 96.8, 97.5, 98.1])
    assert set(runs["Device"]) == {"a device"} and set(runs["Seconds"]) == {2.5}
    (chart,) = at.get("vega_lite_chart")
    assert "4 networks" in chart.proto.alt and EMBEDDED in chart.proto.alt
    spec = chart.proto.spec
    assert '"type": "log"' in spec and "diamond" in spec


@pytest.mark.usefixtures("some")
def test_the_download_is_the_runs(visit: Visit, store: Store, downloads: dict[str, bytes]) -> None:
    at = visit(RESULTS)
    assert [x.label for x in at.download_button] == ["Download the runs as CSV"]
    rows = list(csv.DictReader(io.StringIO(downloads["featherweight-mnist_5k.csv"].decode("utf-8"))))
    kept = [x for x in store.rows("mnist_5k") if x["state"] == "done"]
    assert len(rows) == len(kept) == 5
    for row, run in zip(rows, kept, strict=True):
        assert (row["title"], int(row["width"])) == (FAMILIES[run["family"]].title, run["width"])
        assert (int(row["parameters"]), int(row["seed"])) == (run["parameters"], run["seed"])
        assert (float(row["test_accuracy"]), float(row["test_loss"])) == (run["test_accuracy"], run["test_loss"])
        assert (float(row["seconds"]), row["device"]) == (run["seconds"], run["device"])
        assert row["recipe_title"] == str(Recipe(**run["recipe"])) and row["ended"][:10] == run["ended"][:10]


@pytest.mark.usefixtures("some")
def test_recipes_are_never_averaged_and_can_be_left_out(
    visit: Visit, sentences: Sentences, trained: Train, downloads: dict[str, bytes]
) -> None:
    other = Recipe("adam", 0.003, 2, 64)
    trained("mlp", 32, 0.5, recipe=other)
    at = visit(RESULTS)
    networks, runs = tables(at)
    assert len(networks) == 5 and len(runs) == 6
    chosen = at.multiselect(key="recipes_mnist_5k")
    assert list(chosen.options) == sorted(chosen.options) and len(chosen.options) == 3
    chosen.set_value([str(other)]).run()
    assert sentences(at) == []
    networks, runs = tables(at)
    assert networks[["Recipe", "Mean accuracy, %"]].to_numpy().tolist() == [["Adam 0.003, 2 epochs, batch 64", 50.0]]
    assert len(runs) == 1 and downloads["featherweight-mnist_5k.csv"].count(b"\n") == 2
    assert answers(at) == ["No network trained here reaches 97.0% yet."]


@pytest.mark.usefixtures("some")
def test_without_a_recipe_the_page_says_what_to_do(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    at.multiselect(key="recipes_mnist_5k").set_value([]).run()
    assert sentences(at) == []
    assert [x.value for x in at.info] == ["Choose at least one recipe."]


def test_a_recipe_that_comes_later_is_shown_too(visit: Visit, trained: Train) -> None:
    trained("mlp", 32, 0.975)
    at = visit(RESULTS)
    trained("deep_cnn", 2, 0.968)
    assert len(tables(at.run())[0]) == 2


def test_the_articles_points_stand_beside_the_digits_only(visit: Visit, trained: Train, bring: Bring) -> None:
    trained("mlp", 32, 0.97)
    bring("mine", 28, 28)
    trained("mlp", 32, 0.5, data="mine")
    digits, mine = visit(RESULTS), visit(RESULTS, data="mine")
    assert "Hollow diamonds: the four turning points" in digits.caption[-1].value
    assert not any("Hollow diamonds" in str(x.value) for x in mine.caption)
    assert len(tables(mine)[1]) == 1 and list(tables(mine)[1]["Test accuracy, %"]) == [50.0]


def test_runs_on_a_file_that_has_changed_since_do_not_count(visit: Visit, trained: Train, bring: Bring) -> None:
    bring("mine", 28, 28)
    trained("mlp", 32, 0.5, data="mine")
    path = bring("mine", 28, 28, classes=7)
    os.utime(path, ns=(1, 1))
    assert "No finished run on mine yet." in visit(RESULTS, data="mine").info[0].value


def test_runs_that_did_not_finish_are_no_results(visit: Visit, trained: Train) -> None:
    trained("deep_cnn", 8, 0.999, state="stopped")
    trained("cnn", 2, 0.999, state="failed")
    assert [x.label for x in visit(RESULTS).button] == [SMALL]


def test_the_small_sweep_is_there_for_images_too_small_for_it(
    visit: Visit, sentences: Sentences, until: Until, bring: Bring, store: Store
) -> None:
    bring("small", 12, 12)
    at = visit(RESULTS, data="small")
    assert sentences(at) == []
    next(x for x in at.button if x.label == SMALL).click().run()
    until(lambda p: p.done == 12)
    assert {x["dataset"] for x in store.rows()} == {"mnist_5k"}


def test_colour_images_have_results(visit: Visit, sentences: Sentences, trained: Train, bring: Bring) -> None:
    bring("colour", 32, 32, 3, classes=7)
    for key in FAMILIES:
        trained(key, 2, 0.5, data="colour")
    at = visit(RESULTS, data="colour")
    assert sentences(at) == [] and len(tables(at)[0]) == 4


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_the_ends_of_the_scale_can_be_drawn(
    visit: Visit, sentences: Sentences, trained: Train, accuracy: float
) -> None:
    trained("mlp", 32, accuracy)
    at = visit(RESULTS)
    assert sentences(at) == [] and at.get("vega_lite_chart")


@pytest.mark.parametrize("nonsense", ["", "zzz", "-1", "0", "1e999", "NaN", "null", "[]", "<b>", "\x00", "9" * 400])
@pytest.mark.usefixtures("some")
def test_nonsense_in_the_address_never_breaks_the_page(visit: Visit, sentences: Sentences, nonsense: str) -> None:
    at = visit(RESULTS, **dict.fromkeys(("data", "target", "recipes_mnist_5k", "unknown"), nonsense))
    assert sentences(at) == []
    assert at.slider(key="target").value in (50.0, 97.0, 99.9) and len(tables(at)[0]) == 4


@pytest.mark.parametrize("page", ["app.py", "pages/train.py", RESULTS])
def test_a_damaged_store_is_one_sentence(visit: Visit, sentences: Sentences, own: Settings, page: str) -> None:
    own.store.write_bytes(b"no database, but long enough to look like one" * 100)
    (sentence,) = sentences(visit(page))
    assert str(own.store) in sentence and "cannot be used" in sentence


@pytest.mark.parametrize("page", ["app.py", "pages/train.py", RESULTS])
def test_a_store_that_is_damaged_while_the_app_runs_is_one_sentence(
    visit: Visit, sentences: Sentences, own: Settings, page: str
) -> None:
    at = visit(page)
    assert sentences(at) == []
    for path in own.home.glob("runs.sqlite3*"):
        path.unlink()
    own.store.write_bytes(b"no database, but long enough to look like one" * 100)
    (sentence,) = sentences(at.run())
    assert str(own.store) in sentence and "cannot be used" in sentence


def test_a_store_of_a_newer_version_is_one_sentence(
    visit: Visit, sentences: Sentences, own: Settings, store: Store
) -> None:
    with store._connection() as connection:
        connection.execute("PRAGMA user_version = 99")
    (sentence,) = sentences(visit(RESULTS))
    assert "was written by a newer Featherweight" in sentence
