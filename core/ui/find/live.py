"""The search that goes on, the same in every tab and for everybody who looks."""

from __future__ import annotations

import time
from collections.abc import Sequence

import streamlit as st

from core.data import datasets
from core.errors import FeatherweightError
from core.finder import telling
from core.finder.bisection import Finding
from core.finder.search import Standing
from core.results.sentences import duration, percent
from core.runner.progress import Progress, Running
from core.ui.find import effort, view
from core.ui.find.finder import Finder
from core.ui.markdown import plain
from core.ui.page import explained, pressed, refused
from core.ui.shared import Context


@st.fragment(run_every=2.0)
def watch(finder: Finder, drawn: int) -> None:
    """Draw the page anew when anybody has started a search since ``drawn``, the finder's version that it shows."""
    if finder.version != drawn:
        st.rerun()


@st.fragment(run_every=1.0)
def going(context: Context, drawn: int, said: str | None) -> None:
    """Draw the search that goes on.

    Args:
        context: what the page works with.
        drawn: the finder's version that the page shows.
        said: what was refused by then.
    """
    with explained(FeatherweightError):  # a fragment runs on its own, outside the page's own care
        finder, search = context.finder, context.finder.search
        if search is None or finder.version != drawn or refused() != said:
            st.rerun()
        standing = search.standing()
        now = context.runner.progress() if context.runner else Progress()
        st.subheader("Searching")
        st.caption(f"{view.headline(standing)}. {telling.decides(standing.question)}")
        current = _current(standing)
        if current:
            st.markdown(f"**{plain(current.asked.family.title)}.** Now {plain(telling.next_step(current))}")
        _training(standing, now, finder.stopping)
        _stop(context)
        left = effort.seconds_left(standing)
        until = f" About {duration(left)} left." if left and not finder.stopping else ""
        st.caption(f"{view.spent(standing, finder.seconds)}; {view.full_grid(standing)}.{until}")
        view.chart(context, standing)
        view.steps([x for x in standing.findings if x is current])
        others = [x for x in standing.findings if x is not current and x.judgements]
        if others:
            with st.expander("The steps in other families"):
                view.steps(others)


def _current(standing: Standing) -> Finding | None:
    """Return the finding of the family whose runs it waits for."""
    layers = {x.layers for x in standing.waiting}
    found = (x for x in standing.findings if x.next and not layers.isdisjoint(x.asked.layers))
    return next(found, None)


def _training(standing: Standing, now: Progress, stopping: bool) -> None:
    """Say what is being trained for the search, or what it waits for."""
    if now.held and now.queue:
        why = f" {plain(now.problem)}" if now.problem else ""
        st.warning(f"Training is held, and the search waits.{why}", icon=":material/pause_circle:")
        st.page_link("pages/train.py", label="Resume it on Train", icon=":material/model_training:")
        return
    mine = [x for x in now.running if x.cell in standing.waiting]
    for x in mine:
        _bar(x)
    if stopping:
        st.caption("Stopping after this epoch.")
    elif not mine:
        st.caption(f":material/hourglass: {_waits(now.running, bool(standing.waiting))}")


def _bar(x: Running) -> None:
    done, planned = len(x.epochs), x.cell.recipe.epochs
    read = f", {percent(x.epochs[-1].watched[1])}" if x.epochs else ""
    since = duration(time.monotonic() - x.began)
    st.progress(
        done / planned,
        f"{plain(x.cell.title)}, seed {x.cell.seed}: epoch {x.epoch} of {planned}{read}, {since} so far",
    )


def _waits(running: Sequence[Running], asked: bool) -> str:
    if running:
        cell = running[0].cell
        on = plain(datasets.title(cell.dataset))
        return f"It comes next, after {plain(cell.title)}, seed {cell.seed} on {on}, which is being trained."
    return "The training process is starting." if asked else "Looking at what is known."


def _stop(context: Context) -> None:
    refusal = context.visitor.refusal
    st.button(
        "Stop",
        icon=":material/stop_circle:",
        on_click=pressed,
        args=(context.finder.stop, context.visitor),
        disabled=context.finder.stopping or refusal is not None,
        help=refusal or "Ends the run after its epoch. Asked again, the search goes on from what it knows.",
        key="stop_search",
    )
