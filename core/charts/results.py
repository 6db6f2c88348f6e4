"""The chart of the Results page: accuracy against size, with seeds, target and published results on one log axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import altair as alt
import pandas as pd

from core.charts import published as published_marks
from core.charts.style import QUIET, STRENGTH, family_color, family_shape, percent_axis, places, with_percents
from core.recipe import Protocol
from core.results import sentences
from core.results.published import Published
from core.results.units import UNITS

TICKS = [digit * 10.0**power for power in range(-5, 11) for digit in (1, 2, 5)]
Height = Callable[[str], alt.Y]
CROWD = 500  # networks; the bars of more would hide each other, and take seconds to draw
NEAR = 0.25  # of the axis: so far below it the commonest class still has its line
CLOSE, ROOM = 0.1, 0.05  # of the axis: lines whose words would meet, and what the words below a line take
SELECTION = "network"  # the name of the selection; it gives the ``name`` of the mark that was clicked
COLUMNS = ["name", "title", "family", "width", "parameters", "size", "origin", "recipe", "recipe_title"]
FIGURES = ["mean", "low", "high", "wilson_low", "wilson_high"]


def results(
    points: pd.DataFrame,
    front: pd.DataFrame,
    published: Sequence[Published],
    target: float,
    *,
    commonest: float | None = None,
    unit: str = "weights",
    errors: bool = False,
    selected: str | None = None,
    own: Iterable[str] = (),
) -> alt.LayerChart | alt.FacetChart:
    """Draw test accuracy against size: a mark a network, its two kinds of noise, and what to compare it with.

    A thick bar spans the seeds; a thin one with ends is the test set's own 95 % interval about the mean. Of more than
    ``CROWD`` networks neither is drawn.

    Args:
        points: rows of ``tables.networks``.
        front: those of its rows that are on the Pareto front; empty to leave it out.
        published: other people's results, drawn hollow.
        target: the accuracy asked for, as a share.
        commonest: what always saying the commonest class reads, as a share; a line, where :func:`shows` says so.
        unit: a key of ``units.UNITS``.
        errors: whether to draw the share of errors on a log axis, better still being up.
        selected: the ``name`` of the mark to ring.
        own: the titles of people's own families, which give each its colour.
    """
    titles = places(points["title"], own)
    height = _height(points, errors)
    table = points[[*COLUMNS, *FIGURES, "sd", "seeds"]].copy()
    table[FIGURES] = table[FIGURES].map(height)
    told = with_percents(points, "mean", "low", "high")
    table[["accuracy", "lowest", "highest"]] = told[["mean_text", "low_text", "high_text"]]
    others = published_marks.rows(published)
    others["height"] = others["accuracy"].map(height)
    x = _size_axis([*table["size"], *others["size"]], unit)
    heights = _heights(points, published, target, errors)
    if commonest is not None:
        heights += [height(commonest), _lower(height(commonest), ROOM, heights, errors)]
    scale, axis, title = _height_axis(heights, errors)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=scale, title=title, axis=axis)

    layers = _lines(height, target, commonest, _span(heights, errors), y)
    layers.append(_curves(table, x, y, titles))
    if len(front):
        layers.append(_front(table[table["name"].isin(front["name"])].sort_values("size"), x, y))
    if len(table) <= CROWD:
        layers += _noises(table, x, y, titles)
    layers += published_marks.hollow(others, x, y, titles)
    if selected in set(table["name"]):
        ring = alt.Chart(table[table["name"] == selected])
        ring = ring.mark_point(
            filled=False, size=420, strokeWidth=2, shape="circle", color=QUIET, opacity=1, aria=False
        )
        layers.append(ring.encode(x=x, y=y("mean")))
    layers.append(_marks(table, x, y, unit, titles))  # last, so that nothing is in the way of a click
    return alt.layer(*layers).properties(height=480)


def legend(points: pd.DataFrame, protocol: Protocol, commonest: float | None = None) -> str:
    """Return what the marks of :func:`results` mean, and the line of the commonest class where its share is given."""
    images = int(points["test_images"].max())
    chosen = "; networks are chosen on held-out training images" if protocol is Protocol.HELD_OUT else ""
    origins = set(points["origin"])
    paler = " Paler marks are reference runs." if len(origins) > 1 else ""
    bars = (
        f"The thick bar spans its seeds; the thin one is the noise of {images:,} test images alone (Wilson's 95 % "
        "interval)."
        if len(points) <= CROWD
        else f"Bars for seeds and noise are drawn of up to {CROWD} networks; here are {len(points):,}."
    )
    line = (
        f" The dash-dotted line is what always saying the commonest class reads, {sentences.percent(commonest)}: a "
        "network whose thin bar is not above it reads nothing."
        if commonest is not None
        else ""
    )
    return (
        f"A mark is a network: its mean test accuracy over seeds{chosen}. {bars}{paler}{line} A figure after ± is the "
        "standard deviation over seeds."
    )


def shows(points: pd.DataFrame, published: Sequence[Published], target: float, commonest: float, errors: bool) -> bool:
    """Return whether what always saying the commonest class reads has a line in :func:`results`, given the same.

    It has one within what is drawn anyway, and near below it: the chart of ten digits is not stretched down to 11 %.
    """
    heights = _heights(points, published, target, errors)
    return _part(_height(points, errors)(commonest), _span(heights, errors)) >= -NEAR


def _height(points: pd.DataFrame, errors: bool) -> Callable[[float], float]:
    best = 0.5 / float(points["test_images"].max())  # half an image: where no error at all is drawn on a log axis
    return (lambda x: max(1 - x, best)) if errors else lambda x: x


def _heights(points: pd.DataFrame, published: Sequence[Published], target: float, errors: bool) -> list[float]:
    drawn = [*points[FIGURES].to_numpy().ravel(), *(x.accuracy for x in published), target]
    return [_height(points, errors)(float(x)) for x in drawn]


def _span(heights: Sequence[float], errors: bool) -> tuple[float, float]:
    """Return the ends of the axis, the worse first: of errors, which are on a log axis, it is the larger."""
    low, high = min(heights), max(heights)
    return (min(1.0, high * 1.2), low / 1.2) if errors else (max(0.0, low - 0.01), 1.0)


def _part(height: float, span: tuple[float, float]) -> float:
    """Return how far up the axis a height is, 0 at its foot and 1 at its top."""
    worse, better = span
    if better < worse:  # errors
        return math.log(height / worse) / math.log(better / worse)
    return (height - worse) / (better - worse)


def _lower(height: float, part: float, heights: Sequence[float], errors: bool) -> float:
    """Return what is a part of the axis below a height."""
    worse, better = _span([*heights, height], errors)
    return min(1.0, height * (worse / better) ** part) if errors else max(0.0, height - part * (better - worse))


def _lines(
    height: Callable[[float], float], target: float, commonest: float | None, span: tuple[float, float], y: Height
) -> list[alt.Chart | alt.LayerChart | alt.FacetChart]:
    """Draw the target, and what always saying the commonest class reads; where they are close their words are apart."""
    goal, words = height(target), f"target {sentences.goal(target)}"
    if commonest is None:
        return _line(goal, words, False, [6, 4], y)
    said = f"always the commonest class {sentences.goal(round(commonest, 4))}"
    above = commonest >= target
    close = abs(_part(height(commonest), span) - _part(goal, span)) < CLOSE
    lines = _line(goal, words, close and not above, [6, 4], y)
    return [*lines, *_line(height(commonest), said, above, [10, 3, 2, 3], y)]


def _line(
    height: float, words: str, above: bool, dash: list[int], y: Height
) -> list[alt.Chart | alt.LayerChart | alt.FacetChart]:
    base = alt.Chart(pd.DataFrame({"height": [height], "text": [words]}))
    rule = base.mark_rule(color=QUIET, strokeDash=dash).encode(y=y("height"))
    # at the right end, and below as a rule: at the left the smallest networks cross the target
    text = base.mark_text(
        align="right", baseline="bottom" if above else "top", dx=-4, dy=-4 if above else 4, color=QUIET
    )
    return [rule, text.encode(x=alt.XValue("width"), y=y("height"), text=alt.Text("text:N"))]


def _curves(table: pd.DataFrame, x: alt.X, y: Height, titles: list[str]) -> alt.Chart:
    # one recipe, one line: accuracies after 3 and after 12 epochs are different answers
    lines = alt.Chart(table).mark_line(strokeWidth=1.5, aria=False)
    lines = lines.encode(
        x=x,
        y=y("mean"),
        color=family_color(titles),
        detail=[alt.Detail("recipe:N"), alt.Detail("origin:N")],
        order=alt.Order("width:Q"),
        opacity=STRENGTH,
    )
    if table.groupby("family")["recipe"].nunique().max() == 1:
        return lines
    dashes = alt.Legend(title=None, orient="bottom", columns=1, labelLimit=0)
    brief = table["recipe_title"].map(sentences.brief(table["recipe_title"].unique()))
    lines = lines.properties(data=table.assign(recipe_brief=brief))
    return lines.encode(strokeDash=alt.StrokeDash("recipe_brief:N", legend=dashes))


def _noises(table: pd.DataFrame, x: alt.X, y: Height, titles: list[str]) -> list[alt.Chart]:
    base = alt.Chart(table).encode(x=x, color=family_color(titles))
    seeds = base.mark_rule(strokeWidth=5, opacity=0.4, aria=False).encode(y=y("low"), y2=alt.Y2("high"))
    ends = {"size": 9, "thickness": 1.2, "aria": False}
    images = base.mark_errorbar(ticks=ends, rule={"aria": False}, thickness=1.2, opacity=0.8)
    return [seeds, images.encode(y=y("wilson_low"), y2=alt.Y2("wilson_high"))]


def _marks(table: pd.DataFrame, x: alt.X, y: Height, unit: str, titles: list[str]) -> alt.Chart:
    clicked = alt.selection_point(name=SELECTION, fields=["name"], on="click", clear="dblclick")
    marks = alt.Chart(table).mark_point(filled=True, size=120, cursor="pointer")
    color, shape = family_color(titles), family_shape(titles)
    drawn = marks.encode(x=x, y=y("mean"), color=color, shape=shape, opacity=STRENGTH, tooltip=_about(unit))
    return drawn.add_params(clicked)


def _about(unit: str) -> list[alt.Tooltip]:
    told = [
        alt.Tooltip("title:N", title="Family"),
        alt.Tooltip("width:Q", title="Width n"),
        alt.Tooltip("parameters:Q", title="Weights", format=","),
        alt.Tooltip("accuracy:N", title="Mean accuracy"),
        alt.Tooltip("lowest:N", title="Lowest seed"),
        alt.Tooltip("highest:N", title="Highest seed"),
        alt.Tooltip("seeds:Q", title="Seeds"),
        alt.Tooltip("recipe_title:N", title="Recipe"),
        alt.Tooltip("origin:N", title="Runs"),
    ]
    if unit != "weights":
        told.insert(3, alt.Tooltip("size:Q", title=UNITS[unit].title, format=",.3~r"))
    return told


def _size_axis(sizes: Sequence[float], unit: str) -> alt.X:
    scale = alt.Scale(type="log", nice=False, domain=[min(sizes) / 1.6, max(sizes) * 1.5])
    axis = alt.Axis(format=UNITS[unit].format, values=TICKS, labelOverlap="greedy")
    return alt.X("size:Q", scale=scale, title=f"{UNITS[unit].axis} (log scale)", axis=axis)


def _height_axis(heights: Sequence[float], errors: bool) -> tuple[alt.Scale, alt.Axis, str]:
    worse, better = _span(heights, errors)
    if errors:
        scale = alt.Scale(type="log", nice=False, domain=[better, worse], reverse=True)
        return scale, percent_axis(None, values=TICKS), "Test errors (log scale, better is up)"
    scale = alt.Scale(domain=[worse, better], nice=False)
    return scale, percent_axis(1 if worse > 0.9 else 0, tickCount=8), "Test accuracy"


def _front(rows: pd.DataFrame, x: alt.X, y: Height) -> alt.LayerChart | alt.FacetChart:
    line = alt.Chart(rows).mark_line(interpolate="step-after", strokeDash=[2, 3], strokeWidth=1.5, color=QUIET)
    word = alt.Chart(rows.tail(1)).mark_text(
        align="right", baseline="bottom", dx=-4, dy=-6, color=QUIET, text="Pareto front"
    )
    return alt.layer(line.encode(x=x, y=y("mean")), word.encode(x=x, y=y("mean")))
