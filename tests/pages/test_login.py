from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
import streamlit as st
from streamlit import config
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.store import Store
from core.settings import Settings
from core.ui import login
from core.ui.markdown import JOINER
from tests.fake_training import WAIT
from tests.runs_of import epochs

if TYPE_CHECKING:
    from tests.pages.conftest import Until, Visit

Sentences = Callable[[AppTest], list[str]]
TRAIN, RESULTS = "pages/train.py", "pages/results.py"
KEY = "correct horse battery"
LOOK = "FEATHERWEIGHT_OPEN=1"  # what the reason that a viewer reads ends in


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Serve every address, as a container does."""
    config.set_option("server.address", "0.0.0.0")
    monkeypatch.setattr(login, "headers", lambda: {"Host": "gpu.example.org"})


@pytest.fixture
def keyed(elsewhere: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_RUNNER_KEY", KEY)


@pytest.fixture
def account(elsewhere: None, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that signs in an account, as the provider describes it."""
    monkeypatch.setenv("FEATHERWEIGHT_RUNNERS", "ann@example.org")
    monkeypatch.setattr(login, "providers", lambda: [None, "lab"])

    def sign_in(**claims: object) -> None:
        monkeypatch.setattr(st, "user", {"is_logged_in": bool(claims)} | claims)

    sign_in()
    return sign_in


@pytest.fixture
def forged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every button be pressed, as if the page had forgotten to grey it out."""
    real = st.button
    monkeypatch.setattr(st, "button", lambda *args, disabled=False, **words: real(*args, **words))


def press(at: AppTest, label: str) -> AppTest:
    (found,) = (x for x in at.button if x.label == label)
    return found.click().run()


def disabled(at: AppTest) -> dict[str, bool]:
    return {x.label: x.disabled for x in at.button}


def captions(at: AppTest) -> str:
    """Return the captions as they read: what keeps an address from becoming a link is not seen."""
    return "\n".join(x.value for x in at.caption).replace(JOINER, "")


def give(at: AppTest, key: str) -> AppTest:
    at.text_input(key="runner_key").set_value(key)
    return press(at, "Use this key")


def test_at_home_the_frame_says_nothing_of_roles(visit: Visit) -> None:
    at = visit(TRAIN)
    assert not at.get("popover") and not disabled(at)["Start 1 run"]


def test_a_viewer_trains_no_more_seeds(
    visit: Visit, elsewhere: None, until: Until, runners: list[Runner], own: Settings, without_reference: object
) -> None:
    visit(TRAIN)
    runners[-1].submit(sweep.cells(datasets.find(own, datasets.EMBEDDED), {"deep_cnn": [1]}, [0]))
    until(lambda p: p.done == 1)
    at = visit(RESULTS)
    at.selectbox(key="closer").select_index(0).run()
    assert disabled(at)["Train 5 more seeds"]


@pytest.mark.parametrize("page", ["app.py", TRAIN, RESULTS, "pages/draw.py", "pages/inspect.py"])
def test_a_viewer_sees_every_page_and_why_they_may_not_train(
    visit: Visit, elsewhere: None, sentences: Sentences, page: str
) -> None:
    at = visit(page)
    assert sentences(at) == [] and at.title
    assert LOOK in captions(at) and "nobody has been named a runner yet" in captions(at)


def test_a_viewers_buttons_are_there_and_disabled_with_the_reason(
    visit: Visit, elsewhere: None, until: Until, runners: list[Runner], own: Settings, without_reference: object
) -> None:
    at = visit(TRAIN, data="Fashion-MNIST")
    assert disabled(at)["Fetch Fashion-MNIST"]
    at = visit(RESULTS)
    assert list(disabled(at).values()) == [True]
    at = visit(TRAIN, seed=str(WAIT), widths_deep_cnn=["1", "2"])
    assert disabled(at) == {"Start 2 runs": True}
    assert captions(at).count(LOOK) == 2  # in the frame and by the button
    runners[-1].submit(sweep.cells(datasets.find(own, datasets.EMBEDDED), {"deep_cnn": [1, 2]}, [WAIT]))
    until(epochs)
    at.run()
    stops = ["Stop after this epoch", "Stop now", "Clear queue"]
    assert {x: disabled(at)[x] for x in stops} == dict.fromkeys(stops, True)
    assert all(LOOK in x.help for x in at.button if x.label in stops)
    runners[-1].stop_after_epoch()
    until(lambda p: p.phase == "paused")
    at.run()
    assert disabled(at)["Resume"] and disabled(at)["Clear queue"]


def test_a_press_that_the_page_does_not_offer_is_refused_by_the_door(
    visit: Visit, elsewhere: None, forged: None, sentences: Sentences, runners: list[Runner], store: Store
) -> None:
    at = visit(TRAIN)
    press(at, "Start 1 run")
    assert len(sentences(at)) == 1 and LOOK in sentences(at)[0]
    at.run()
    assert len(sentences(at)) == 1, "the sentence stays until the next press"
    assert runners[-1].progress().total == 0 and store.runs() == []
    at.switch_page(RESULTS).run()
    assert sentences(at) == []


def test_a_forged_press_fetches_nothing(
    visit: Visit, elsewhere: None, forged: None, sentences: Sentences, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*_: object) -> None:
        raise AssertionError("fetched")

    monkeypatch.setattr(datasets, "fetch", fetched)
    at = press(visit(TRAIN, data="Fashion-MNIST"), "Fetch Fashion-MNIST")
    assert len(sentences(at)) == 1 and LOOK in sentences(at)[0]


def test_the_key_makes_a_runner_of_one_session(
    visit: Visit, keyed: None, sentences: Sentences, until: Until, store: Store
) -> None:
    at = visit(TRAIN)
    assert disabled(at)["Start 1 run"] and not disabled(at)["Use this key"]
    give(at, KEY)
    assert sentences(at) == [] and not disabled(at)["Start 1 run"]
    assert KEY not in repr(at.session_state)
    at.switch_page(RESULTS).run()
    assert "Give the role back" in disabled(at), "a change of pages keeps the role"
    at.switch_page(TRAIN).run()
    press(at, "Start 1 run")
    until(lambda p: p.done == 1)
    assert len(store.runs()) == 1
    assert disabled(visit(TRAIN, seed="7"))["Start 1 run"], "another tab is another session"
    press(at, "Give the role back")
    at.number_input(key="seed").set_value(9).run()
    assert disabled(at)["Start 1 run"]


def test_wrong_keys_have_to_wait(visit: Visit, keyed: None, sentences: Sentences) -> None:
    at = visit(TRAIN)
    give(at, "")
    assert len(sentences(at)) == 1
    for left in ("4 more attempts", "3 more attempts", "2 more attempts", "1 more attempt"):
        give(at, "guess")
        assert [f" {left} " in x for x in sentences(at)] == [True]
    give(at, "guess")
    assert [" 60 s " in x for x in sentences(at)] == [True]
    assert at.text_input(key="runner_key").value == "", "what was typed does not stay"
    give(at, KEY)
    assert 0 < int("".join(x for x in sentences(at)[0] if x.isdigit())) <= 60
    assert disabled(at)["Start 1 run"]


def test_opened_on_purpose_everyone_trains(
    visit: Visit, elsewhere: None, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_OPEN", "1")
    at = visit(TRAIN)
    assert not at.get("popover") and not disabled(at)["Start 1 run"]


def test_a_key_that_is_too_short_stops_every_page_with_one_sentence(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_RUNNER_KEY", "short")
    (said,) = sentences(visit(TRAIN))
    assert {"FEATHERWEIGHT_RUNNER_KEY", "5", "16"} <= set(said.split()) and "short" not in said


def test_who_signs_in_as_a_named_runner_may_train(visit: Visit, account: Callable[..., None]) -> None:
    at = visit(TRAIN)
    assert disabled(at) == {"Sign in": False, "Sign in with lab": False, "Start 1 run": True}
    account(email="ann@example.org", email_verified=True)
    at = visit(TRAIN)
    assert disabled(at) == {"Sign out": False, "Start 1 run": False}
    assert "Signed in as ann@example.org." in captions(at)
    account(email="ben@example.org", email_verified=True)
    at = visit(TRAIN)
    assert disabled(at) == {"Sign out": False, "Start 1 run": True}
    assert any("ben@example.org" in x and "FEATHERWEIGHT_RUNNERS" in x for x in captions(at).splitlines())


def test_an_accounts_cap_outlives_a_reload_and_is_said_before_the_press(
    visit: Visit, account: Callable[..., None], until: Until, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_MAX_WAITING", "2")
    account(email="ann@example.org", email_verified=True)
    at = press(visit(TRAIN, seed=str(WAIT), widths_deep_cnn=["1", "2"]), "Start 2 runs")
    until(epochs)
    for _ in range(2):
        at = visit(TRAIN, seed="8")
        assert disabled(at)["Start 1 run"]
        (said,) = (x for x in captions(at).splitlines() if "FEATHERWEIGHT_MAX_WAITING" in x)
        assert " 2 runs " in said and " 1, and 2 " in said
    assert sentences(at) == []


def test_who_is_overtaken_at_the_last_place_reads_it_until_the_next_press(
    visit: Visit, keyed: None, until: Until, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_MAX_QUEUE", "1")
    first, second = give(visit(TRAIN, seed=str(WAIT)), KEY), give(visit(TRAIN, seed="9"), KEY)
    press(first, "Start 1 run")
    until(epochs)
    press(second, "Start 1 run")
    (said,) = sentences(second)
    assert "FEATHERWEIGHT_MAX_QUEUE" in said and " 1, and 1 " in said and sentences(second.run()) == [said]
    press(second, "Stop after this epoch")
    assert sentences(second) == []


def test_the_place_in_the_queue_is_shown_to_who_asked(visit: Visit, keyed: None, until: Until) -> None:
    first, second = (
        give(visit(TRAIN, seed=str(WAIT), seeds="1", widths_deep_cnn=["1", "2"]), KEY),
        visit(TRAIN, seed="9"),
    )
    give(second, KEY)
    press(first, "Start 2 runs")
    until(epochs)
    press(second, "Start 1 run")
    until(lambda p: len(p.queue) == 2)
    said = [captions(x).partition("Your runs start after ")[2] for x in (second.run(), first.run(), visit(TRAIN))]
    assert said[0].startswith("2 ") and said[1:] == ["", ""]


def test_a_limit_set_on_purpose_holds_at_home(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setenv("FEATHERWEIGHT_MAX_EPOCHS", "11")
    at = visit(TRAIN)
    assert disabled(at)["Start 1 run"] and sentences(at) == []
    (said,) = (x for x in captions(at).splitlines() if "FEATHERWEIGHT_MAX_EPOCHS" in x)
    assert " 11 epochs " in said and said.endswith(" 12.")


def test_providers_are_those_of_the_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    class Secrets(dict[str, object]):
        def load_if_toml_exists(self) -> bool:
            return bool(self)

    def found(**auth: object) -> list[str | None]:
        monkeypatch.setattr(st, "secrets", Secrets(auth=auth) if auth else Secrets())
        return login.providers()

    shared = {"redirect_uri": "http://a/oauth2callback", "cookie_secret": "x"}
    assert found() == []
    assert found(**shared) == []
    assert found(**shared, client_id="a") == [None]
    assert found(**shared, lab={"client_id": "a"}, client_kwargs={"prompt": "login"}) == ["lab"]
