"""Every weight of one network or two, on one scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.charts import pixels
from core.charts import weights as weights_charts
from core.charts.mosaic import Grid
from core.export import charts as export_charts
from core.ui.inspect.parts import Looked, take_away, theme


def draw_layer(grid: Grid, limit: float, small: bool, room: tuple[int, int], key: str) -> None:
    """Draw a layer's weights under its name, in parts where they do not fit."""
    lines = weights_charts.words(grid)
    numbers = grid.numbers()
    ends = f"from {numbers.min():.2f} to {numbers.max():.2f}"
    alt = "; ".join([f"{grid.label}: {grid.count:,} weights of {lines[0]}, {ends}", *lines[1:]])
    with st.container(width="content", gap="xxsmall"):
        st.caption("  \n".join([f"**{grid.label}** · {grid.count:,} weights", *lines]))
        if small or grid.count <= weights_charts.FEW:
            st.altair_chart(weights_charts.alone(weights_charts.rectangles(grid, limit)), width="content", alt=alt)
            return
        tall, wide = grid.block
        below, beside = grid.gaps
        columns = grid.columns
        across, size = grid.fit(room, 8)
        if size == 1 and tall <= room[0]:  # a weight gets two pixels, and the layer comes in parts
            size, across = 2, min(columns, max(1, (room[1] // 2 + beside) // (wide + beside)))
        per_part = across * max(1, room[0] // ((tall + below) * size))
        part = grid
        if per_part < columns:
            starts = range(0, columns, per_part)
            start = st.selectbox(
                f"{grid.leaving.title()}s of {grid.label}",
                starts,
                format_func=lambda x: f"{x + 1} to {min(x + per_part, columns)} of {columns}",
                key=f"part_{key}_{grid.label}",
                width=240,
            )
            part = grid.part(start, start + per_part)
        picture = pixels.coloured(part.mosaic(across), limit, *theme()["chartCategoricalColors"][:2])
        st.image(pixels.png(picture, size, pixels.MARGIN), alt=alt, output_format="PNG")


def draw_weights(looked: Sequence[Looked]) -> None:
    """Draw all weights of the networks on one scale."""
    drawn = [(chosen, pixels.grids(chosen.network, weights)) for chosen, weights in looked]
    shown = [x for _, layers in drawn for x in layers]
    limit = max(float(np.abs(x.numbers()).max()) for x in shown)
    places = st.columns(len(drawn), gap="large") if len(drawn) > 1 else [st.container()]
    for place, (chosen, layers) in zip(places, drawn, strict=True):
        small = chosen.run.parameters <= weights_charts.SMALL
        with place:
            if len(drawn) > 1:
                st.markdown(f"**{chosen.name}**")
            with st.container(horizontal=True, gap="medium"):
                for grid in layers:
                    draw_layer(grid, limit, small, (520, 1080 // len(drawn)), f"{chosen.run.origin}_{chosen.run.id}")
                if place is places[-1]:
                    with st.container(width="content", gap="xxsmall"):
                        st.caption("**Weight**  \nZero is the background")
                        st.altair_chart(
                            weights_charts.scale(limit),
                            width="content",
                            alt=f"Scale of colours from -{limit:.2f} to {limit:.2f}",
                        )
    explanation = (
        "One scale for all layers; colour deepens with the square root of a weight. In a convolution a column is a "
        "filter and a row a channel that enters it; in a dense layer a column is a unit, and where maps were flattened "
        "each picture is what the unit looks for in one of them. The single square under a column is its bias."
    )
    if any(x.multiplier for x in shown):
        explanation += " A depthwise layer mixes no channels: each has kernels of its own, side by side."
    if any(x.statistics for x in shown):
        explanation += (
            " A batch norm scales each channel by its gamma and shifts it by its beta; mean and variance, of which it "
            "only keeps track, are no weights."
        )
    st.caption(explanation)
    chosen, layers = drawn[-1]
    take_away(
        f"Weights of {chosen.title}",
        f"weights-{chosen.run.cell.chosen.slug}-{chosen.run.width}",
        lambda scheme: weights_charts.poster(
            layers, limit, chosen.name, export_charts.theme(scheme)["chartCategoricalColors"]
        ),
    )
