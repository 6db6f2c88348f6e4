"""Charts of what a network is: its weights over the width, its layers' shares, and the way from image to answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd

from core.charts.style import QUIET, STRENGTH, family_color, family_shape, percent_axis, with_percents
from core.networks.families import FAMILIES, Family
from core.networks.layers import shape_text
from core.networks.network import LayerSummary
from core.results.sentences import percent
from core.results.units import UNITS

WEIGHTS_TITLE = f"{UNITS['weights'].axis} (log scale)"


def weights_by_width(
    curves: pd.DataFrame, known: pd.DataFrame, family: Family, width: int, parameters: int
) -> alt.LayerChart | alt.FacetChart:
    """Draw weights against width on two log axes, the chosen family in front, with its results and where it stands.

    Args:
        curves: columns ``title``, ``family``, ``width``, ``parameters``, for every family.
        known: rows of ``tables.by_width``.
        family: the chosen one; the accuracies of the widths it is swept over are written beside their marks.
        width: the chosen width, marked by a rule.
        parameters: its weights.
    """
    highest = max(x.max_width for x in FAMILIES.values())
    low, high = curves["parameters"].min(), curves["parameters"].max()
    x = alt.X(
        "width:Q",
        scale=alt.Scale(type="log", base=2, domain=[1, highest], nice=False),
        title="Width n (log scale)",
        axis=alt.Axis(values=[2**i for i in range(11)], format="d"),
    )
    y = alt.Y(
        "parameters:Q",
        scale=alt.Scale(type="log", domain=[low / 1.5, high * 1.5], nice=False),
        title=WEIGHTS_TITLE,
        axis=alt.Axis(format="~s", values=[10**i for i in range(10)]),
    )
    chosen = curves["family"] == family.key
    lines = [
        alt.Chart(rows).mark_line(opacity=opacity, strokeWidth=stroke).encode(x=x, y=y, color=family_color())
        for rows, opacity, stroke in ((curves[~chosen], 0.3, 1.5), (curves[chosen], 1.0, 3))
    ]
    here = pd.DataFrame({"width": [width], "text": [f"you are here: {parameters:,}"]})
    rule = alt.Chart(here).mark_rule(color=QUIET, strokeDash=[6, 4]).encode(x=x)
    left = width > 32  # keeps the words inside the picture
    words = (
        alt.Chart(here)
        .mark_text(align="right" if left else "left", dx=-5 if left else 5, dy=6, baseline="top", color=QUIET)
        .encode(x=x, y=alt.YValue(0), text=alt.Text("text:N"))
    )
    marks = alt.Chart(with_percents(known, "mean")).encode(x=x, y=y)
    dots = marks.mark_point(filled=True, size=110).encode(
        color=family_color(),
        shape=family_shape(),
        opacity=STRENGTH,
        tooltip=[
            alt.Tooltip("title:N", title="Family"),
            alt.Tooltip("width:Q", title="Width n"),
            alt.Tooltip("parameters:Q", title="Weights", format=","),
            alt.Tooltip("mean_text:N", title="Mean accuracy"),
            alt.Tooltip("data:N", title="Data set"),
            alt.Tooltip("seeds:Q", title="Seeds"),
            alt.Tooltip("recipe_title:N", title="Recipe"),
            alt.Tooltip("origin:N", title="Runs"),
        ],
    )
    swept = known[known["width"].isin(family.widths)]
    told = alt.Chart(swept.assign(told=[percent(x, 1) for x in swept["mean"]])).encode(x=x, y=y)
    labels = told.mark_text(align="left", dx=9, dy=9, color=QUIET).encode(text=alt.Text("told:N"))
    return alt.layer(*lines, rule, words, dots, labels).properties(height=360)


def shares(rows: pd.DataFrame, width: int) -> alt.LayerChart | alt.FacetChart:
    """Draw each weighted layer's share of all weights over the width, stacked, with the chosen width marked.

    Args:
        rows: columns ``width``, ``layer`` (label), ``order`` (its place), ``parameters``.
        width: the chosen width.
    """
    order = list(rows.sort_values("order")["layer"].drop_duplicates())
    x = alt.X(
        "width:Q",
        scale=alt.Scale(type="log", base=2, domain=[1, int(rows["width"].max())], nice=False),
        title="Width n (log scale)",
        axis=alt.Axis(values=[2**i for i in range(11)], format="d", grid=False),
    )
    area = (
        alt.Chart(rows)
        .mark_area(opacity=0.9)
        .encode(
            x=x,
            y=alt.Y("parameters:Q", stack="normalize", title="Share of all weights", axis=percent_axis(0)),
            color=alt.Color(
                "layer:N",
                sort=order,
                scale=alt.Scale(domain=order),
                legend=alt.Legend(title=None, orient="top", columns=3),
            ),
            order=alt.Order("order:Q"),
            tooltip=[
                alt.Tooltip("layer:N", title="Layer"),
                alt.Tooltip("width:Q", title="Width n"),
                alt.Tooltip("parameters:Q", title="Weights", format=","),
            ],
        )
    )
    here = alt.Chart(pd.DataFrame({"width": [width]})).mark_rule(strokeWidth=3, color="#FFFFFF").encode(x=x)
    core = alt.Chart(pd.DataFrame({"width": [width]})).mark_rule(strokeWidth=1.5, color="#17212B").encode(x=x)
    return alt.layer(area, here, core).properties(height=300)


def blocks(rows: Sequence[LayerSummary]) -> alt.LayerChart | alt.FacetChart:
    """Draw the network from input to output: a block a layer, as wide as the square root of the values it gives."""
    table = [_block(0, "Input", rows[0].input_shape, 0)]
    table += [_block(i, x.label, x.output_shape, x.parameters) for i, x in enumerate(rows, start=1)]
    widest = max(math.prod(x) ** 0.5 / 2 for x in (rows[0].input_shape, *(x.output_shape for x in rows)))
    data = pd.DataFrame(table)
    height = 30 * len(table)
    y = alt.Y("place:O", axis=None, scale=alt.Scale(paddingInner=0.25, paddingOuter=0.1))
    scale = alt.Scale(domain=[-3 * widest, 2.6 * widest], nice=False)
    bars = (
        alt.Chart(data)
        .mark_bar(cornerRadius=3, opacity=0.9)
        .encode(
            y=y,
            x=alt.X("start:Q", scale=scale, axis=None),
            x2=alt.X2("half:Q"),
            color=alt.Color("kind:N", scale=alt.Scale(domain=["weights", "no weights"]), legend=None),
            tooltip=[
                alt.Tooltip("layer:N", title="Layer"),
                alt.Tooltip("shape:N", title="Output"),
                alt.Tooltip("values:Q", title="Values passed on", format=","),
                alt.Tooltip("parameters:Q", title="Weights", format=","),
            ],
        )
    )
    names = (
        alt.Chart(data)
        .mark_text(align="left", color=QUIET, fontSize=13)
        .encode(y=y, x=alt.XValue(0), text=alt.Text("name:N"))
    )
    shapes = (
        alt.Chart(data)
        .mark_text(align="right", color=QUIET, fontSize=13)
        .encode(y=y, x=alt.XValue("width"), text=alt.Text("shape:N"))
    )
    return alt.layer(bars, names, shapes).properties(height=height)


def _block(place: int, label: str, shape: tuple[int, ...], parameters: int) -> dict[str, object]:
    values = math.prod(shape)
    half = values**0.5 / 2
    return {
        "place": place,
        "layer": label,
        "name": f"{label} · {parameters:,}" if parameters else label,
        "shape": shape_text(shape),
        "values": values,
        "parameters": parameters,
        "start": -half,
        "half": half,
        "kind": "weights" if parameters else "no weights",
    }
