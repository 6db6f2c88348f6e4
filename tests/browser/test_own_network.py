"""A network of one's own in a real browser: composed, counted, kept, trained, put to work, and opened by a link."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT
from tests.browser.conftest import LONG

APP = ROOT / "app.py"
SLIM = "conv3(n, same, elu) maxpool2 4x[separable3(n, elu)] globalavg"
RESIDUAL = "conv3(n, linear) batchnorm relu residual[conv3(n, same) batchnorm] maxpool2 flatten"


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    named = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in named.items()})


def settled(page: Page) -> None:
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible(timeout=LONG)


def line(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Layers as text")


def total(page: Page) -> Locator:
    return page.get_by_test_id("weights-total")


def slide(page: Page, label: str, *keys: str) -> None:
    handle = page.locator(f'input[type=range][aria-label="{label}"]')
    handle.focus()
    for key in keys:
        handle.press(key)
    settled(page)


def pick(page: Page, label: str, option: str) -> None:
    page.get_by_role("combobox", name=label, exact=True).click()
    page.get_by_role("option", name=option, exact=True).click()
    settled(page)


def test_compose_save_train_draw_and_share_the_slim_network(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(url)
    expect(total(page)).to_have_text("932", timeout=LONG)
    page.get_by_role("radio", name="Your own").click()
    expect(line(page)).to_have_value("conv3(n) conv3(n) maxpool2 conv3(2n) conv3(2n) maxpool2 flatten")
    slide(page, "Blocks", "ArrowLeft")
    expect(line(page)).to_have_value("conv3(n) conv3(n) maxpool2 flatten")
    slide(page, "Convolutions a block", "ArrowRight", "ArrowRight")
    expect(line(page)).to_have_value("4x[conv3(n)] maxpool2 flatten")
    pick(page, "Kind", "Separable")
    page.get_by_text("Stem", exact=True).click()
    pick(page, "Bridge", "Global average")
    pick(page, "Padding", "First layer")
    pick(page, "Activation", "elu")
    expect(line(page)).to_have_value(SLIM)
    page.get_by_test_id("width-number").fill("8")
    page.get_by_test_id("width-number").press("Enter")
    expect(total(page)).to_have_text("746")
    expect(page.get_by_test_id("weights-formula")).to_have_text("4·8² + 60·8 + 10 = 746")
    expect(page).to_have_url(re.compile(r"layers=.*n=8|n=8.*layers="))

    page.get_by_role("button", name="Save as…").click()
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("slim")
    name.press("Tab")
    settled(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("radio", name="Slim", exact=True)).to_be_checked()
    settled(page)
    link = copied(page)

    page.get_by_role("link", name="Train this network: Slim, n = 8").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Train a sweep")
    pick(page, "Data set", "MNIST, 5,000 digits")
    page.get_by_role("radio", name="My own").click()
    page.get_by_label("Epochs", exact=True).fill("6")
    page.get_by_label("Epochs", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("epochs=6"))
    page.get_by_role("button", name="Start 1 run").click()
    grid = page.get_by_test_id("stDataFrame").locator("[role=gridcell]")
    expect(grid.last).to_contain_text("✓", timeout=LONG)

    page.get_by_role("link", name="Results").click()
    pick(page, "Data set", "MNIST, 5,000 digits")
    expect(page.get_by_text("Slim:", exact=False).first).to_be_visible(timeout=LONG)
    marks = page.get_by_test_id("stVegaLiteChart").first.locator("[aria-roledescription='point']")
    expect(marks.filter(has_text="")).not_to_have_count(0)
    told = " ".join(x.get_attribute("aria-label") or "" for x in marks.all())
    assert "Slim" in told and "746" in told, told

    page.get_by_role("link", name="Draw").click()
    expect(page.get_by_test_id("pad")).to_be_visible(timeout=LONG)
    settled(page)
    box = page.get_by_test_id("pad").bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.52 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.48 * box["width"], box["y"] + 0.8 * box["height"], steps=8)
    page.mouse.up()
    expect(page.get_by_text(re.compile("Slim, n = 8")).first).to_be_visible()

    other = new_page(width=1024)  # another browser: nothing but the link
    other.goto(link)
    expect(total(other)).to_have_text("746", timeout=LONG)
    expect(line(other)).to_have_value(SLIM)


def copied(page: Page) -> str:
    """Return the link that is offered to be copied; it must be the page's own address with the layers."""
    page.get_by_role("button", name="Copy link").click()
    link = page.locator("[data-testid=stPopoverBody] code").first
    expect(link).to_contain_text("layers=")
    text = link.text_content() or ""
    page.keyboard.press("Escape")
    there, here = urlsplit(text), urlsplit(page.url)
    assert (there.netloc, there.path.strip("/")) == (here.netloc, here.path.strip("/"))
    assert parse_qs(there.query)["layers"] == [SLIM]
    return text


@pytest.mark.parametrize("width", [1280, 390])
def test_a_line_that_the_sliders_cannot_say_and_one_that_is_wrong(new_page: NewPage, url: str, width: int) -> None:
    page = new_page(width=width)
    page.goto(f"{url}/?family=own&n=4")
    expect(line(page)).to_be_visible(timeout=LONG)
    expect(total(page)).to_have_text("2,358", timeout=LONG)
    settled(page)
    line(page).fill("conv3(3x) flatten")
    line(page).press("Control+Enter")
    expect(
        page.get_by_text("Layer 1, conv3(3x): expected a width such as 16, n, 2n or n+4. Received: 3x.")
    ).to_be_visible()
    expect(total(page)).to_have_text("2,358")
    line(page).fill(RESIDUAL)
    line(page).press("Control+Enter")
    expect(page.get_by_text("The sliders cannot say this line.")).to_be_visible()
    expect(page.get_by_text("16 more numbers are kept, not trained", exact=False)).to_be_visible()
    expect(page.locator('input[type=range][aria-label="Blocks"]')).to_be_disabled()
    expect(page.get_by_text("keras.layers.Add()", exact=False)).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing reaches beyond the window"
    page.get_by_role("button", name="Let the sliders take over").click()
    expect(page.locator('input[type=range][aria-label="Blocks"]')).to_be_enabled()


def test_a_width_moves_every_number_of_a_network_without_a_formula(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(
        f"{url}/?layers=conv5(6n/84, tanh) avgpool2 conv5(16n/84, tanh) avgpool2 flatten dense(84n/84, tanh)&n=84"
    )
    expect(total(page)).to_have_text("25,010", timeout=LONG)
    expect(page.get_by_test_id("weights-formula")).to_have_text("156 + 2,416 + 21,588 + 850 = 25,010")
    page.get_by_test_id("width-number").fill("42")
    page.get_by_test_id("width-number").press("ArrowDown")
    narrower = "78 + 608 + 5,418 + 430"
    expect(page.get_by_test_id("weights-formula")).not_to_have_text("156 + 2,416 + 21,588 + 850 = 25,010")
    page.get_by_test_id("width-number").fill("42")
    page.get_by_test_id("width-number").press("Enter")
    expect(page.get_by_test_id("weights-formula")).to_have_text(re.compile(rf"^{re.escape(narrower)} = 6,534$"))
