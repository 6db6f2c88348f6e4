"""Explore in a real browser: choosing a network, and links to it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT

APP = ROOT / "app.py"


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with folders of its own, and a small image set in one of them."""
    home, data = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("data")
    x, y = np.random.default_rng(0).integers(0, 256, (200, 28, 28)).astype(np.uint8), np.arange(200) % 10
    np.savez(data / "few.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    folders = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": data, "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in folders.items()})


def opened(page: Page, url: str, weights: str = "932") -> Page:
    """Open Explore and wait until all of it is there."""
    page.goto(url)
    expect(total(page)).to_have_text(weights)
    expect(page.locator("pre")).to_contain_text(f"model.count_params() == {weights.replace(',', '_')}")
    return page


def total(page: Page) -> Locator:
    return page.get_by_test_id("weights-total")


def source(page: Page) -> Locator:
    return page.locator("pre")


def family(page: Page, title: str) -> Locator:
    return page.get_by_role("radio", name=title, exact=True)


def link(page: Page, name: str) -> Locator:
    return page.get_by_role("link", name=name, exact=True)


def test_family_and_width_change_every_view(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), url)
    expect(family(page, "Deep CNN")).to_be_checked()
    family(page, "MLP").click()
    expect(page.get_by_test_id("weights-formula")).to_have_text("2² + 796·2 + 10 = 1,606")
    page.get_by_test_id("width-number").fill("32")
    page.get_by_test_id("width-number").press("Enter")
    expect(total(page)).to_have_text("26,506")
    expect(source(page)).to_contain_text("units=32")
    expect(page).to_have_url(re.compile(r"family=mlp.*n=32|n=32.*family=mlp"))
    table = page.get_by_role("region", name="MLP at n = 32")
    expect(table.locator("[role=gridcell]").filter(has_text=re.compile("^25,?120$"))).to_have_count(1)
    expect(page.get_by_test_id("stVegaLiteChart").last).to_contain_text("you are here: 26,506")
    family(page, "Deep CNN").click()
    page.get_by_role("button", name="Width 2", exact=True).click()
    expect(total(page)).to_have_text("932")
    expect(page.get_by_role("link", name=": Deep CNN, n = 2")).to_be_visible()


def test_a_link_opens_the_same_view_again(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), f"{url}/?family=CNN&n=7&dropout=true&budget=5000", "57,732")
    expect(family(page, "CNN")).to_be_checked()
    expect(page.get_by_role("switch", name="Dropout")).to_be_checked()
    expect(source(page)).to_contain_text("Dropout")
    expect(page.locator(".st-key-budget input")).to_have_value("5000")
    page.reload()
    expect(total(page)).to_have_text("57,732")
    expect(family(page, "CNN")).to_be_checked()


def test_the_view_is_kept_over_a_visit_to_the_other_pages(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), f"{url}/?family=CNN&n=7", "57,732")
    for name, title in (("Train", "Train a sweep"), ("Results", "Accuracy against weights")):
        link(page, name).click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(title)
        link(page, "Explore").click()
        expect(total(page)).to_have_text("57,732")
        expect(family(page, "CNN")).to_be_checked()
        expect(page).to_have_url(re.compile("n=7"))


def test_show_moves_the_width_control(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), f"{url}/?n=32", "75,242")
    page.get_by_role("button", name="Show Pooled MLP").click()
    expect(total(page)).to_have_text("858")
    expect(page.get_by_test_id("width-number")).to_have_value("4")
    expect(family(page, "Pooled MLP")).to_be_checked()
    expect(source(page)).to_contain_text("model.count_params() == 858")


def test_a_budget_typed_gives_its_networks(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), url)
    expect(page.get_by_test_id("stMetricValue")).to_have_text(["n = 1", "n = 4", "none", "n = 2", "n = 9", "n = 14"])
    page.locator(".st-key-budget input").fill("30000")
    page.locator(".st-key-budget input").press("Enter")
    expect(page.get_by_test_id("stMetricValue")).to_have_text(
        ["n = 36", "n = 98", "n = 5", "n = 19", "n = 79", "n = 95"]
    )


@pytest.mark.parametrize("data", ["few", "MNIST, 5,000 digits"])  # a title, as in links of before
def test_the_way_to_train_takes_network_and_data_set_along(new_page: NewPage, url: str, data: str) -> None:
    page = opened(new_page(), f"{url}/?family=CNN&n=7&data={data}", "57,732")
    page.get_by_role("link", name=": CNN, n = 7").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Train a sweep")
    expect(page.get_by_role("combobox", name="Data set")).to_have_value(data)
    grid = page.get_by_test_id("stDataFrame")
    expect(grid.locator("[role=gridcell]")).to_have_text(["CNN", "7", "○ new"])


def test_the_source_can_be_copied(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), url)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    source(page).hover()
    page.get_by_role("button", name="Copy to clipboard").click()
    page.wait_for_function("navigator.clipboard.readText().then(x => x.includes('model'))")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import keras") and copied.rstrip().endswith("assert model.count_params() == 932")
