"""Results in a real browser, and what holds of every page once there are results."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np
import pytest

from core import datasets, settings, sweep
from core.runs import Epoch
from core.store import Store

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

    from tests.browser.conftest import ColorScheme, NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

APP = Path(__file__).parents[2] / "app.py"
LONG = 120_000  # for what waits for TensorFlow to start or to compile, on a busy machine
PAGES = ("", "train", "results")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    home = tmp_path_factory.mktemp("home")
    named = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return {name: str(folder) for name, folder in named.items()}


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, folders: dict[str, str]) -> str:
    """The app with finished runs on the embedded digits, and a small image set without any."""
    where = settings.load(folders)
    x, y = np.random.default_rng(0).integers(0, 256, (200, 28, 28)).astype(np.uint8), np.arange(200) % 10
    np.savez(where.data / "few.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    store, digits = Store(where.store), datasets.find(where, datasets.EMBEDDED)
    for cell in sweep.cells(digits, {"mlp": [16, 32], "deep_cnn": [2, 4]}, [0, 1]):
        figures = {"parameters": 100 * cell.width, "multiply_adds": 1000, "train_images": 4000, "test_images": 1000}
        run = store.begin(cell, **figures, device="a device", versions={})
        store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, 0.95 + cell.width / 1000 + cell.seed / 500, 1.5))
        store.end(run, "done", seconds=20.0)
    return serve(APP, folders)


def settled(page: Page, address: str) -> Page:
    """Open a page and wait until its last element is there and no run of its script goes on."""
    page.goto(address)
    last = {
        "": page.locator("pre"),
        "/train": button(page, re.compile("^Start|^Nothing to start")),
        "/results": button(page, "Download"),
    }
    expect(last[urlsplit(address).path.rstrip("/")]).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator("svg, canvas").first).to_be_attached()
    return page


def button(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name).last


def rows(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{name}")).locator("tbody [role=row]")


def test_chart_tables_and_download_agree(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results")
    chart = page.get_by_test_id("stVegaLiteChart")
    expect(chart.locator("[role=graphics-symbol][aria-label*='Lowest seed']")).to_have_count(4)
    expect(chart.locator("[role=graphics-symbol][aria-label*='Seconds']")).to_have_count(8)
    expect(chart.locator("[role=graphics-symbol][aria-label*='Published']")).to_have_count(4)
    expect(chart).to_contain_text("target 97.0%")
    expect(chart).to_have_attribute("aria-label", re.compile("on a log axis: 4 networks on MNIST, 5,000 digits"))
    expect(rows(page, "One row per network")).to_have_count(4)
    page.get_by_role("tab", name="Runs").click()
    expect(rows(page, "One row per run")).to_have_count(8)
    with page.expect_download() as waiting:
        button(page, "Download the runs as CSV").click()
    downloaded = list(csv.DictReader(waiting.value.path().read_text("utf-8").splitlines()))
    assert [(x["title"], x["width"], x["seed"]) for x in downloaded] == [
        (title, width, seed)
        for title, width in (("MLP", "16"), ("MLP", "32"), ("Deep CNN", "2"), ("Deep CNN", "4"))
        for seed in "01"
    ]


def test_a_moved_target_answers_again(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results")
    expect(page.get_by_text("MLP: 3,200 weights (n = 32) reach 98.30%, mean of 2 seeds.")).to_be_visible()
    slider = page.get_by_role("slider", name="Target accuracy")
    slider.press("Home")
    expect(page.get_by_text("Deep CNN: 200 weights (n = 2) reach 95.30%, mean of 2 seeds.")).to_be_visible()
    expect(page.get_by_test_id("stVegaLiteChart")).to_contain_text("target 50.0%")
    expect(page).to_have_url(re.compile("target=50"))
    slider.press("End")
    expect(page.get_by_text("No network trained here reaches 99.9% yet.")).to_be_visible()


def colours(page: Page) -> tuple[int, int]:
    """Return how light background and text are, from 0 to 765."""
    found = page.get_by_role("heading", level=1).evaluate(
        "e => [getComputedStyle(document.querySelector('.stApp')).backgroundColor, getComputedStyle(e).color]"
    )
    background, text = (sum(map(int, re.findall(r"\d+", x)[:3])) for x in found)
    return background, text


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")])
def test_every_page_fits_asks_nobody_else_and_has_no_complaints(
    new_page: NewPage, url: str, path: str, width: int, scheme: ColorScheme
) -> None:
    page = new_page(width, 900, scheme)
    hosts: set[str | None] = set()
    complaints: list[str] = []

    def asked(address: str) -> None:
        if not address.startswith(("data:", "blob:")):
            hosts.add(urlsplit(address).hostname)

    def said(message: ConsoleMessage) -> None:
        # On a page other than the first, Streamlit's own client looks for its server beneath that page, too.
        if message.type in ("error", "warning") and "/_stcore/" not in message.location["url"]:
            complaints.append(message.text)

    page.on("request", lambda request: asked(request.url))
    page.on("websocket", lambda socket: asked(socket.url))
    page.on("console", said)
    settled(page, f"{url}/{path}")
    assert hosts == {"127.0.0.1"}
    assert complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth") <= width
    background, text = colours(page)
    assert (background > text) == (scheme == "light")
    # A font that did not come would leave the names of the icons in their place.
    assert page.evaluate(
        "document.fonts.ready.then(f => [...f].some(x => /Material/.test(x.family) && x.status === 'loaded'))"
    )


def test_the_empty_page_starts_a_small_sweep_at_once(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/results?data=few")
    button(page, "Run the small sweep").click()
    # It trains on the embedded digits and the page goes there; the results of the fixture are the first it shows.
    expect(page.get_by_text(re.compile(r"Training .*, seed 0: epoch \d+ of 30, \d+ more waiting"))).to_be_visible(
        timeout=LONG
    )
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("MNIST, 5,000 digits")
    expect(rows(page, "One row per network").nth(4)).to_be_attached(timeout=LONG)
    page.get_by_role("link", name="Train", exact=True).click()
    button(page, "Clear queue").click()
    button(page, "Stop now").click()
    expect(page.get_by_text(re.compile("Ready to train on|The training process is starting"))).to_be_visible()
