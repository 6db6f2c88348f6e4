"""A file's name, or what stands in the address, is no Markdown on any page."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.data import datasets
from core.networks.families import FAMILIES, family
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import Settings
from core.ui.markdown import plain
from tests.fake_training import WAIT
from tests.runs_of import epochs

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Until, Visit

Sentences = Callable[[AppTest], list[str]]
NAME = "[x](javascript:alert(1)) $x$ :smile: **b**"
PAGES = ("app.py", "pages/train.py", "pages/find.py", "pages/results.py", "pages/draw.py", "pages/inspect.py")
MARKDOWN = ("body", "label", "help", "text", "caption", "title", "content", "placeholder")  # fields drawn as Markdown


def markdown(at: AppTest) -> Iterator[str]:
    """Return all that a page has drawn as Markdown; a menu's options, tables and descriptions are plain text."""

    def strings(message: Any) -> Iterator[str]:
        for field, value in message.ListFields():
            parts = value if field.is_repeated else [value]
            if field.type == field.TYPE_MESSAGE and field.name != "arrow_data":
                for part in parts:
                    yield from strings(part)
            elif field.name in MARKDOWN:
                yield from parts

    def walk(block: Any) -> Iterator[str]:
        for node in block.children.values():
            if hasattr(node, "children"):
                yield from walk(node)
            if getattr(node, "proto", None) is not None:
                yield from strings(node.proto)

    return walk(at.main)


def said(at: AppTest) -> str:
    """Return a page's Markdown, in which the name must not stand bare."""
    text = "\n".join(markdown(at))
    assert NAME not in text
    return text


def keep(own: Settings, store: Store, bring: Bring, weights: bool) -> None:
    """Record a finished run on the set of that name."""
    bring(NAME, 28, 28)
    network = family("mlp").build(2)
    run = store.begin(
        Cell(NAME, datasets.find(own, NAME).facts.fingerprint, "mlp", 2, FAMILIES["mlp"].recipe, 0),
        parameters=network.parameters,
        multiply_adds=network.multiply_adds,
        train_images=20,
        test_images=20,
        device=NAME,
        versions={},
    )
    store.add_epoch(run, Epoch(1, 0.2, 0.9, 0.1, 0.95, 1.5))
    file = io.BytesIO()
    arrays: dict[str, Any] = {str(i): np.zeros(x, np.float32) for i, x in enumerate(network.weight_shapes)}
    np.savez(file, **arrays)
    store.end(run, RunState.DONE, seconds=2.5, weights=file.getvalue() if weights else None)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("state", ["nothing", "runs", "weights"])
def test_a_files_name(
    visit: Visit, bring: Bring, own: Settings, store: Store, sentences: Sentences, page: str, state: str
) -> None:
    if state == "nothing":
        bring(NAME, 28, 28)
    else:
        keep(own, store, bring, weights=state == "weights")
    at = visit(page, data=NAME, view="Feature maps")
    text = said(at)
    if page == "pages/draw.py" and state == "weights":
        (button,) = (x for x in at.button if x.label.startswith("Give me"))
        text += said(button.click().run())
    elif page == "pages/results.py" and state != "nothing":
        text += said(at.selectbox(key="closer").select_index(0).run())
    # a page that says the name says it so that it reads the same
    if page in PAGES[3:] and (state, page) != ("weights", "pages/inspect.py"):
        assert plain(NAME) in text
    assert sentences(at) == []


def test_a_damaged_file_of_that_name(visit: Visit, own: Settings) -> None:
    (own.data / f"{NAME}.npz").write_bytes(b"no zip")
    for page in PAGES:
        at = visit(page, data=NAME)
        assert [plain(NAME) in str(x.value) for x in at.error] == [True], page
        said(at)


def test_a_run_on_it_that_goes_on(visit: Visit, bring: Bring, until: Until) -> None:
    bring(NAME, 28, 28)
    at = visit("pages/train.py", data=NAME, seed=str(WAIT), widths_deep_cnn=["1"])
    at.button(key="start").click().run()
    until(epochs)
    for page in (at.run(), visit("pages/results.py"), visit("pages/draw.py")):
        assert f"on {plain(NAME)}: epoch" in said(page)


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("query", [{"network": NAME}, {"family": NAME, "n": "2"}, {"family": "mlp", "n": NAME}])
def test_an_address_that_asks_for_no_network(visit: Visit, query: dict[str, str]) -> None:
    at = visit("pages/inspect.py", **query)
    assert plain(NAME) in said(at)


@pytest.mark.parametrize("page", PAGES)
def test_an_address_with_it_in_every_parameter(visit: Visit, page: str) -> None:
    names = ("data", "on", "family", "families", "n", "budget", "widths_deep_cnn", "seeds", "recipe", "optimizer")
    more = ("protocol", "unit", "target", "network", "versus", "view", "image", "source", "origin", "dropout")
    assert said(visit(page, **dict.fromkeys((*names, *more), NAME)))
