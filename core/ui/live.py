"""What goes on while a page is open: a line on what is being trained, and when to draw the page anew."""

from __future__ import annotations

import time

import streamlit as st

from core.data import datasets
from core.recipe import Protocol
from core.runner.guarded import GuardedRunner
from core.runner.progress import Progress
from core.ui import links
from core.ui.markdown import plain


def outdated(now: Progress, drawn: int) -> bool:
    """Return whether the page, which shows the version ``drawn`` of the runner's progress, is to be drawn anew."""
    ended, took = links.get("drawing", (0.0, 0.0))
    return now.outdates(drawn, took, time.monotonic() - ended)


@st.fragment(run_every=2.0)
def follow(runner: GuardedRunner, drawn: int, name: str, protocol: Protocol | None = None) -> None:
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
    for x in now.running:
        cell = x.cell
        here = cell.dataset == name and protocol in (None, cell.recipe.protocol)
        st.caption(
            f":material/model_training: Training {plain(cell.title)}, seed {cell.seed} on "
            f"{plain(datasets.title(cell.dataset))}: epoch {x.epoch} of {cell.recipe.epochs}, "
            f"{len(now.queue)} more waiting.{' Each result appears here as it comes.' if here else ''}"
        )
