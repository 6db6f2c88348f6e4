"""The width control in a real browser, on a page of its own that counts its runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core.networks.families import FAMILIES

SCRIPT = """
import time

import streamlit as st

from core.ui.components.width_control import width_control
from core.networks.families import FAMILIES, family
from core.results.by_width import Reading

KNOWN = [
    Reading(2, "97.43 ± 0.05 %", "MNIST", "5 seeds"),
    Reading(8, "98.81 ± 0.07 %", "MNIST", "5 seeds"),
]
st.session_state["runs"] = st.session_state.get("runs", 0) + 1
chosen = family(st.radio("Family", list(FAMILIES), index=3, key="family", bind="query-params"))
st.button("Use five", on_click=lambda: st.session_state.update(n=5))
if st.toggle("Slow"):
    time.sleep(0.4)
width = width_control(
    width=2,
    max_width=chosen.max_width,
    marks=chosen.widths,
    polynomial=chosen.polynomial(),
    multiply_adds=chosen.multiply_adds_polynomial(),
    kept=chosen.kept_polynomial(),
    tutorial=chosen.tutorial_network().parameters,
    known=KNOWN if chosen.key == "deep_cnn" else (),
    key="n",
    param="n",
)
st.text(f"run {st.session_state['runs']}, width {width}")
st.text(f"address {st.query_params.get('n')}")
"""


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    script = tmp_path_factory.mktemp("script") / "width.py"
    script.write_text(SCRIPT, "utf-8")
    return serve(script)


@pytest.fixture
def page(new_page: NewPage, url: str) -> Page:
    return opened(new_page(), url)


def opened(page: Page, url: str, width: int = 2) -> Page:
    page.goto(url)
    expect(status(page)).to_have_text(re.compile(f", width {width}$"))
    expect(page.get_by_test_id("width-number")).to_have_value(str(width))
    return page


def status(page: Page) -> Locator:
    """Return the line that the script writes: it changes with every run."""
    return page.get_by_text(re.compile(r"^run \d+, width"))


def total(page: Page) -> Locator:
    return page.get_by_test_id("weights-total")


def text_of(locator: Locator) -> str:
    return locator.text_content() or ""


def point(page: Page, share: float) -> tuple[float, float]:
    """Return the place on the track at a share of its length, which is that share of log n."""
    box = page.get_by_test_id("width-track").bounding_box()
    assert box is not None
    return box["x"] + share * box["width"], box["y"] + box["height"] / 2


def overflow(page: Page) -> list[str]:
    """Return which visible parts of the control reach beyond the window."""
    found: list[str] = page.get_by_test_id("width-track").evaluate(
        """track => [...track.closest('.control').querySelectorAll('*')]
            .filter(e => !e.matches('.unseen') && e.getBoundingClientRect().width > 0)
            .filter(e => e.getBoundingClientRect().right > innerWidth || e.getBoundingClientRect().left < 0)
            .map(e => e.outerHTML)"""
    )
    return found


def test_shows_the_counts_of_the_articles_smallest_network(page: Page) -> None:
    expect(total(page)).to_have_text("932")
    expect(page.get_by_test_id("weights-ratio")).to_have_text("1/1,287 of the tutorial network's 1,199,882 weights")
    expect(page.get_by_test_id("weights-bytes")).to_have_text("3.7 kB")
    expect(page.get_by_test_id("weights-macs")).to_have_text("49,960")
    expect(page.get_by_test_id("weights-formula")).to_have_text("63·2² + 335·2 + 10 = 932")
    expect(page.get_by_role("slider", name="Width n")).to_have_attribute("aria-valuetext", "n = 2, 932 weights")


def test_a_drag_moves_every_number_without_the_server(page: Page) -> None:
    here = page.get_by_test_id("weights-here")
    started = here.bounding_box()
    live = page.get_by_test_id("width-live")
    page.mouse.move(*point(page, 1 / 7))  # n = 2 of 128
    page.mouse.down()
    page.mouse.move(*point(page, 4 / 7), steps=5)
    expect(total(page)).to_have_text("21,498")  # n = 16
    expect(page.get_by_test_id("weights-ratio")).to_have_text(re.compile(r"^1/55\.8 .* 1,199,882 "))
    expect(page.get_by_test_id("weights-formula")).to_have_text("63·16² + 335·16 + 10 = 21,498")
    expect(page.get_by_test_id("width-number")).to_have_value("16")
    moved = here.bounding_box()
    assert started is not None and moved is not None and moved["x"] > started["x"]
    page.mouse.move(*point(page, 5 / 7), steps=5)
    expect(total(page)).to_have_text("75,242")  # n = 32
    assert text_of(status(page)) == "run 1, width 2"
    expect(live).to_be_empty()
    page.mouse.up()
    # One run for the release and none for the movements before it, however late they might have come.
    expect(status(page)).to_have_text("run 2, width 32")
    expect(live).to_have_text(re.compile("^75,242 weights, 1/15.9 of"))
    assert page.url.endswith("n=32")


def test_what_is_known_of_a_width_moves_with_the_handle(page: Page) -> None:
    known = page.get_by_test_id("weights-known")
    expect(known).to_have_text("Reads 97.43 ± 0.05 % of the test images of MNIST (5 seeds)")
    page.mouse.move(*point(page, 1 / 7))
    page.mouse.down()
    for share, words in (
        (2 / 7, r"^Not trained at n = 4; n = 2 reads 97\.43 ± 0\.05 %, n = 8 reads 98\.81 ± 0\.07 % of MNIST$"),
        (3 / 7, r"^\w+ 98\.81 ± 0\.07 % .* MNIST \(5 seeds\)$"),
        (4 / 7, r" n = 16; n = 8 \w+ 98\.81 ± 0\.07 % of MNIST$"),
        (0, r" n = 1; n = 2 \w+ 97\.43 ± 0\.05 % of MNIST$"),
    ):
        page.mouse.move(*point(page, share), steps=3)
        expect(known).to_have_text(re.compile(words))
    assert text_of(status(page)) == "run 1, width 2"
    page.mouse.up()
    live = page.get_by_test_id("width-live")
    expect(live).to_have_text(re.compile("^408 .* 1/2,941 .* n = 1;"))
    page.get_by_text("pooled_mlp", exact=True).click()
    expect(known).to_have_text("Not trained yet")


def test_the_ends_of_the_track_are_the_ends_of_the_widths(page: Page) -> None:
    page.mouse.click(*point(page, 1.0))
    expect(status(page)).to_have_text(re.compile("width 128$"))
    expect(page.get_by_test_id("weights-ratio")).to_have_text(re.compile(r"^89\.6 % .* 1,199,882 "))
    assert overflow(page) == []
    page.mouse.click(*point(page, 0.0))
    expect(status(page)).to_have_text(re.compile("width 1$"))
    expect(total(page)).to_have_text("408")
    assert overflow(page) == []


def test_keys_step_through_the_widths(page: Page) -> None:
    steps = (
        ("ArrowRight", 3),
        ("ArrowUp", 4),
        ("ArrowLeft", 3),
        ("ArrowDown", 2),
        ("PageUp", 4),
        ("ArrowUp", 5),
        ("PageDown", 4),
        ("ArrowUp", 5),
        ("PageUp", 8),
        ("Home", 1),
        ("PageDown", 1),
        ("ArrowLeft", 1),
        ("End", 128),
        ("PageUp", 128),
        ("ArrowRight", 128),
    )
    for key, width in steps:
        page.get_by_test_id("width-range").press(key)
        expect(page.get_by_test_id("width-number")).to_have_value(str(width))
    expect(status(page)).to_have_text(re.compile("width 128$"))


def test_a_pressed_key_is_sent_once_it_rests(page: Page) -> None:
    for _ in range(10):
        page.get_by_test_id("width-range").press("ArrowRight")
    expect(status(page)).to_have_text(re.compile(r"^run [2-4], width 12$"))


def test_a_typed_width_counts_on_enter_and_on_leaving(page: Page) -> None:
    number = page.get_by_label("Width n").and_(page.get_by_role("textbox"))
    number.fill("47")
    expect(total(page)).to_have_text("932")
    number.press("Enter")
    expect(total(page)).to_have_text("154,922")
    expect(status(page)).to_have_text(re.compile("width 47$"))
    number.fill("48")
    number.blur()
    expect(status(page)).to_have_text(re.compile("width 48$"))
    page.get_by_role("button", name="One narrower").click()
    expect(status(page)).to_have_text(re.compile("width 47$"))
    number.press("ArrowUp")
    expect(status(page)).to_have_text(re.compile("width 48$"))


def test_a_width_that_cannot_be_is_answered_in_a_sentence(page: Page) -> None:
    number = page.get_by_test_id("width-number")
    received = {
        "0": "0",
        "-1": "-1",
        "129": "129",
        "9" * 30: "9" * 12 + "…",
        "abc": "'abc'",
        "2.5": "'2.5'",
        "": "nothing",
    }
    for typed, shown in received.items():
        number.fill(typed)
        number.press("Enter")
        expect(page.get_by_role("alert")).to_have_text(f"Expected a whole number from 1 to 128. Received: {shown}.")
        expect(number).to_have_attribute("aria-invalid", "true")
        expect(total(page)).to_have_text("932")
    number.fill("3")
    number.press("Enter")
    expect(page.get_by_role("alert")).to_be_empty()
    # The first width that Python hears of is the good one.
    expect(status(page)).to_have_text("run 2, width 3")


def test_a_mark_sets_its_width(page: Page) -> None:
    page.get_by_role("button", name="Width 8", exact=True).click()
    expect(total(page)).to_have_text("6,722")
    expect(status(page)).to_have_text(re.compile("width 8$"))


def test_python_sets_the_width(page: Page) -> None:
    use_five = page.get_by_role("button", name="Use five")
    use_five.click()
    expect(total(page)).to_have_text("3,260")
    expect(status(page)).to_have_text(re.compile("width 5$"))
    page.get_by_test_id("width-range").press("End")
    expect(status(page)).to_have_text(re.compile("width 128$"))
    use_five.click()
    expect(status(page)).to_have_text(re.compile("width 5$"))
    expect(page.get_by_test_id("width-number")).to_have_value("5")
    # The same width as the one last sent is news again after Python has set another.
    page.get_by_test_id("width-range").press("End")
    expect(status(page)).to_have_text("run 5, width 128")


def test_another_family_keeps_the_width_within_its_own(page: Page) -> None:
    page.get_by_text("pooled_mlp", exact=True).click()
    expect(page.get_by_test_id("weights-formula")).to_have_text("2² + 208·2 + 10 = 430")
    page.get_by_test_id("width-range").press("End")
    expect(status(page)).to_have_text(re.compile("width 1024$"))
    expect(page.get_by_test_id("weights-ratio")).to_have_text(re.compile(r"^188\.4 % .* 669,706 "))
    page.get_by_text("cnn", exact=True).click()
    expect(status(page)).to_have_text(re.compile("width 128$"))
    expect(total(page)).to_have_text("19,176,458")
    expect(page.get_by_test_id("weights-ratio")).to_have_text(re.compile(r"^16\.0 × .* 1,199,882 "))


def test_a_late_answer_does_not_pull_the_handle_back(page: Page) -> None:
    page.get_by_text("Slow").click()
    expect(status(page)).to_have_text(re.compile("^run 2,"))
    page.mouse.click(*point(page, 3 / 7))  # 8: its answer comes during the drag that follows
    page.mouse.move(*point(page, 3 / 7))
    page.mouse.down()
    page.mouse.move(*point(page, 5 / 7), steps=4)
    expect(status(page)).to_have_text(re.compile("width 8$"))
    expect(total(page)).to_have_text("75,242")
    page.mouse.up()
    expect(status(page)).to_have_text(re.compile("width 32$"))
    expect(total(page)).to_have_text("75,242")


def test_two_widths_in_a_row_never_show_the_first_again(page: Page) -> None:
    page.get_by_text("Slow").click()
    expect(status(page)).to_have_text(re.compile("^run 2,"))
    total(page).evaluate(
        """total => {
            window.shown = [];
            new MutationObserver(() => window.shown.push(total.textContent)).observe(total, {childList: true});
        }"""
    )
    page.mouse.click(*point(page, 3 / 7))
    page.mouse.click(*point(page, 5 / 7))
    expect(status(page)).to_have_text(re.compile("width 32$"))
    shown = page.evaluate("window.shown")
    assert shown[0] == "6,722"
    assert "6,722" not in shown[shown.index("75,242") :]


def test_the_address_sets_the_width_and_keeps_it(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), f"{url}/?family=cnn&n=7", 7)
    expect(total(page)).to_have_text("57,732")
    page.get_by_test_id("width-range").press("ArrowRight")
    expect(page).to_have_url(re.compile(r"family=cnn&n=8$"))
    expect(page.get_by_text("address 8")).to_be_visible()
    entries = page.evaluate("history.length")
    page.get_by_test_id("width-range").press("PageUp")
    expect(page.get_by_text("address 16")).to_be_visible()
    expect(page).to_have_url(re.compile(r"family=cnn&n=16$"))
    assert page.evaluate("history.length") == entries
    page.reload()
    expect(status(page)).to_have_text("run 1, width 16")
    # Streamlit's bound widgets and this one share the address.
    page.get_by_text("pooled_mlp", exact=True).click()
    expect(page).to_have_url(re.compile(r"family=pooled_mlp&n=16$"))


def test_an_address_with_no_such_width_is_answered_in_a_sentence(new_page: NewPage, url: str) -> None:
    page = opened(new_page(), f"{url}/?n=999")
    expect(page.get_by_role("alert")).to_have_text(re.compile(r" 1 to 128\. .* '999'\.$"))
    page.get_by_test_id("width-range").press("ArrowRight")
    expect(status(page)).to_have_text(re.compile("width 3$"))
    expect(page.get_by_role("alert")).to_be_empty()


def test_a_narrow_window_holds_it_all_and_nothing_moves(new_page: NewPage, url: str) -> None:
    page = opened(new_page(390, 900), url)
    control = page.get_by_test_id("width-track").locator("xpath=ancestor::section")
    heights = set()
    for family in ("deep_cnn", "mlp", "pooled_mlp", "cnn"):
        page.get_by_text(family, exact=True).click()
        for width in (1, 9, 99, 128):
            page.get_by_test_id("width-range").fill(str(width))
            expect(page.get_by_test_id("width-number")).to_have_value(str(width))
            assert overflow(page) == []
            heights.add(control.evaluate("e => e.offsetHeight"))
    assert len(heights) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_a_touch_sets_the_width(new_page: NewPage, url: str) -> None:
    page = opened(new_page(390, 900), url)
    page.touchscreen.tap(*point(page, 5 / 7))
    expect(total(page)).to_have_text("75,242")
    expect(status(page)).to_have_text(re.compile("width 32$"))


def test_a_movement_shows_before_the_next_frame(page: Page) -> None:
    """The total is there when the event has been dealt with; benchmarks/pages.py tells how long painting takes."""
    shown = page.get_by_test_id("width-range").evaluate(
        """(range) => {
            const total = range.getRootNode().querySelector('[data-testid=weights-total]');
            return Array.from({length: 128}, (_, i) => {
                range.value = i + 1;
                range.dispatchEvent(new Event('input'));
                return total.textContent;
            });
        }"""
    )
    assert shown == [f"{FAMILIES['deep_cnn'].build(n).parameters:,}" for n in range(1, 129)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_colours_follow_the_theme(new_page: NewPage, url: str, scheme: str) -> None:
    page = opened(new_page(color_scheme=scheme), url)
    background, text = (
        page.locator(where).first.evaluate(f"e => getComputedStyle(e).{what}")
        for where, what in ((".stApp", "backgroundColor"), ("[data-testid=weights-total]", "color"))
    )
    lightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (background, text)]
    assert (lightness[0] > lightness[1]) == (scheme == "light")
