"""The frame that every page draws first, and what all pages of the process share: settings, store and runner."""

from __future__ import annotations

import atexit
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import streamlit as st

from core import datasets, settings
from core.datasets import Dataset
from core.errors import FeatherweightError, TrainingError
from core.families import family
from core.runner import Runner
from core.settings import Settings
from core.store import Store

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
)


@dataclass(frozen=True, slots=True)
class Bench:
    """What a page works with.

    Attributes:
        settings: where things are.
        store: the runs.
        runner: the background runner, or None if another process has it.
        problem: why there is no runner.
    """

    settings: Settings
    store: Store
    runner: Runner | None
    problem: str | None


@contextmanager
def page(title: str) -> Iterator[Bench]:
    """Set up a page, draw the links, and show a failure as its one sentence."""
    st.set_page_config(page_title=f"{title} · Featherweight", page_icon=ICON, layout="wide")
    # A link drops the address's parameters, so each page's last ones are kept for the way back, the data set for all.
    views: dict[str, dict[str, list[str]]] = st.session_state.setdefault("views", {})
    here = views[title] = {name: st.query_params.get_all(name) for name in st.query_params}
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.markdown("**Featherweight**", width="content")
        for path, name, icon in PAGES:
            view = {x: y for x, y in views.get(name, {}).items() if x != "data"}
            st.page_link(path, label=name, icon=icon, query_params=view | {x: here[x] for x in ("data",) if x in here})
    with explained():
        yield _bench()


@contextmanager
def explained() -> Iterator[None]:
    """Show a failure as its one sentence; what comes after the block is drawn all the same."""
    try:
        yield
    except FeatherweightError as e:
        st.error(str(e), icon=":material/error:")


def choose_dataset(bench: Bench) -> Dataset | None:
    """Draw the choice of image set and return it; if it is not at hand, say what to do and return None.

    Raises:
        DatasetError: if it is malformed.
    """
    names = datasets.names(bench.settings)
    name = st.selectbox(
        "Data set",
        names,
        index=names.index(datasets.default(bench.settings)),
        format_func=datasets.title,
        key="data",
        bind="query-params",
        help=f"The embedded digits, MNIST and Fashion-MNIST, and every NAME.npz in {bench.settings.data}.",
    )
    if datasets.fetchable(bench.settings, name):
        st.warning(datasets.missing(bench.settings, name), icon=":material/cloud_download:")
        if not st.button(f"Fetch {datasets.title(name)}", icon=":material/download:"):
            return None
        bar = st.progress(0.0, f"Fetching {datasets.title(name)}")

        def show(done: int, total: int) -> None:
            bar.progress(done / total if total else 0.0)

        datasets.fetch(bench.settings, name, show)
        st.rerun()
    with st.spinner("Reading the images", show_time=False):
        return datasets.find(bench.settings, name)


@st.fragment(run_every=2.0)
def follow(runner: Runner, drawn: int) -> None:
    """Say in a line what is being trained, and draw the page anew when a run has begun or ended.

    ``drawn`` is the version of the runner's progress that the page shows.
    """
    now = runner.progress()
    if now.version != drawn:
        st.rerun()
    if now.current:
        cell = now.current
        st.caption(
            f":material/model_training: Training {family(cell.family).title}, n = {cell.width}, seed {cell.seed}: "
            f"epoch {len(now.epochs)} of {cell.recipe.epochs}, {len(now.queue)} more waiting. "
            "Each result appears here as it comes."
        )


def duration(seconds: float) -> str:
    """Return a span of time for people: ``about 4 min``, ``12 s``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@st.cache_resource(show_spinner=False)
def _opened() -> tuple[Settings, Store]:
    loaded = settings.load()
    return loaded, Store(loaded.store)


@st.cache_resource(show_spinner=False)
def _runner() -> Runner:
    runner = Runner(*_opened())
    atexit.register(runner.close)
    return runner


def _bench() -> Bench:
    loaded, store = _opened()
    try:
        return Bench(loaded, store, _runner(), None)
    except TrainingError as e:  # not kept by the cache: the next visit tries again
        return Bench(loaded, store, None, str(e))
