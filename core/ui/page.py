"""The frame that every page draws first, and what all pages of the process share: settings, store and runner."""

from __future__ import annotations

import atexit
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core import settings
from core.access import Visitor
from core.data import datasets
from core.data.datasets import Dataset
from core.errors import FeatherweightError, RefusedError, StoreError, TrainingError
from core.networks.families import family
from core.runner.guarded import Door, Owners
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import database
from core.runs.store import Store
from core.settings import Settings
from core.ui import login
from core.ui.markdown import plain
from core.ui.once import Once
from core.ui.runner_key import RunnerKey

# A feather, drawn here: a Material icon in a browser tab would be fetched from the internet.
ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><path fill="none" stroke="#3478BD" stroke-width="2.5" '
    'stroke-linecap="round" stroke-linejoin="round" d="M4 28 20 12M27 5C17 5 9 11 8 23c12 0 19-8 19-18ZM12 19h9"/>'
    "</svg>"
)
PAGES = (
    ("app.py", "Explore", ":material/tune:"),
    ("pages/train.py", "Train", ":material/model_training:"),
    ("pages/results.py", "Results", ":material/scatter_plot:"),
    ("pages/draw.py", "Draw", ":material/draw:"),
    ("pages/inspect.py", "Inspect", ":material/search:"),
)

DRAWN = "The digit drawn on the Draw page"  # as Inspect offers it


@dataclass(frozen=True, slots=True)
class Bench:
    """What a page works with.

    Attributes:
        settings: where things are.
        store: the runs.
        visitor: who looks.
        runner: the visitor's door to the background runner, or None if another process has it or the store cannot be
            written.
        problem: why there is no runner.
    """

    settings: Settings
    store: Store
    visitor: Visitor
    runner: Door | None
    problem: str | None


@contextmanager
def page(title: str) -> Iterator[Bench]:
    """Set up a page, draw the links, and show a failure as its one sentence."""
    st.set_page_config(page_title=f"{title} · Featherweight", page_icon=ICON, layout="wide")
    # A link drops the address's parameters, so each page's last ones are kept for the way back.
    if st.session_state.get("page") != title:
        st.session_state["refused"] = None
    st.session_state["page"] = title
    views: dict[str, dict[str, list[str]]] = st.session_state.setdefault("views", {})
    views[title] = {name: st.query_params.get_all(name) for name in st.query_params if name not in ("data", "on")}
    with st.container(horizontal=True, vertical_alignment="center", gap="xxsmall"):
        st.markdown("**Featherweight**", width="content")
        for path, name, icon in PAGES:
            st.page_link(path, label=name, icon=icon, query_params=views.get(name, {}))
        who = st.container(width="content")
    visitor: Visitor | None = None
    try:
        access = _settings().access
        visitor = login.visitor(access)
        with who:
            login.draw(access, visitor, _key())
        if sentence := refused():
            st.error(plain(sentence), icon=":material/error:")
        bench = _bench(visitor)
    except FeatherweightError as e:
        _failed(e, visitor)
        st.stop()
    if bench.problem:
        st.warning(plain(bench.problem), icon=":material/lock:")
    began = time.monotonic()
    try:
        yield bench
    except FeatherweightError as e:
        _failed(e, visitor)
    except OverflowError:  # from Streamlit, which reads 1e999 in the address as infinity; it lets nobody change that
        views.pop(title)
        st.error("The address of this page holds a number that is too large.", icon=":material/error:")
        st.page_link(next(path for path, name, _ in PAGES if name == title), label=f"Open {title} without it")
    finally:
        ended = time.monotonic()
        st.session_state["drawing"] = ended, ended - began


@contextmanager
def explained(*kinds: type[FeatherweightError]) -> Iterator[None]:
    """Show failures of these kinds as their one sentence; what comes after the block is drawn all the same."""
    try:
        yield
    except kinds as e:
        st.error(plain(str(e)), icon=":material/error:")


def pressed(action: Callable[..., object], *args: object) -> None:
    """Do what a button says, as its callback; a failure is kept for the page to say until the next press."""
    st.session_state["refused"] = None
    try:
        action(*args)
    except FeatherweightError as e:
        st.session_state["refused"] = str(e)


def refused() -> str | None:
    """Return why the last press of a button came to nothing, if it did."""
    sentence: str | None = st.session_state.get("refused")
    return sentence


def _failed(e: FeatherweightError, visitor: Visitor | None) -> None:
    """Say why there is no page, and offer a fresh store in place of one that is refused."""
    st.error(plain(str(e)), icon=":material/error:")
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
    with suppress(FeatherweightError):
        _runner().close()
    for kept in (_runner, _opened, _view):
        kept.clear()
    st.toast(f"The store is now called {plain(database.set_aside(path).name)}.", icon=":material/inventory_2:")


def choose_name(bench: Bench, instead: Callable[[str], str] = str) -> str:
    """Draw the choice of image set and return its name.

    Who comes from another page keeps the set chosen there. ``instead`` gives the one to show in its place, itself
    where it will do; another one is lent to this page, and the next has the chosen one again.
    """
    names = datasets.names(bench.settings)
    usual = datasets.default(bench.settings)
    # On the way to another page Streamlit drops what both bind to the address, and then the widget's value with it.
    kept, lent, page = st.session_state.get("dataset", (usual, None, None))
    # A link to the usual set names it so: of "data" Streamlit drops what is usual, and the last page's set would stay.
    asked = st.query_params.pop("on", None)
    if asked in names:
        st.session_state["data"] = asked
    elif page != st.session_state["page"] and "data" not in st.query_params:
        wanted, lent = kept if kept in names else usual, None
        if (other := instead(wanted)) != wanted:
            wanted = lent = other
        if wanted != usual or "data" in st.session_state:
            st.session_state["data"] = wanted
    name = st.selectbox(
        "Data set",
        names,
        index=names.index(usual),
        format_func=datasets.title,
        key="data",
        bind="query-params",
        help=f"The embedded digits, MNIST and Fashion-MNIST, and every NAME.npz in {plain(str(bench.settings.data))}.",
    )
    st.session_state["dataset"] = kept if name == lent else name, lent, st.session_state["page"]
    return name


def choose_dataset(bench: Bench) -> Dataset | None:
    """Draw the choice of image set and return it; if it is not at hand, say what to do and return None.

    Raises:
        DatasetError: if it is malformed.
    """
    name = choose_name(bench)
    if datasets.fetchable(bench.settings, name):
        st.warning(plain(datasets.missing(bench.settings, name)), icon=":material/cloud_download:")
        if not st.button(
            f"Fetch {datasets.title(name)}",
            icon=":material/download:",
            disabled=bench.visitor.refusal is not None,
            help=bench.visitor.refusal,
        ):
            return None
        bench.visitor.require()
        bar = st.progress(0.0, f"Fetching {datasets.title(name)}")

        def show(done: int, total: int) -> None:
            bar.progress(done / total if total else 0.0)

        datasets.fetch(bench.settings, name, show)
        st.rerun()
    with st.spinner("Reading the images", show_time=False):
        return datasets.find(bench.settings, name)


def outdated(now: Progress, drawn: int) -> bool:
    """Return whether the page, which shows the version ``drawn`` of the runner's progress, is to be drawn anew."""
    ended, took = st.session_state.get("drawing", (0.0, 0.0))
    return now.outdates(drawn, took, time.monotonic() - ended)


@st.fragment(run_every=2.0)
def follow(runner: Door, drawn: int, name: str, protocol: str | None = None) -> None:
    """Say in a line what is being trained, and draw the page anew when a run has begun or ended.

    Args:
        runner: what trains.
        drawn: the version of its progress that the page shows.
        name: the image set whose results the page shows.
        protocol: of these results; None where the page shows all.
    """
    now = runner.progress()
    if outdated(now, drawn):
        st.rerun()
    if now.current:
        cell = now.current
        here = cell.dataset == name and protocol in (None, cell.recipe.protocol)
        st.caption(
            f":material/model_training: Training {family(cell.family).title}, n = {cell.width}, seed {cell.seed} on "
            f"{plain(datasets.title(cell.dataset))}: epoch {now.epoch} of {cell.recipe.epochs}, "
            f"{len(now.queue)} more waiting.{' Each result appears here as it comes.' if here else ''}"
        )


def duration(seconds: float) -> str:
    """Return a span of time for people: ``about 4 min``, ``12 s``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@Once
def _settings() -> Settings:
    return settings.load()


@Once
def _opened() -> Store:
    loaded = _settings()
    return Store(loaded.store, room=loaded.room)


@Once
def _runner() -> Runner:
    runner = Runner(_settings(), _opened())
    atexit.register(runner.close)
    return runner


@Once
def _view() -> Store:
    return Store(_settings().store, read_only=True)


@Once
def _owners() -> Owners:
    return Owners()


@Once
def _key() -> RunnerKey | None:
    key = _settings().access.key
    return RunnerKey(key) if key else None


def _shared() -> tuple[Store, Runner | None, str | None]:
    """Return the store as it can be had now, and what trains with it or why nothing does."""
    store = _opened()
    try:
        return store, _runner(), None
    except (StoreError, TrainingError) as e:  # not kept: the next visit tries again
        if store.database.read_only:
            _opened.clear()
            return store, None, str(e)
        return _view(), None, str(e)


def _bench(visitor: Visitor) -> Bench:
    loaded = _settings()
    store, runner, problem = _shared()
    door = Door(runner, loaded, _owners(), visitor) if runner else None
    return Bench(loaded, store, visitor, door, problem)
