"""Find: ask how few weights reach a target, and watch the search; it goes on without this page."""

import streamlit as st

from core.data.datasets import Dataset
from core.errors import ArgumentError, DatasetError
from core.finder import telling
from core.finder.question import Question
from core.runner.progress import Progress
from core.ui import links
from core.ui.find import controls, live
from core.ui.find.ended import ended
from core.ui.markdown import plain
from core.ui.page import explained, page, pressed, refused
from core.ui.shared import Context

BUSY = "A search goes on below, and there is one at a time."


def start(context: Context, question: Question, dataset: Dataset, now: Progress) -> None:
    """Say what the full grid and a search would take, and draw the button that starts it."""
    if context.runner and links.pop("find_asked"):
        pressed(context.finder.start, question, dataset, context.store, context.runner)
        st.rerun()
    st.caption(f"{telling.decides(question)} {controls.forecast(context, question, dataset, now)}")
    refusal = context.visitor.refusal or (BUSY if context.finder.searching else None)
    if context.visitor.refusal:
        st.caption(f":material/block: {plain(context.visitor.refusal)}")
    st.button(
        "Start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=refusal is not None or context.runner is None,
        help=refusal or context.problem,
        # not with the question as an argument: the one drawn does not know yet of a number typed just before
        on_click=links.put,
        args=({"find_asked": True},),
        key="find",
    )


def nothing_yet() -> None:
    """Say what Find does, while no search has been started."""
    st.info(
        "Find searches by itself for the smallest network that still reads well enough. It trains a width, sees which "
        "side of the target it falls on, and halves what is left; further seeds go only to widths that one seed cannot "
        "tell from the target. An example: which of the six families reads 90 % of the embedded digits with the fewest "
        "weights took 20 runs and 2 minutes on two cores, where five seeds of every width would be 1,120 runs.",
        icon=":material/manage_search:",
    )


with page("Find") as context:
    st.title("Find the smallest")
    now = context.runner.progress() if context.runner else Progress()
    version, searching, search = context.finder.version, context.finder.searching, context.finder.search
    with explained(ArgumentError, DatasetError):  # the search is shown below whatever is wrong with the choice
        chosen = controls.choose(context, now)
        if chosen:
            start(context, *chosen, now)
    links.pop("find_asked")  # where there was nothing to start, nothing starts later
    st.divider()
    if search and searching:
        live.going(context, version, refused())
    else:
        if search:
            ended(context, search.standing(), now.device)
        else:
            nothing_yet()
        live.watch(context.finder, version)
