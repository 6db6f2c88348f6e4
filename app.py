"""Explore: choose a family and a width, and see at once what the network costs and where its weights live."""

from contextlib import suppress

import streamlit as st

from core.errors import FeatherweightError
from core.networks.families import FAMILIES, family
from core.networks.layers import shape_text
from core.networks.network import Network
from core.ui import page
from core.ui.components.width_control import width_control

with page.page("Explore") as bench:
    st.title("How few weights does a network need?")

    if st.query_params.get("family") in FAMILIES:  # as the command line names them
        st.session_state["family"] = st.query_params.pop("family")
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        key = (
            st.segmented_control(
                "Family",
                list(FAMILIES),
                default="deep_cnn",
                required=True,
                format_func=lambda x: FAMILIES[x].title,
                key="family",
                bind="query-params",
                width="stretch",
                help="A family is a line of networks that differ in one width, n.",
            )
            or "deep_cnn"
        )  # an empty ?family= in the address chooses none
        dataset = page.choose_dataset(bench)
        if dataset is None:
            st.stop()
        dropout = st.toggle(
            "Dropout",
            key="dropout",
            bind="query-params",
            help="The tutorial's Dropout layers. They cost no weights; the article leaves them out.",
        )
    chosen = family(key)
    shape, classes = dataset.facts.input_shape, dataset.facts.classes
    st.caption(
        f"{chosen.description} Images of {shape_text(shape)}, {classes} classes, "
        f"{dataset.facts.train:,} to train and {dataset.facts.test:,} to test."
    )
    chosen.build(1, shape, classes, dropout)  # says so in a sentence where the images are too small

    polynomial = chosen.polynomial(shape, classes)
    tutorial = chosen.tutorial_network(shape, classes)
    # Here and not above: the first elements are on the screen while pandas, which the control needs too, is imported.
    from core.results import by_width, collect
    from core.runs import reference

    shipped = None
    with suppress(FeatherweightError):  # Results says so
        shipped = reference.store()
    found = collect.find(bench.settings, bench.store, shipped, dataset.name)
    trained = by_width.networks(found, shipped, chosen, dropout)
    width = width_control(
        width=chosen.start,
        max_width=chosen.max_width,
        marks=sorted(chosen.widths),
        polynomial=polynomial,
        multiply_adds=chosen.multiply_adds_polynomial(shape, classes),
        tutorial=tutorial.parameters,
        known=by_width.widths(trained),
        key="n",
        param="n",
    )

    # The count is on the screen while Altair is still being imported.
    from core.charts import networks as network_charts
    from core.networks import counts
    from core.results import sentences

    network: Network = chosen.build(width, shape, classes, dropout)
    st.page_link(
        "pages/train.py",
        label=f"Train this network: {chosen.title}, n = {width}",
        icon=":material/play_arrow:",
        query_params={"families": chosen.title, f"widths_{key}": str(width)}
        | ({"recipe": "My own", "dropout": "true"} if dropout else {}),
    )
    rows = network.summary()

    left, right = st.columns([3, 2], gap="large")
    with left:
        st.subheader("Layer by layer")
        st.dataframe(
            [
                {
                    "Layer": x.label,
                    "Output": shape_text(x.output_shape),
                    "Formula": x.formula,
                    "Weights": x.parameters,
                    "Share": x.share,
                    "Multiply-adds": x.multiply_adds,
                }
                for x in rows
            ],
            hide_index=True,
            height="content",
            column_config={
                "Weights": st.column_config.NumberColumn(format="localized"),
                "Share": st.column_config.ProgressColumn(format="percent", min_value=0.0, max_value=1.0),
                "Multiply-adds": st.column_config.NumberColumn(
                    format="localized", help="Multiplications followed by an addition, for one image."
                ),
            },
            alt=f"Each layer of the {chosen.title} at n = {width} with its output shape and weights.",
        )
    with right:
        st.subheader("From image to answer")
        st.altair_chart(
            network_charts.blocks(rows),
            alt="; ".join(f"{x.label} gives {shape_text(x.output_shape)}" for x in rows),
        )
        st.caption(
            "A block is as wide as the square root of the number of values it gives. Layers with weights are blue, "
            "with their number by the name; the others are orange."
        )

    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Where the weights live")
        largest = max(rows, key=lambda x: x.parameters)
        st.altair_chart(
            network_charts.shares(counts.layer_shares(key, shape, classes), width),
            alt=f"Share of each layer over the width. At n = {width}, {largest.label} is largest: {largest.share:.0%}.",
        )
        st.caption(f"At n = {width}, {largest.label} {largest.formula} holds {largest.share:.0%} of all weights.")
    with right:
        st.subheader("How weights grow")
        st.altair_chart(
            network_charts.weights_by_width(counts.weights(shape, classes), trained, chosen, width, network.parameters),
            alt=f"Weights against width for every family, both on log axes; n = {width} has {network.parameters:,}.",
        )
        st.caption(sentences.marks(trained))

    st.subheader("The other way round: from a budget to a network")
    budget = st.number_input(
        "Weights you can afford", 1, counts.MAX_BUDGET, 1000, key="budget", bind="query-params", width=240
    )
    for column, row in zip(st.columns(len(FAMILIES)), counts.within(budget, shape, classes), strict=False):
        with column.container(border=True, height="stretch"):
            if row.width is None:
                st.metric(row.title, "none", help="Not even n = 1 has so few weights.")
                continue
            st.metric(row.title, f"n = {row.width}")
            st.caption(f"{row.parameters:,} weights")
            st.button(
                f"Show {row.title}",  # a name of its own for each, to who hears the page
                key=f"show_{row.family}",
                on_click=st.session_state.update,
                args=({"family": row.family, "n": row.width},),
            )

    st.subheader("Build it with Keras")
    st.code(network.source(), language="python")
