"""Back and Forward: a step is a page, and a page comes back with the view that it was left with."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Browser, Page, WebSocketRoute

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT
from tests.browser.conftest import PATIENCE


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The app with folders of its own, which are empty."""
    home, data = tmp_path_factory.mktemp("home"), tmp_path_factory.mktemp("data")
    folders = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": data, "KERAS_HOME": home / "keras"}
    return serve(ROOT / "app.py", {name: str(folder) for name, folder in folders.items()})


def follow(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def heading(page: Page, title: str) -> None:
    """Wait until the page of that title has been drawn to its end: until then Streamlit may write its address."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    expect(page.locator("[data-testid=stApp][data-test-script-state=notRunning]")).to_be_visible()


def family(page: Page, title: str) -> None:
    page.get_by_role("radio", name=title, exact=True).click()


def width(page: Page, n: int) -> None:
    page.get_by_test_id("width-number").fill(str(n))
    page.get_by_test_id("width-number").press("Enter")


def shows(page: Page, title: str, n: int, weights: str) -> None:
    """Expect Explore with a network, and an address that tells it."""
    expect(page.get_by_test_id("weights-total")).to_have_text(weights)
    expect(page.get_by_test_id("width-number")).to_have_value(str(n))
    expect(page.get_by_role("radio", name=title, exact=True)).to_be_checked()
    expect(page).to_have_url(re.compile(rf"/\?(.*&)?n={n}\b"))
    heading(page, "How few weights")


def test_back_goes_back_a_page_however_much_was_chosen_on_it(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/train")
    heading(page, "Train a sweep")
    follow(page, "Explore")
    heading(page, "How few weights")
    before = page.evaluate("history.length")
    for n in (3, 4, 5):
        width(page, n)
        expect(page).to_have_url(re.compile(f"n={n}"))
    for title, key in (("CNN", "cnn"), ("Pooled MLP", "pooled_mlp"), ("MLP", "mlp")):
        family(page, title)
        expect(page).to_have_url(re.compile(f"family={key}"))
    page.locator(".st-key-budget input").fill("5000")
    page.locator(".st-key-budget input").press("Enter")
    expect(page).to_have_url(re.compile("budget=5000"))
    width(page, 6)
    shows(page, "MLP", 6, "4,822")
    assert page.evaluate("history.length") == before
    follow(page, "Results")
    heading(page, "Accuracy against weights")
    assert page.evaluate("history.length") == before + 1

    page.go_back()
    shows(page, "MLP", 6, "4,822")
    expect(page.locator(".st-key-budget input")).to_have_value("5000")
    expect(page).to_have_url(re.compile("budget=5000"))
    page.go_back()
    heading(page, "Train a sweep")
    page.go_forward()
    shows(page, "MLP", 6, "4,822")
    page.reload()
    shows(page, "MLP", 6, "4,822")


def test_every_visit_to_a_page_has_its_own_view(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/?family=mlp&n=5")
    shows(page, "MLP", 5, "4,015")
    follow(page, "Results")
    heading(page, "Accuracy against weights")
    page.get_by_text("Pareto front", exact=True).click()
    expect(page).to_have_url(re.compile("front=true"))
    family(page, "Held-out")
    expect(page).to_have_url(re.compile("protocol=held_out"))
    follow(page, "Explore")
    shows(page, "MLP", 5, "4,015")
    family(page, "Deep CNN")
    expect(page).not_to_have_url(re.compile("family"))
    width(page, 2)
    shows(page, "Deep CNN", 2, "932")

    page.go_back()
    heading(page, "Accuracy against weights")
    expect(page.get_by_role("radio", name="Held-out")).to_be_checked()
    expect(page.get_by_role("switch", name="Pareto front")).to_be_checked()
    expect(page).to_have_url(re.compile("front=true.*protocol=held_out|protocol=held_out.*front=true"))
    page.go_back()
    shows(page, "MLP", 5, "4,015")
    page.go_forward()
    heading(page, "Accuracy against weights")
    expect(page.get_by_role("radio", name="Held-out")).to_be_checked()
    page.go_forward()
    shows(page, "Deep CNN", 2, "932")


@pytest.mark.parametrize(
    ("choose", "said"),
    [(lambda x: width(x, 3), b"n=3"), (lambda x: family(x, "CNN"), b"family=cnn")],
    ids=["width", "family"],
)
def test_what_the_page_before_still_had_to_say_does_not_count(
    choose: Callable[[Page], None], said: bytes, new_page: NewPage, url: str
) -> None:
    """Back is pressed before the answer to a choice has come; the answer tells of a page that has been left."""
    page = new_page()
    answers: list[str | bytes] = []
    held = False
    deliver: Callable[[str | bytes], None]

    def between(browser: WebSocketRoute) -> None:
        nonlocal deliver
        deliver = browser.send
        server = browser.connect_to_server()
        server.on_message(lambda answer: answers.append(answer) if held else browser.send(answer))

    page.route_web_socket(re.compile("_stcore/stream"), between)
    page.goto(f"{url}/results")
    heading(page, "Accuracy against weights")
    page.get_by_text("Pareto front", exact=True).click()
    expect(page).to_have_url(re.compile("front=true"))
    follow(page, "Explore")
    shows(page, "Deep CNN", 2, "932")
    before = page.evaluate("history.length")

    held = True
    choose(page)
    deadline = time.monotonic() + PATIENCE / 1000
    while not any(isinstance(x, bytes) and said in x for x in answers):
        assert time.monotonic() < deadline, "the server has not told the choice"
        page.wait_for_timeout(50)
    page.go_back()
    expect(page).to_have_url(re.compile("results"))
    while answers:  # the later ones come behind
        deliver(answers.pop(0))
        page.wait_for_timeout(20)
    held = False

    heading(page, "Accuracy against weights")
    expect(page.get_by_role("switch", name="Pareto front")).to_be_checked()
    expect(page).to_have_url(re.compile(r"/results\?front=true$"))
    assert page.evaluate("history.length") == before
    page.go_forward()
    heading(page, "How few weights")
