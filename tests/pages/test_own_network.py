"""A network of one's own on the pages: sliders, line, families that are kept, and what is trained of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.networks import blueprint
from core.networks import families as known
from core.networks.families import FAMILIES, Family
from core.networks.line import Line
from core.recipe import ADADELTA, Initialization, Recipe, Schedule
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings
from core.ui import login

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]

SLIM = "conv3(n, same, elu) maxpool2 4x[separable3(n, elu)] globalavg"
RESIDUAL = "conv3(n, linear) batchnorm relu residual[conv3(n, same)] maxpool2 flatten"
TRAIN, RESULTS = "pages/train.py", "pages/results.py"


def named(name: str, title: str, layers: str) -> Family:
    return known.own(name, title, Line.of(layers))


def control(at: AppTest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(next(x.proto.json for x in at.get("bidi_component") if x.proto.json))
    return found


def total(at: AppTest) -> int:
    a, b, c = control(at)["weights"]
    n = control(at)["width"]
    return int(a * n * n + b * n + c)


def line(at: AppTest) -> str:
    return str(at.text_area(key="layers_text").value)


def typed(at: AppTest, text: str) -> AppTest:
    return at.text_area(key="layers_text").set_value(text).run()


def captions(at: AppTest) -> str:
    return "\n".join(str(x.value) for x in at.caption)


def labels(at: AppTest) -> list[str]:
    return [x.label for x in at.button]


def clicked(at: AppTest, label: str) -> AppTest:
    (found,) = (x for x in at.button if x.label == label)
    assert not found.disabled
    return found.click().run()


def families(at: AppTest) -> list[str]:
    return list(at.segmented_control(key="family").options)


def test_a_link_opens_a_line_its_sliders_and_its_count(visit: Visit, sentences: Sentences) -> None:
    at = visit(layers=SLIM, n="8")
    assert sentences(at) == []
    assert (total(at), line(at)) == (746, SLIM)
    assert at.slider(key="arch_blocks").value == 1 and at.slider(key="arch_convolutions").value == 4
    assert at.selectbox(key="arch_kind").value == "separable" and at.toggle(key="arch_stem").value
    assert int(at.dataframe[0].value["Weights"].sum()) == 746
    assert at.code[-1].value.count("SeparableConv2D") == 4
    assert at.query_params["layers"] == SLIM


def test_sliders_say_the_line_and_the_line_moves_the_sliders(visit: Visit, sentences: Sentences) -> None:
    at = visit()
    at.segmented_control(key="family").set_value("own").run()
    assert line(at) == FAMILIES["deep_cnn"].text and total(at) == 932
    at.slider(key="arch_blocks").set_value(1).run()
    assert line(at) == "conv3(n) conv3(n) maxpool2 flatten" and at.query_params["layers"] == line(at)
    at.selectbox(key="arch_bridge").set_value("average").run()
    at.toggle(key="arch_normed").set_value(True).run()
    assert line(at) == "conv3(n, linear) batchnorm relu conv3(n, linear) batchnorm relu globalavg"
    assert "8 more numbers are kept, not trained" in captions(at)
    typed(at, "conv5( 2N ) flatten dense(4n)")
    assert line(at) == "conv5(2n) flatten dense(4n)" and sentences(at) == []
    assert not at.slider(key="arch_hidden").value, "no position says 2n in the first block: the sliders stay"
    typed(at, "conv5(n) flatten dense(4n)")
    assert at.slider(key="arch_hidden").value == 1 and at.select_slider(key="arch_kernel").value == 5
    assert not at.slider(key="arch_hidden").disabled


def test_what_the_sliders_cannot_say_the_line_can_until_they_take_over(visit: Visit, sentences: Sentences) -> None:
    at = visit(layers=RESIDUAL, n="4")
    assert sentences(at) == [] and line(at) == RESIDUAL
    assert at.slider(key="arch_blocks").disabled and "The sliders cannot say this line." in captions(at)
    assert "keras.layers.Add()" in at.code[-1].value and "Add" in list(at.dataframe[0].value["Layer"])
    clicked(at, "Let the sliders take over")
    assert not at.slider(key="arch_blocks").disabled
    assert blueprint.position(Line.of(line(at))) is not None and line(at) != RESIDUAL


@pytest.mark.parametrize("bad", ["conv3(3x)", "", "konv3(n)", "4x[conv3(n)", "conv3(n) dense(n)", "relu " * 70, "<b>"])
def test_a_bad_line_is_one_sentence_and_the_page_stays(visit: Visit, sentences: Sentences, bad: str) -> None:
    at = typed(visit(layers=SLIM, n="8"), bad)
    assert len(sentences(at)) == 1
    if bad != "conv3(n) dense(n)":  # which can be read, and does not fit the images
        assert total(at) == 746, "the last line that could be read"
    typed(at, "conv3(n) flatten")
    assert sentences(at) == [] and total(at) == 10 * 8 + (26 * 26 * 8 + 1) * 10


@pytest.mark.parametrize("bad", ["conv3(3x)", "", "\x00", "9" * 3000, "flatten dense(n, softmax) flatten"])
def test_a_bad_line_in_the_address_is_one_sentence_on_a_page_that_works(
    visit: Visit, sentences: Sentences, bad: str
) -> None:
    for page in ("app.py", TRAIN):
        at = visit(page, layers=bad, families="own")
        assert len(sentences(at)) <= 1 and at.title
    assert total(visit(layers="conv3(3x)", n="2")) == 932


@pytest.mark.parametrize("key", FAMILIES)
def test_each_family_can_be_changed_and_is_a_position_of_the_sliders_if_it_can_be(
    visit: Visit, sentences: Sentences, key: str
) -> None:
    at = visit(family=key, n="3")
    before = total(at)
    clicked(at, "Change this one")
    assert sentences(at) == [] and (total(at), line(at)) == (before, FAMILIES[key].text)
    # kernels that several layers share are no position of the sliders
    assert at.segmented_control(key="family").value == "own" and at.slider(key="arch_blocks").disabled is (
        key == "tied"
    )


def test_images_too_small_for_a_line_are_one_sentence(visit: Visit, sentences: Sentences, bring: Bring) -> None:
    bring("tiny", 6, 6)
    (said,) = sentences(visit(layers=SLIM, data="tiny"))
    assert "Images of 6×6" in said and "layer 4" in said


# Families that are kept ----------------------------------------------------------------------------------------------


def saved(at: AppTest, name: str, title: str = "") -> AppTest:
    at.text_input(key="save_name").set_value(name).run()
    at.text_input(key="save_title").set_value(title).run()
    return at.button(key="save").click().run()


def test_a_family_is_saved_and_stands_on_every_page(
    visit: Visit, until: Until, sentences: Sentences, store: Store
) -> None:
    at = saved(visit(layers=SLIM, n="8"), "slim", "Slim one")
    assert sentences(at) == [] and at.segmented_control(key="family").value == "slim"
    (kept,) = store.families.all().own
    assert (kept.key, kept.title, kept.layers, kept.widths) == ("slim", "Slim one", SLIM, (32, 16, 8, 4, 2, 1))
    assert families(visit()) == ["MLP", "Pooled MLP", "CNN", "Deep CNN", "Lean CNN", "Tied CNN", "Slim one", "Your own"]
    assert "Slim one" in {x.label for x in visit().metric}
    at = visit(TRAIN, families="slim", widths_slim="8")
    assert sentences(at) == [] and at.dataframe[0].value.to_dict("records") == [
        {"Family": "Slim one", "Width n": 8, "Seed 0": "○ new"}
    ]
    clicked(at, "Start 1 run")
    until(lambda now: now.phase == "idle" and now.done == 1)
    (run,) = store.runs()
    assert (run.family, run.width, run.parameters) == ("slim", 8, 746) and run.recipe == kept.recipe
    at = visit(RESULTS)
    assert sentences(at) == [] and any("**Slim one**" in str(x.value) for x in at.markdown)
    assert control(visit(layers=SLIM, n="8"))["known"], "the line has its result"


@pytest.mark.parametrize("name", ["", "Slim", "mlp", "flatten"])
def test_a_name_that_cannot_be_is_one_sentence_and_nothing_is_kept(
    visit: Visit, sentences: Sentences, store: Store, name: str
) -> None:
    at = saved(visit(layers=SLIM, n="8"), name)
    (said,) = sentences(at)
    assert "name of a family" in said and not store.families.all().own and total(at) == 746


def test_a_family_is_replaced_renamed_and_removed(visit: Visit, sentences: Sentences, store: Store) -> None:
    saved(visit(layers=SLIM, n="8"), "slim")
    at = visit(layers=RESIDUAL, n="4")
    at.text_input(key="save_name").set_value("slim").run()
    assert at.button(key="save").label == "Replace slim"
    at.button(key="save").click().run()
    (kept,) = store.families.all().own
    assert sentences(at) == [] and kept.layers == RESIDUAL
    at.text_input(key="rename_slim").set_value("thick").run()
    clicked(at, "Rename")
    assert at.segmented_control(key="family").value == "thick" and [x.key for x in store.families.all().own] == [
        "thick"
    ]
    clicked(at, "Remove")
    assert not store.families.all().own and sentences(at) == []
    assert at.segmented_control(key="family").value == "own" and line(at) == RESIDUAL


def test_a_family_is_saved_with_all_of_its_recipe_and_replaced_with_it(
    visit: Visit, sentences: Sentences, store: Store
) -> None:
    at = visit(layers=SLIM, n="8")
    at.selectbox(key="save_optimizer").set_value("adamw").run()
    at.selectbox(key="save_schedule").set_value("cosine").run()
    for name, value in {"warmup": 0.1, "beta2": 0.99, "weight_decay": 0.01, "clip": 0.5, "shift": 1}.items():
        at.number_input(key=f"save_{name}").set_value(value).run()
    at.number_input(key="save_label_smoothing").set_value(0.1)  # typed just before the button is pressed
    at.selectbox(key="save_initialization").set_value("he")
    saved(at, "slim")
    (kept,) = store.families.all().own
    expected = Recipe(
        "adamw", 0.001, 12, schedule=Schedule.COSINE, warmup=0.1, beta2=0.99, weight_decay=0.01, clip=0.5,
        label_smoothing=0.1, shift=1, initialization=Initialization.HE,
    )  # fmt: skip
    assert sentences(at) == [] and kept.recipe == expected and "schedule" not in at.query_params
    saved(visit(layers=RESIDUAL, n="4"), "slim")  # in its place
    (kept,) = store.families.all().own
    assert kept.layers == RESIDUAL and kept.recipe == expected
    at = visit(layers=SLIM, n="8")
    at.text_input(key="save_name").set_value("slim").run()
    at.selectbox(key="save_slim_optimizer").set_value("sgd").run()
    at.button(key="save").click().run()
    (kept,) = store.families.all().own
    expected = replace(expected, optimizer="sgd", learning_rate=0.01, beta2=0.999, weight_decay=0)
    assert sentences(at) == [] and kept.recipe == expected


def test_who_may_only_look_keeps_no_families(
    visit: Visit, sentences: Sentences, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login, "headers", lambda: {"Host": "example.org"})
    at = visit(layers=SLIM, n="8")
    assert total(at) == 746 and at.button(key="save").disabled
    store.families.add(named("slim", "Slim", SLIM))
    at = visit(family="slim")
    assert all(x.disabled for x in at.button if x.label in ("Rename", "Remove"))


def test_a_link_to_a_family_that_is_gone_opens_the_page(visit: Visit, sentences: Sentences) -> None:
    for page in ("app.py", TRAIN):
        at = visit(page, family="gone", families="gone", n="8")
        assert sentences(at) == [] and at.title
    assert total(visit(family="gone", n="2")) == 932


def test_above_eight_families_the_choice_is_a_list_that_is_searched(
    visit: Visit, sentences: Sentences, store: Store
) -> None:
    for number in range(5):
        store.families.add(named(f"net_{number}", f"Net {number}", f"conv3({number + 1}n) flatten"))
    at = visit(family="net_3", n="2")
    assert sentences(at) == [] and at.selectbox(key="family").value == "net_3"
    assert len(at.metric) == len(FAMILIES) + 5
    at = visit(TRAIN, families=["net_3", "mlp"], widths_net_3="2")
    assert sentences(at) == [] and at.multiselect(key="families").value == ["mlp", "net_3"]


def test_train_takes_a_line_without_a_name(visit: Visit, until: Until, sentences: Sentences, store: Store) -> None:
    explore = visit(layers=SLIM, n="8")
    (link,) = (x for x in explore.get("page_link") if x.proto.label.startswith("Train this network"))
    said = parse_qs(str(link.proto.query_string or ""))
    at = visit(TRAIN, **{x: y for x, y in said.items()})
    assert sentences(at) == [] and SLIM in captions(at)
    assert list(at.dataframe[0].value["Width n"]) == [8]
    clicked(at, "Start 1 run")
    until(lambda now: now.phase == "idle" and now.done == 1)
    (run,) = store.runs()
    assert (run.family, run.width, run.parameters) == (SLIM, 8, 746)
    assert sentences(visit(RESULTS)) == []


def test_the_link_to_copy_opens_the_same_network(visit: Visit) -> None:
    at = visit(family="deep_cnn", n="3")
    copied = parse_qs(next(x.value for x in at.code if "layers=" in x.value).partition("?")[2])
    again = visit(**{x: y[0] for x, y in copied.items()})
    assert total(again) == total(at) and line(again) == FAMILIES["deep_cnn"].text


def test_a_run_is_shown_under_each_family_of_its_network(
    visit: Visit, sentences: Sentences, store: Store, own: Settings
) -> None:
    facts = datasets.find(own, datasets.EMBEDDED).facts
    counts = {"parameters": 932, "multiply_adds": 49_960, "train_images": 4000, "test_images": 1000}
    cell = Cell(datasets.EMBEDDED, facts.fingerprint, "deep_cnn", 2, ADADELTA, 0)
    run = store.begin(cell, **counts, device="CPU", versions={})
    store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, 0.97, 1.0))
    store.end(run, RunState.DONE, seconds=1.0)
    store.families.add(named("mine", "Mine", FAMILIES["deep_cnn"].text))
    at = visit(RESULTS)
    assert sentences(at) == []
    said = "\n".join(str(x.value) for x in at.markdown)
    assert "**Mine**" in said and "**Deep CNN**" in said
    for page in ("pages/draw.py", "pages/inspect.py"):
        assert sentences(visit(page)) == []
