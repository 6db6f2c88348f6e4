"""Results: how few weights reach a target, with seeds, noise and published results on one log axis."""

from functools import partial

import pandas as pd
import streamlit as st

from core.charts import results as charts
from core.data import datasets
from core.errors import FeatherweightError
from core.recipe import Protocol
from core.results import collect, commonest, sentences, tables
from core.results.agreement import agreement
from core.results.answer import answer
from core.results.published import ARTICLE, ARTICLE_SOURCE, DIGITS, beside
from core.results.sizes import sizes
from core.results.units import UNITS
from core.runner.progress import Progress
from core.runs import reference
from core.runs.run import Origin
from core.ui import links
from core.ui.dataset_choice import choose_name
from core.ui.live import follow
from core.ui.markdown import plain
from core.ui.page import explained, page
from core.ui.recipe_choice import choose_protocol
from core.ui.results.choices import choose_recipes, nothing_yet, outdated, own_elsewhere
from core.ui.results.closer import closer
from core.ui.results.take_away import take_away
from core.ui.tables import table

COLOURS = {True: "green", False: "orange", None: "gray"}


def take_clicked() -> None:
    """Look closer at the mark that was clicked."""
    clicked = links.get(chart_key())["selection"][charts.SELECTION]
    if clicked:
        links.put({"closer": clicked[0]["name"]})


def forget_clicked() -> None:
    """Forget the click after a choice by hand: the same mark clicked again would be no news to the chart."""
    links.put({"chart": links.get("chart", 0) + 1})


def chart_key() -> str:
    """Return the key of the chart, another one each time a click was forgotten."""
    return f"scatter_{links.get('chart', 0)}"


with page("Results") as context:
    st.title("Accuracy against weights")
    shipped = None
    with explained(FeatherweightError):
        shipped = reference.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = choose_name(context, partial(collect.default, context.settings, context.store, shipped))
        target = (
            st.slider(
                "Target accuracy",
                50.0,
                99.9,
                97.0,
                0.1,
                format="%.1f %%",
                key="target",
                bind="query-params",
                help="The article's question: how few weights still reach 97 %?",
            )
            / 100
        )
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        protocol = choose_protocol()
        unit = links.choose(
            st.selectbox,
            "Size in",
            list(UNITS),
            key="unit",
            default="weights",
            title=lambda x: UNITS[x].title,
            width=180,
            help=". ".join(f"{x.title}: {x.help}" for x in UNITS.values()) + ".",
        )
        errors = st.toggle(
            "Errors, log axis", key="errors", bind="query-params", help="Opens up what lies between 97 and 99.5 %."
        )
        with_front = st.toggle(
            "Pareto front",
            key="front",
            bind="query-params",
            help="The networks than which no other is both smaller and more accurate.",
        )
        with_published = st.toggle(
            "Published",
            True,
            key="published",
            bind="query-params",
            disabled=unit != "weights",
            help="Other people's results, as hollow marks; they are published in weights only.",
        )
        with_reference = st.toggle(
            "Reference",
            True,
            key="reference",
            bind="query-params",
            disabled=shipped is None,
            help="Results that come with Featherweight, beside your own: on MNIST.",
        )

    now = context.runner.progress() if context.runner else Progress()
    if context.runner:
        follow(context.runner, now.version, name, protocol)
    every = collect.results(context.settings, context.store, shipped if with_reference else None, name)
    if not every.runs:
        nothing_yet(context, every, now)
        own_elsewhere(context, name)
        st.stop()
    found = every.only(protocol)
    if not found.runs:
        st.info(
            f"None of the {len(every.runs)} finished runs on {plain(datasets.title(name))} has this protocol. "
            "Choose the other above, or train with this one.",
            icon=":material/scatter_plot:",
        )
        outdated(found, others=True)
        st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")
        st.stop()
    found = choose_recipes(found, f"recipes_{name}_{protocol}")
    if not found.runs:
        st.info("Choose at least one recipe.")
        st.stop()

    found_answer = answer(found, target)
    points, said = found_answer.points, found_answer.sentence
    shown = tables.networks(points, sizes(points, unit, *found.images))
    names = list(shown["name"])
    st.markdown(f"#### {plain(said)}")
    st.markdown("\n".join(f"- {x}" for x in found_answer.lines))
    if found.facts.unequal:
        little = plain(commonest.little(found.facts, found.labels))
        st.caption(f":material/balance: {little} Look closer at a network for its balanced accuracy.")
    outdated(found, others=True)
    own_elsewhere(context, name)

    published = beside(name, unit) if with_published else ()
    if links.get("closer") not in names:
        links.put({"closer": None})
    front = shown[shown["front"] & with_front]
    mine = [x.title for x in context.families.own]
    share = found.facts.commonest if found.facts.test_counts else None  # a line only of what was counted
    if share is not None and not charts.shows(shown, published, target, share, errors):
        share = None
    draw = partial(charts.results, shown, front, published, target, commonest=share, unit=unit, errors=errors, own=mine)
    also = f" A line marks what always saying the commonest class reads, {sentences.percent(share)}." if share else ""
    st.altair_chart(
        draw(selected=links.get("closer")),
        alt=f"{said} Test accuracy against size on a log axis: {len(points)} networks on {datasets.title(name)}.{also}",
        key=chart_key(),
        on_select=take_clicked,
        selection_mode=charts.SELECTION,
    )
    legend = [charts.legend(shown, protocol, share)]
    if published:
        legend.append(f"Hollow diamonds: the turning points of the {ARTICLE_SOURCE}.")
        legend.append(
            "Hollow crosses: results of others, under rules of their own, as the table of published results says."
        )
        if name != reference.DATASET:
            legend.append("All of these are on MNIST with its 60,000 training images.")
    if any(x.curve.origin is Origin.REFERENCE for x in points):
        legend.append(reference.note(name))
    st.caption(" ".join(legend))

    selected = st.selectbox(
        "Look closer at a network",
        names,
        key="closer",
        placeholder="Click a mark of the chart, or choose here",
        on_change=forget_clicked,
    )
    if selected:
        with st.container(border=True):
            closer(context, found, points[names.index(selected)], selected)

    agreements = [agreement(x, points) for x in ARTICLE] if name in DIGITS and protocol is Protocol.ARTICLE else []
    if any(agreements):
        st.subheader("Do ours agree with the article?")
        st.markdown(
            "\n".join(
                f"- :{COLOURS[x.agrees]}-badge[{sentences.verdict(x)}] {sentences.agreement(x)}."
                for x in agreements
                if x
            )
        )

    st.subheader("The same in figures")
    sized = tables.NETWORKS if unit == "weights" else {**tables.NETWORKS, "size": UNITS[unit].title}
    # with a key, or a run that ends while someone reads would turn back to the first
    tabs = st.tabs(["Turning points", "Networks", "Runs", *(["Published"] if published else [])], key="figures")
    with tabs[0]:
        words = f"One row per family: its smallest network that reaches {sentences.goal(target)}"
        table(tables.turning_points(found_answer.turning, found_answer.tutorials), tables.TURNING_POINTS, words)
    with tabs[1]:
        table(shown, sized, "One row per network and recipe: the marks of the chart")
    with tabs[2]:
        table(tables.runs(found.runs), tables.RUNS, "One row per run")
    if published:
        with tabs[3]:
            words = "Published results with their rules: the hollow marks of the chart"
            table(pd.DataFrame(published), tables.PUBLISHED, words)
    take_away(name, found.runs, partial(draw, selected=None), found_answer.sentence, tables.for_people(shown, sized))
