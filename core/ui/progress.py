"""What is being trained: its progress, its curves, the buttons that stop it, and the grid of cells."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import history as charts
from core.data import datasets
from core.errors import FeatherweightError
from core.results.sentences import duration, percent
from core.runner.gpu import DRIVER
from core.runner.guarded import GuardedRunner
from core.runner.progress import Progress, Running
from core.runs.run import Cell, Epoch
from core.ui import links
from core.ui.grid import KeptGrid
from core.ui.live import outdated
from core.ui.markdown import plain
from core.ui.page import explained, pressed, refused
from core.ui.shared import Context


def _running(runner: GuardedRunner, now: Progress, current: Running, waiting: float | None) -> None:
    """Draw a run that is being trained: its progress and the sweep's, the curves, and the buttons that stop it.

    ``waiting`` is how long the queue will take, in seconds, as far as that is known.
    """
    cell, epochs = current.cell, current.epochs
    done, planned = len(epochs), cell.recipe.epochs
    # the first epoch compiles, so the fastest says most about those to come
    left = min(x.seconds for x in epochs) * (planned - done) if done else None
    run_left = f", about {duration(left)} left" if left else ""
    sweep_left = f", about {duration(left + waiting)} left" if left is not None and waiting is not None else ""
    since = time.monotonic() - current.began
    st.progress(
        done / planned,
        f"**{plain(cell.title)}, seed {cell.seed}** on "
        f"{plain(datasets.title(cell.dataset))}: epoch {current.epoch} of {planned}, "
        f"{duration(since)} so far{run_left}",
    )
    st.progress(
        min(1.0, (now.done + done / planned) / max(now.total, 1)),
        f"Sweep: run {now.done + 1} of {now.total}, {len(now.queue)} waiting{sweep_left}",
    )
    if ahead := runner.ahead():
        st.caption(f"Your runs start after {ahead} other{'s' if ahead > 1 else ''}.")
    refusal = runner.visitor.refusal
    with st.container(horizontal=True):
        st.button(
            "Stop after this epoch",
            icon=":material/stop_circle:",
            on_click=pressed,
            args=(runner.stop_after_epoch,),
            disabled=current.stopping or refusal is not None,
            help=refusal
            or "Keeps weights and epochs so far until the run is asked for again and starts anew; the queue waits.",
        )
        st.button(
            "Stop now",
            icon=":material/cancel:",
            on_click=pressed,
            args=(runner.stop_now,),
            disabled=refusal is not None,
            help=refusal or "Ends the run at once and keeps its finished epochs, but no weights; the queue waits.",
        )
        if now.queue:
            _clear_queue(runner, "clear", "The current run goes on.")
    if current.stopping:
        st.caption("Stopping after this epoch.")
    if current.again:
        st.caption(f":material/refresh: It is tried once more. {plain(current.again)}")
    watched, words, more = cell.recipe.watched, "The first epoch compiles too", ""
    if epochs:
        loss, accuracy = epochs[-1].watched
        words = f"After epoch {epochs[-1].epoch}: {watched} accuracy {percent(accuracy)}"
        more = f", {watched} loss {loss:.3f}"
    drawn = _curves(epochs, planned, watched)
    for column, (field, specification) in zip(st.columns(2), drawn.items(), strict=True):
        column.vega_lite_chart(spec=specification, alt=f"{field} per epoch. {words}.")
    st.caption(f"{words}{more}. Trains on {now.device}.")


def _clear_queue(runner: GuardedRunner, key: str, words: str | None = None) -> None:
    """Draw the button that forgets what waits."""
    st.button(
        "Clear queue",
        icon=":material/clear_all:",
        on_click=pressed,
        args=(runner.clear,),
        disabled=runner.visitor.refusal is not None,
        help=runner.visitor.refusal or words,
        key=key,
    )


def _left_behind(runner: GuardedRunner, left: Sequence[Cell]) -> None:
    """Offer what the last process left behind."""
    count = len(left)
    runs = "1 run" if count == 1 else f"{count} runs"
    were, them = ("was", "it") if count == 1 else ("were", "them")
    st.warning(f"{runs} of the last sweep {were} interrupted or still waiting.", icon=":material/history:")
    over, viewer = runner.refusal_left(), runner.visitor.refusal
    if over and over != viewer:
        st.caption(f":material/block: {plain(over)}")
    with st.container(horizontal=True):
        for label, icon, action, refusal in (
            (f"Resume {them}", ":material/play_arrow:", runner.resume_left, over),
            (f"Forget {them}", ":material/clear_all:", runner.forget_left, viewer),
        ):
            st.button(label, icon=icon, on_click=pressed, args=(action,), disabled=refusal is not None, help=refusal)


@st.fragment(run_every=1.0)
def live(context: Context, cells: list[Cell], drawn: int, waiting: float | None, said: str | None) -> None:
    """Draw what is going on and the grid of cells; redrawn every second, the same in every tab.

    ``drawn`` is the version of the progress that the rest of the page shows and ``said`` what was refused by then;
    ``waiting`` is how long the queue will take, in seconds, as far as that is known.
    """
    with explained(FeatherweightError):  # a fragment runs on its own, outside the page's own care
        if context.runner is None:
            now = Progress()
        else:
            now = context.runner.progress()
            if now.problem:
                st.error(plain(now.problem), icon=":material/error:")
            if now.left:
                _left_behind(context.runner, now.left)
            match now.phase:
                case "training":
                    for x in now.running:
                        _running(context.runner, now, x, waiting)
                case "paused":
                    waits = f"{len(now.queue)} run{'s' if len(now.queue) != 1 else ''} waiting"
                    st.info(f"Training is held, {waits}.", icon=":material/pause_circle:")
                    with st.container(horizontal=True):
                        st.button(
                            "Resume",
                            icon=":material/play_arrow:",
                            on_click=pressed,
                            args=(context.runner.resume,),
                            type="primary",
                            disabled=context.visitor.refusal is not None,
                            help=context.visitor.refusal,
                        )
                        if now.queue:
                            _clear_queue(context.runner, "clear_held")
                case "starting":
                    st.caption(
                        ":material/hourglass: The training process is starting; a sweep can be asked for already."
                    )
                case _:
                    done = " The last sweep has ended: how each run did stands below." if now.total else ""
                    st.caption(f":material/check_circle: Ready to train on {now.device}.{done}")
        if now.note:
            st.warning(plain(now.note), icon=":material/memory:")
        for card in DRIVER.cards():
            st.caption(f":material/memory: {card}.")
        if outdated(now, drawn) or refused() != said:
            st.rerun()  # a run began or ended: what is left to train, and what it costs, stand outside this fragment
        table = _table(context, cells, now)
        if len(table):
            st.dataframe(table, hide_index=True, height="content", alt="State of each cell of the sweep")


@lru_cache(maxsize=8)  # every viewer's page asks every second, and they are others only after an epoch
def _curves(epochs: tuple[Epoch, ...], planned: int, watched: str) -> dict[str, dict[str, Any]]:
    """Return the finished charts of accuracy and loss."""
    return {x: charts.history(epochs, planned, x, watched).to_dict() for x in ("Accuracy", "Loss")}


def _table(context: Context, cells: list[Cell], now: Progress) -> pd.DataFrame:
    """Return the grid of the cells and of what is on its way.

    Runs are read when the version is another and the grid is made anew after every epoch; while another process trains,
    nobody says when, so the store is asked each time.
    """
    kept: KeptGrid | None = links.get("grid")
    if not (kept and kept.cells is cells and kept.store is context.store):
        kept = KeptGrid(context.store, cells)
        links.put({"grid": kept})
    return kept.table(now, fresh=context.runner is None)
