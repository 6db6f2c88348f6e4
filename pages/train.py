"""Train: choose a sweep, see what it costs, start it, and watch it; the training itself goes on without this page."""

from typing import Any

import streamlit as st

from core.data import datasets
from core.errors import ArgumentError, DatasetError
from core.recipe import MAX_SEED
from core.results.sentences import duration
from core.runner.progress import Progress
from core.runs import costs, memory, sweep
from core.runs.run import Cell, Run
from core.ui import links
from core.ui.dataset_choice import choose_name, images
from core.ui.family_choice import choose_families, say_own
from core.ui.markdown import plain
from core.ui.page import explained, page, pressed, refused
from core.ui.progress import live
from core.ui.recipe_choice import choose_recipe
from core.ui.shared import Context

LISTED = 1024  # widths in the list of a choice; wider ones are typed


def selection(context: Context, now: Progress) -> list[Cell]:
    """Draw the choice of a sweep and return its cells; none while something is still to be chosen."""
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        chosen = choose_families(context, ["deep_cnn"])
        name = choose_name(context, lambda kept: kept or datasets.default(context.settings))
        dataset = images(context, name)
    say_own(chosen)
    if not chosen:
        st.info("Choose at least one family.")
    if not chosen or dataset is None:
        return []
    widths = {}
    columns: list[Any] = []
    for place, (key, family) in enumerate(chosen.items()):
        if place % 4 == 0:
            columns = st.columns(min(4, len(chosen) - place))
        swept = sorted(family.widths)
        widths[family.key] = columns[place % 4].multiselect(
            f"Widths of the {family.title}" if family.named else "Widths of your own",
            # all of them, or Enter after "3" would take 32, the only one that begins so
            [str(x) for x in range(1, min(family.max_width, LISTED) + 1)],
            default=[str(family.start)],
            accept_new_options=True,
            filter_mode="prefix",
            select_all=False,  # Enter would take all that match
            key=f"widths_{key}",
            bind="query-params",
            placeholder="Choose, or type any width",
            help=f"{'The article sweeps' if family.article else 'Its sweep takes'} {', '.join(map(str, swept))}.",
        )
    with st.container(horizontal=True, vertical_alignment="bottom"):
        count = st.number_input("Seeds", 1, 50, 1, key="seeds", bind="query-params", help="Runs of each network.")
        first = st.number_input("First seed", 0, MAX_SEED, 0, key="seed", bind="query-params")
    recipe, protocol = choose_recipe(list(chosen.values()), dataset, now.precisions)
    cells = sweep.cells(dataset, widths, sweep.seeds(first, count), recipe, protocol, context.families)
    if not cells:
        st.info("Choose at least one width.")
    return cells


def start(context: Context, runs: list[Run], cells: list[Cell], now: Progress) -> None:
    """Say what is left to train of the cells and what it will cost, and draw the button that starts it."""
    new = context.runner.new(cells) if context.runner else sweep.new(cells, context.store.runs_of(cells))
    if context.runner and links.pop("start_asked"):
        pressed(context.runner.submit, new)
        st.rerun()
    estimate = costs.cost(runs, sweep.plans(context.settings, new), now.device)
    if not new and not set(cells).isdisjoint(now.busy):
        st.caption("All of these are trained or on their way.")
    elif not new:
        st.success("All of these are trained: see them under Results.", icon=":material/check_circle:")
    elif estimate.seconds is None:
        st.caption(f"{len(new)} to train. How long it takes is not known before the first run on this device.")
    else:
        known = f"by the {estimate.runs} run{'s' if estimate.runs != 1 else ''} finished here"
        st.caption(f"{len(new)} to train, about {duration(estimate.seconds)} {known}.")
    if context.runner and new:
        st.caption(f"Training {memory.forecast(context.settings, new, context.runner.trainer)} of memory.")
    refusal = context.runner.refusal(new) if context.runner and new else None
    if refusal:
        st.caption(f":material/block: {plain(refusal)}")
    st.button(
        f"Start {len(new)} run{'s' if len(new) != 1 else ''}" if new else "Nothing to start",
        type="primary",
        icon=":material/play_arrow:",
        disabled=not new or context.runner is None or refusal is not None,
        # not with the cells as arguments: those drawn do not know yet of a number typed just before
        on_click=links.put,
        args=({"start_asked": True},),
        key="start",
    )


with page("Train") as context:
    st.title("Train a sweep")
    now = context.runner.progress() if context.runner else Progress()
    runs = context.store.runs()
    cells: list[Cell] = []
    with explained(ArgumentError, DatasetError):  # what runs is shown below whatever is wrong with the choice
        cells = selection(context, now)
        if cells:
            start(context, runs, cells, now)
    links.pop("start_asked")  # where there was nothing to start, nothing starts later
    st.divider()
    waiting = costs.cost(runs, sweep.plans(context.settings, now.queue), now.device)
    live(context, cells, now.version, waiting.seconds, refused())
    used, room = context.store.usage(), context.settings.room
    if used.kept or used.dropped:
        gone = f" Those of {used.dropped} were dropped so far to make room." if used.dropped else ""
        st.caption(
            f"The weights of {used.kept} run{'s' if used.kept != 1 else ''} are kept: {used.size / 1e6:,.1f} of "
            f"{room / 1e6:,.0f} MB, as FEATHERWEIGHT_WEIGHTS_MB says. When they are full, those of stopped runs "
            f"go first, then the oldest; results stay.{gone}"
        )
