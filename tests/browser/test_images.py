"""Bringing images in a real browser: a zip of pictures is uploaded, looked at, accepted, trained on and looked into."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.browser.conftest import NewPage, Serve

pytest.importorskip("playwright", reason="No Playwright found: install it with 'pip install playwright'.")
from playwright.sync_api import expect

from core import ROOT
from core.data import npz
from tests.browser.conftest import LONG
from tests.data.sets import WORDS, digits, pictures, zipped

APP = ROOT / "app.py"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def url(browser: Browser, serve: Serve, data: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    home = tmp_path_factory.mktemp("home")
    folders = {"FEATHERWEIGHT_HOME": home, "FEATHERWEIGHT_DATA": data, "KERAS_HOME": home / "keras"}
    return serve(APP, {name: str(folder) for name, folder in folders.items()} | {"FEATHERWEIGHT_UPLOAD_MB": "1"})


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PNGs in a folder a class, zipped."""
    return zipped(pictures(called=lambda x: WORDS[x]))(tmp_path_factory.mktemp("files"), digits())


def look(page: Page) -> None:
    page.get_by_role("button", name="Look at it").click()


def opened(page: Page, url: str, query: str = "") -> Page:
    page.goto(f"{url}/images{query}")
    expect(page.get_by_role("heading", name="Bring your own images")).to_be_visible()
    return page


def test_a_zip_of_pictures_is_looked_at_accepted_trained_on_and_looked_into(
    new_page: NewPage, url: str, data: Path, archive: Path
) -> None:
    page = opened(new_page(), url)
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(archive)
    look(page)
    expect(page.get_by_text(re.compile("300 images to train and 100 to test"))).to_be_visible()
    cells = page.get_by_test_id("stDataFrame").first.locator("[role=gridcell]")
    expect(cells.filter(has_text=re.compile("^zero$"))).to_have_count(1)
    expect(cells.filter(has_text=re.compile("^30$"))).to_have_count(10)
    assert not list(data.glob("[!.]*"))  # nothing is kept before it is agreed to
    page.get_by_label("Name", exact=True).fill("words")
    page.get_by_label("Name", exact=True).press("Enter")
    page.get_by_role("button", name="Use it as words").click()
    expect(page.get_by_text("words is an image set now")).to_be_visible()
    assert npz.facts(data / "words.npz").names == tuple(sorted(WORDS))

    page.get_by_role("link", name="Train on it").click()
    expect(page.get_by_role("combobox", name="Data set")).to_have_value("words")
    page.get_by_role("radio", name="My own").click()
    page.get_by_label("Epochs", exact=True).fill("3")
    page.get_by_label("Epochs", exact=True).press("Enter")
    expect(page).to_have_url(re.compile("epochs=3"))
    page.get_by_role("button", name="Start 1 run").click()
    expect(page.get_by_test_id("stAlertContentSuccess")).to_be_visible(timeout=LONG)

    page.goto(f"{url}/draw?data=words")
    page.get_by_role("button", name="Give me a test image").click()
    expect(page.get_by_text(re.compile(f"Its label: ({'|'.join(WORDS)})"))).to_be_visible()
    page.goto(f"{url}/inspect?data=words&view=errors")
    expect(page.get_by_text(re.compile(r"\b(zero|one|seven)\b")).first).to_be_visible(timeout=LONG)
    page.set_viewport_size({"width": 390, "height": 900})  # where a matrix with names is wider than the window
    page.reload()
    expect(page.get_by_test_id("stVegaLiteChart").locator("canvas, svg")).to_have_count(2)
    assert page.get_by_test_id("stMain").evaluate("e => e.scrollWidth") <= 390


def test_what_would_give_wrong_numbers_leads_to_its_conversion(new_page: NewPage, url: str, data: Path) -> None:
    of = digits()
    np.savez(data / "from1.npz", x_train=of.x, y_train=of.y + 1, x_test=of.xt, y_test=of.yt + 1)
    page = new_page()
    page.goto(f"{url}/train?data=from1")
    page.get_by_role("link", name="Look at what can be made of from1.npz").click()
    look(page)
    expect(page.get_by_text(re.compile("labels that occur are 1, 2, 3"))).to_be_visible()
    page.get_by_role("button", name="Use it as from1-2").click()
    expect(page.get_by_text("from1-2 is an image set now")).to_be_visible()
    assert npz.facts(data / "from1-2.npz").names == tuple(str(x) for x in range(1, 11))
    assert (data / "from1.npz").exists()


def test_what_is_no_image_set_is_one_sentence(new_page: NewPage, url: str, tmp_path: Path) -> None:
    page = opened(new_page(), url)
    (tmp_path / "notes.txt").write_text("hello")
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(tmp_path / "notes.txt")
    look(page)
    expect(page.get_by_test_id("stAlertContentError")).to_have_count(1)
    expect(page.get_by_test_id("stException")).to_have_count(0)


def test_several_files_are_one_set_and_no_path_of_the_server_is_told(
    new_page: NewPage, url: str, tmp_path: Path
) -> None:
    for name, array in (("digits-train-images.npy", digits().x), ("digits-train-labels.npy", digits().y)):
        np.save(tmp_path / name, array)
    page = opened(new_page(), url)
    files = page.get_by_test_id("stFileUploaderDropzoneInput").first
    files.set_input_files(sorted(tmp_path.glob("*.npy")))
    look(page)
    expect(page.get_by_role("button", name="Use it as digits-train")).to_be_visible()
    (tmp_path / "broken.npy").write_bytes(b"nothing")
    page = opened(new_page(), url)
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(tmp_path / "broken.npy")
    look(page)
    expect(page.get_by_test_id("stAlertContentError")).to_contain_text("broken.npy")
    expect(page.get_by_test_id("stAlertContentError")).not_to_contain_text("uploads")


def test_uploads_above_the_limit_are_refused(new_page: NewPage, url: str, tmp_path: Path) -> None:
    page = opened(new_page(), url)
    np.savez(tmp_path / "large.npz", X=np.zeros((1600, 28, 28), "u1"), y=np.zeros(1600))
    page.get_by_test_id("stFileUploaderDropzoneInput").first.set_input_files(tmp_path / "large.npz")
    expect(page.get_by_text(re.compile("must be 1.*MB or smaller"))).to_be_visible()


def test_an_unknown_set_in_the_address_is_said(new_page: NewPage, url: str) -> None:
    page = new_page()
    page.goto(f"{url}/?data=nosuch")
    expect(page.get_by_text("No image set here is called nosuch")).to_be_visible()
