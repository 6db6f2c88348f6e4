"""Charts of what a network is: its weights over the width, its layers' shares, and the way from image to answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import altair as alt
import pandas as pd

from core.charts import brackets
from core.charts.style import (
    QUIET,
    STRENGTH,
    family_color,
    family_shape,
    legend,
    percent_axis,
    places,
    with_percents,
)
from core.networks.families import Family
from core.networks.layers import shape_text
from core.networks.line import Span
from core.networks.network import LayerSummary
from core.results.sentences import percent
from core.results.units import UNITS

HIGH, LOW, TALL = 30, 15, 720  # pixels of a layer's row: the most, the fewest, and of all rows where they shrink
NARROW = 40  # pixels that the widest block has at least
WEIGHTS_TITLE = f"{UNITS['weights'].axis} (log scale)"


def weights_by_width(
    curves: pd.DataFrame,
    known: pd.DataFrame,
    family: Family,
    width: int,
    parameters: int,
    own: Iterable[str] = (),
) -> alt.LayerChart | alt.FacetChart:
    """Draw weights against width on two log axes, the chosen family in front, with its results and where it stands.

    Args:
        curves: columns ``title``, ``family``, ``width``, ``parameters``, for every family.
        known: rows of ``tables.by_width``.
        family: the chosen one; the accuracies of the widths it is swept over are written beside their marks.
        width: the chosen width, marked by a rule.
        parameters: its weights.
        own: the titles of people's own families, which give each its colour.
    """
    highest = int(curves["width"].max())
    titles = places(curves["title"], own)
    color = family_color(titles)
    low, high = curves["parameters"].min(), curves["parameters"].max()
    x = alt.X(
        "width:Q",
        scale=alt.Scale(type="log", base=2, domain=[1, highest], nice=False),
        title="Width n (log scale)",
        axis=alt.Axis(values=[2**i for i in range(13)], format="d"),
    )
    y = alt.Y(
        "parameters:Q",
        scale=alt.Scale(type="log", domain=[low / 1.5, high * 1.5], nice=False),
        title=WEIGHTS_TITLE,
        axis=alt.Axis(format="~s", values=[10**i for i in range(10)]),
    )
    chosen = curves["family"] == family.key
    lines = [
        alt.Chart(rows).mark_line(opacity=opacity, strokeWidth=stroke).encode(x=x, y=y, color=color)
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
        color=color,
        shape=family_shape(titles),
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
    return alt.layer(*lines, rule, words, dots, labels).properties(height=300 + 15 * len(titles))  # with its legend


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
        axis=alt.Axis(values=[2**i for i in range(13)], format="d", grid=False),
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
                legend=legend("width < 400 ? 2 : 3"),
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
    return alt.layer(area, here, core).properties(height=270 + 8 * min(len(order), 30))  # with its legend


def blocks(rows: Sequence[LayerSummary], spans: Sequence[Span] = ()) -> alt.LayerChart | alt.FacetChart:
    """Draw the network from input to output: a block a layer, as wide as the square root of the values it gives.

    Args:
        rows: the layers.
        spans: groups of them, which get brackets.
    """
    table = [_block(0, "Input", rows[0].input_shape, 0, "")]
    table += [_block(i, x.label, x.output_shape, x.parameters, x.formula) for i, x in enumerate(rows, start=1)]
    data = pd.DataFrame(table)
    found = brackets.brackets(spans)
    row = max(LOW, min(HIGH, TALL / len(data)))
    font = 13 if row >= 20 else 11
    # a column of names, the blocks, brackets, a column of shapes; a letter is a little more than half as wide as high
    left = int(0.56 * font * data["name"].str.len().max()) + 12
    shape, beside = int(0.58 * font * data["shape"].str.len().max()) + 14, brackets.room(found)
    # where there is no room for all of it shapes go: the tooltips and the page's table say them too
    cramped = f"width < {left + NARROW + beside + shape}"
    right = f"({cramped} ? {beside} : {beside + shape})"
    ends = [alt.ExprRef(str(left)), alt.ExprRef(f"max({left + NARROW}, width - {right})")]
    widest = data["half"].max()
    down = alt.Scale(domain=[0, len(data)], nice=False, zero=False, reverse=True)
    y, middle = alt.Y("y:Q", axis=None, scale=down), alt.Y("middle:Q", axis=None, scale=down)
    x = alt.X("start:Q", axis=None, scale=alt.Scale(domain=[-widest, widest], range=ends, nice=False, zero=False))
    bars = (
        alt.Chart(data)
        .mark_rect(cornerRadius=3, opacity=0.9)
        .encode(
            y=y,
            y2=alt.Y2("y2"),
            x=x,
            x2=alt.X2("half"),
            color=alt.Color("kind:N", scale=alt.Scale(domain=["weights", "no weights"]), legend=None),
            tooltip=[
                alt.Tooltip("layer:N", title="Layer"),
                alt.Tooltip("shape:N", title="Output"),
                alt.Tooltip("values:Q", title="Values passed on", format=","),
                alt.Tooltip("weights:N", title="Weights"),
            ],
        )
    )
    written = alt.Chart(data).encode(y=middle)
    names = written.mark_text(align="left", color=QUIET, fontSize=font)
    there = alt.ExprRef(f"{cramped} ? 0 : 1")
    shapes = written.mark_text(align="right", color=QUIET, fontSize=font, opacity=there)
    layers = [
        bars,
        names.encode(x=alt.XValue(0), text=alt.Text("name:N")),
        shapes.encode(x=alt.XValue("width"), text=alt.Text("shape:N")),
        *(brackets.drawn(found, y, right) if found else ()),
    ]
    return alt.layer(*layers).properties(height=row * len(data))


def _block(place: int, label: str, shape: tuple[int, ...], parameters: int, formula: str) -> dict[str, object]:
    values = math.prod(shape)
    half = values**0.5 / 2
    shared = formula if formula.startswith("as layer") else ""
    weights = shared or (f"{parameters:,}" if parameters else "")
    return {
        "y": place + 0.12,
        "y2": place + 0.88,
        "middle": place + 0.5,
        "layer": label,
        "name": f"{label} · {weights}" if weights else label,
        "shape": shape_text(shape),
        "values": values,
        "parameters": parameters,
        "weights": weights or "none",
        "start": -half,
        "half": half,
        "kind": "weights" if weights else "no weights",
    }
