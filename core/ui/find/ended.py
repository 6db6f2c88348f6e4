"""How a search ended: its answer, what it rests on, and where to go from there."""

from __future__ import annotations

import streamlit as st

from core.finder import telling
from core.finder.bisection import Finding, Verdict
from core.finder.search import Phase, Standing
from core.finder.survey import runs_on
from core.results.sentences import duration
from core.runs import costs, sweep
from core.ui import links
from core.ui.find import effort, view
from core.ui.markdown import plain
from core.ui.page import pressed
from core.ui.shared import Context

RESULTS = 50.0, 99.9  # per cent that Results asks for


def ended(context: Context, standing: Standing, device: str | None) -> None:
    """Draw a search that goes on no more.

    Args:
        context: what the page works with.
        standing: how it ended.
        device: what trains.
    """
    st.subheader(plain(telling.smallest(standing)))
    st.caption(f"{view.headline(standing)}. {telling.decides(standing.question)}")
    if standing.problem:
        stopped = standing.phase is Phase.STOPPED  # by somebody, on Train
        say, icon = (st.warning, ":material/stop_circle:") if stopped else (st.error, ":material/error:")
        say(plain(standing.problem), icon=icon)
    sorted_ = sorted(standing.findings, key=lambda x: not view.answered(x))
    lines = [telling.answer(x, standing.question.target) for x in sorted_]
    lines += [x for x in map(telling.uneven, standing.findings) if x]
    st.markdown("\n".join(f"- {plain(x)}" for x in lines))
    least = min(filter(view.answered, standing.findings), key=lambda x: x.parameters or 0, default=None)
    _rests_on(context, standing, least, device)
    with st.container(horizontal=True, vertical_alignment="center"):
        _go_on(context, standing)
        _ways(standing, least)
    view.chart(context, standing)
    if any(x.judgements for x in standing.findings):
        with st.expander("Every step"):
            view.steps(standing.findings)
        view.runs_table(standing)


def _rests_on(context: Context, standing: Standing, least: Finding | None, device: str | None) -> None:
    """Say which images decided, what the test images say, and what was spent against the full grid."""
    dataset = standing.dataset
    runs = runs_on(context.store, dataset)
    tested = telling.tested(least, runs) if least else ""
    if tested:
        st.markdown(plain(tested))
    cells = [cell for x in standing.question.asked for cell in effort.grid_cells(x, dataset)]
    grid = costs.cost(runs, sweep.plans(context.settings, cells), device).seconds
    about = f", about {duration(grid)} by what has finished here" if grid else ""
    trained = sum(x.seconds for x in standing.spent)
    st.caption(f"{view.spent(standing, trained)}; {view.full_grid(standing)}{about}.")


def _go_on(context: Context, standing: Standing) -> None:
    """Draw the button that asks the same again, where there is more to find."""
    open_ = any(x.verdict in (Verdict.SEARCHING, Verdict.OUT_OF_TIME) for x in standing.findings)
    if standing.phase is Phase.ENDED and not open_:
        return
    refusal = context.visitor.refusal or (context.problem if context.runner is None else None)
    st.button(
        "Go on",
        icon=":material/play_arrow:",
        on_click=pressed,
        args=(context.finder.start, standing.question, standing.dataset, context.store, context.runner),
        disabled=refusal is not None,
        help=refusal or "Asks the same again: what is trained already is not trained twice.",
        key="go_on",
    )


def _ways(standing: Standing, least: Finding | None) -> None:
    """Draw the links to Results, and to the network that was found."""
    name, target = standing.dataset.name, 100 * standing.question.target
    query = {"data": name, "protocol": standing.question.asked[0].recipe.protocol.value}
    if RESULTS[0] <= target <= RESULTS[1]:
        query["target"] = f"{target:g}"
    st.page_link(
        "pages/results.py", label="See the runs on Results", icon=":material/scatter_plot:", query_params=query
    )
    if least and least.above:
        family, width = least.asked.family, least.above.width
        st.page_link(
            "app.py",
            label=f"Open {plain(family.title)}, n = {width} in Explore",
            icon=":material/tune:",
            query_params=links.explore(family, width, name),
        )
