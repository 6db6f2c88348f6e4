"""The frame that every page draws first: the links, who looks, and a failure as its one sentence."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from streamlit.runtime.scriptrunner import RerunException

from core.access import Visitor
from core.errors import FeatherweightError, RefusedError, UnconvertedError
from core.ui import links, login, shared
from core.ui.components import history
from core.ui.markdown import plain
from core.ui.shared import Context

# A feather, drawn here: a Material icon in a browser tab would be fetched from the internet.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="none" stroke="#3478BD" stroke-width="2.5" '
    'stroke-linecap="round" stroke-linejoin="round" d="M4 28 20 12M27 5C17 5 9 11 8 23c12 0 19-8 19-18ZM12 19h9"/>'
    "</svg>"
)
PAGES = (
    ("app.py", "Explore", ":material/tune:"),
    ("pages/images.py", "Images", ":material/photo_library:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/find.py", "Find", ":material/manage_search:"),
    ("pages/results.py", "Results", ":material/scatter_plot:"),
    ("pages/draw.py", "Draw", ":material/draw:"),
    ("pages/inspect.py", "Inspect", ":material/search:"),
)


@contextmanager
def page(title: str) -> Iterator[Context]:
    """Set up a page, draw the links, and show a failure as its one sentence."""
    st.set_page_config(page_title=f"{title} · Featherweight", page_icon=ICON, layout="wide")
    if links.arrive(title):
        links.put({"refused": None})
        if links.said("n") is not None:  # the width that Back or a link asks for, not the one of the last visit
            links.pop("n")
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        st.markdown("**Featherweight**", width="content")
        for path, name, icon in PAGES:
            st.page_link(path, label=name, icon=icon, query_params=links.view_of(name))
        who = st.container(width="content")
        history.keep_pages_only()
    visitor: Visitor | None = None
    try:
        access = shared.SERVICES.settings.access
        visitor = login.visitor(access)
        with who:
            login.draw(access, visitor, shared.SERVICES.key)
        if sentence := refused():
            st.error(plain(sentence), icon=":material/error:")
        context = shared.SERVICES.context(visitor)
    except FeatherweightError as e:
        _failed(e, visitor)
        st.stop()
    if context.problem:
        st.warning(plain(context.problem), icon=":material/lock:")
    began = time.monotonic()
    try:
        yield context
    except FeatherweightError as e:
        _failed(e, visitor)
    except OverflowError:  # from Streamlit, which reads 1e999 in the address as infinity; it lets nobody change that
        links.forget_view(title)
        st.error("The address of this page holds a number that is too large.", icon=":material/error:")
        st.page_link(next(path for path, name, _ in PAGES if name == title), label=f"Open {title} without it")
    finally:
        if not isinstance(sys.exc_info()[1], RerunException):
            links.settle()
        ended = time.monotonic()
        links.put({"drawing": (ended, ended - began)})


@contextmanager
def explained(*kinds: type[FeatherweightError]) -> Iterator[None]:
    """Show failures of these kinds as their one sentence; what comes after the block is drawn all the same."""
    try:
        yield
    except kinds as e:
        _say(e)


def _say(e: FeatherweightError) -> None:
    """Show a failure as its sentence, with the way to the conversion of an image set that needs one."""
    st.error(plain(str(e)), icon=":material/error:")
    if isinstance(e, UnconvertedError):
        label = f"Look at what can be made of {plain(e.path.name)}"
        query = {"file": e.path.name}
        st.page_link("pages/images.py", label=label, icon=":material/photo_library:", query_params=query)


def pressed(action: Callable[..., object], *args: object) -> None:
    """Do what a button says, as its callback; a failure is kept for the page to say until the next press."""
    links.put({"refused": None})
    try:
        action(*args)
    except FeatherweightError as e:
        links.put({"refused": str(e)})


def refused() -> str | None:
    """Return why the last press of a button came to nothing, if it did."""
    sentence: str | None = links.get("refused")
    return sentence


def _failed(e: FeatherweightError, visitor: Visitor | None) -> None:
    """Say why there is no page, and offer a fresh store in place of one that is refused."""
    _say(e)
    if visitor and isinstance(e, RefusedError):
        st.button(
            "Set it aside and begin a fresh one",
            icon=":material/inventory_2:",
            on_click=pressed,
            args=(_set_aside, visitor, e.path),
            disabled=visitor.refusal is not None,
            help=visitor.refusal or "The file is renamed, not deleted.",
        )


def _set_aside(visitor: Visitor, path: Path) -> None:
    """Rename a store that is refused, so that the next visit makes a fresh one."""
    visitor.require()
    st.toast(f"The store is now called {plain(shared.SERVICES.set_aside(path).name)}.", icon=":material/inventory_2:")
