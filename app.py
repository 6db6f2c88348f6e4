"""Explore: choose a family and a width, and see at once what the network costs and where its weights live."""

from contextlib import suppress
from typing import Any

import streamlit as st

from core.data import datasets
from core.errors import DatasetError, FeatherweightError
from core.networks.counts import Affordable
from core.networks.families import FAMILIES, NAME, Families
from core.networks.layers import shape_text
from core.results import by_width, collect
from core.results.analysis import Point
from core.results.sentences import percent
from core.runs import reference
from core.ui import architecture, links
from core.ui.components.width_control import width_control
from core.ui.dataset_choice import choose_name
from core.ui.own_families import draw_actions
from core.ui.page import explained, page


def choose_family(families: Families) -> str:
    """Draw the choice of family and return its key, or that of a line of one's own."""
    keys = [*families.keys(), links.OWN]
    titles = {x.key: x.title for x in families} | {links.OWN: "Your own"}
    many = len(families) > links.MANY
    widget: Any = st.selectbox if many else st.segmented_control
    return links.choose(
        widget,
        "Family",
        keys,
        key="family",
        default=links.OWN if links.said("layers") else "deep_cnn",
        title=titles.__getitem__,
        width="stretch",
        help="A family is a line of networks that differ in one width, n.",
        **({} if many else {"required": True}),
    )


def afford(row: Affordable) -> None:
    """Draw the largest network of a family within the budget."""
    if row.width is None:
        st.metric(row.title, "none", help="Not even n = 1 has so few weights.")
        return
    st.metric(row.title, f"n = {row.width}")
    st.caption(f"{row.parameters:,} weights")
    named = NAME.fullmatch(row.family)
    st.button(
        f"Show {row.title}",  # a name of its own for each, to who hears the page
        key=f"show_{row.family if named else links.OWN}",
        on_click=links.put,
        args=({"family": row.family if named else links.OWN, "n": row.width},),
    )


with page("Explore") as context:
    st.title("How few weights does a network need?")

    shipped = None
    with suppress(FeatherweightError):  # Results says so
        shipped = reference.store()
    families = context.families
    key = choose_family(families)  # a row of its own: seven segments and more beside other choices are cut off
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = choose_name(context, lambda kept: kept or collect.default(context.settings, context.store, shipped))
        # layers of one's own say themselves where dropout is
        dropout = (
            key in FAMILIES
            and FAMILIES[key].line.has_dropout
            and st.toggle(
                "Dropout",
                key="dropout",
                bind="query-params",
                help="The tutorial's Dropout layers. They cost no weights; the article leaves them out.",
            )
        )
    chosen = architecture.choose_line() if key == links.OWN else families.get(key)
    if key != links.OWN:
        links.drop("layers")
    if not chosen.built_in:
        dropout = chosen.line.has_dropout
    dataset = None
    if not datasets.fetchable(context.settings, name):
        with explained(*([DatasetError] if name in datasets.TITLES else [])):
            dataset = datasets.find(context.settings, name)
    # counting needs no images: what these sets hold is known
    shape, classes = (dataset.facts.input_shape, dataset.facts.classes) if dataset else datasets.shape(name)
    held = f", {dataset.facts.train:,} to train and {dataset.facts.test:,} to test" if dataset else ""
    absent = "" if dataset else " The images themselves are not on this machine; Train can fetch them."
    told = f"{chosen.description} " if chosen.built_in else f"`{chosen.text}` " if chosen.named else ""
    st.caption(f"{told}Images of {shape_text(shape)}, {classes} classes{held}.{absent}")
    chosen.build(1, shape, classes, dropout)  # says so in a sentence where the images are too small

    polynomial = chosen.polynomial(shape, classes)
    tutorial = chosen.tutorial_network(shape, classes)
    trained: list[Point] = []
    beside: list[Point] = []
    with suppress(DatasetError):  # it is told above
        found = collect.results(context.settings, context.store, shipped, name)
        trained = by_width.networks(found, shipped, chosen, dropout)
        for other in collect.beside(context.settings, context.store, name):
            beside += by_width.networks(other, None, chosen, dropout)
    width = width_control(
        width=chosen.start,
        max_width=chosen.max_width,
        marks=sorted(chosen.widths),
        polynomial=polynomial,
        multiply_adds=chosen.multiply_adds_polynomial(shape, classes),
        kept=chosen.kept_polynomial(shape, classes),
        tutorial=tutorial.parameters,
        known=by_width.readings(trained, chosen, beside),
        key="n",
        param="n",
    )

    # The count is on the screen while Altair and pandas are still being imported.
    from core.charts import networks as charts
    from core.networks import counts
    from core.results import sentences, tables
    from core.ui.tables import layer_table

    network = chosen.build(width, shape, classes, dropout)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.page_link(
            "pages/train.py",
            label=f"Train this network: {chosen.title}, n = {width}",
            icon=":material/play_arrow:",
            query_params=links.train(chosen, width, name if dataset else None, dropout and chosen.built_in),
        )
        draw_actions(context, chosen, width, name if dataset else None, dropout)
    rows, spans = network.summary(), chosen.line.spans(dropout)
    beyond = width if width > counts.DRAWN else 0  # curves end before it

    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Layer by layer")
        layer_table(
            network, f"Each layer of the {chosen.title} at n = {width} with its output shape and weights.", work=False
        )
        if network.statistics:
            st.caption(
                f"{network.statistics:,} more numbers are kept, not trained: the moving statistics of batch norm. On a "
                "device a layer beside it takes batch norm in where it can; the size above counts what remains."
            )
    with right:
        st.subheader("From image to answer")
        st.altair_chart(
            charts.blocks(rows, spans),
            alt="; ".join(f"{x.label} gives {shape_text(x.output_shape)}" for x in rows),
        )
        st.caption(
            "A block is as wide as the square root of the number of values it gives. Layers with weights are blue, "
            "with their number by the name; the others are orange."
            + (" A bracket holds layers that repeat; + adds what entered it." if spans else "")
        )

    shown = tuple(families) if chosen.named else (*families, chosen)
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Where the weights live")
        largest = max(rows, key=lambda x: x.parameters)
        share = percent(largest.share, 0)
        st.altair_chart(
            charts.shares(counts.layer_shares(chosen, shape, classes, beyond), width),
            alt=f"Share of each layer over the width. At n = {width}, {largest.label} is largest: {share}.",
        )
        st.caption(f"At n = {width}, {largest.label} {largest.formula} holds {share} of all weights.")
    with right:
        st.subheader("How weights grow")
        st.altair_chart(
            charts.weights_by_width(
                counts.weights(shown, shape, classes, beyond),
                tables.by_width(trained),
                chosen,
                width,
                network.parameters,
                [x.title for x in families.own],
            ),
            alt=f"Weights against width for every family, both on log axes; n = {width} has {network.parameters:,}.",
        )
        st.caption(sentences.marks(trained))

    st.subheader("The other way round: from a budget to a network")
    budget = st.number_input(
        "Weights you can afford", 1, counts.MAX_BUDGET, 1000, key="budget", bind="query-params", width=240
    )
    affordable = counts.within(budget, shown, shape, classes)
    for start in range(0, len(affordable), 4):
        for column, row in zip(st.columns(4), affordable[start : start + 4], strict=False):
            with column.container(border=True, height="stretch"):
                afford(row)

    st.subheader("Build it with Keras")
    st.code(network.source(), language="python")
