from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.networks.families import FAMILIES, of_line
from core.ui import links

Query = str | list[str]
Visit = Callable[..., AppTest]

# A page of its own, whose name is in the session so that a test can turn to another one.
SCRIPT = """
import streamlit as st
from core.ui import links

TITLES = {"a": "First", "b": "Second", "c": "Third"}
options = links.get("options", ["a", "b", "c"])
links.arrive(links.get("turn", "One"))
if links.get("broken off"):
    st.stop()
if links.get("page") == "One":
    links.choose(st.selectbox, "Choice", options, key="choice", default="a", title=TITLES.get)
    several = {"key": "several", "default": ["b"], "title": TITLES.get}
    links.choose_several(st.pills, "Several", options, selection_mode="multi", **several)
elif links.get("page") == "Two":
    links.choose(st.segmented_control, "Choice", ["c", "a"], key="choice", default="c", title=TITLES.get, required=True)
if not links.get("broken off at the end"):
    links.settle()
"""


@pytest.fixture
def visit(as_served: None) -> Visit:
    """Return a function that opens the page by an address."""

    def go(**query: Query) -> AppTest:
        at = AppTest.from_string(SCRIPT, default_timeout=30)
        at.query_params.update(query)
        return run(at)

    return go


def run(at: AppTest) -> AppTest:
    at.run()
    assert [x.message for x in at.exception] == []
    return at


def turn(at: AppTest, page: str, **query: Query) -> AppTest:
    """Go to another page by a link, which brings an address of its own."""
    at.session_state["turn"] = page
    at.query_params.clear()
    at.query_params.update(query)
    return run(at)


def chosen(at: AppTest) -> tuple[Any, Any]:
    return at.selectbox(key="choice").value, list(at.pills(key="several").value or [])


def test_defaults_are_left_out_of_the_address(visit: Visit) -> None:
    at = visit()
    assert chosen(at) == ("a", ["b"]) and at.query_params == {}
    at = visit(choice="a", several="b")
    assert chosen(at) == ("a", ["b"]) and at.query_params == {}
    at.selectbox(key="choice").set_value("c")
    run(at)
    assert at.query_params == {"choice": "c"}
    at.selectbox(key="choice").set_value("a")
    run(at)
    assert chosen(at) == ("a", ["b"]) and at.query_params == {}


@pytest.mark.parametrize("said", ["b", "Second"])
def test_an_option_is_named_by_its_key_or_as_before_by_its_title(visit: Visit, said: str) -> None:
    at = visit(choice=said, several=["Third", "a"])
    assert chosen(at) == ("b", ["a", "c"])
    assert at.query_params == {"choice": "b", "several": ["a", "c"]}


@pytest.mark.parametrize("said", ["", "zzz", "A", "second", "\x00", ["", "zzz"]])
def test_an_address_that_names_no_option_is_corrected(visit: Visit, said: Query) -> None:
    at = visit(choice=said, several=said, other="kept")
    assert chosen(at) == ("a", ["b"]) and at.query_params == {"other": "kept"}


def test_of_several_values_the_known_ones_count(visit: Visit) -> None:
    at = visit(choice=["zzz", "Third", "b"], several=["zzz", "c", "Third", "First"])
    assert chosen(at) == ("c", ["a", "c"]) and at.query_params == {"choice": "c", "several": ["a", "c"]}


def test_a_choice_by_hand_stays_and_is_written(visit: Visit) -> None:
    at = visit(several=["a", "b"])
    at.pills(key="several").set_value(["c", "a"])
    run(at)
    assert sorted(chosen(at)[1]) == ["a", "c"] and at.query_params == {"several": ["a", "c"]}
    assert sorted(chosen(run(at))[1]) == ["a", "c"], "the page is drawn anew, not opened"


def test_another_address_on_the_same_page_is_followed(visit: Visit) -> None:
    at = visit(choice="b")
    at.query_params["choice"] = "Third"  # as the browser's way back does
    assert chosen(run(at))[0] == "c" and at.query_params == {"choice": "c"}


def test_what_has_ceased_to_be_an_option_becomes_the_default(visit: Visit) -> None:
    at = visit(choice="c")
    at.session_state["options"] = ["a", "b"]
    assert chosen(run(at))[0] == "a" and at.query_params == {}


@pytest.mark.parametrize("left", ["a", "b", "c"])
def test_what_one_page_holds_is_not_anothers(visit: Visit, left: str) -> None:
    at = visit(choice=left)
    turn(at, "Two")
    assert at.segmented_control(key="choice").value == "c" and at.query_params == {}
    at.segmented_control(key="choice").set_value("a")
    run(at)
    at.segmented_control(key="choice").set_value("c")
    turn(run(at), "One")
    assert chosen(at) == ("a", ["b"]) and at.query_params == {}


def test_a_page_that_was_broken_off_before_its_choice_was_drawn_takes_over_no_others(visit: Visit) -> None:
    at = visit(choice="b")
    at.session_state["broken off"] = True
    turn(at, "Two")
    at.session_state["broken off"] = False
    at.session_state["choice"] = "a"  # what a refresh brings that was on its way from the page before
    run(at)
    assert at.segmented_control(key="choice").value == "c" and at.query_params == {}
    at.segmented_control(key="choice").set_value("a")
    assert run(at).segmented_control(key="choice").value == "a", "by now it is the page's own"


def test_a_browser_is_told_a_value_until_a_run_of_the_page_has_ended(visit: Visit) -> None:
    at = visit(choice="b")
    assert at.selectbox(key="choice").proto.set_value
    assert not run(at).selectbox(key="choice").proto.set_value, "it has it, and what it sends from now on is a choice"
    at.session_state["broken off at the end"] = True
    turn(at, "Two")
    for _ in range(2):  # the run that set it may never have come to the browser
        assert at.segmented_control(key="choice").proto.set_value and at.segmented_control(key="choice").value == "c"
        run(at)
    at.segmented_control(key="choice").set_value("a")
    assert run(at).segmented_control(key="choice").value == "a", "a click in the meantime is one"
    at.session_state["broken off at the end"] = False
    run(at)
    assert not run(at).segmented_control(key="choice").proto.set_value


def test_each_page_has_choices_of_its_own_under_one_name(visit: Visit) -> None:
    at = visit(choice="b")
    turn(at, "Two")
    assert at.segmented_control(key="choice").value == "c" and at.query_params == {}
    turn(at, "Two", choice="First")
    assert at.segmented_control(key="choice").value == "a" and at.query_params == {"choice": "a"}
    turn(at, "One")
    assert chosen(at) == ("a", ["b"]) and at.query_params == {}
    turn(at, "One", choice="b")
    assert chosen(at)[0] == "b" and at.query_params == {"choice": "b"}


def test_a_page_is_found_again_as_it_was_left(visit: Visit) -> None:
    at = visit(choice="Second", several=["a", "c"], data="mnist", on="mnist")
    run(at)
    views = at.session_state["views"]
    assert views["One"] == {"choice": ["b"], "several": ["a", "c"]}, "keys, and not the set, which goes along anyway"
    turn(at, "Two")
    assert turn(at, "One", **views["One"]) and chosen(at) == ("b", ["a", "c"])


def test_addresses_from_page_to_page_hold_keys() -> None:
    assert links.explore(FAMILIES["mlp"], 32, "mnist") == {"family": "mlp", "n": "32", "data": "mnist"}
    assert links.explore(FAMILIES["mlp"], 32) == {"family": "mlp", "n": "32"}
    assert links.train(FAMILIES["cnn"], 2) == {"families": "cnn", "widths_cnn": "2"}
    with_dropout = links.train(FAMILIES["cnn"], 2, "mnist_5k", dropout=True)
    assert with_dropout == {**links.train(FAMILIES["cnn"], 2, "mnist_5k"), "recipe": "own", "dropout": "true"}
    line = of_line("conv3(n) flatten")
    assert links.explore(line, 2) == {"layers": "conv3(n) flatten", "n": "2"}, "a line without a name goes along"
    assert links.train(line, 2) == {"families": "own", "layers": "conv3(n) flatten", "widths_own": "2"}
    assert links.inspect("mnist", "reference-12") == {"data": "mnist", "network": "reference-12"}
    assert links.maps("mnist", 7) == {"data": "mnist", "view": "maps", "image": "7"}
    assert links.maps("mnist", None) == {"data": "mnist", "view": "maps", "source": "drawing"}
    assert json.dumps(with_dropout), "plain values"


SHOWN = [ROOT / "app.py", *sorted((ROOT / "pages").glob("*.py")), *sorted((ROOT / "core" / "ui").rglob("*.py"))]


@pytest.mark.parametrize("path", [x for x in SHOWN if x.name != "links.py"], ids=lambda x: str(x.relative_to(ROOT)))
def test_session_and_address_are_reached_by_the_links_alone(path: Path) -> None:
    source = path.read_text("utf-8")
    assert not re.findall(r"session_state|query_params\s*[\[.]|st\.query_params", source)
