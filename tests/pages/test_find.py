from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.access import Visitor
from core.data import datasets
from core.finder.search import Phase, Standing
from core.networks.families import FAMILIES, family
from core.recipe import Protocol
from core.runner.guarded import GuardedRunner
from core.runs.run import RunState
from core.runs.store import Store
from core.ui import shared
from core.ui.find.finder import Finder
from tests.fake_training import WAIT
from tests.runs_of import current, epochs

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]
FIND = "pages/find.py"
ME = Visitor("me", "local")
# Networks of the fake all read 93.75 % of the held-out images after twelve epochs; seed 1 waits until it is stopped.
SMALL = {"families": "deep_cnn", "seeds": "1"}


def finder() -> Finder:
    return shared.SERVICES.context(ME).finder


def standing() -> Standing:
    search = finder().search
    assert search
    return search.standing()


def over(at: AppTest) -> AppTest:
    """Return the page after the search has ended."""
    deadline = time.monotonic() + 30
    while finder().searching and (search := finder().search):
        assert time.monotonic() < deadline
        search.wait(search.standing(), 0.05)
    return at.run()


def press(at: AppTest, label: str) -> AppTest:
    (found,) = (x for x in at.button if x.label == label)
    assert not found.disabled
    return found.click().run()


def off(at: AppTest) -> dict[str, bool]:
    """Return for each button whether it is disabled."""
    return {x.label: x.disabled for x in at.button}


def text(at: AppTest) -> str:
    bars = [x.proto.text for x in at.get("progress")]
    some = (*at.subheader, *at.markdown, *at.caption, *at.info, *at.warning)
    return "\n".join([*(str(x.value) for x in some), *bars])


def query(at: AppTest, page: str) -> dict[str, list[str]]:
    """Return what the page's own link to another one says; the first is the frame's."""
    links = [x.proto for x in at.get("page_link") if x.proto.page == page]
    return parse_qs(links[-1].query_string)


def table(at: AppTest) -> pd.DataFrame:
    (found,) = at.dataframe
    value: pd.DataFrame = found.value
    return value


@pytest.fixture
def waiting(visit: Visit, until: Until) -> AppTest:
    """The page with a search whose run of seed 1 waits after its first epoch."""
    at = press(visit(FIND, families="deep_cnn"), "Start")
    until(lambda p: (cell := current(p)) and cell.seed == WAIT and epochs(p))
    return at.run()


def test_a_first_visit_asks_for_the_smallest_of_all_families(visit: Visit, sentences: Sentences) -> None:
    at = visit(FIND)
    assert sentences(at) == [] and not at.query_params
    assert at.pills(key="families").value == list(FAMILIES)
    assert at.number_input(key="target").value == 90 and at.number_input(key="seeds").value == 8
    assert at.segmented_control(key="protocol").value == "held_out" and at.toggle(key="smallest").value
    assert " 1,120 runs" in text(at) and off(at) == {"Start": False}
    assert not at.get("vega_lite_chart") and finder().search is None


def test_one_press_finds_the_smallest(visit: Visit, sentences: Sentences, store: Store) -> None:
    at = over(press(visit(FIND, **SMALL), "Start"))
    assert sentences(at) == [] and standing().phase is Phase.ENDED
    assert at.subheader[0].value.startswith("408 weights")
    assert "95.83 % of the test images over one seed" in text(at)
    assert {x.recipe.protocol for x in store.runs()} == {Protocol.HELD_OUT}
    assert list(zip(table(at)["Width n"], table(at)["Accuracy, %"], strict=True)) == [(1, 93.75), (2, 93.75)]
    assert set(table(at)["From"]) == {"this search"}
    assert "2 runs trained in " in text(at) and " 160 runs, about " in text(at)
    (chart,) = at.get("vega_lite_chart")
    assert "Deep CNN: 408 weights" in chart.proto.alt
    assert off(at) == {"Start": False}, "there is nothing to go on with"


def test_the_answer_leads_to_results_and_to_explore(visit: Visit) -> None:
    at = over(press(visit(FIND, **SMALL, target="91.5", protocol="article"), "Start"))
    assert query(at, "results") == {"data": ["mnist_5k"], "target": ["91.5"], "protocol": ["article"]}
    assert query(at, "") == {"data": ["mnist_5k"], "family": ["deep_cnn"], "n": ["1"]}
    results = visit("pages/results.py", **query(at, "results"))
    assert results.slider(key="target").value == 91.5 and len(results.dataframe) >= 3


def test_what_is_known_is_not_trained_again(visit: Visit, store: Store) -> None:
    at = over(press(visit(FIND, **SMALL), "Start"))
    before = store.runs()
    at = over(press(at, "Start"))
    assert store.runs() == before and set(table(at)["From"]) == {"known before"}
    assert "0 runs trained, beside 2 that were known" in text(at)


def test_a_target_that_nothing_reaches(visit: Visit, sentences: Sentences) -> None:
    at = over(press(visit(FIND, **SMALL, target="98"), "Start"))
    assert sentences(at) == []
    assert "None of these families reaches 98.0 %" in at.subheader[0].value
    assert "up to n = 32" in text(at) and "pages/find" not in text(at)
    assert [x.proto.page for x in at.get("page_link")].count("") == 1, "no network to open"


def test_a_search_is_seen_while_it_goes_on_in_every_tab(waiting: AppTest, visit: Visit, sentences: Sentences) -> None:
    other = visit(FIND)
    for at in (waiting, other):
        assert sentences(at) == []
        assert off(at) == {"Start": True, "Stop": False}
        said = text(at)
        assert "Deep CNN, n = 1, seed 1: epoch 2 of 12, 25.00 %" in said
        assert "Now n = 1, seeds 1, 2, 3, 4" in said and "2 runs trained in " in said and " left." in said
        assert "n = 2: 93.75 %: reaches it, 1 seed" in said
        (chart,) = at.get("vega_lite_chart")
        assert "Deep CNN: at most 408" in chart.proto.alt


def test_stop_and_go_on(waiting: AppTest, until: Until, store: Store, sentences: Sentences) -> None:
    at = over(press(waiting, "Stop"))
    assert sentences(at) == [] and standing().phase is Phase.STOPPED
    assert [x.state for x in store.runs()] == [RunState.DONE, RunState.DONE, RunState.STOPPED]
    assert off(at) == {"Start": False, "Go on": False}
    question, kept = standing().question, store.runs()[:2]
    at = press(at, "Go on")
    until(lambda p: (cell := current(p)) and cell.seed == WAIT and epochs(p))
    assert standing().question == question and store.runs()[:2] == kept
    assert off(at.run()) == {"Start": True, "Stop": False}


def test_another_tab_stops_it(waiting: AppTest, visit: Visit) -> None:
    press(visit(FIND, families="mlp"), "Stop")
    assert "Go on" in off(over(waiting))


def test_a_run_that_is_stopped_on_train_stops_the_search_which_says_so(
    waiting: AppTest, visit: Visit, sentences: Sentences
) -> None:
    press(visit("pages/train.py"), "Stop after this epoch")
    at = over(waiting)
    assert sentences(at) == [] and standing().phase is Phase.STOPPED
    assert [x.value for x in at.warning] == ["Deep CNN n = 1, seed 1 was stopped, and the search with it."]
    assert "Go on" in off(at)


def test_a_queue_that_is_held_is_said_with_the_way_to_train(
    waiting: AppTest, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = shared.SERVICES.context(ME).runner.progress()  # type: ignore[union-attr]
    held = replace(now, held=True, running=(), queue=now.busy, problem="No trainer.")
    monkeypatch.setattr(GuardedRunner, "progress", lambda self: held)
    at = waiting.run()
    assert sentences(at) == [] and ["No trainer." in x.value for x in at.warning] == [True]
    assert [x.proto.page for x in at.get("page_link")].count("train") == 2 and "Stop" in off(at)


def test_a_second_search_is_refused_in_a_sentence(waiting: AppTest, sentences: Sentences) -> None:
    first = standing().question
    waiting.session_state["find_asked"] = True  # a press that was on its way when another search had begun
    (sentence,) = sentences(waiting.run())
    assert "one at a time" in sentence and standing().question == first


def test_a_bound_ends_it_and_it_can_go_on(visit: Visit, sentences: Sentences, store: Store) -> None:
    at = over(press(visit(FIND, **SMALL, runs="1"), "Start"))
    assert sentences(at) == [] and len(store.runs()) == 1
    assert "out of time" in text(at)
    at = over(press(at, "Go on"))
    assert len(store.runs()) == 2 and at.subheader[0].value.startswith("408 weights")


def test_a_run_that_fails_gives_its_family_up_with_the_reason(
    visit: Visit, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.finder.bisection._seeds", lambda trials, count: (4,))  # the fake's that fails
    at = over(press(visit(FIND, **SMALL), "Start"))
    assert sentences(at) == [] and "Training diverged at epoch 3." in text(at)


def test_who_may_only_look_sees_it_and_cannot_stop_it(
    waiting: AppTest, visit: Visit, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    refused = Visitor("other", "viewer", "You may look.")
    monkeypatch.setattr("core.ui.login.visitor", lambda access: refused)
    at = visit(FIND)
    assert sentences(at) == [] and {"Start": True, "Stop": True}.items() <= off(at).items()
    assert "seed 1: epoch 2 of 12" in text(at)


def test_the_target_follows_the_images_until_one_is_chosen(visit: Visit) -> None:
    at = visit(FIND)
    at.selectbox(key="data").set_value("mnist").run()
    assert at.number_input(key="target").value == 97 and "target" not in at.query_params
    at.selectbox(key="data").set_value("mnist_5k").run()
    assert at.number_input(key="target").value == 90
    at.number_input(key="target").set_value(95.0).run()
    assert at.query_params["target"] == "95"
    at.selectbox(key="data").set_value("mnist").run()
    assert at.number_input(key="target").value == 95


@pytest.mark.parametrize("said", ["0", "100", "nan", "1e999", "abc", ""])
def test_a_target_that_cannot_be_is_corrected(visit: Visit, sentences: Sentences, said: str) -> None:
    at = visit(FIND, target=said)
    assert sentences(at) == [] and at.number_input(key="target").value == 90 and "target" not in at.query_params


def test_a_link_opens_the_same_question(visit: Visit) -> None:
    more: dict[str, Any] = {"apart": "0.5", "seeds": "1", "runs": "7", "minutes": "3", "smallest": "false"}
    at = visit(FIND, families=["tied", "mlp"], target="92", protocol="article", **more)
    over(press(at, "Start"))
    question = standing().question
    assert [x.key for x in question.asked] == ["mlp", "tied"] and question.target == 0.92
    assert (question.tell_apart, question.seeds, question.runs, question.minutes) == (0.005, 1, 7, 3)
    assert not question.only_smallest and question.asked[0].recipe == FAMILIES["mlp"].recipe


def test_a_line_and_ones_own_family_are_searched(visit: Visit, store: Store) -> None:
    line = "flatten dense(n)"
    at = visit(FIND, layers=line, seeds="1")
    assert at.pills(key="families").value == ["own"] and f"`{family(line).layers}`" in text(at)
    at = over(press(at, "Start"))
    assert standing().findings[0].parameters == 785 + 20
    assert query(at, "") == {"data": ["mnist_5k"], "layers": [family(line).layers], "n": ["1"]}
    assert {x.layers for x in store.runs()} <= set(standing().question.asked[0].layers)


def test_without_a_family_there_is_nothing_to_start(visit: Visit, sentences: Sentences) -> None:
    at = visit(FIND)
    at.pills(key="families").set_value([]).run()
    assert sentences(at) == [] and "Choose at least one family." in text(at) and not at.button


def test_images_too_small_are_one_sentence(visit: Visit, sentences: Sentences, bring: Bring) -> None:
    bring("small", 12, 12)
    (sentence,) = sentences(visit(FIND, data="small"))
    assert "12×12" in sentence


def test_more_than_fair_use_allows_is_one_sentence(
    visit: Visit, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_MAX_EPOCHS", "3")
    at = over(press(visit(FIND, **SMALL), "Start"))
    (sentence,) = sentences(at)
    assert sentence.endswith(" 12.") and standing().phase is Phase.FAILED and "Go on" in off(at)


def test_closing_the_services_ends_the_search(waiting: AppTest) -> None:
    search = finder().search
    assert search and search.dataset.name == datasets.EMBEDDED
    shared.SERVICES.close()
    assert search.standing().phase is not Phase.SEARCHING and finder().search is None
