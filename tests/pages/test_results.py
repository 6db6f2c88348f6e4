from __future__ import annotations

import csv
import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from streamlit.runtime.media_file_manager import MediaFileManager
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.data import datasets
from core.data.images import Facts
from core.export import bundle
from core.export.keras_file import KERAS_FILES
from core.networks.families import FAMILIES
from core.recipe import Protocol, Recipe
from core.results import tables
from core.results.published import ARTICLE, OTHERS
from core.results.units import UNITS
from core.runs import reference
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings
from tests.fake_training import WAIT
from tests.runs_of import epochs

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]
Train = Callable[..., int]
Made = dict[str, Callable[[], bytes]]
RESULTS = "pages/results.py"
EMBEDDED = "MNIST, 5,000 digits"
SMALL = "Run the small sweep"
MNIST = Facts((28, 28, 1), 10, 60_000, 10_000, "of the reference")
DEEP = "Deep CNN, n = 2, Adadelta 1, 12 epochs, batch 128"
OTHER = Recipe("adam", 0.003, 2, 64)


def deep(n: int) -> int:
    return FAMILIES["deep_cnn"].polynomial()(n)


def held_out(family: str) -> Recipe:
    return replace(FAMILIES[family].recipe, protocol=Protocol.HELD_OUT)


@dataclass(frozen=True)
class Writer:
    """Records runs into a store: ``Writer(...)("mlp", 32, 0.97, seed=1)``."""

    settings: Settings
    store: Store

    def __call__(
        self,
        family: str,
        width: int,
        accuracy: float,
        *,
        seed: int = 0,
        recipe: Recipe | None = None,
        state: RunState = RunState.DONE,
        data: str = "mnist_5k",
        facts: Facts | None = None,
        weights: bool = False,
        held: float | None = None,
    ) -> int:
        facts = facts or datasets.find(self.settings, data).facts
        cell = Cell(data, facts.fingerprint, family, width, recipe or FAMILIES[family].recipe, seed)
        network = FAMILIES[family].build(width, facts.input_shape, facts.classes)
        run = self.store.begin(
            cell,
            parameters=network.parameters,
            multiply_adds=network.multiply_adds,
            train_images=facts.train,
            test_images=facts.test,
            device="a device",
            versions={"keras": "3.1", "python": "3.11"},
        )
        if held is not None:
            self.store.add_epoch(run, Epoch(1, 0.2, 0.9, None, None, 1.5, 0.1, held))
            self.store.add_epoch(run, Epoch(2, 0.2, 0.9, 0.1, accuracy, 1.5, 0.1, held))
        else:
            self.store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, accuracy, 1.5))
        packed = io.BytesIO()
        if weights:
            arrays = [np.zeros(x, np.float32) for x in network.weight_shapes]
            np.savez(packed, allow_pickle=False, **{str(i): x for i, x in enumerate(arrays)})
        self.store.end(run, state, seconds=2.5, weights=packed.getvalue() or None)
        return run


@pytest.fixture
def trained(own: Settings, store: Store) -> Train:
    """Return a function that records a run of the user's."""
    return Writer(own, store)


@pytest.fixture
def came(own: Settings, reference_runs: Store) -> Train:
    """Return a function that records a run among those that come with the product."""
    return Writer(own, reference_runs)


@pytest.fixture
def some(trained: Train) -> None:
    """Two families, one network with two seeds, and runs that must not count."""
    trained("mlp", 32, 0.975, seed=0)
    trained("mlp", 32, 0.965, seed=1)
    trained("mlp", 16, 0.95)
    trained("deep_cnn", 2, 0.968)
    trained("deep_cnn", 4, 0.981)
    trained("deep_cnn", 8, 0.999, state=RunState.STOPPED)
    trained("cnn", 2, 0.999, state=RunState.FAILED)


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> Made:
    """What the page offers to download, by file name: functions that make it, for it is made when it is asked for."""
    offered: Made = {}
    keep = MediaFileManager.add_deferred

    def spy(
        manager: MediaFileManager,
        make: Callable[[], bytes],
        mimetype: str | None,
        coordinates: str,
        file_name: str | None = None,
        **more: Any,
    ) -> str:
        offered[file_name or ""] = make
        return keep(manager, make, mimetype, coordinates, file_name, **more)

    monkeypatch.setattr(MediaFileManager, "add_deferred", spy)
    return offered


def table(at: AppTest, which: str) -> pd.DataFrame:
    """Return the table whose description begins with these words."""
    (found,) = [x.value for x in at.dataframe if x.proto.alt.startswith(which)]
    return found


def networks(at: AppTest) -> pd.DataFrame:
    return table(at, "One row per network")


def runs(at: AppTest) -> pd.DataFrame:
    return table(at, "One row per run")


def chart(at: AppTest) -> Any:
    """Return the results chart's element."""
    (found,) = [x.proto for x in at.get("vega_lite_chart") if "against size" in x.proto.alt]
    return found


def layers(at: AppTest) -> list[dict[str, Any]]:
    """Return the chart's layers, nested ones as well."""

    def opened(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for layer in found:
            yield layer
            yield from opened(layer.get("layer", []))

    return list(opened(json.loads(chart(at).spec)["layer"]))


def marks(at: AppTest, **wanted: object) -> list[dict[str, Any]]:
    """Return the layers whose mark has these properties."""
    return [x for x in layers(at) if isinstance(m := x.get("mark"), dict) and wanted.items() <= m.items()]


def answer(at: AppTest) -> str:
    """Return the sentence that answers the page's question."""
    (found,) = [str(x.value) for x in at.markdown if str(x.value).startswith("#### ")]
    return found.removeprefix("#### ")


def bullets(at: AppTest) -> list[str]:
    """Return what is said of each family."""
    (found,) = [str(x.value) for x in at.markdown if str(x.value).startswith("- **")]
    return found.splitlines()


def badges(at: AppTest) -> list[str]:
    return [y for x in at.markdown if "-badge[" in str(x.value) for y in str(x.value).splitlines()]


def captions(at: AppTest) -> str:
    return "\n".join(str(x.value) for x in at.caption)


def look(at: AppTest, name: str) -> AppTest:
    return at.selectbox(key="closer").set_value(name).run()


def button(at: AppTest, label: str) -> Any:
    (found,) = [x for x in [*at.button, *at.download_button] if x.label == label]
    return found


def labels(at: AppTest) -> list[str]:
    return [x.label for x in at.download_button]


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
    until(lambda p: p.phase == "idle" and p.done == 3 * len(FAMILIES))
    assert {(x.family, x.width) for x in store.runs()} == {(key, n) for key, x in FAMILIES.items() for n in x.small}
    at.run()  # the page was there all the time: each result appears as it comes
    assert sentences(at) == [] and len(networks(at)) == 3 * len(FAMILIES)


def test_the_small_sweep_cannot_be_asked_for_twice(visit: Visit, sentences: Sentences, until: Until) -> None:
    button(visit("pages/train.py", seed=str(WAIT), families="MLP"), "Start 1 run").click().run()
    until(epochs)
    at = visit(RESULTS)
    assert sentences(at) == []
    assert [x.disabled for x in at.button] == [True]
    line = f"Training MLP, n = 32, seed 1 on {EMBEDDED}: epoch 2 of 20, 0 more waiting."
    promise = " Each result appears here as it comes."
    assert captions(at).endswith(line + promise)


def test_a_result_is_promised_only_where_it_appears(
    visit: Visit, sentences: Sentences, until: Until, trained: Train, bring: Bring
) -> None:
    bring("mine", 28, 28)
    trained("mlp", 2, 0.9, data="mine")
    trained("mlp", 2, 0.9, recipe=held_out("mlp"), held=0.9)
    button(visit("pages/train.py", seed=str(WAIT), families="MLP"), "Start 1 run").click().run()
    until(epochs)
    for query, here in (({}, True), ({"protocol": "Held-out"}, False), ({"data": "mine"}, False)):
        at = visit(RESULTS, **query)
        assert sentences(at) == []
        (line,) = [str(x.value) for x in at.caption if ":material/model_training:" in str(x.value)]
        assert all(x in line for x in (" MLP, n = 32, seed 1 ", EMBEDDED, " 2 of 20, "))
        assert line.count(".") == 1 + here, f"one sentence, and the promise where it holds: {query}"


@pytest.mark.usefixtures("some")
def test_the_smallest_network_that_reaches_the_target_is_named(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    assert sentences(at) == []
    assert all(x in answer(at) for x in (" 97.0 % ", EMBEDDED, " a Deep CNN ", f" {deep(4):,} weights: "))
    assert f"{1_199_882 / deep(4):.0f} times fewer" in answer(at) and f"{26_506 / deep(4):.1f} times" in answer(at)
    first, second = bullets(at)
    assert first.startswith(f"- **Deep CNN**: {deep(4):,} weights (n = 4): ")
    assert all(x in first for x in (" one seed ", " 97.0 %", " 98.10 %; ", " 932, 0 of 1. ", " 932; "))
    assert second.startswith("- **MLP**: 26,506 weights (n = 32): 1 of 2 seeds ")
    assert all(x in second for x in (" 97.0 %", " 97.00 ± 0.71 %; ", " 13,002, 0 of 1."))


@pytest.mark.usefixtures("some")
def test_another_target_picks_again(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    at.slider(key="target").set_value(96.5).run()
    assert all(x in answer(at) for x in (" a Deep CNN ", " 932 weights: ", " 1,287 times "))
    assert bullets(at)[0].startswith("- **Deep CNN**: 932 weights (n = 2): ")
    assert " 96.5 %" in bullets(at)[0] and " 96.80 %" in bullets(at)[0]
    at.slider(key="target").set_value(98.0).run()
    assert f"{deep(4):,} weights" in answer(at) and "MLP" not in answer(at)
    assert all(x in bullets(at)[1] for x in ("**MLP**", " never ", " 98.0 % ", " 97.00 %, ", " 26,506 "))
    at.slider(key="target").set_value(99.9).run()
    assert sentences(at) == []
    assert " 99.9 % " in answer(at) and EMBEDDED in answer(at) and "weights" not in answer(at)
    assert [x.partition(":")[0] for x in bullets(at)] == ["- **Deep CNN**", "- **MLP**"]
    assert all(" never " in x and " 99.9 % " in x for x in bullets(at))
    assert "of 932 weights" in answer(visit(RESULTS, target="96.5"))


@pytest.mark.usefixtures("some")
def test_the_tables_hold_what_the_chart_draws(visit: Visit) -> None:
    at = visit(RESULTS)
    shown = networks(at)[["Family", "Width n", "Weights", "Seeds"]].to_numpy().tolist()
    assert shown == [
        ["Deep CNN", 2, 932, 1],
        ["Deep CNN", 4, deep(4), 1],
        ["MLP", 16, 13_002, 1],
        ["MLP", 32, 26_506, 2],
    ]
    mean = networks(at).iloc[-1]
    figures = [mean[x] for x in ("Mean accuracy, %", "Lowest seed, %", "Highest seed, %", "Standard deviation, %")]
    assert figures == pytest.approx([97.0, 96.5, 97.5, 0.7071], abs=1e-4)
    # Wilson's 95 % interval of 970 in 1,000, from its formula with z = 1.959964
    interval = [mean["Test set's interval from, %"], mean["to, %"]]
    assert interval == pytest.approx([95.7497, 97.8906], abs=1e-3)
    assert len(runs(at)) == 5
    assert sorted(runs(at)["Test accuracy, %"]) == pytest.approx([95.0, 96.5, 96.8, 97.5, 98.1])
    assert set(runs(at)["Device"]) == {"a device"} and set(runs(at)["Seconds"]) == {2.5}
    turning = table(at, "One row per family")
    assert turning[["Family", "Weights", tables.TURNING_POINTS["passing"]]].to_numpy().tolist() == [
        ["Deep CNN", deep(4), 1],
        ["MLP", 26_506, 1],
    ]
    assert "4 networks" in chart(at).alt and EMBEDDED in chart(at).alt and answer(at) in chart(at).alt
    assert '"type": "log"' in chart(at).spec and "diamond" in chart(at).spec


@pytest.mark.usefixtures("some")
def test_both_noises_are_drawn_and_explained(visit: Visit) -> None:
    at = visit(RESULTS)
    ends = {(x["encoding"]["y"]["field"], x["encoding"]["y2"]["field"]) for x in layers(at) if "y2" in x["encoding"]}
    assert ends == {("low", "high"), ("wilson_low", "wilson_high")}
    assert " 1,000 test images " in captions(at) and "Wilson's 95 % " in captions(at)


@pytest.mark.usefixtures("some")
def test_the_csv_is_the_runs(visit: Visit, store: Store, downloads: Made) -> None:
    at = visit(RESULTS)
    assert labels(at) == ["Runs as CSV", "Runs as JSON", "Chart as SVG", "Chart as PNG", "Page as HTML"]
    text = downloads["featherweight-mnist_5k.csv"]().decode("utf-8")
    kept = [x for x in store.runs("mnist_5k") if x.state is RunState.DONE]
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == len(kept) == 5
    for row, run in zip(rows, kept, strict=True):
        assert (row["family"], int(row["width"])) == (run.family, run.width)
        assert (int(row["parameters"]), int(row["seed"])) == (run.parameters, run.seed)
        assert (float(row["test_accuracy"]), float(row["test_loss"])) == (run.test_accuracy, run.test_loss)
        assert (float(row["seconds"]), row["device"]) == (run.seconds, run.device)
        assert row["ended"] == run.ended and row["origin"] == run.origin
        assert (row["recipe_optimizer"], row["versions_keras"]) == (run.recipe.optimizer, "3.1")


@pytest.mark.usefixtures("some")
def test_the_other_downloads_are_what_they_say(visit: Visit, downloads: Made) -> None:
    at = visit(RESULTS)
    made = {name.rpartition(".")[2]: make() for name, make in downloads.items()}
    rows = json.loads(made["json"])
    assert [(x["family"], x["recipe"]["epochs"], x["versions"]["keras"]) for x in rows].count(("mlp", 20, "3.1")) == 3
    assert ElementTree.fromstring(made["svg"]).tag.endswith("svg") and b"target 97.0" in made["svg"]
    assert made["png"].startswith(b"\x89PNG\r\n\x1a\n")
    page = made["html"].decode("utf-8")
    assert answer(at) in page and "<td>26,506</td>" in page and "src=" not in page.partition("<script")[0]
    assert b"#0e1117" not in made["svg"].lower()
    at.segmented_control(key="scheme").set_value("dark").run()
    assert downloads["featherweight-mnist_5k.svg"]() != made["svg"]


@pytest.mark.usefixtures("some")
def test_recipes_are_never_averaged_and_can_be_left_out(
    visit: Visit, sentences: Sentences, trained: Train, downloads: Made
) -> None:
    trained("mlp", 32, 0.5, recipe=OTHER)
    at = visit(RESULTS)
    assert len(networks(at)) == 5 and len(runs(at)) == 6
    chosen = at.multiselect(key="recipes_mnist_5k_article")
    assert list(chosen.options) == sorted(chosen.options) and len(chosen.options) == 3
    assert any("strokeDash" in x["encoding"] for x in marks(at, type="line"))
    chosen.set_value([str(OTHER)]).run()
    assert sentences(at) == []
    assert networks(at)[["Recipe", "Mean accuracy, %"]].to_numpy().tolist() == [[str(OTHER), 50.0]]
    assert len(runs(at)) == 1 and downloads["featherweight-mnist_5k.csv"]().count(b"\n") == 2
    assert " 97.0 % " in answer(at) and EMBEDDED in answer(at) and "weights" not in answer(at)


@pytest.mark.usefixtures("some")
def test_recipes_are_offered_only_where_a_family_has_several(visit: Visit, trained: Train) -> None:
    at = visit(RESULTS)
    assert not at.multiselect  # two recipes, but of two families
    trained("mlp", 8, 0.9, recipe=held_out("mlp"), held=0.9)
    assert not at.run().multiselect  # another protocol is no choice of this one
    trained("mlp", 32, 0.5, recipe=OTHER)
    assert at.run().multiselect
    assert not at.segmented_control(key="protocol").set_value("held_out").run().multiselect


@pytest.mark.usefixtures("some")
def test_without_a_recipe_the_page_says_what_to_do(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 32, 0.5, recipe=OTHER)
    at = visit(RESULTS)
    at.multiselect(key="recipes_mnist_5k_article").set_value([]).run()
    assert sentences(at) == []
    assert [x.value for x in at.info] == ["Choose at least one recipe."]


def test_a_recipe_that_comes_later_is_shown_too(visit: Visit, trained: Train) -> None:
    trained("mlp", 32, 0.975)
    at = visit(RESULTS)
    trained("mlp", 32, 0.968, recipe=OTHER)
    assert len(networks(at.run())) == 2
    at.multiselect(key="recipes_mnist_5k_article").set_value([str(OTHER)]).run()
    assert len(networks(at)) == 1
    trained("mlp", 32, 0.9, recipe=replace(OTHER, epochs=3))
    assert len(networks(at.run())) == 2


def test_the_published_results_stand_beside_the_digits_only(visit: Visit, trained: Train, bring: Bring) -> None:
    trained("mlp", 32, 0.97)
    bring("mine", 28, 28)
    trained("mlp", 32, 0.5, data="mine")
    digits, mine = visit(RESULTS), visit(RESULTS, data="mine")
    assert "Hollow diamonds: the turning points" in captions(digits)
    assert "Hollow" not in captions(mine) and not any("Published" in x.label for x in mine.tabs)
    assert not marks(mine, filled=False) and len(marks(digits, filled=False)) == 2
    assert len(runs(mine)) == 1 and list(runs(mine)["Test accuracy, %"]) == [50.0]


@pytest.mark.usefixtures("some")
def test_published_results_can_be_hidden(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    names = [x.name for x in (*ARTICLE, *OTHERS)]
    assert list(table(at, "Published results")["Network"]) == names and "Hollow" in captions(at)
    at.toggle(key="published").set_value(False).run()
    assert sentences(at) == []
    assert not marks(at, filled=False) and "Hollow" not in captions(at)
    assert [x.label for x in at.tabs] == ["Turning points", "Networks", "Runs"]
    assert not marks(visit(RESULTS, published="false"), filled=False)


@pytest.mark.usefixtures("some")
def test_the_pareto_front_can_be_drawn(visit: Visit, sentences: Sentences, trained: Train) -> None:
    at = visit(RESULTS)
    assert not marks(at, interpolate="step-after")
    front = networks(at).set_index(["Family", "Width n"])["On the Pareto front"]
    assert dict(front) == {("Deep CNN", 2): True, ("Deep CNN", 4): True, ("MLP", 16): False, ("MLP", 32): False}
    at.toggle(key="front").set_value(True).run()
    assert sentences(at) == [] and len(marks(at, interpolate="step-after")) == 1
    assert marks(visit(RESULTS, front="true"), interpolate="step-after")


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("accuracy", [0.5, 1.0])
def test_errors_have_a_log_axis_of_their_own(
    visit: Visit, sentences: Sentences, trained: Train, accuracy: float
) -> None:
    trained("cnn", 4, accuracy)
    plain, errors = visit(RESULTS), visit(RESULTS, errors="true")
    assert sentences(errors) == [] and errors.toggle(key="errors").value
    (mean,) = marks(plain, filled=True, type="point")
    assert mean["encoding"]["y"]["title"] == "Test accuracy" and "type" not in mean["encoding"]["y"]["scale"]
    (mean,) = marks(errors, filled=True, type="point")
    axis = mean["encoding"]["y"]
    assert axis["title"] == "Test errors (log scale, better is up)"
    assert axis["scale"]["type"] == "log" and axis["scale"]["reverse"] and 0 < axis["scale"]["domain"][0] < 0.03
    assert networks(errors).equals(networks(plain)) and answer(errors) == answer(plain)


@pytest.mark.usefixtures("some")
@pytest.mark.parametrize("unit", UNITS)
def test_size_has_several_units(visit: Visit, sentences: Sentences, unit: str) -> None:
    at = visit(RESULTS)
    at.selectbox(key="unit").set_value(unit).run()
    assert sentences(at) == []
    (mean,) = marks(at, filled=True, type="point")
    assert mean["encoding"]["x"]["title"] == f"{UNITS[unit].axis} (log scale)"
    shown, title = networks(at), UNITS[unit].title
    first = shown.iloc[0]
    known = {
        "weights": 932,
        "float32": 3.728,
        "int8": 0.932,
        "operations": FAMILIES["deep_cnn"].build(2).multiply_adds,
    }
    if unit in known:
        assert first[title] == pytest.approx(known[unit])
    else:
        assert (shown[title] > 0).all() and (shown[title] < 1e6).all()
    assert "of " + f"{deep(4):,} weights" in answer(at)  # the answer counts weights whatever the axis


def test_the_address_says_keys_and_leaves_out_what_is_usual(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 32, 0.97)
    trained("mlp", 32, 0.97, recipe=held_out("mlp"), held=0.97)
    at = visit(RESULTS)
    assert not at.query_params, "nobody has chosen anything"
    at.selectbox(key="unit").set_value("float32").run()
    at.segmented_control(key="protocol").set_value("held_out").run()
    assert sentences(at) == [] and at.query_params == {"unit": "float32", "protocol": "held_out"}
    at.selectbox(key="unit").set_value("weights").run()
    assert at.query_params == {"protocol": "held_out"}
    titles = visit(RESULTS, data=EMBEDDED, unit=UNITS["time"].title, protocol="Held-out")
    assert titles.query_params == {"data": "mnist_5k", "unit": "time", "protocol": "held_out"}


def test_the_unit_is_in_the_address(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("mlp", 32, 0.97)
    at = visit(RESULTS, unit="µs per digit")
    assert sentences(at) == [] and at.selectbox(key="unit").value == "time"
    assert "µs per digit" in networks(at)


# Protocols


@pytest.fixture
def both(trained: Train) -> None:
    """The same networks by both protocols; held-out images and test images choose differently."""
    trained("deep_cnn", 2, 0.975)
    trained("deep_cnn", 4, 0.985)
    trained("deep_cnn", 2, 0.99, recipe=held_out("deep_cnn"), held=0.96)
    trained("deep_cnn", 4, 0.965, recipe=held_out("deep_cnn"), held=0.972)


@pytest.mark.usefixtures("both")
def test_protocols_are_never_mixed(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    assert sentences(at) == [] and not at.multiselect
    assert list(networks(at)["Mean accuracy, %"]) == pytest.approx([97.5, 98.5])
    assert "Held-out accuracy, %" not in runs(at) and "held-out" not in captions(at)
    assert "of 932 weights" in answer(at)
    at.segmented_control(key="protocol").set_value("held_out").run()
    assert sentences(at) == []
    assert list(networks(at)["Mean accuracy, %"]) == pytest.approx([99.0, 96.5])
    assert list(networks(at)["Seeds"]) == [1, 1]
    assert list(runs(at)["Held-out accuracy, %"]) == pytest.approx([96.0, 97.2])
    assert "held-out" in captions(at)
    # n = 2 reads 99 % of the test images, but they do not choose
    (line,) = bullets(at)
    assert line.startswith(f"- **Deep CNN**: {deep(4):,} weights (n = 4): ")
    held, _, test = line.partition("; ")
    assert all(x in held for x in (" one seed ", " 97.0 % ", "held-out", " 97.20 %")) and " test images 96.50 %" in test
    assert answer(visit(RESULTS, protocol="Held-out")) == answer(at)


@pytest.mark.usefixtures("some")
def test_a_protocol_without_runs_says_so(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS, protocol="Held-out")
    assert sentences(at) == [] and not at.dataframe and not at.download_button
    assert at.info[0].value.startswith(f"None of the 5 finished runs on {EMBEDDED} has this protocol.")
    at.segmented_control(key="protocol").set_value("article").run()
    assert not at.info and len(runs(at)) == 5


@pytest.mark.usefixtures("both")
def test_a_network_of_the_other_protocol_is_looked_at_no_longer(visit: Visit, sentences: Sentences) -> None:
    at = look(visit(RESULTS), DEEP)
    at.segmented_control(key="protocol").set_value("held_out").run()
    assert sentences(at) == [] and at.selectbox(key="closer").value is None
    look(at, f"{DEEP}, held-out")
    assert f" {held_out('deep_cnn')}." in str([x.value for x in at.markdown])
    assert ["held-out" in x.proto.alt for x in at.get("vega_lite_chart") if "per epoch" in x.proto.alt] == [True]


# Reference results


@pytest.mark.usefixtures("shipped")
def test_a_fresh_install_has_results(visit: Visit, sentences: Sentences, own: Settings) -> None:
    at = visit("app.py")
    assert at.selectbox(key="data").value == "mnist"
    at.switch_page(RESULTS).run()
    assert sentences(at) == [] and not at.info and not at.warning
    assert at.selectbox(key="data").value == "mnist" and not (own.data / "mnist.npz").exists()
    wanted = {(x.family, x.width, x.seed) for x in reference.cells(mnist())}
    shown = runs(at)
    titles = {x.title: x.key for x in FAMILIES.values()}
    assert {(titles[f], n, s) for f, n, s in shown[["Family", "Width n", "Seed"]].itertuples(index=False)} <= wanted
    assert set(shown["Runs"]) == {"reference"}
    assert all(x in answer(at) for x in (" 97.0 % ", " MNIST ", " a Tied CNN ", " 329 weights: "))
    assert all("(reference)" in x for x in bullets(at)) and len(bullets(at)) == len(FAMILIES)
    assert reference.note("mnist") in captions(at)


def mnist() -> datasets.Dataset:
    return datasets.Dataset("mnist", "MNIST", Path("nowhere"), MNIST)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("unit", UNITS)
def test_reference_results_need_no_images(visit: Visit, sentences: Sentences, unit: str) -> None:
    at = visit(RESULTS, data="MNIST", unit=UNITS[unit].title, errors="true", front="true")
    assert sentences(at) == [] and not at.warning
    look(at, f"{DEEP}, reference")
    assert sentences(at) == []
    (train,) = [x for x in at.button if x.label.startswith("Train")]
    assert train.disabled and "fetch them on the Train page" in train.help


@pytest.mark.usefixtures("shipped")
def test_reference_results_can_be_hidden(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS, data="MNIST")
    assert not at.info
    at.toggle(key="reference").set_value(False).run()
    assert sentences(at) == [] and not at.dataframe
    assert [" MNIST " in x.value for x in at.info] == [True] and [x.label for x in at.button] == [SMALL]
    assert visit(RESULTS, data="MNIST", reference="false").info


def test_own_and_reference_runs_are_never_averaged(
    visit: Visit, sentences: Sentences, trained: Train, came: Train, bring: Bring, downloads: Made
) -> None:
    bring("mnist", 28, 28)
    for seed, accuracy in enumerate((0.974, 0.976)):
        came("deep_cnn", 2, accuracy, seed=seed, data="mnist", facts=MNIST)
    trained("deep_cnn", 2, 0.6, data="mnist")
    trained("deep_cnn", 4, 0.7, data="mnist")
    at = visit(RESULTS)
    assert sentences(at) == [] and at.toggle(key="reference").value
    shown = networks(at)[["Width n", "Runs", "Mean accuracy, %", "Seeds"]].to_numpy().tolist()
    assert sorted(map(tuple, shown)) == [
        (2, "own", pytest.approx(60.0), 1),
        (2, "reference", pytest.approx(97.5), 2),
        (4, "own", pytest.approx(70.0), 1),
    ]
    lines = marks(at, type="line")
    assert lines and all({"recipe", "origin"} <= {y["field"] for y in x["encoding"]["detail"]} for x in lines)
    assert reference.note("mnist") in captions(at) and "Paler" in captions(at)
    (line,) = bullets(at)
    assert line.startswith("- **Deep CNN** (reference): 932 weights (n = 2): 2 of 2 ")
    rows = json.loads(downloads["featherweight-mnist.json"]())
    assert [x["origin"] for x in rows] == ["own", "own", "reference", "reference"]
    at.toggle(key="reference").set_value(False).run()
    assert all(x in bullets(at)[0] for x in ("- **Deep CNN**: ", " never ", " 97.0 % ", " 70.00 %, ", f" {deep(4):,} "))
    assert "Runs" not in networks(at) or set(networks(at)["Runs"]) == {"own"}
    assert reference.note("mnist") not in captions(at) and "Paler" not in captions(at)


def test_own_results_on_other_digits_are_told_beside_the_reference_and_one_press_away(
    visit: Visit, sentences: Sentences, trained: Train, came: Train
) -> None:
    came("mlp", 32, 0.97, data="mnist", facts=MNIST)
    trained("mlp", 32, 0.8)
    trained("mlp", 16, 0.7)
    at = visit("app.py").switch_page(RESULTS).run()
    assert sentences(at) == [] and at.selectbox(key="data").value == "mnist"
    assert set(runs(at)["Runs"]) == {"reference"} and list(runs(at)["Test accuracy, %"]) == [97.0]
    (said,) = [str(x.value) for x in at.caption if EMBEDDED in str(x.value)]
    assert " 2 runs " in said and " 80.00 % " in said and " 26,506 weights." in said
    button(at, f"Show {EMBEDDED}").click().run()
    assert sentences(at) == [] and at.selectbox(key="data").value == datasets.EMBEDDED
    assert sorted(runs(at)["Test accuracy, %"]) == [70.0, 80.0] and at.query_params["data"] == datasets.EMBEDDED
    assert not [x for x in at.button if x.label.startswith("Show ")], "the reference is not the user's"
    at.switch_page("pages/draw.py").run()
    assert at.selectbox(key="data").value == datasets.EMBEDDED, "the set was chosen, for the other pages too"


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("page", [RESULTS, "pages/draw.py", "pages/inspect.py"])
def test_results_on_a_file_that_has_gone_make_room_for_the_reference(
    visit: Visit, sentences: Sentences, trained: Train, bring: Bring, page: str
) -> None:
    path = bring("shapes", 28, 28)
    trained("mlp", 32, 0.8, data="shapes", weights=True)
    chosen = visit("app.py", data="shapes")
    assert chosen.switch_page(page).run().selectbox(key="data").value == "shapes"
    path.unlink()
    for at in (visit(page), visit("app.py").switch_page(page).run(), visit(page, data="shapes"), chosen.run()):
        assert sentences(at) == [] and at.selectbox(key="data").value == "mnist"
        assert not [x for x in at.info if "No finished run" in str(x.value)]


@pytest.mark.usefixtures("some")
def test_missing_reference_results_are_one_sentence(
    visit: Visit, sentences: Sentences, without_reference: Path
) -> None:
    at = visit(RESULTS)
    (sentence,) = sentences(at)
    assert str(without_reference) in sentence and "are missing" in sentence
    assert at.toggle(key="reference").disabled
    assert len(runs(at)) == 5 and f"{deep(4):,} weights" in answer(at)


@pytest.mark.usefixtures("some")
def test_damaged_reference_results_are_one_sentence(
    visit: Visit, sentences: Sentences, without_reference: Path
) -> None:
    without_reference.parent.mkdir()
    without_reference.write_bytes(b"no database, but long enough to look like one" * 100)
    at = visit(RESULTS)
    (sentence,) = sentences(at)
    assert str(without_reference) in sentence and len(runs(at)) == 5


@pytest.mark.usefixtures("without_reference")
def test_the_other_pages_need_no_reference(visit: Visit, sentences: Sentences) -> None:
    for page in ("app.py", "pages/train.py"):
        assert sentences(visit(page)) == []


def test_the_article_is_compared_with_what_was_trained_as_it_did(
    visit: Visit, sentences: Sentences, came: Train, trained: Train
) -> None:
    trained("mlp", 32, 0.9)  # on 4,000 images: no comparison
    assert not badges(visit(RESULTS))
    for seed, accuracy in enumerate((0.9705, 0.9715, 0.9710)):
        came("mlp", 32, accuracy, seed=seed, data="mnist", facts=MNIST)
    for seed, accuracy in enumerate((0.9800, 0.9801, 0.9802)):
        came("cnn", 2, accuracy, seed=seed, data="mnist", facts=MNIST)
    came("pooled_mlp", 64, 0.97, data="mnist", facts=MNIST)
    came("deep_cnn", 3, 0.98, data="mnist", facts=MNIST)  # none of the article's
    at = visit(RESULTS, data="MNIST")
    assert sentences(at) == []
    figures = (
        ("- :green-badge[", " 3 seeds ", "] MLP, n = 32: ", " 97.11 %, ", " 97.10 ± 0.05 % (−0.01 "),
        ("- :gray-badge[", " one seed ", "] Pooled MLP, n = 64: ", " 97.04 %, ", " 97.00 % (−0.04 "),
        ("- :orange-badge[", " 3 seeds ", " +0.53 ", "] CNN, n = 2: ", " 97.48 %, ", " 98.01 ± 0.01 % (+0.53 "),
    )
    for badge, told in zip(badges(at), figures, strict=True):
        assert badge.startswith(told[0]) and all(x in badge for x in told)
    for seed in range(3):
        came("mlp", 32, 0.97, seed=seed, data="mnist", facts=MNIST, recipe=held_out("mlp"), held=0.97)
    assert not badges(visit(RESULTS, data="MNIST", protocol="Held-out"))


# Look closer


@pytest.mark.usefixtures("some")
def test_looking_closer_shows_a_networks_runs(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS)
    options = at.selectbox(key="closer").options
    assert len(options) == 4 and not any(x.proto.alt.startswith("The runs of") for x in at.dataframe)
    assert not marks(at, size=420)
    name = "MLP, n = 32, RMSprop 0.001, 20 epochs, batch 128"
    look(at, name)
    assert sentences(at) == []
    assert table(at, f"The runs of {name}")["Seed"].tolist() == [0, 1]
    (said,) = [str(x.value) for x in at.markdown if str(x.value).startswith("**MLP, n = 32**")]
    assert all(x in said for x in (" 26,506 weights, ", " 97.00 ± 0.71 % ", " 2 seeds."))
    assert said.endswith(" RMSprop 0.001, 20 epochs, batch 128.")
    (curves,) = [x.proto for x in at.get("vega_lite_chart") if "per epoch" in x.proto.alt]
    assert curves.alt == "Accuracy on the test images per epoch, a line a seed, for 2 seeds."
    assert "Trained on a device, with keras 3.1, python 3.11." in captions(at)
    (link,) = [x.proto for x in at.get("page_link") if x.proto.label.startswith("Open")]
    assert link.label == "Open MLP, n = 32 in Explore" and link.query_string == "family=mlp&n=32&data=mnist_5k"
    assert len(marks(at, size=420)) == 1  # the mark is ringed


@pytest.mark.usefixtures("some")
def test_the_link_to_explore_opens_the_network(visit: Visit, sentences: Sentences) -> None:
    at = visit(family="MLP", n="32")
    assert sentences(at) == [] and any("n = 32 has 26,506" in x.proto.alt for x in at.get("vega_lite_chart"))


@pytest.mark.usefixtures("some")
def test_the_networks_looked_at_survive_another_target_and_unit(visit: Visit) -> None:
    at = look(visit(RESULTS), DEEP)
    at.slider(key="target").set_value(96.5).run()
    at.selectbox(key="unit").set_value("int8").run()
    assert at.selectbox(key="closer").value == DEEP and len(marks(at, size=420)) == 1


def test_the_link_to_inspect_opens_the_network_and_no_other(
    visit: Visit, sentences: Sentences, trained: Train, came: Train
) -> None:
    write = partial(trained, data="mnist", weights=True)  # which is not at hand, so that copies of it stand together
    for seed in (3, 1):
        write("cnn", 2, 0.9, seed=seed, facts=MNIST)
        write("cnn", 2, 0.9, seed=seed, facts=MNIST, recipe=OTHER)
    write("cnn", 2, 0.9, seed=1, facts=replace(MNIST, fingerprint="another copy"))
    came("cnn", 2, 0.9, facts=MNIST, data="mnist", weights=True)
    at = visit(RESULTS, data="MNIST")
    usual, opened = FAMILIES["cnn"].recipe, set()
    for name in at.selectbox(key="closer").options:
        look(at, name)
        (link,) = [x.proto for x in at.get("page_link") if x.proto.label.startswith("Look inside")]
        inside = visit("pages/inspect.py", **dict(parse_qsl(link.query_string)))
        assert sentences(inside) == [] and not inside.warning
        box = inside.selectbox(key="network")
        shown = str(box.options[box.index or 0])
        assert "seed 1" in shown or shown.endswith("seed 0, reference")
        assert ("reference" in shown, str(OTHER) in shown) == ("reference" in name, str(OTHER) in name)
        opened.add(shown)
    assert opened == {
        f"CNN, n = 2: 4,802 weights, seed 1, {usual}, images of the",
        f"CNN, n = 2: 4,802 weights, seed 1, {OTHER}",
        f"CNN, n = 2: 4,802 weights, seed 1, {usual}, images anothe",
        "CNN, n = 2: 4,802 weights, seed 0, reference",
    }


def test_a_link_to_weights_that_are_not_kept_opens_no_others_in_silence(
    visit: Visit, sentences: Sentences, trained: Train
) -> None:
    trained("deep_cnn", 2, 0.9)
    trained("deep_cnn", 2, 0.9, recipe=OTHER, weights=True)
    at = look(visit(RESULTS), DEEP)
    (link,) = [x.proto for x in at.get("page_link") if x.proto.label.startswith("Look inside")]
    assert link.disabled and "no looking inside" in captions(at)
    # a link of before, which named the network, or one to a run that is gone
    words = {"family": "deep_cnn", "n": "2", "origin": "own", "recipe": str(FAMILIES["deep_cnn"].recipe)}
    for query, which in ((words, DEEP), ({"network": "own-77"}, "own-77")):
        at = visit("pages/inspect.py", data=EMBEDDED, **query)
        assert sentences(at) == []
        assert [str(x.value).partition(" on ")[0] for x in at.warning] == [f"No weights are kept of {which}"]


def test_more_seeds_are_trained_from_here(
    visit: Visit, sentences: Sentences, trained: Train, until: Until, store: Store
) -> None:
    for seed in (6, 9):
        trained("deep_cnn", 2, 0.9, seed=seed)
    at = look(visit(RESULTS), DEEP)
    at.number_input(key="more").set_value(1).run()
    assert button(at, "Train 1 more seed")
    at.number_input(key="more").set_value(3).run()
    button(at, "Train 3 more seeds").click().run()
    assert sentences(at) == [] and [x.value for x in at.toast] == ["Queued: seeds 10 to 12."]
    until(lambda p: p.phase == "idle" and p.done == 3)
    at.run()
    (row,) = networks(at).to_dict("records")
    assert (row["Family"], row["Width n"], row["Seeds"]) == ("Deep CNN", 2, 5)
    assert [x.seed for x in store.runs()] == [6, 9, 10, 11, 12]
    assert at.selectbox(key="closer").value == DEEP and len(table(at, "The runs of")) == 5


def test_seeds_that_are_queued_already_are_not_counted_again(
    visit: Visit, sentences: Sentences, trained: Train, until: Until
) -> None:
    trained("deep_cnn", 2, 0.9, seed=WAIT - 1)
    at = look(visit(RESULTS), DEEP)
    said = []
    for count, label in (
        (1, "Train 1 more seed"),
        (2, "Train 2 more seeds"),
        (3, "Train 3 more seeds"),
        (3, "Train 3"),
    ):
        at.number_input(key="more").set_value(count).run()
        next(x for x in at.button if x.label.startswith(label)).click().run()
        assert sentences(at) == []
        said += [x.value for x in at.toast]
        until(epochs)  # the first waits, and the others wait for it
    assert said == [
        "Queued: seed 1.",
        "Queued: 1 of seeds 1 to 2; the others are on their way already.",
        "Queued: 1 of seeds 1 to 3; the others are on their way already.",
        "On their way already: seeds 1 to 3.",
    ]


def test_more_seeds_of_a_reference_network_are_ones_own(
    visit: Visit, sentences: Sentences, came: Train, bring: Bring, until: Until, store: Store, reference_runs: Store
) -> None:
    bring("mnist", 28, 28)
    came("mlp", 4, 0.9, seed=10, data="mnist", facts=MNIST, recipe=OTHER)
    before = reference_runs.runs()
    at = look(visit(RESULTS), f"MLP, n = 4, {OTHER}, reference")
    button(at, "Train 5 more seeds").click().run()
    until(lambda p: p.phase == "idle" and p.done == 5)
    at.run()
    assert sentences(at) == []
    assert networks(at)[["Runs", "Seeds"]].to_numpy().tolist() == [["own", 5], ["reference", 1]]
    assert {x.recipe for x in store.runs()} == {OTHER}
    assert [x.seed for x in store.runs()] == [11, 12, 13, 14, 15]
    assert reference_runs.runs() == before


def test_a_bundle_is_there_where_the_weights_were_kept(
    visit: Visit, sentences: Sentences, trained: Train, downloads: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KERAS_FILES, "write", lambda *_: b"written by Keras")
    trained("deep_cnn", 2, 0.9, seed=0)
    trained("deep_cnn", 2, 0.9, seed=4, weights=True)
    at = look(visit(RESULTS), DEEP)
    assert button(at, "Download its bundle").disabled
    assert "were not kept" in button(at, "Download its bundle").help
    assert not any(x.endswith(".zip") for x in downloads)
    at.selectbox(key="bundle_seed").set_value(4).run()
    assert sentences(at) == [] and not button(at, "Download its bundle").disabled
    content = downloads["featherweight-deep_cnn-2-seed-4.zip"]()
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert {"reproduce.py", "model.keras", "history.csv", "weights.npz"} <= set(file.namelist())
        assert json.loads(file.read("recipe.json"))["seed"] == 4
        assert "keras.utils.set_random_seed(4)" in file.read("reproduce.py").decode()


@pytest.mark.parametrize("at_hand", [False, True], ids=["no images", "images that differ"])
def test_a_reference_network_has_a_bundle_whatever_images_are_at_hand(
    visit: Visit,
    came: Train,
    trained: Train,
    bring: Bring,
    downloads: Made,
    monkeypatch: pytest.MonkeyPatch,
    at_hand: bool,
) -> None:
    monkeypatch.setattr(KERAS_FILES, "write", lambda *_: b"written by Keras")
    came("deep_cnn", 2, 0.97, data="mnist", facts=MNIST, weights=True)
    if at_hand:  # MNIST as it is fetched is not the copy that the reference was trained on
        bring("mnist", 28, 28)
    else:
        trained("deep_cnn", 2, 0.97, data="mnist", facts=replace(MNIST, fingerprint="of a file that has gone"))
    look(visit(RESULTS, data="MNIST"), f"{DEEP}, reference")
    content = downloads["featherweight-deep_cnn-2-seed-0.zip"]()
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        assert json.loads(file.read("recipe.json"))["data"]["fingerprint"] == MNIST.fingerprint
        assert json.loads(file.read("recipe.json"))["data"]["train_images"] == 60_000


@pytest.mark.usefixtures("shipped")
def test_every_network_whose_weights_came_along_has_a_bundle(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS, data="MNIST")
    for key, width in sorted((key, n) for key, x in FAMILIES.items() for n in x.kept):
        look(at, f"{FAMILIES[key].title}, n = {width}, {FAMILIES[key].recipe}, reference")
        at.selectbox(key="bundle_seed").set_value(reference.seeds(FAMILIES[key], width)[0]).run()
        assert sentences(at) == [] and not button(at, "Download its bundle").disabled
    look(at, f"MLP, n = 16, {FAMILIES['mlp'].recipe}, reference")
    assert button(at, "Download its bundle").disabled


def test_a_seed_that_the_next_network_lacks_is_forgotten(visit: Visit, sentences: Sentences, trained: Train) -> None:
    trained("deep_cnn", 2, 0.9, seed=7)
    trained("mlp", 4, 0.9, seed=3)
    at = look(visit(RESULTS), DEEP)
    assert at.selectbox(key="bundle_seed").value == 7
    look(at, f"MLP, n = 4, {FAMILIES['mlp'].recipe}")
    assert sentences(at) == [] and at.selectbox(key="bundle_seed").value == 3


def test_the_bundle_is_not_made_nor_its_weights_read_before_it_is_asked_for(
    visit: Visit, sentences: Sentences, trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object) -> bytes:
        raise AssertionError("nobody has asked for it")

    monkeypatch.setattr(bundle, "pack", never)
    monkeypatch.setattr(Store, "weights", never)
    trained("deep_cnn", 2, 0.9, weights=True)
    assert sentences(look(visit(RESULTS), DEEP)) == []


# Images of one's own, and things that go wrong


def test_runs_on_a_file_that_has_changed_since_do_not_count(visit: Visit, trained: Train, bring: Bring) -> None:
    bring("mine", 28, 28)
    trained("mlp", 32, 0.5, data="mine")
    path = bring("mine", 28, 28, classes=7)
    os.utime(path, ns=(1, 1))
    at = visit(RESULTS, data="mine")
    assert not at.info and "1 finished run on mine" in at.warning[0].value and "replaced" in at.warning[0].value
    assert [x.label for x in at.button] == [SMALL]
    trained("mlp", 32, 0.6, data="mine")
    at = visit(RESULTS, data="mine")
    assert "1 finished run on mine is left out" in captions(at) and not at.warning and len(networks(at)) == 1
    at = visit(RESULTS, data="mine", protocol="Held-out")
    assert at.info and "left out" not in captions(at), "none had this protocol"


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("page", [RESULTS, "pages/draw.py", "pages/inspect.py"])
def test_a_file_that_was_replaced_is_told_and_no_other_set_shown_in_silence(
    visit: Visit, sentences: Sentences, trained: Train, bring: Bring, page: str
) -> None:
    os.utime(bring("mine", 28, 28), ns=(1, 1))
    trained("mlp", 32, 0.5, data="mine", weights=True)
    chosen = visit("app.py", data="mine")
    bring("mine", 28, 28, classes=7)
    at = chosen.switch_page(page).run()
    assert sentences(at) == [] and at.selectbox(key="data").value == "mine"
    (said,) = [str(x.value) for x in (*at.info, *at.warning) if "replaced" in str(x.value)]
    assert "1 finished run on mine" in said
    assert visit(page).selectbox(key="data").value == "mnist", "nobody chose it"


@pytest.fixture
def lesion(bring: Bring, own: Settings) -> Facts:
    """Of 400 test images 390 are of one class; names are as people give them."""
    y = (np.arange(400) % 40 == 0).astype(np.uint8)
    x = np.random.default_rng(0).integers(0, 256, (400, 12, 12)).astype(np.uint8)
    bring("lesion", x_train=x, x_test=x, y_train=y, y_test=y, class_names=np.array(["*naevus*", "melanoma"]))
    return datasets.find(own, "lesion").facts


def test_what_the_commonest_class_reads_is_told_and_drawn(
    visit: Visit, sentences: Sentences, trained: Train, lesion: Facts
) -> None:
    assert lesion.commonest == 0.975
    trained("mlp", 4, 0.975, data="lesion")
    trained("mlp", 8, 0.995, data="lesion")
    for query in ({}, {"errors": "true"}):
        at = visit(RESULTS, data="lesion", **query)
        assert sentences(at) == []
        assert "an MLP of " in answer(at) and "1 network here is no better" in answer(at)
        assert "(n = 8)" in bullets(at)[0]
        (chart, *_) = at.get("vega_lite_chart")
        assert "always saying the commonest class reads, 97.50 %" in chart.proto.alt
        assert "always the commonest class 97.5 %" in chart.proto.spec + str(chart.proto.datasets)
        assert "dash-dotted" in captions(at) and "accuracy alone says little" in captions(at)
        assert not [x for x in (answer(at), captions(at)) if "*naevus*" in x], "a name is no markup"


def test_accuracy_per_class_is_computed_when_it_is_asked_for(
    visit: Visit, sentences: Sentences, trained: Train, lesion: Facts
) -> None:
    trained("mlp", 4, 0.975, data="lesion", weights=True)
    trained("mlp", 4, 0.975, data="lesion", weights=True, seed=1)
    trained("mlp", 8, 0.99, data="lesion")
    at = visit(RESULTS, data="lesion")
    bare, kept = sorted(at.selectbox(key="closer").options, key=lambda x: "n = 4" in x)
    assert not look(at, bare).get("checkbox") or "by_class" not in [x.key for x in at.toggle]
    at = look(at, kept)
    before = len(at.dataframe)
    at = at.toggle(key="by_class").set_value(True).run()
    assert sentences(at) == [] and len(at.dataframe) == before + 1
    (table,) = [x.value for x in at.dataframe if list(x.value)[:1] == ["Class"]]
    assert table.to_numpy().tolist() == [["*naevus*", 390, 390, 100.0], ["melanoma", 10, 0, 0.0]], "zeros say 0"
    assert any("balanced accuracy **50.00 %**" in str(x.value) and "97.50 %" in str(x.value) for x in at.markdown)
    at = at.selectbox(key="by_class_seed").set_value(1).run()
    assert sentences(at) == [] and any("Seed 1: balanced" in str(x.value) for x in at.markdown)


def test_of_equal_classes_nothing_is_said_of_the_commonest(visit: Visit, trained: Train) -> None:
    trained("mlp", 4, 0.975)
    at = visit(RESULTS)
    assert "commonest" not in captions(at) + answer(at) + at.get("vega_lite_chart")[0].proto.alt
    assert "accuracy alone" not in captions(at)


def test_runs_that_did_not_finish_are_no_results(visit: Visit, trained: Train) -> None:
    trained("deep_cnn", 8, 0.999, state=RunState.STOPPED)
    trained("cnn", 2, 0.999, state=RunState.FAILED)
    assert [x.label for x in visit(RESULTS).button] == [SMALL]


def test_the_small_sweep_is_there_for_images_too_small_for_it(
    visit: Visit, sentences: Sentences, until: Until, bring: Bring, store: Store
) -> None:
    bring("small", 12, 12)
    at = visit(RESULTS, data="small")
    assert sentences(at) == []
    button(at, SMALL).click().run()
    until(lambda p: p.done == 12)
    assert {x.dataset for x in store.runs()} == {"mnist_5k"}


@pytest.mark.parametrize("unit", UNITS)
def test_colour_images_have_results(
    visit: Visit, sentences: Sentences, trained: Train, bring: Bring, unit: str
) -> None:
    bring("colour", 32, 32, 3, classes=7)
    for key in FAMILIES:
        trained(key, 2, 0.5, data="colour")
    at = visit(RESULTS, data="colour", unit=UNITS[unit].title)
    assert sentences(at) == [] and len(networks(at)) == len(FAMILIES)


@pytest.mark.parametrize("errors", ["false", "true"])
@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_the_ends_of_the_scale_can_be_drawn(
    visit: Visit, sentences: Sentences, trained: Train, downloads: Made, accuracy: float, errors: str
) -> None:
    trained("mlp", 32, accuracy)
    at = visit(RESULTS, errors=errors, front="true")
    assert sentences(at) == [] and chart(at)
    drawn = downloads["featherweight-mnist_5k.svg"]().decode()
    assert "NaN" not in drawn and "Infinity" not in drawn


BOUND = ("data", "target", "protocol", "unit", "errors", "front", "published", "reference")


@pytest.mark.parametrize("nonsense", ["", "zzz", "-1", "0", "1e999", "NaN", "null", "[]", "<b>", "\x00", "9" * 400])
@pytest.mark.usefixtures("some")
def test_nonsense_in_the_address_never_breaks_the_page(visit: Visit, sentences: Sentences, nonsense: str) -> None:
    at = visit(RESULTS, **dict.fromkeys((*BOUND, "recipes_mnist_5k_article", "network", "unknown"), nonsense))
    assert sentences(at) == []
    assert at.slider(key="target").value in (50.0, 97.0, 99.9) and len(networks(at)) == 4
    assert (
        at.segmented_control(key="protocol").value in ("article", None) and at.selectbox(key="unit").value == "weights"
    )


@pytest.mark.usefixtures("some")
def test_several_values_where_one_is_meant_never_break_the_page(visit: Visit, sentences: Sentences) -> None:
    at = visit(RESULTS, **{x: ["true", "98.5"] for x in BOUND})
    assert sentences(at) == [] and len(networks(at)) == 4


@pytest.mark.usefixtures("some")
def test_every_bound_parameter_is_bound(visit: Visit) -> None:
    """So that the tests of nonsense keep up with the page."""
    source = (ROOT / RESULTS).read_text("utf-8")
    bound = sum(source.count(x) for x in ('bind="query-params"', "links.choose(", "choose_protocol()"))
    assert bound == len(BOUND) - 1  # the data set's is drawn for every page alike


@pytest.mark.usefixtures("some")
def test_every_chart_and_table_of_a_full_page_says_what_it_shows(visit: Visit) -> None:
    at = look(visit(RESULTS), DEEP)
    alts = [x.proto.alt for kind in ("vega_lite_chart", "dataframe") for x in at.get(kind)]
    assert all(alts) and len(set(alts)) == len(alts) == 7


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
    with store.database.connection() as connection:
        connection.execute("PRAGMA user_version = 99")
    (sentence,) = sentences(visit(RESULTS))
    assert str(own.store) in sentence
