"""Real searches in a real browser, with TensorFlow, on the embedded digits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT
from tests.browser.conftest import LONG

APP = ROOT / "app.py"
ANSWER = re.compile(r"^([\d,]+) weights: Tied CNN, n = (\d+), reaches 90.0 %")


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    folders = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in folders.items()})


def button(page: Page, name: str) -> Locator:
    """Return a button of the page: Streamlit has a *Stop* of its own above it while it draws."""
    return page.get_by_test_id("stMainBlockContainer").get_by_role("button", name=name, exact=True)


def target(page: Page) -> Locator:
    return page.get_by_role("spinbutton", name="Target accuracy, %")


def heading(page: Page) -> Locator:
    """Return what stands above the search."""
    return page.get_by_role("heading", level=3)


def marks(page: Page) -> Locator:
    """Return the runs on the chart."""
    return page.get_by_test_id("stVegaLiteChart").locator("[role=graphics-symbol][aria-label*='Accuracy: ']")


def known(page: Page) -> int:
    """Return how many runs the search has trained so far, as the page says."""
    said = page.get_by_text(re.compile(r"^\d+ runs? trained")).inner_text()
    return int(said.partition(" ")[0])


def test_start_stop_go_on_and_the_answer(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/find?families=tied")
    button(page, "Start").click()
    expect(heading(page)).to_have_text("Searching", timeout=LONG)
    expect(marks(page).first).to_be_visible(timeout=LONG)

    # Another tab and a reload show the same search.
    other = new_page()
    other.goto(f"{url}/find")
    for tab in (page, other):
        tab.reload()
        expect(button(tab, "Stop")).to_be_enabled()
        expect(marks(tab).first).to_be_visible()
        expect(button(tab, "Start")).to_be_disabled()

    button(other, "Stop").click()
    for tab in (page, other):
        expect(button(tab, "Go on")).to_be_enabled(timeout=LONG)
        expect(heading(tab)).to_have_text(re.compile("stopped"))
    trained = known(page)
    assert trained >= 1

    button(page, "Go on").click()
    for tab in (page, other):
        expect(heading(tab)).to_have_text(ANSWER, timeout=LONG)
    expect(button(page, "Go on")).to_have_count(0)
    answer = heading(page).inner_text()
    expect(heading(other)).to_have_text(answer)
    other.reload()
    expect(heading(other)).to_have_text(answer)

    (found,) = ANSWER.finditer(answer)
    weights, width = found.groups()
    page.get_by_role("link", name=re.compile(f"Tied CNN, n = {width} in Explore")).click()
    expect(page.get_by_test_id("weights-total")).to_have_text(weights)
    page.go_back()
    page.get_by_role("link", name="See the runs on Results").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Accuracy against weights")
    expect(page.get_by_role("radio", name="Held-out")).to_be_checked()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("MNIST, 5,000 digits")


def test_what_is_known_is_answered_at_once_and_the_target_follows_the_images(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/find?families=tied")
    expect(target(page)).to_have_value("90.0")
    target(page).fill("80")
    target(page).press("Enter")
    expect(page).to_have_url(re.compile("target=80"))
    page.reload()
    expect(target(page)).to_have_value("80.0")
    target(page).fill("90")
    target(page).press("Enter")
    expect(page).not_to_have_url(re.compile("target"))
    button(page, "Start").click()
    expect(heading(page)).to_have_text(ANSWER, timeout=LONG)
    expect(page.get_by_text("0 runs trained, beside")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1024])
def test_the_chart_fits_its_window(new_page: NewPage, url: str, width: int) -> None:
    page = new_page(width, 900)
    page.goto(f"{url}/find")
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart).to_contain_text("Weights (log scale)", timeout=LONG)
    right = "e => Math.max(...[...e.querySelectorAll('svg, canvas')].map(x => x.getBoundingClientRect().right))"
    assert chart.evaluate(right) <= width
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
