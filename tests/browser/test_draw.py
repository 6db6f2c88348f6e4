"""Drawing in a real browser, on a fresh install with nothing but the shipped networks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import ColorScheme, NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT

APP = ROOT / "app.py"
Stroke = Sequence[tuple[float, float]]  # places as shares of the pad's width and height

ONE: Stroke = [(0.52, 0.2), (0.5, 0.5), (0.48, 0.8)]
ZERO: Stroke = [
    (0.5 + 0.2 * math.sin(2 * math.pi * turn / 24), 0.5 - 0.3 * math.cos(2 * math.pi * turn / 24)) for turn in range(25)
]
TURNING_POINTS = ("932 weights", "4,802 weights", "17,418 weights", "26,506 weights")


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    named = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": home / "data", "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in named.items()})


def opened(page: Page, url: str) -> Page:
    page.goto(f"{url}/draw")
    expect(page.get_by_test_id("pad")).to_be_visible()
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()
    return page


@pytest.fixture
def page(new_page: NewPage, url: str) -> Page:
    return opened(new_page(), url)


def draw(page: Page, stroke: Stroke) -> None:
    page.get_by_test_id("pad").scroll_into_view_if_needed()
    box = page.get_by_test_id("pad").bounding_box()
    assert box
    for index, (x, y) in enumerate(stroke):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=5)
        if index == 0:
            page.mouse.down()
    page.mouse.up()


def answers(page: Page) -> Locator:
    return page.get_by_test_id("answers")


def choices(page: Page) -> dict[str, str]:
    """Return what each network reads, by its weights."""
    expect(answers(page).locator("tbody tr")).to_have_count(9)
    rows: list[list[str]] = answers(page).evaluate(
        "t => [...t.tBodies[0].rows].map(r => ['th b', '.choice b'].map(x => r.querySelector(x).innerText))"
    )
    return {weights: digit for weights, digit in rows}


def seen(page: Page) -> list[int]:
    """Return the grey levels of the picture that the networks see, row by row."""
    found: list[int] = page.get_by_test_id("pad-seen").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].filter((_, i) => i % 4 === 0)"
    )
    return found


@pytest.mark.parametrize(("stroke", "digit"), [(ONE, "1"), (ZERO, "0")], ids=["one", "zero"])
def test_a_digit_drawn_with_the_mouse_is_read(page: Page, stroke: Stroke, digit: str) -> None:
    draw(page, stroke)
    found = choices(page)
    assert sum(found[x] == digit for x in TURNING_POINTS) >= 3, found
    assert next(iter(found)) == "329 weights"
    picture = seen(page)
    assert len(picture) == 784 and max(picture) == 255
    rows = [x for x in range(28) if any(picture[28 * x : 28 * x + 28])]
    assert len(rows) == 20
    said = page.get_by_role("heading", level=4, name=re.compile(f"[0-9] networks .* {digit}[,;] "))
    expect(said).to_be_visible()
    page.get_by_role("radio", name=digit, exact=True).or_(page.get_by_role("button", name=digit, exact=True)).click()
    expect(said).to_have_count(0)  # what is said now depends on the truth
    expect(page.get_by_role("heading", level=4, name=re.compile("[0-9] weights"))).to_be_visible()
    expect(answers(page).get_by_role("img", name="right", exact=True).first).to_be_visible()


def test_undo_and_clear(page: Page) -> None:
    undo, clear = (page.get_by_role("button", name=x) for x in ("Undo the last stroke", "Clear the pad"))
    expect(undo).to_be_disabled()
    draw(page, ONE)
    expect(answers(page)).to_be_visible()
    before = seen(page)
    draw(page, [(0.2, 0.5), (0.8, 0.5)])
    await_picture(page, before, same=False)
    undo.focus()
    page.keyboard.press("Enter")
    await_picture(page, before)
    page.keyboard.press("Tab")
    expect(clear).to_be_focused()
    page.keyboard.press("Space")
    expect(page.get_by_role("heading", level=4)).to_have_text(re.compile("^[^0-9]+$"))
    expect(answers(page)).to_have_count(0)
    await_picture(page, [0] * 784)
    expect(undo).to_be_disabled()


def await_picture(page: Page, picture: list[int], same: bool = True) -> None:
    """Wait until the networks see this picture, or another one."""
    page.get_by_test_id("pad-seen").evaluate(
        """async (canvas, [wanted, same]) => {
            const pen = canvas.getContext('2d');
            const now = () => [...pen.getImageData(0, 0, 28, 28).data].filter((_, i) => i % 4 === 0);
            const end = performance.now() + 15000;
            while ((JSON.stringify(now()) === JSON.stringify(wanted)) !== same) {
                if (performance.now() > end) throw new Error('the picture stayed as it was');
                await new Promise(requestAnimationFrame);
            }
        }""",
        [picture, same],
    )


def test_a_drawing_is_there_again_after_another_page(page: Page) -> None:
    draw(page, ZERO)
    found, picture = choices(page), seen(page)
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("heading", name="Accuracy against weights")).to_be_visible()
    page.get_by_role("link", name="Draw").click()
    assert choices(page) == found
    await_picture(page, picture)
    expect(page.get_by_test_id("pad-undo")).to_be_enabled()


def test_inspect_shows_what_the_layers_make_of_it(page: Page) -> None:
    inside = page.get_by_role("link", name="layers")
    draw(page, ZERO)
    expect(answers(page)).to_be_visible()
    inside.click()
    expect(page.get_by_text(re.compile(r"Tied CNN, n = 7 \(329 weights\) reads 0, .* sure"))).to_be_visible()
    expect(page.get_by_alt_text("the drawn digit")).to_be_visible()
    page.get_by_role("link", name="Draw").click()
    page.get_by_role("button", name="test digit").click()
    number = page.get_by_text(re.compile("^Test image [0-9,]+ of ")).inner_text().split()[2]
    expect(inside).to_have_attribute("href", re.compile(f"image={number.replace(',', '')}"))  # drawn after the text
    inside.click()
    expect(page.get_by_alt_text(re.compile(f"^test image {number}, labelled [0-9]$"))).to_be_visible()


def test_a_test_digit_has_a_label_and_takes_the_drawing_away(page: Page) -> None:
    draw(page, ONE)
    expect(answers(page)).to_be_visible()
    page.get_by_role("button", name="test digit").click()
    expect(page.get_by_text("Its label:")).to_be_visible()
    expect(page.get_by_role("button", name="Clear the pad")).to_be_disabled()
    marks = answers(page).get_by_role("img", name=re.compile("^(right|wrong)$"))
    expect(marks).to_have_count(9)
    draw(page, ONE)  # and the other way round
    expect(page.get_by_text("Its label:")).to_have_count(0)
    expect(marks).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_touch_draws_and_does_not_scroll_the_page(new_page: NewPage, url: str, scheme: ColorScheme) -> None:
    page = opened(new_page(width=390, height=700, color_scheme=scheme), url)
    page.evaluate("document.fonts.ready")  # a font that comes later moves what is below its text
    page.get_by_test_id("pad").scroll_into_view_if_needed()
    box = page.get_by_test_id("pad").bounding_box()
    assert box and box["x"] >= 0 and box["x"] + box["width"] <= 390
    scrolled = page.get_by_test_id("stMain").evaluate("e => e.scrollTop")
    # real touches, as the browser gets them from a screen: the emulated mouse would never scroll
    client = page.context.new_cdp_session(page)

    def touch(kind: str, *points: tuple[float, float]) -> None:
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in points]
        client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": places})

    steps = [(0.5, 0.2 + 0.6 * x / 20) for x in range(21)]
    for up_or_down in (steps, steps[::-1]):
        touch("touchStart", up_or_down[0])
        for place in up_or_down[1:]:
            touch("touchMove", place)
        touch("touchEnd")
    found = choices(page)
    assert sum(found[x] == "1" for x in TURNING_POINTS) >= 3, found
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollTop") == scrolled, "the page has not scrolled"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    right = answers(page).evaluate(
        "t => Math.max(...[...t.querySelectorAll('*')].map(e => e.getBoundingClientRect().right))"
    )
    assert right <= 390
    last = page.get_by_test_id("stButtonGroup").get_by_text("9", exact=True).bounding_box()
    assert last and last["x"] + last["width"] <= 374, "no digit to choose is cut off"


def test_a_palm_beside_the_pen_draws_nothing(page: Page) -> None:
    pad = page.get_by_test_id("pad")
    pad.evaluate("e => { e.setPointerCapture = () => {} }")  # a pointer made here cannot be captured
    box = pad.bounding_box()
    assert box

    def pointer(kind: str, identity: int, x: float, y: float) -> None:
        place = {"clientX": box["x"] + x * box["width"], "clientY": box["y"] + y * box["height"]}
        pad.dispatch_event(kind, {"pointerId": identity, "button": 0, "bubbles": True, **place})

    pointer("pointerdown", 1, 0.5, 0.2)
    pointer("pointerdown", 2, 0.9, 0.9)
    pointer("pointermove", 2, 0.8, 0.9)
    pointer("pointermove", 1, 0.5, 0.8)
    pointer("pointerup", 2, 0.8, 0.9)
    expect(answers(page)).to_have_count(0)
    pointer("pointerup", 1, 0.5, 0.8)
    assert choices(page)["932 weights"] == "1"
