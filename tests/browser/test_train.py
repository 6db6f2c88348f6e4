"""Training in a real browser, with TensorFlow, on the embedded digits."""

from __future__ import annotations

import csv
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


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    folders = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in folders.items()})


def button(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name)


def title(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def cells(page: Page) -> Locator:
    """Return the cells of the grid, as the canvas holds them for who does not see it."""
    return page.get_by_test_id("stDataFrame").locator("[role=gridcell]")


def curves(page: Page) -> Locator:
    """Return the curves of loss; those of accuracy stand beside or above them."""
    return page.get_by_test_id("stVegaLiteChart").nth(1)


def typed(page: Page, label: str, value: str) -> None:
    page.get_by_label(label, exact=True).fill(value)
    page.get_by_label(label, exact=True).press("Enter")


def test_choose_count_train_and_see_the_point(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(url)
    page.get_by_role("radio", name="MLP", exact=True).click()
    expect(page.get_by_test_id("weights-formula")).to_contain_text("796", timeout=LONG)
    page.get_by_role("radio", name="Deep CNN").click()
    page.get_by_test_id("width-number").fill("2")
    page.get_by_test_id("width-number").press("Enter")
    expect(page.get_by_test_id("weights-total")).to_have_text("932")

    page.get_by_role("link", name=": Deep CNN, n = 2").click()
    expect(title(page)).to_contain_text("Train a sweep")
    page.get_by_role("radio", name="My own").click()
    typed(page, "Epochs", "1000")
    expect(page).to_have_url(re.compile("epochs=1000"))
    expect(cells(page)).to_have_text(["Deep CNN", "2", "○ new"])
    button(page, "Start 1 run").click()
    expect(page.get_by_text("Deep CNN, n = 2, seed 0")).to_be_visible(timeout=LONG)
    expect(page.get_by_test_id("stProgress").last).to_contain_text(" 1 of 1, 0 ")
    address = page.url

    # The tab is closed and two others are opened: training goes on, and both show it.
    page.close()
    tabs = [new_page(), new_page()]
    for tab in tabs:
        tab.goto(address)
    for tab in tabs:
        expect(cells(tab)).to_have_text(["Deep CNN", "2", re.compile("^▶ epoch .* of 1000$|^✓")], timeout=LONG)
    for tab in tabs:
        expect(cells(tab)).to_have_text(["Deep CNN", "2", re.compile(r"^✓ \d\d\.\d\d %$")], timeout=LONG)
    done = [cells(tab).last.text_content() for tab in tabs]
    assert done[0] == done[1]
    page = tabs[0]
    expect(page.get_by_test_id("stAlertContentSuccess")).to_be_visible()
    expect(button(page, "Nothing to start")).to_be_disabled()

    page.get_by_role("link", name="Results", exact=True).click()
    expect(title(page)).to_contain_text("Accuracy against weights")
    button(page, "Show MNIST, 5,000 digits").click()  # beside the reference's answer on MNIST
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("MNIST, 5,000 digits")
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart).to_be_visible()
    point = chart.locator("[role=graphics-symbol][aria-label*='Weights: 932; Mean accuracy']")
    expect(point).to_have_count(1)
    page.get_by_role("tab", name="Networks").click()
    networks = page.get_by_role("region", name=re.compile("per network"))
    expect(networks.locator("[role=gridcell]").nth(0)).to_have_text("Deep CNN")
    with page.expect_download() as waiting:
        button(page, "Runs as CSV").click()
    assert waiting.value.suggested_filename == "featherweight-mnist_5k.csv"
    (row,) = csv.DictReader(waiting.value.path().read_text("utf-8").splitlines())
    assert (row["family"], row["width"], row["parameters"]) == ("deep_cnn", "2", "932")
    assert f"✓ {100 * float(row['test_accuracy']):.2f} %" == done[0]
    assert float(row["test_accuracy"]) > 0.5  # ten classes: it has learnt something

    # The chart of Explore has the point as well.
    page.get_by_role("link", name="Explore", exact=True).click()
    expect(page.get_by_text(re.compile("MNIST, 5,000 digits, .*: 1 trained"))).to_be_visible()


def test_stop_after_this_epoch_and_stop_now(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/train?families=MLP&widths_mlp=16&widths_mlp=17&recipe=My+own&epochs=1000&batch=4")
    button(page, "Start 2 runs").click()
    expect(curves(page)).to_be_visible(timeout=LONG)
    expect(cells(page)).to_have_text(["MLP", "16", re.compile("^▶ epoch .* of 1000$"), "MLP", "17", "… queued"])
    button(page, "Stop after this epoch").click()
    expect(cells(page).nth(2)).to_have_text("◼ stopped")
    expect(cells(page).nth(5)).to_have_text("… queued")

    button(page, "Resume").click()
    expect(cells(page).nth(5)).to_have_text(re.compile("^▶ epoch"))
    expect(curves(page)).to_be_visible(timeout=LONG)
    for word in ("Loss", "training", "test"):
        expect(curves(page)).to_contain_text(word)
    button(page, "Stop now").click()
    expect(cells(page).nth(5)).to_have_text("◼ stopped")
    expect(page.get_by_role("img", name="check_circle icon")).to_be_visible(timeout=LONG)
    expect(button(page, "Start 2 runs")).to_be_enabled()


def test_a_width_that_cannot_be_is_one_sentence(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/train")
    box = page.locator(".st-key-widths_deep_cnn").get_by_role("combobox")
    for wrong in ("abc", "0", "1000000000"):
        box.fill(wrong)
        box.press("Enter")
        alert = page.get_by_test_id("stAlertContentError")
        expect(alert).to_contain_text(re.compile(f"'deep_cnn'.* 1 to 128.* '{wrong}'"))
        box.press("Backspace")
        expect(alert).to_have_count(0)
    box.fill("47")
    box.press("Enter")
    expect(cells(page)).to_have_text(["Deep CNN", "2", re.compile("new|%"), "Deep CNN", "47", "○ new"])


def test_the_curves_fit_a_narrow_window(new_page: NewPage, url: str) -> None:
    page = new_page(390, 900)
    page.goto(f"{url}/train?families=MLP&widths_mlp=18&recipe=My+own&epochs=1000&batch=4&seed=9")
    button(page, "Start 1 run").click()
    expect(curves(page)).to_contain_text("Loss", timeout=LONG)
    right = "e => Math.max(...[...e.querySelectorAll('svg, canvas')].map(x => x.getBoundingClientRect().right))"
    found = curves(page).evaluate(right)
    button(page, "Stop now").click()
    expect(cells(page).nth(2)).to_have_text("◼ stopped")
    assert found <= 390
