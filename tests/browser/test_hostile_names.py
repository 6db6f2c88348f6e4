"""Names that Markdown would make something of, in a real browser: what is read is the name, and nothing else."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import numpy as np
import pytest

from core import ROOT
from core.ui.markdown import JOINER
from tests.ui.test_markdown import HOSTILE

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

APP = ROOT / "app.py"
PAGES = ("", "train", "find", "results", "draw", "inspect")
# Every place in which a page writes a name: in Markdown of its own, as a label, a message, beside a bar.
PLACES = """\
import json
import streamlit as st
from core.ui.markdown import plain

for i, name in enumerate(json.loads({names!r})):
    with st.container(key=f"name{{i}}"):
        st.markdown(f"**On** {{plain(name)}}: 5")
        st.markdown(plain(name))
        st.caption(plain(name))
        st.info(plain(name))
        st.error(plain(name), icon=":material/error:")
        st.button(plain(name), key=str(i))
        st.progress(0.5, plain(name))
st.page_link("https://example.com", label="the end")
"""
DRAWN = "[data-testid=stMarkdownContainer], [data-testid=stCaptionContainer]"
TOGETHER = "# [x](javascript:alert(1)) <b> $x$ :material_home: :smile: **b** `c` _d_ www.evil.example a -> b & 'c'"
NAMES = (TOGETHER, "x" * 200, "-1 <img src=x onerror=alert(1)>", "1. ﷽ 数字")


def bring(data: Path, name: str) -> None:
    """Put an image set of that name into a data folder."""
    x = np.random.default_rng(0).integers(0, 256, (20, 28, 28)).astype(np.uint8)
    y = (np.arange(20) % 10).astype(np.uint8)
    np.savez(data / f"{name}.npz", x_train=x, y_train=y, x_test=x, y_test=y)


def read(place: Locator) -> str:
    """Return the text of a place, without what nobody sees."""
    return re.sub(r"\s+", " ", (place.text_content() or "").replace(JOINER, "")).strip()


def test_every_name_reads_as_it_is_wherever_it_may_stand(
    new_page: NewPage, serve: Serve, tmp_path_factory: pytest.TempPathFactory
) -> None:
    script = tmp_path_factory.mktemp("script") / "places.py"
    script.write_text(PLACES.format(names=json.dumps(HOSTILE)), encoding="utf-8")
    page = new_page()
    page.goto(serve(script))
    expect(page.get_by_text("the end")).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    for index, name in enumerate(HOSTILE):
        one = page.locator(f".st-key-name{index}")
        written = [read(x) for x in one.locator(DRAWN).all()]
        assert written == [f"On {name}: 5", *[name] * 6]
        expect(one.locator("strong")).to_have_count(1)  # that is ours
        made = "a, em, code, del, img, h1, h2, ol, ul, blockquote, hr, table, .katex, [role=img]"
        expect(one.locator(f":is({DRAWN}) :is({made})")).to_have_count(0)


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with an image set for each name."""
    home = tmp_path_factory.mktemp("home")
    named = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    (home / "data").mkdir()
    for name in NAMES:
        bring(home / "data", name)
    return serve(APP, {name: str(folder) for name, folder in named.items()})


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_a_set_by_its_name(new_page: NewPage, url: str, path: str) -> None:
    page = new_page(390, 844)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    for name in NAMES:
        page.goto(f"{url}/{path}?data={quote(name)}")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("combobox", name="Data set")).to_have_value(name)
        expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
        page_text = re.sub(r"\s+", " ", page.get_by_test_id("stMain").inner_text().replace(JOINER, ""))
        if path in PAGES[3:]:
            assert re.sub(r"\s+", " ", name) in page_text
        assert not page.locator(
            "a[href^='javascript:'], a[href*='//www.evil'], [data-testid=stMain] img[src=x]"
        ).count()
        expect(page.get_by_test_id("stException")).to_have_count(0)
        expect(page.locator("[data-testid=stAlertContentError]")).to_have_count(0)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= 390
