"""Inspect in a real browser: a small network fits one screen, and nothing runs over the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

    from tests.browser.conftest import ColorScheme, NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT

APP = ROOT / "app.py"
VIEWS = ("Weights", "Feature maps", "What the cut cost", "Layers")


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app as it comes, with the reference runs alone."""
    home = tmp_path_factory.mktemp("home")
    named = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in named.items()})


def opened(page: Page, address: str) -> list[str]:
    """Open a page, wait until it stands still, and return what the browser complained of."""
    complaints: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # On a page other than the first, Streamlit's own client looks for its server beneath that page, too.
        if message.type in ("error", "warning") and "/_stcore/" not in message.location["url"]:
            complaints.append(message.text)

    page.on("console", said)
    page.goto(address)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    last = page.get_by_role("region").last if "Layers" in address else page.get_by_role("button", name="PNG: ").last
    expect(last).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator("svg, canvas").first).to_be_attached()
    return complaints


@pytest.mark.parametrize("network", ["", "?family=deep_cnn&n=3"])
def test_a_small_network_fits_one_screen_weight_by_weight(new_page: NewPage, url: str, network: str) -> None:
    page = new_page(1280, 900)
    assert opened(page, f"{url}/inspect{network}") == []
    charts = page.get_by_test_id("stVegaLiteChart")
    expect(charts).to_have_count(6 if network else 8)
    weights = 0
    for chart in charts.all():
        box = chart.bounding_box()
        assert box and box["x"] >= 0 and box["x"] + box["width"] <= 1280 and box["y"] >= 0
        drawing = chart.locator("svg").bounding_box()
        assert drawing
        for group in chart.locator("svg g.mark-rect").all():
            edge = group.bounding_box()
            assert edge and edge["y"] + edge["height"] <= 900
        weights += chart.locator("svg g.mark-rect").last.locator("path").count()
    assert weights == (1582 if network else 329) + 21  # and the scale's steps
    cell = charts.first.locator("svg g.mark-rect").last.locator("path").first.bounding_box()
    assert cell and abs(cell["width"] - cell["height"]) < 0.5 and cell["width"] >= 8


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "dark"), (390, "light")])
def test_every_view_fits_and_has_no_complaints(
    new_page: NewPage, url: str, view: str, width: int, scheme: ColorScheme
) -> None:
    page = new_page(width, 900, scheme)
    pair = "&versus=MLP,+n+%3D+32:+26,506+weights,+seed+0,+reference"
    assert opened(page, f"{url}/inspect?view={view.replace(' ', '+')}{pair}") == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth") <= width
    for picture in page.get_by_test_id("stImage").locator("img").all():
        assert picture.get_attribute("alt")
    assert page.evaluate("document.querySelectorAll('*').length") < 4000


def test_a_weight_says_its_value(new_page: NewPage, url: str) -> None:
    page = new_page()
    opened(page, f"{url}/inspect")
    page.get_by_test_id("stVegaLiteChart").first.locator("svg g.mark-rect").last.locator("path").first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("filter 1")


def test_the_picture_can_be_taken_away(new_page: NewPage, url: str) -> None:
    page = new_page()
    opened(page, f"{url}/inspect")
    for ending, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG")):
        with page.expect_download() as waiting:
            page.get_by_role("button", name=f"{ending}: Weights of Tied CNN, n = 7").click()
        assert waiting.value.suggested_filename == f"featherweight-weights-tied-7.{ending.lower()}"
        assert waiting.value.path().read_bytes().startswith(start)
