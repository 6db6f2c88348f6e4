from __future__ import annotations

import ast
import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core import settings
from core.data import datasets
from core.networks.families import FAMILIES, family
from core.runs import sweep
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]

EMBEDDED = "MNIST, 5,000 digits"
TRAIN = "pages/train.py"
NEEDING_IMAGES = ("app.py", "pages/train.py")  # results can be shown without the images
PAGES = (*NEEDING_IMAGES, "pages/results.py")
# What is known beforehand of each family at its width on the page: the article's counts.
SHOWN = {"MLP": (32, 26_506), "Pooled MLP": (32, 7_690), "CNN": (2, 4_802), "Deep CNN": (2, 932)}


def counts(at: AppTest) -> dict[str, Any]:
    """Return what the width control is given to draw."""
    control: dict[str, Any] = json.loads(next(x.proto.json for x in at.get("bidi_component") if x.proto.json))
    return control


def total(at: AppTest) -> int:
    a, b, c = counts(at)["weights"]
    n = counts(at)["width"]
    return int(a * n * n + b * n + c)


def alts(at: AppTest) -> list[str]:
    return [x.proto.alt for kind in ("vega_lite_chart", "dataframe") for x in at.get(kind)]


def captions(at: AppTest) -> str:
    return "\n".join(str(x.value) for x in at.caption)


def units(source: str) -> list[int]:
    """Return the filters and units of the layers in a Keras source, in order."""
    calls = [x for x in ast.walk(ast.parse(source)) if isinstance(x, ast.Call)]
    sized = [(x.lineno, y.value) for x in calls for y in x.keywords if y.arg in ("filters", "units")]
    return [ast.literal_eval(x) for _, x in sorted(sized, key=lambda y: y[0])]


def links(at: AppTest) -> list[str]:
    return [x.proto.label for x in at.get("page_link")]


def test_the_first_view_is_the_articles_smallest_network(visit: Visit, sentences: Sentences) -> None:
    at = visit()
    assert sentences(at) == []
    assert total(at) == 932 and counts(at)["tutorial"] == 1_199_882
    table = at.dataframe[0].value
    assert int(table["Weights"].sum()) == 932 and table["Share"].sum() == pytest.approx(100)
    assert list(table["Weights"][table["Weights"] > 0]) == [20, 38, 76, 148, 650]
    assert list(table["Output"])[:2] == ["26×26×2", "24×24×2"]
    assert units(at.code[-1].value) == [2, 2, 4, 4, 10]
    assert FAMILIES["deep_cnn"].description in captions(at)
    assert "Images of 28×28×1, 10 classes, 4,000 to train and 1,000 to test." in captions(at)
    assert "At n = 2, Dense (64 + 1)·10 holds 70 % of all weights." in captions(at)
    assert "Train this network: Deep CNN, n = 2" in links(at)


@pytest.mark.parametrize("title", SHOWN)
def test_each_family_is_counted_drawn_and_written_out(visit: Visit, sentences: Sentences, title: str) -> None:
    width, weights = SHOWN[title]
    at = visit(family="MLP" if title != "MLP" else "CNN", n=str(width))
    key = next(x.key for x in FAMILIES.values() if x.title == title)
    at.segmented_control(key="family").set_value(key).run()
    assert sentences(at) == []
    assert (counts(at)["width"], total(at)) == (width, weights)
    assert int(at.dataframe[0].value["Weights"].sum()) == weights
    assert FAMILIES[key].description in captions(at)
    assert any(x.endswith(f": {title}, n = {width}") for x in links(at))
    assert any(f"n = {width} has {weights:,}" in x for x in alts(at))


def test_a_wider_network_reaches_every_view_of_it(visit: Visit) -> None:
    at = visit()
    at.session_state["n"] = 8
    at.run()
    assert total(at) == 6_722 == int(at.dataframe[0].value["Weights"].sum())
    assert units(at.code[-1].value) == [8, 8, 16, 16, 10]
    assert any(x.endswith(": Deep CNN, n = 8") for x in links(at))
    assert any("n = 8 has 6,722" in x for x in alts(at))


def test_a_width_beyond_the_new_family_becomes_its_largest(visit: Visit, sentences: Sentences) -> None:
    at = visit(family="MLP", n="1024")
    assert counts(at)["width"] == 1024
    at.segmented_control(key="family").set_value("cnn").run()
    assert sentences(at) == []
    assert counts(at)["width"] == 128 == at.session_state["n"]


def test_dropout_adds_layers_and_no_weights(visit: Visit) -> None:
    at = visit()
    plain = list(at.dataframe[0].value["Layer"])
    at.toggle(key="dropout").set_value(True).run()
    dropped = at.dataframe[0].value
    assert [x for x in dropped["Layer"] if not x.startswith("Dropout")] == plain
    assert len(dropped) == len(plain) + 2 and int(dropped["Weights"].sum()) == 932
    assert at.code[-1].value.count("Dropout(rate=0.25)") == 2
    at.toggle(key="dropout").set_value(False).run()
    assert "Dropout" not in at.code[-1].value


def test_a_budget_gives_the_largest_network_of_each_family(visit: Visit) -> None:
    at = visit()
    assert {x.label: x.value for x in at.metric} == {
        "MLP": "n = 1",
        "Pooled MLP": "n = 4",
        "CNN": "none",
        "Deep CNN": "n = 2",
        "Lean CNN": "n = 9",
        "Tied CNN": "n = 14",
    }
    assert "858 weights" in captions(at) and "932 weights" in captions(at)
    shown = {"show_mlp", "show_pooled_mlp", "show_deep_cnn", "show_lean", "show_tied"}
    assert {x.key for x in at.button if str(x.key).startswith("show_")} == shown
    at.number_input(key="budget").set_value(5000).run()
    assert {x.label: x.value for x in at.metric}["CNN"] == "n = 2" and "4,802 weights" in captions(at)
    at.number_input(key="budget").set_value(1).run()
    assert [x.value for x in at.metric] == ["none"] * len(FAMILIES)
    assert not [x for x in at.button if str(x.key).startswith("show_")]


def test_show_it_shows_what_the_budget_buys(visit: Visit, sentences: Sentences) -> None:
    at = visit(n="32")
    at.button(key="show_pooled_mlp").click().run()
    assert sentences(at) == []
    assert at.segmented_control(key="family").value == "pooled_mlp"
    assert (counts(at)["width"], total(at)) == (4, 858)


def test_a_link_opens_the_same_view(visit: Visit, sentences: Sentences) -> None:
    at = visit(family="CNN", n="7", dropout="true", budget="5000", data=EMBEDDED)
    assert sentences(at) == []
    assert total(at) == 57_732 and at.toggle(key="dropout").value and at.number_input(key="budget").value == 5000
    assert any(x.endswith(": CNN, n = 7") for x in links(at))


@pytest.mark.parametrize("n", ["0", "-1", "129", "1000000000", "abc", "", "2.5", "NaN", "٣", "9" * 5000])
def test_a_width_in_the_address_that_cannot_be_is_a_sentence_beside_the_control(
    visit: Visit, sentences: Sentences, n: str
) -> None:
    at = visit(n=n)
    assert sentences(at) == []
    assert total(at) == 932
    assert "1 to 128" in counts(at)["problem"] and repr(n)[:40] in counts(at)["problem"]
    assert len(counts(at)["problem"]) < 200


@pytest.mark.parametrize("nonsense", ["", "zzz", "-1", "0", "NaN", "null", "[]", "<b>", "\x00"])
def test_nonsense_in_the_address_never_breaks_the_page(visit: Visit, sentences: Sentences, nonsense: str) -> None:
    at = visit(**dict.fromkeys(("family", "data", "dropout", "budget", "unknown"), nonsense))
    assert sentences(at) == []
    assert total(at) == 932


@pytest.mark.parametrize("budget", ["1e999", "9" * 400], ids=["1e999", "400 digits"])
def test_an_infinite_number_in_the_address_is_one_sentence_and_a_way_out(
    visit: Visit, sentences: Sentences, budget: str
) -> None:
    at = visit(budget=budget)
    assert sentences(at) == ["The address of this page holds a number that is too large."]
    assert "Open Explore without it" in links(at)


def test_several_values_where_one_is_meant_never_break_the_page(visit: Visit, sentences: Sentences) -> None:
    several = ["CNN", "MLP"]
    at = visit(family=several, data=several, dropout=["true", "false"], budget=["1", "2"], n=["3", "4"])
    assert sentences(at) == []
    assert at.dataframe


def test_a_broken_image_set_is_one_sentence_on_every_page(
    visit: Visit, sentences: Sentences, own: Settings, bring: Bring
) -> None:
    (own.data / "torn.npz").write_bytes(b"PK\x03\x04 and no more")
    bring("odd", 28, 28, y_train=np.arange(3))
    void = np.full((20, 28, 28), np.nan, np.float32)
    bring("void", 28, 28, x_train=void, x_test=void)
    for name, words in (("torn", "is cut off"), ("odd", "as many labels as images"), ("void", "NaN")):
        for page in PAGES:
            (sentence,) = sentences(visit(page, data=name))
            assert f"{name}.npz" in sentence and words in sentence
    assert sentences(visit()) == []


def test_a_way_back_remains_beside_a_broken_image_set(visit: Visit, sentences: Sentences, own: Settings) -> None:
    (own.data / "torn.npz").write_bytes(b"nothing")
    at = visit(data="torn")
    assert len(sentences(at)) == 1
    at.selectbox(key="data").set_value("mnist_5k").run()
    assert sentences(at) == [] and total(at) == 932


def test_images_too_small_for_a_family_are_one_sentence(visit: Visit, sentences: Sentences, bring: Bring) -> None:
    bring("small", 12, 12)
    at = visit(data="small")
    (sentence,) = sentences(at)
    assert "12×12" in sentence and "'deep_cnn'" in sentence
    at.segmented_control(key="family").set_value("cnn").run()
    assert sentences(at) == []
    assert [x.label for x in at.metric] == ["MLP", "Pooled MLP", "CNN"]


@pytest.mark.parametrize("key", FAMILIES)
def test_colour_images_work_in_every_family(visit: Visit, sentences: Sentences, bring: Bring, key: str) -> None:
    bring("colour", 32, 32, 3, classes=7)
    at = visit(data="colour", family=FAMILIES[key].title, n="3")
    assert sentences(at) == []
    expected = FAMILIES[key].build(3, (32, 32, 3), 7).parameters
    assert total(at) == expected == int(at.dataframe[0].value["Weights"].sum())
    assert "32×32×3, 7 classes" in captions(at)
    assert "(32, 32, 3)" in at.code[-1].value
    assert at.dataframe[0].value["Output"].iloc[-1] == "7"


def test_any_other_image_set_of_a_user_appears(visit: Visit, bring: Bring) -> None:
    bring("mine", 28, 28)
    at = visit()
    assert list(at.selectbox(key="data").options) == [EMBEDDED, "MNIST", "Fashion-MNIST", "mine"]
    assert at.selectbox(key="data").value == "mnist_5k"


def test_the_full_set_is_the_default_where_it_is_at_hand(visit: Visit, bring: Bring) -> None:
    bring("mnist", 28, 28)
    for page in PAGES:
        assert visit(page).selectbox(key="data").value == "mnist"


@pytest.mark.parametrize("title", ["MNIST", "Fashion-MNIST"])
def test_a_set_that_is_not_at_hand_is_offered(visit: Visit, sentences: Sentences, own: Settings, title: str) -> None:
    at = visit(TRAIN, data=title)
    assert sentences(at) == []
    (warning,) = at.warning
    assert warning.value.startswith(f"{title} ") and str(own.data) in warning.value
    assert [x.label for x in at.button] == [f"Fetch {title}"]


@pytest.mark.parametrize("title", ["MNIST", "Fashion-MNIST"])
def test_fetching_offline_is_one_sentence(
    visit: Visit,
    sentences: Sentences,
    own: Settings,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    title: str,
) -> None:
    monkeypatch.setattr(datasets, "ORIGIN", "http://127.0.0.1:9/")  # nobody listens on the discard port
    monkeypatch.setattr("time.sleep", lambda _: None)  # pooch waits between its tries
    visit(TRAIN, data=title)
    until(lambda x: x.phase == "idle")  # else the page is drawn anew when the training process is ready
    at = visit(TRAIN, data=title)
    at.button[0].click().run()
    (sentence,) = sentences(at)
    assert sentence.startswith(f"{title} ") and str(own.data) in sentence and "mnist_5k" in sentence
    assert list(own.data.iterdir()) == []
    at.selectbox(key="data").set_value("mnist_5k").run()
    assert sentences(at) == []


@pytest.mark.parametrize("title", ["MNIST", "Fashion-MNIST"])
def test_a_set_that_is_not_at_hand_is_counted_for_all_the_same(
    visit: Visit, sentences: Sentences, own: Settings, title: str
) -> None:
    at = visit(data=title)
    assert sentences(at) == [] and not at.warning
    assert total(at) == 932 == int(at.dataframe[0].value["Weights"].sum())
    assert "Images of 28×28×1, 10 classes." in captions(at) and " Train can fetch them." in captions(at)
    assert not [x for x in at.button if x.label.startswith("Fetch")], "Train has that"
    at.segmented_control(key="family").set_value("mlp").run()
    assert sentences(at) == [] and "not on this machine" in captions(at)
    assert list(own.data.iterdir()) == []


def test_the_link_to_train_leaves_a_set_that_is_not_at_hand_to_train(visit: Visit, bring: Bring) -> None:
    def query(at: AppTest) -> dict[str, str]:
        (link,) = [x.proto for x in at.get("page_link") if x.proto.label.startswith("Train this network")]
        return dict(parse_qsl(link.query_string))

    assert query(visit(data="mnist", n="3")) == {"families": "deep_cnn", "widths_deep_cnn": "3"}
    assert query(visit(data="mnist_5k", family="cnn", n="3")) == {
        "families": "cnn",
        "widths_cnn": "3",
        "data": "mnist_5k",
    }
    with_dropout = query(visit(data="mnist_5k", dropout="true"))
    assert with_dropout.items() >= {"recipe": "own", "dropout": "true"}.items()
    at = visit(TRAIN, **with_dropout)
    assert at.segmented_control(key="recipe").value == "own" and at.toggle(key="dropout").value


def test_the_address_says_keys_and_leaves_out_what_is_usual(visit: Visit, sentences: Sentences) -> None:
    at = visit()
    assert not at.query_params, "nobody has chosen anything"
    at.segmented_control(key="family").set_value("mlp").run()
    at.selectbox(key="data").set_value("fashion_mnist").run()
    assert sentences(at) == [] and at.query_params == {"family": "mlp", "data": "fashion_mnist"}
    at.segmented_control(key="family").set_value("deep_cnn").run()
    assert at.query_params == {"data": "fashion_mnist"}
    assert visit(family="Pooled MLP", data=EMBEDDED).query_params == {"family": "pooled_mlp", "data": "mnist_5k"}


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("at_hand", [False, True])
def test_until_somebody_chooses_pages_open_on_the_references_set_and_train_on_what_is_at_hand(
    visit: Visit, sentences: Sentences, bring: Bring, at_hand: bool
) -> None:
    if at_hand:
        bring("mnist", 28, 28)
    for page in ("app.py", "pages/results.py", "pages/draw.py", "pages/inspect.py"):
        at = visit(page)
        assert sentences(at) == [] and at.selectbox(key="data").value == "mnist", page
        at.switch_page(TRAIN).run()
        assert at.selectbox(key="data").value == ("mnist" if at_hand else "mnist_5k"), "a default is no choice"
        at.switch_page(page).run()
        assert at.selectbox(key="data").value == "mnist", page
        assert "data" not in at.query_params


@pytest.mark.usefixtures("shipped")
def test_after_a_run_of_ones_own_every_page_still_opens_with_the_references_answer(
    visit: Visit, sentences: Sentences, own: Settings, store: Store
) -> None:
    at = visit(TRAIN)
    network, dataset = family("deep_cnn").build(1), datasets.find(own, datasets.EMBEDDED)
    (cell,) = sweep.cells(dataset, {"deep_cnn": [1]}, [0])
    facts = {"parameters": network.parameters, "multiply_adds": 1, "train_images": 4000, "test_images": 1000}
    run = store.begin(cell, **facts, device="", versions={})
    store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, 0.9, 1.0))
    file = io.BytesIO()
    arrays: dict[str, Any] = {str(i): np.zeros(x, np.float32) for i, x in enumerate(network.weight_shapes)}
    np.savez(file, **arrays)
    store.end(run, RunState.DONE, seconds=1.0, weights=file.getvalue())
    assert at.run().selectbox(key="data").value == datasets.EMBEDDED
    for open_page in (visit, lambda page: at.switch_page(page).run()):
        for page in ("app.py", "pages/results.py", "pages/draw.py", "pages/inspect.py"):
            seen = open_page(page)
            assert sentences(seen) == [] and not seen.info and seen.selectbox(key="data").value == "mnist", page
            if page == "app.py":
                known = {x["width"]: x for x in counts(seen)["known"]}
                assert set(known) >= {*FAMILIES["deep_cnn"].widths} and EMBEDDED in known[1]["on"] + known[1]["data"]
                assert known[2]["on"] == "5 seeds, reference"
            elif page == "pages/results.py":
                (answer,) = [str(x.value) for x in seen.markdown if str(x.value).startswith("#### ")]
                assert " 97.0 % of MNIST is a Tied CNN of 329 weights: " in answer
                assert f"Show {EMBEDDED}" in [x.label for x in seen.button]
            elif page == "pages/draw.py":
                assert "Give me a test digit" in [x.label for x in seen.button]
            else:
                box = seen.selectbox(key="network")
                assert box.options[box.index or 0] == "Tied CNN, n = 7: 329 weights, seed 10, reference"


@pytest.mark.parametrize("page", PAGES)
def test_every_chart_and_table_says_what_it_shows(visit: Visit, page: str) -> None:
    at = visit(page)
    assert all(alts(at)) and len(set(alts(at))) == len(alts(at))


def test_a_home_that_cannot_be_used_is_one_sentence(
    visit: Visit, sentences: Sentences, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "file" / "home"))
    for page in PAGES:
        (sentence,) = sentences(visit(page))
        assert "FEATHERWEIGHT_HOME" in sentence


def test_results_known_so_far_are_told_and_counted(visit: Visit, store: Store) -> None:
    at = visit()
    assert counts(at)["known"] == []
    assert EMBEDDED not in captions(at) and ": none " in captions(at)
    dataset = datasets.find(settings.load(os.environ), datasets.EMBEDDED)
    for seed, accuracy in ((0, 0.9), (1, 0.92)):
        cell = Cell(dataset.name, dataset.facts.fingerprint, "deep_cnn", 4, FAMILIES["deep_cnn"].recipe, seed)
        facts = {"parameters": 2358, "multiply_adds": 1, "train_images": 4000, "test_images": 1000}
        run = store.begin(cell, **facts, device="", versions={})
        store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, accuracy, 1.0))
        store.end(run, RunState.DONE, seconds=1.0)
    at = visit()
    assert counts(at)["known"] == [{"width": 4, "accuracy": "91.00 ± 1.41 %", "data": EMBEDDED, "on": "2 seeds"}]
    assert [EMBEDDED in x.value for x in at.caption if "1 trained here." in x.value] == [True]
    at.segmented_control(key="family").set_value("cnn").run()
    assert counts(at)["known"] == []


def test_a_fresh_install_knows_the_reference_results(visit: Visit, shipped: Store, sentences: Sentences) -> None:
    at = visit()
    assert sentences(at) == []
    told = {x["width"]: x for x in counts(at)["known"]}
    assert set(told) == set(FAMILIES["deep_cnn"].reference)
    assert told[2]["accuracy"].startswith("97.4")
    assert (told[2]["data"], told[2]["on"]) == ("MNIST", "5 seeds, reference")
    assert f": {len(told)} reference." in captions(at)
    at.toggle(key="dropout").set_value(True).run()
    assert counts(at)["known"] == [], "none of them was trained with dropout"


@pytest.mark.parametrize("key", FAMILIES)
def test_a_family_may_be_named_as_on_the_command_line(visit: Visit, sentences: Sentences, key: str) -> None:
    at = visit(family=key, n="9")
    assert sentences(at) == []
    assert at.segmented_control(key="family").value == key and counts(at)["width"] == 9


def test_without_the_reference_results_the_page_still_counts(
    visit: Visit, without_reference: Path, sentences: Sentences
) -> None:
    at = visit()
    assert sentences(at) == []
    assert total(at) == 932 and counts(at)["known"] == []
