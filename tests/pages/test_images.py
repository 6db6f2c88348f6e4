from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets, npz
from core.errors import ArgumentError
from core.settings import Settings
from core.ui import login, shared
from core.ui.bring import source
from tests.data.sets import digits

if TYPE_CHECKING:
    from tests.pages.conftest import Visit

Sentences = Callable[[AppTest], list[str]]
PAGE = "pages/images.py"


@pytest.fixture
def theirs(own: Settings) -> Settings:
    """A data folder with a set whose labels begin at 1, under names of its own."""
    of = digits()
    with (own.data / "SET.NPZ").open("wb") as file:
        np.savez(file, X=of.x, y=of.y + 1)
    return own


def press(at: AppTest, label: str) -> AppTest:
    return next(x for x in at.button if x.label == label).click().run()


def labels(at: AppTest) -> list[str]:
    return [x.label for x in at.button]


def test_looked_at_and_accepted(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    at = press(visit(PAGE, source="folder", file="SET.NPZ"), "Look at it")
    assert sentences(at) == [] and "Use it as SET" in labels(at)
    assert any("1, 2, 3, 4, 5, 6, 7, 8, 9, 10" in x.value for x in at.markdown)
    assert datasets.names(theirs) == list(datasets.TITLES)
    at.text_input(key="bring_name").set_value("mine").run()
    press(at, "Use it as mine")
    assert sentences(at) == [] and "Use it as mine" not in labels(at)
    assert npz.facts(theirs.data / "mine.npz").names == tuple(str(x) for x in range(1, 11))
    assert at.session_state["dataset"] == "mine"


def test_a_taken_name_is_said_and_the_draft_stays(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    at = press(visit(PAGE, source="folder", file="SET.NPZ"), "Look at it")
    at.text_input(key="bring_name").set_value("mnist").run()
    press(at, "Use it as mnist")
    (said,) = sentences(at)
    assert "there already" in said and "Use it as mnist" in labels(at)


def test_other_choices_outdate_what_was_seen(visit: Visit, theirs: Settings) -> None:
    at = press(visit(PAGE, source="folder", file="SET.NPZ"), "Look at it")
    at.toggle(key="bring_invert").set_value(True).run()
    assert labels(at) == ["Look at it"] and len(at.info) == 1
    press(at, "Look at it")
    assert "Use it as SET" in labels(at)
    drafts = list(theirs.data.glob(".bring-*"))
    assert len(drafts) == 1  # the first was thrown away


@pytest.mark.parametrize("path", ["../home/runs.sqlite3", "/etc/passwd", "nowhere.npz", "\x00"])
def test_only_what_lies_in_the_data_folder_is_opened(visit: Visit, theirs: Settings, path: str) -> None:
    (theirs.data / "link").symlink_to("/etc")
    for name in (path, "link/passwd"):
        with pytest.raises(ArgumentError, match="what lies in"):
            source.inside(theirs.data, name)
    assert source.inside(theirs.data, "SET.NPZ") == theirs.data / "SET.NPZ"
    at = visit(PAGE, source="folder", file=path)  # an address names only what is offered
    assert next(x for x in at.button if x.label == "Look at it").disabled


def test_what_was_seen_is_still_there_after_a_visit_to_another_page(visit: Visit, theirs: Settings) -> None:
    at = visit(PAGE, source="folder", file="SET.NPZ")
    at.toggle(key="bring_invert").set_value(True).run()
    press(at, "Look at it")
    at.text_input(key="bring_name").set_value("mine").run()
    at.switch_page("pages/train.py").run()
    at.query_params.update({"source": "folder", "file": "SET.NPZ"})
    at.switch_page(PAGE).run()
    assert at.toggle(key="bring_invert").value and "Use it as SET" in labels(at) and not at.info


def test_test_images_may_be_in_another_file(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    of = digits()
    with (theirs.data / "TEST.NPZ").open("wb") as file:
        np.savez(file, X=of.xt, y=of.yt + 1)
    at = visit(PAGE, source="folder", file="SET.NPZ")
    at.selectbox(key="file_test").set_value("TEST.NPZ").run()
    press(at, "Look at it")
    assert sentences(at) == [] and any("300 images to train and 100 to test" in x.value for x in at.markdown)


def test_a_file_in_the_address_that_is_not_there_is_said(visit: Visit, theirs: Settings) -> None:
    at = visit(PAGE, source="folder", file="nosuch.zip")
    assert [("nosuch.zip" in x.value) for x in at.warning] == [True]


def test_what_is_no_image_set_is_one_sentence(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    (theirs.data / "bad.csv").write_text("a,b\n1,2\n")
    at = press(visit(PAGE, source="folder", file="bad.csv"), "Look at it")
    assert len(sentences(at)) == 1 and labels(at) == ["Look at it"]
    assert list(theirs.data.glob(".bring-*")) == []


def test_one_file_is_read_at_a_time(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    at = visit(PAGE, source="folder", file="SET.NPZ")
    with shared.SERVICES.looking:
        press(at, "Look at it")
        assert len(sentences(at)) == 1
    press(at, "Look at it")
    assert sentences(at) == [] and "Use it as SET" in labels(at)


def test_viewers_may_not_bring_anything(
    visit: Visit, theirs: Settings, monkeypatch: pytest.MonkeyPatch, sentences: Sentences
) -> None:
    monkeypatch.setattr(login, "headers", lambda: {"Host": "elsewhere.example.org"})
    at = visit(PAGE, source="folder", file="SET.NPZ")
    assert next(x for x in at.button if x.label == "Look at it").disabled and sentences(at) == []


def test_a_set_that_needs_a_conversion_leads_there(visit: Visit, theirs: Settings, sentences: Sentences) -> None:
    of = digits()
    np.savez(theirs.data / "from1.npz", x_train=of.x, y_train=of.y + 1, x_test=of.xt, y_test=of.yt + 1)
    for page in ("app.py", "pages/train.py", "pages/results.py", "pages/draw.py", "pages/inspect.py"):
        at = visit(page, data="from1")
        (said,) = sentences(at)
        assert "labels from 1 to 10" in said, page
        assert any("from1.npz" in x.proto.label for x in at.get("page_link")), page


def test_an_unknown_set_is_said_until_another_is_chosen(visit: Visit, own: Settings) -> None:
    at = visit("app.py", data="nosuch")
    assert sum("nosuch" in x.value for x in at.warning) == 1
    at.selectbox(key="data").set_value("fashion_mnist").run()
    assert not any("nosuch" in x.value for x in at.warning)
