"""Results in a real browser, and what holds of every page once there are results."""

from __future__ import annotations

import contextlib
import csv
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from core import ROOT, settings
from core.data import datasets
from core.networks.families import FAMILIES
from core.runs import sweep
from core.runs.run import Epoch, RunState
from core.runs.store import Store
from tests.browser.conftest import LONG

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Locator, Page

    from tests.browser.conftest import ColorScheme, NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import TimeoutError, expect

APP = ROOT / "app.py"
REFERENCE = "results?data=MNIST"
CLOSER = f"{REFERENCE}#closer"  # with a network chosen
PAGES = ("", "train", "results", f"{REFERENCE}&errors=true&front=true&unit=Multiply-adds", CLOSER)
CUT_OFF = """e => {
    const right = x => x.getBoundingClientRect().right, end = Math.max(...[...e.querySelectorAll('svg')].map(right));
    return [...e.querySelectorAll('svg text')].filter(x => x.textContent && right(x) > end + 1).map(x => x.textContent);
}"""
NETWORK = "Deep CNN, n = 2, Adadelta 1, 12 epochs, batch 128, reference"


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
        network = FAMILIES[cell.family].build(cell.width)
        figures = {"parameters": network.parameters, "multiply_adds": network.multiply_adds}
        images = {"train_images": 4000, "test_images": 1000}
        run = store.begin(cell, **figures, **images, device="a device", versions={})
        store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, 0.95 + cell.width / 1000 + cell.seed / 500, 1.5))
        store.end(run, RunState.DONE, seconds=20.0)
    return serve(APP, folders)


def at_rest(page: Page) -> Page:
    """Wait until no run of the page's script goes on and every chart is drawn."""
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    for chart in page.get_by_test_id("stVegaLiteChart").all():
        expect(chart.locator("svg, canvas").first).to_be_attached()
    return page


def settled(page: Page, address: str) -> Page:
    """Open a page and wait until its last element is there and no run of its script goes on."""
    page.goto(address)
    last = {
        "": page.locator("pre"),
        "/train": button(page, re.compile("^Start|^Nothing to start")),
        "/results": button(page, "Page as HTML"),
    }
    expect(last[urlsplit(address).path.rstrip("/")]).to_be_visible()
    at_rest(page)
    if urlsplit(address).fragment == "closer":
        choose(page, NETWORK)
    return page


def button(page: Page, name: str | re.Pattern[str]) -> Locator:
    return page.get_by_role("button", name=name).last


def rows(page: Page, name: str) -> Locator:
    return page.get_by_role("region", name=re.compile(f"^{name}")).locator("tbody [role=row]")


def chart(page: Page) -> Locator:
    return page.get_by_test_id("stVegaLiteChart").first


def symbols(page: Page, words: str) -> Locator:
    """Return the chart's marks of whose name, as a screen reader says it, these words are part."""
    return chart(page).locator(f"[role=graphics-symbol][aria-label*='{words}']")


def means(page: Page) -> Locator:
    return symbols(page, "Lowest seed")


def mean(page: Page, weights: str) -> Locator:
    return symbols(page, f"Weights: {weights}; Mean accuracy")


def rings(page: Page) -> Locator:
    """Return what rings a mark: a point larger than any other."""
    return chart(page).locator("g.mark-symbol path[stroke-width='2'][stroke='#8A94A0']")


def answer(page: Page) -> Locator:
    return page.get_by_role("heading", level=4)


def closer(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Look closer at a network")


def pick(page: Page, box: Locator, words: str) -> None:
    """Choose from a select box by keyboard."""
    options = page.get_by_role("option")
    for patience in (2_000, 5_000, 15_000):  # a page drawn anew, once the training process is ready, closes the list
        box.focus()
        box.press("ArrowDown")
        try:
            expect(options.first).to_be_visible(timeout=patience)
            break
        except AssertionError:
            if patience == 15_000:
                raise
    box.fill(words)
    expect(page.get_by_role("option").first).to_have_text(words)  # there may be others that hold these letters
    box.press("Enter")


def choose(page: Page, name: str) -> None:
    """Choose a network by keyboard and wait until its runs are there."""
    pick(page, closer(page), name)
    expect(page.get_by_role("region", name=f"The runs of {name}")).to_be_visible()
    at_rest(page)


def downloaded(page: Page, label: str, name: str, timeout: float = 30_000) -> Path:
    """Click a download button and return the file that came."""
    with page.expect_download(timeout=timeout) as waiting:
        page.get_by_role("button", name=label, exact=True).click()
    assert waiting.value.suggested_filename == name
    return Path(waiting.value.path())


def test_chart_tables_and_csv_agree(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results?data=mnist_5k")
    expect(means(page)).to_have_count(4)
    expect(symbols(page, "Published")).to_have_count(11)
    expect(chart(page)).to_contain_text("target 97.0")
    expect(chart(page)).to_have_attribute("aria-label", re.compile("on a log axis: 4 networks on MNIST, 5,000 digits"))
    expect(rows(page, "One row per family")).to_have_count(2)
    page.get_by_role("tab", name="Networks").click()
    expect(rows(page, "One row per network")).to_have_count(4)
    page.get_by_role("tab", name="Runs").click()
    expect(rows(page, "One row per run")).to_have_count(8)
    found = downloaded(page, "Runs as CSV", "featherweight-mnist_5k.csv")
    assert [(x["family"], x["width"], x["seed"]) for x in csv.DictReader(found.read_text("utf-8").splitlines())] == [
        (key, width, seed)
        for key, width in (("mlp", "16"), ("mlp", "32"), ("deep_cnn", "2"), ("deep_cnn", "4"))
        for seed in "01"
    ]


def test_a_moved_target_answers_again(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results?data=mnist_5k")
    expect(answer(page)).to_contain_text("reads 97.0 % of MNIST, 5,000 digits is an MLP of 26,506 weights")
    slider = page.get_by_role("slider", name="Target accuracy")
    slider.press("Home")
    expect(answer(page)).to_contain_text("reads 50.0 % of MNIST, 5,000 digits is a Deep CNN of 932 weights")
    expect(page.get_by_role("listitem").first).to_contain_text(
        "Deep CNN: 932 weights (n = 2): 2 of 2 seeds reach 50.0 %, mean 95.30 ± 0.14 %"
    )
    expect(chart(page)).to_contain_text("target 50.0")
    expect(page).to_have_url(re.compile("target=50"))
    slider.press("End")
    expect(answer(page)).to_have_text("No network here reaches 99.9 % on MNIST, 5,000 digits.")
    expect(page.get_by_role("listitem").first).to_contain_text("never reaches 99.9 % here; the best mean is 98.30 %")


@pytest.mark.parametrize("weights", ["26,506", "13,002"], ids=["under a published mark", "alone"])
def test_a_clicked_mark_is_looked_at(new_page: NewPage, url: str, weights: str) -> None:
    page = settled(new_page(height=1400), f"{url}/{REFERENCE}")
    width = {"26,506": 32, "13,002": 16}[weights]
    expect(rings(page)).to_have_count(0)
    mean(page, weights).click()
    expect(closer(page)).to_have_value(f"MLP, n = {width}, RMSprop 0.001, 20 epochs, batch 128, reference")
    expect(rows(page, f"The runs of MLP, n = {width}, ")).to_have_count(5)
    expect(rings(page)).to_have_count(1)
    mean(page, weights).hover()  # Playwright finds out whether anything else would get the pointer
    expect(page.locator("#vg-tooltip-element")).to_contain_text(weights)


def test_marks_and_select_box_go_together(new_page: NewPage, url: str) -> None:
    page = settled(new_page(height=1400), f"{url}/results?data=mnist_5k")
    top = chart(page).bounding_box()
    choose(page, "MLP, n = 16, RMSprop 0.001, 20 epochs, batch 128")
    expect(rings(page)).to_have_count(1)
    mean(page, "932").click()
    expect(closer(page)).to_have_value("Deep CNN, n = 2, Adadelta 1, 12 epochs, batch 128")
    expect(rings(page)).to_have_count(1)
    choose(page, "MLP, n = 16, RMSprop 0.001, 20 epochs, batch 128")
    mean(page, "932").click()  # the same mark once more
    expect(closer(page)).to_have_value("Deep CNN, n = 2, Adadelta 1, 12 epochs, batch 128")
    assert chart(page).bounding_box() == top  # nothing above or in it has jumped


def test_explore_opens_the_network(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/{CLOSER}")
    page.get_by_role("link", name="Open Deep CNN, n = 2 in Explore").click()
    expect(page.get_by_test_id("weights-total")).to_have_text("932")
    expect(page.get_by_role("radio", name="Deep CNN")).to_be_checked()
    expect(page).to_have_url(re.compile("n=2"))


def test_toggles_change_the_chart_and_the_address(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results?data=mnist_5k")

    def toggle(name: str) -> None:
        page.get_by_test_id("stCheckbox").filter(has_text=name).locator("label").click()

    toggle("Errors, log axis")
    expect(chart(page).locator("[aria-label*='Test errors (log scale']").first).to_be_attached()
    expect(page).to_have_url(re.compile("errors=true"))
    toggle("Pareto front")
    expect(chart(page)).to_contain_text("Pareto front")
    toggle("Published")
    expect(symbols(page, "Published")).to_have_count(0)
    expect(page.get_by_role("tab", name="Published")).to_have_count(0)
    pick(page, page.get_by_role("combobox", name="Size in"), "Multiply-adds")
    expect(chart(page).locator("[aria-label*='Multiply-adds per digit']").first).to_be_attached()
    expect(page).to_have_url(re.compile("unit=operations"))
    page.reload()
    expect(chart(page).locator("[aria-label*='Multiply-adds per digit']").first).to_be_attached()
    expect(chart(page)).to_contain_text("Pareto front")
    expect(symbols(page, "Published")).to_have_count(0)


def test_the_reference_can_be_hidden_and_the_protocol_chosen(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/{REFERENCE}")
    expect(answer(page)).to_contain_text("of MNIST is a Tied CNN of 329 weights")
    page.get_by_role("radio", name="Held-out").click()
    expect(page.get_by_text(re.compile(r"^None of the \d+ finished runs on MNIST has this protocol"))).to_be_visible()
    expect(page).to_have_url(re.compile("protocol=held_out"))
    page.get_by_role("radio", name="As in the article").click()
    expect(means(page)).not_to_have_count(0)
    page.get_by_test_id("stCheckbox").filter(has_text="Reference").locator("label").click()
    expect(page.get_by_text(re.compile("^No finished run on MNIST yet"))).to_be_visible()
    expect(page).to_have_url(re.compile("reference=false"))


def test_a_fresh_visit_goes_from_explore_to_results_that_are_there(
    new_page: NewPage, serve: Serve, tmp_path: Path
) -> None:
    folders = {"FEATHERWEIGHT_HOME": tmp_path, "FEATHERWEIGHT_DATA": tmp_path / "data", "KERAS_HOME": tmp_path / "k"}
    page = settled(new_page(), serve(APP, {name: str(folder) for name, folder in folders.items()}))
    page.get_by_role("link", name="Results", exact=True).click()
    expect(answer(page)).to_contain_text("of MNIST is a Tied CNN of 329 weights: 3,647 times fewer")
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("MNIST")


def test_runs_can_be_taken_away(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/results?data=mnist_5k")
    found = json.loads(downloaded(page, "Runs as JSON", "featherweight-mnist_5k.json").read_text("utf-8"))
    assert len(found) == 8 and {x["origin"] for x in found} == {"own"}
    assert {x["recipe"]["optimizer"] for x in found} == {"rmsprop", "adadelta"}


def test_pictures_can_be_taken_away(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/{REFERENCE}&front=true")
    root = ElementTree.parse(downloaded(page, "Chart as SVG", "featherweight-mnist.svg")).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = [x.text for x in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Deep CNN", "Pareto front", "Test accuracy", "Trainable weights (log scale)"} <= set(texts)

    def corner(timeout: float = 30_000) -> int:
        """Return how light the picture's background is, from 0 to 765."""
        with Image.open(downloaded(page, "Chart as PNG", "featherweight-mnist.png", timeout)) as image:
            image.load()
            assert image.width > 2000 and image.height > 1000, "sharp on any screen"
            colors = image.convert("RGB").getcolors(maxcolors=10_000_000)
            assert colors is not None and len(colors) > 50, "something is drawn"
            pixel = image.convert("RGB").getpixel((1, 1))
        assert isinstance(pixel, tuple)
        return sum(pixel)

    assert corner() > 600
    page.get_by_role("radio", name="Dark").click()
    # The page is drawn anew meanwhile, and nothing on it says when: a download is the only witness, and one that was
    # asked for in between may be lost.
    for _ in range(10):
        with contextlib.suppress(TimeoutError):
            if corner(timeout=5000) < 200:
                return
    pytest.fail("the picture stayed light")


def test_the_page_taken_away_needs_no_network(new_page: NewPage, browser: Browser, url: str) -> None:
    page = settled(new_page(), f"{url}/{REFERENCE}")
    said = answer(page).text_content()
    found = downloaded(page, "Page as HTML", "featherweight-mnist.html")
    asked: list[str] = []
    thrown: list[str] = []
    context = browser.new_context(offline=True)
    try:
        alone = context.new_page()
        alone.on("request", lambda x: asked.append(urlsplit(x.url).scheme))
        alone.on("pageerror", lambda x: thrown.append(str(x)))
        alone.on("console", lambda x: thrown.append(x.text) if x.type == "error" else None)
        target = found.with_name("page.html")  # a browser takes a file without an ending for text
        target.write_bytes(found.read_bytes())
        alone.goto(target.as_uri())
        drawn = alone.locator("svg, canvas").first
        expect(drawn).to_be_visible()
        box = drawn.bounding_box()
        assert box and box["width"] > 300 and box["height"] > 200
        assert said and said in (alone.locator("body").text_content() or "")
        expect(alone.locator("table tbody tr").filter(has_text="26,506")).to_have_count(1)
        assert set(asked) <= {"file", "data", "blob"} and thrown == []
    finally:
        context.close()


def test_the_bundle_of_a_reference_network(new_page: NewPage, url: str) -> None:
    page = settled(new_page(), f"{url}/{CLOSER}")
    found = downloaded(page, "Download its bundle", "featherweight-deep_cnn-2-seed-0.zip", LONG)
    with zipfile.ZipFile(found) as file:
        assert file.testzip() is None
        assert {"README.txt", "reproduce.py", "recipe.json", "versions.json", "history.csv"} <= set(file.namelist())
        compile(file.read("reproduce.py"), "reproduce.py", "exec")
        assert json.loads(file.read("recipe.json"))["parameters"] == 932
        with file.open("model.keras") as inner, zipfile.ZipFile(inner) as model:
            assert {"config.json", "model.weights.h5"} <= set(model.namelist())


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
    for drawn in page.get_by_test_id("stVegaLiteChart").all():
        assert drawn.evaluate(CUT_OFF) == []
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
    expect(
        page.get_by_text(re.compile(r"Training .*, seed 0 on MNIST, 5,000 digits: epoch \d+ of 30, \d+ more waiting"))
    ).to_be_visible(timeout=LONG)
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("MNIST, 5,000 digits")
    expect(means(page)).not_to_have_count(4, timeout=LONG)
    page.get_by_role("tab", name="Networks").click()
    expect(rows(page, "One row per network").nth(4)).to_be_attached(timeout=LONG)
    page.get_by_role("link", name="Train", exact=True).click()
    button(page, "Clear queue").click()
    button(page, "Stop now").click()
    expect(page.get_by_text(re.compile("Ready to train on|The training process is starting"))).to_be_visible()
