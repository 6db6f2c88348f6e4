"""The chart of a search: its runs over their weights, and below them a lane a family with its bracket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import altair as alt
import pandas as pd

from core.charts.results import TICKS
from core.charts.style import QUIET, family_color, family_shape, percent_axis, places
from core.finder.bisection import Finding, Verdict
from core.finder.trials import Outcome
from core.results.sentences import goal, percent

HEIGHT = 260  # pixels of the runs
AXIS = 70  # pixels that the axis of sizes takes on a page
GAP = 8  # pixels between them and the first lane
LANE = 42  # pixels of a family's lane
BAND = 6  # pixels from a band's middle to its edge
NAME = 19  # pixels from there to its words
DEEP = 3  # times the errors at the target: lower accuracies are drawn at the foot
MARGIN = 1.3  # of the size axis beyond the smallest and the largest network
ENDED = {
    Verdict.NOT_REACHED: "not reached",
    Verdict.NOT_SMALLER: "not smaller than the answer",
    Verdict.FAILED: "given up",
}
Axis = Callable[[str], Any]
RUN_COLUMNS = ["title", "weights", "width", "seed", "accuracy", "height", "read", "came", "hollow"]


def search(
    findings: Sequence[Finding], target: float, watched: str, own: Iterable[str] = ()
) -> alt.LayerChart | alt.FacetChart:
    """Draw a search as it stands. Axes and size follow from what is asked alone, so that nothing jumps as it goes on.

    Args:
        findings: of each family.
        target: the accuracy to reach, a share.
        watched: the images that decide: ``'test'`` or ``'held-out'``.
        own: the titles of people's own families, which give each its colour.
    """
    titles = places((x.asked.family.title for x in findings), own)
    color, shape = family_color(titles).legend(None), family_shape(titles).legend(None)
    x = _sizes(findings)
    low = round(max(0.0, 1 - DEEP * (1 - target)), 6)
    # a page takes the axis from the chart's height, so that places are counted from its foot
    foot = alt.ExprRef(f"height - {LANE * len(findings) + GAP}")
    scale = alt.Scale(domain=[low, 1], range=[foot, 0], nice=False, zero=False)
    digits = 1 if 1 - low < 0.2 else 0
    axis = percent_axis(digits, tickCount=6, titleAnchor="end", titleAlign="right")

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=scale, axis=axis, title=f"Accuracy, {watched} images")

    drawn: list[alt.Chart] = [
        _decades(findings, x),
        *_target(target, y),
        *_lanes(findings, titles, color, shape, x),
        *_runs(findings, low, color, shape, x, y),
    ]
    return alt.layer(*drawn).properties(height=height(len(findings)))


def height(families: int) -> int:
    """Return the pixels that the chart of so many families has."""
    return HEIGHT + GAP + AXIS + LANE * families


def _sizes(findings: Sequence[Finding]) -> Axis:
    sizes = [size for x in findings for size in x.asked.parameters]
    scale = alt.Scale(type="log", nice=False, domain=[min(sizes) / MARGIN, max(sizes) * MARGIN])
    axis = alt.Axis(format="~s", values=TICKS, labelOverlap="greedy", labelSeparation=6, grid=False)
    return lambda field: alt.X(f"{field}:Q", scale=scale, title="Weights (log scale)", axis=axis)


def _decades(findings: Sequence[Finding], x: Axis) -> alt.Chart:
    """Draw a line at every power of ten: an axis would draw its own no higher than the runs are."""
    least, most = (f(size for x in findings for size in x.asked.parameters) for f in (min, max))
    powers = [10**p for p in range(10) if least / MARGIN < 10**p < most * MARGIN]
    rules = alt.Chart(pd.DataFrame({"size": powers}, dtype="float64")).mark_rule(color=QUIET, opacity=0.3, aria=False)
    return rules.encode(x=x("size"))


def _target(target: float, y: Axis) -> list[alt.Chart]:
    base = alt.Chart(pd.DataFrame({"height": [target], "text": [f"target {goal(target)}"]}))
    rule = base.mark_rule(color=QUIET, strokeDash=[6, 4]).encode(y=y("height"))
    words = base.mark_text(align="right", baseline="top", dx=-4, dy=4, color=QUIET)
    return [rule, words.encode(x=alt.XValue("width"), y=y("height"), text=alt.Text("text:N"))]


# ---- runs


def runs(findings: Sequence[Finding], low: float = 0.0) -> pd.DataFrame:
    """Return a row a run: ``title``, ``weights``, ``width``, ``seed``, ``accuracy``, ``hollow`` and how to tell it.

    ``height`` is where it is drawn: no lower than ``low``.
    """
    rows = [
        {
            "title": finding.asked.family.title,
            "weights": finding.asked.weights(judgement.width),
            "width": judgement.width,
            "seed": x.seed,
            "accuracy": x.accuracy,
            "height": max(x.accuracy, low),
            "read": percent(x.accuracy),
            "came": "stopped as hopeless" if x.outcome is Outcome.HOPELESS else "trained to its end",
            "hollow": x.outcome is Outcome.HOPELESS,
        }
        for finding in findings
        for judgement in finding.judgements
        for x in judgement.trials
    ]
    return pd.DataFrame(rows, columns=RUN_COLUMNS)


def _runs(
    findings: Sequence[Finding], low: float, color: alt.Color, shape: alt.Shape, x: Axis, y: Axis
) -> list[alt.Chart]:
    table = runs(findings, low)
    told = [
        alt.Tooltip("title:N", title="Family"),
        alt.Tooltip("width:Q", title="Width n"),
        alt.Tooltip("weights:Q", title="Weights", format=","),
        alt.Tooltip("seed:Q", title="Seed"),
        alt.Tooltip("read:N", title="Accuracy"),
        alt.Tooltip("came:N", title="Run"),
    ]
    return [
        alt.Chart(table[table["hollow"] == hollow])
        .mark_point(filled=not hollow, size=70, strokeWidth=1.6, opacity=0.85)
        .encode(x=x("weights"), y=y("height"), color=color, shape=shape, tooltip=told)
        for hollow in (True, False)
    ]


# ---- brackets


def lane(finding: Finding) -> dict[str, Any]:
    """Return a family's lane: where its answer lies in weights, which ends are known, and the words for it.

    ``left`` and ``right`` are None where there is no answer to look for.
    """
    asked, above, below = finding.asked, finding.parameters, finding.below
    row: dict[str, Any] = {
        "title": asked.family.title,
        "first": asked.parameters[0],
        "last": asked.parameters[-1],
        "answer": above if finding.verdict in (Verdict.FOUND, Verdict.UNTOLD) else None,
        "left": None,
        "right": None,
        "left_known": below is not None,
        "right_known": above is not None,
    }
    if finding.verdict in ENDED:
        return row | {"words": f"{asked.family.title}: {ENDED[finding.verdict]}"}
    row["left"] = asked.weights(below.width) if below else asked.parameters[0]
    row["right"] = above or asked.parameters[-1]
    more = f"more than {row['left']:,}" if below else ""
    most = f"at most {above:,}" if above else ""
    words = ", ".join(x for x in (more, most) if x) or "nothing known yet"
    match finding.verdict:
        case Verdict.FOUND:
            words = f"{above:,} weights"
        case Verdict.UNTOLD:  # of the widest that may be tried, where none reaches the target
            words = f"{f'{above:,} weights' if above else words}, not told apart"
        case Verdict.OUT_OF_TIME:
            words += ", out of time"
    return row | {"words": f"{asked.family.title}: {words}"}


def _lanes(
    findings: Sequence[Finding], titles: list[str], color: alt.Color, shape: alt.Shape, x: Axis
) -> list[alt.Chart]:
    rows = [
        lane(finding) | {"up": LANE * (len(findings) - place - 1) + BAND + 4} for place, finding in enumerate(findings)
    ]
    table = pd.DataFrame(rows).astype(dict.fromkeys(("first", "last", "left", "right", "answer"), "float64"))
    bands = table[table["left"].notna()]
    middle, top, name = (alt.YValue(_above(x)) for x in (0, BAND, NAME))
    foot = alt.Y2Value(_above(-BAND))
    layers = [
        alt.Chart(table)
        .mark_rule(color=QUIET, opacity=0.5, aria=False)
        .encode(x=x("first"), x2=alt.X2("last"), y=middle),
        alt.Chart(bands)
        .mark_rect(opacity=0.35, aria=False)
        .encode(x=x("left"), x2=alt.X2("right"), y=top, y2=foot, color=color),
    ]
    for side, symbol in (("left", "triangle-left"), ("right", "triangle-right")):
        known, open_ = bands[bands[f"{side}_known"]], bands[~bands[f"{side}_known"].astype(bool)]
        ends = alt.Chart(known).mark_rule(strokeWidth=2.5, aria=False)
        layers.append(ends.encode(x=x(side), y=top, y2=foot, color=color))
        arrow = alt.Chart(open_).mark_point(filled=True, shape=symbol, size=110, opacity=1, aria=False)
        layers.append(arrow.encode(x=x(side), y=middle, color=color))
    answers = alt.Chart(table[table["answer"].notna()]).mark_point(filled=True, size=130, opacity=1, aria=False)
    layers.append(answers.encode(x=x("answer"), y=middle, color=color, shape=shape))
    symbols = alt.Chart(table).mark_point(filled=True, size=70, opacity=1, aria=False)
    layers.append(symbols.encode(x=alt.XValue(6), y=name, color=color, shape=shape))
    words = alt.Chart(table).mark_text(align="left", baseline="middle", fontSize=12, color=QUIET)
    layers.append(words.encode(x=alt.XValue(16), y=name, text=alt.Text("words:N")))
    return layers


def _above(pixels: int) -> alt.ExprRef:
    return alt.ExprRef(f"height - datum.up - {pixels}")
