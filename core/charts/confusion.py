"""Charts of answers: a network's confusion, its accuracy per class, and what another network does differently."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from core.charts.pixels import rgb
from core.charts.style import QUIET, percent_axis, with_percents
from core.networks.layers import Array
from core.results import confusion
from core.results.sentences import percent

MOST = 20  # classes of a matrix that is drawn; of more, only the commonest confusions are told
DEEPEST = 0.85  # opacity of the commonest mistake
SIDE = 34  # pixels of a field
ROUND = 160  # pixels of legend and axis above and below the rows
LETTER, LONGEST = 6.5, 240  # pixels of a letter of a class's name, and of a name that is written whole
SHORT = 70  # pixels of a name beside a matrix that has less room than it would take
PHONE, HALF = 350, 528  # pixels that a phone has, and half a page


def table(counts: Array, names: Sequence[str]) -> pd.DataFrame:
    """Return a row per true class and answer: ``label``, ``answer``, ``count``, ``right``, ``share`` (of the class)."""
    classes = len(counts)
    label, answer = np.indices(counts.shape)
    images = np.maximum(np.abs(counts).sum(axis=1), 1)
    return pd.DataFrame(
        {
            "label": np.array(list(names))[label.ravel()],
            "answer": np.array(list(names))[answer.ravel()],
            "count": counts.ravel(),
            "right": np.eye(classes, dtype=bool).ravel(),
            "share": (counts / images[:, None]).ravel(),
        }
    )


def matrix(counts: Array, names: Sequence[str], theme: Mapping[str, Any]) -> alt.LayerChart | alt.FacetChart:
    """Draw a confusion matrix: mistakes in the colour of their number; right answers as numbers alone.

    ``theme`` is that of :func:`core.export.charts.theme`: numbers take from it what reads on their field.
    """
    rows = table(counts, names)
    wrong = int(rows.loc[~rows["right"], "count"].max()) or 1
    rows["shade"] = np.where(rows["right"], 0.0, rows["count"] / wrong)
    return _fields(rows, names, "count:Q", "positive", theme)


def change(
    small: Array, large: Array, names: Sequence[str], theme: Mapping[str, Any]
) -> alt.LayerChart | alt.FacetChart:
    """Draw what a small network answers more often than a large one and less often, on a diverging scale."""
    rows = table(small - large, names)
    most = int(rows["count"].abs().max()) or 1
    rows["shade"] = rows["count"].abs() / most
    rows["text"] = [f"{x:+d}" if x else "" for x in rows["count"]]
    return _fields(rows, names, "text:N", None, theme)


def _fields(
    rows: pd.DataFrame, names: Sequence[str], text: str, sign: str | None, theme: Mapping[str, Any]
) -> alt.LayerChart | alt.FacetChart:
    rows = rows.assign(sign=sign or np.where(rows["count"] < 0, "negative", "positive"))
    rows["ink"] = [_ink(x, y, theme) for x, y in zip(rows["sign"], rows["shade"], strict=True)]
    # names of more than two letters would run into each other
    angle = -45 if max(map(len, names)) > 2 else 0
    scale = alt.Scale(domain=list(names), padding=0)
    # on a page that has less room, the fields get it; a chart that is drawn into a file has no container
    limit = alt.ExprRef(f"containerSize()[0] < {side(names)} ? {SHORT} : {LONGEST}")
    bare: dict[str, Any] = {"ticks": False, "domain": False, "labelLimit": limit, "labelOverlap": False}
    x = alt.X("answer:O", title="Answered", axis=alt.Axis(labelAngle=angle, **bare), scale=scale)
    y = alt.Y("label:O", title="True", axis=alt.Axis(**bare), scale=scale)
    base = alt.Chart(rows).encode(
        x=x,
        y=y,
        tooltip=[
            alt.Tooltip("label:O", title="True"),
            alt.Tooltip("answer:O", title="Answered"),
            alt.Tooltip("count:Q", title="Images", format=","),
        ],
    )
    fields = base.mark_rect(stroke=QUIET, strokeWidth=0.4, strokeOpacity=0.5, aria=False).encode(
        color=alt.Color("sign:N", scale=alt.Scale(domain=["negative", "positive"]), legend=None),
        fillOpacity=alt.FillOpacity(
            "shade:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=[0, DEEPEST]), legend=None
        ),
    )
    told = base.transform_filter("datum.count != 0").mark_text(fontSize=12, aria=False)
    numbers = told.encode(text=text, color=alt.Color("ink:N", scale=None))
    return alt.layer(fields, numbers).properties(width=side(names), height=side(names))


def side(names: Sequence[str]) -> int:
    """Return the pixels that a matrix takes on a page where there is room."""
    return SIDE * len(names) + round(_room(names))


def _room(names: Sequence[str]) -> float:
    """Return what names of more than two letters take of a chart, which on a page are within its size."""
    longest = max(map(len, names))
    return min(LETTER * longest + 24, HALF - 10 * SIDE) if longest > 2 else 0


def _ink(sign: str, shade: float, theme: Mapping[str, Any]) -> str:
    """Return which of the theme's two colours, text or background, stands out more from a field."""
    paper, ink = str(theme["backgroundColor"]), str(theme["textColor"])
    field = rgb(theme["chartCategoricalColors"][1 if sign == "positive" else 0])
    share = DEEPEST * shade**0.5
    behind = luminance(share * field + (1 - share) * rgb(paper))  # browsers mix as is, without undoing gamma
    return max(ink, paper, key=lambda x: abs(np.log((luminance(rgb(x)) + 0.05) / (behind + 0.05))))


def luminance(colour: Array) -> float:
    """Return the relative luminance of a colour by WCAG, from 0 to 1."""
    parts = colour / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def accuracies(named: Sequence[tuple[str, Array]], classes: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """Draw the accuracy per class of one or two networks, given as ``(name, confusion matrix)``."""
    rows = pd.DataFrame(
        [
            {"class": classes[label], "network": name, "accuracy": share, "images": int(counts[label].sum())}
            for name, counts in named
            for label, share in enumerate(confusion.by_class(counts))
            if counts[label].sum()
        ]
    )
    names = [name for name, _ in named]
    low = max(0.0, float(rows["accuracy"].min()) - 0.01)
    scale = alt.Scale(domain=[low, 1], nice=False, zero=False)
    x = alt.X("accuracy:Q", title="Accuracy", axis=percent_axis(None, tickCount=6), scale=scale)
    y = alt.Y("class:O", title="True class", axis=alt.Axis(labelOverlap=False, labelLimit=LONGEST), sort=list(classes))
    base = alt.Chart(with_percents(rows, "accuracy")).encode(x=x, y=y)
    span = (
        alt.Chart(rows)
        .mark_rule(color=QUIET, strokeWidth=1.5)
        .encode(x=alt.X("min(accuracy):Q"), x2=alt.X2("max(accuracy):Q"), y=y)
    )
    legend = alt.Legend(title=None, orient="top", columns=1, labelLimit=0)
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(
        color=alt.Color("network:N", scale=alt.Scale(domain=names), legend=legend),
        shape=alt.Shape("network:N", scale=alt.Scale(domain=names, range=["circle", "diamond"]), legend=legend),
        tooltip=[
            alt.Tooltip("network:N", title="Network"),
            alt.Tooltip("class:O", title="True class"),
            alt.Tooltip("accuracy_text:N", title="Accuracy"),
            alt.Tooltip("images:Q", title="Images"),
        ],
    )
    return alt.layer(span, dots).properties(height=ROUND + 24 * int(rows["class"].nunique()))


def probabilities(given: Array, label: int | None, names: Sequence[str]) -> alt.LayerChart | alt.FacetChart:
    """Draw the probabilities of an answer, one bar a class; the true class is marked."""
    answer = int(given.argmax())
    rows = pd.DataFrame({"class": names, "probability": given.astype(float)})
    rows["kind"] = np.where(rows.index == (answer if label is None else label), "true", "other")
    rows["text"] = [percent(x, 1) if x >= 0.0005 else "" for x in rows["probability"]]
    axis = alt.Axis(labelOverlap=False, ticks=False, domain=False, labelLimit=LONGEST)
    y = alt.Y("class:O", title=None, axis=axis, sort=list(names))
    x = alt.X("probability:Q", axis=None, scale=alt.Scale(domain=[0, 1.25], nice=False))
    base = alt.Chart(with_percents(rows, "probability", digits=4)).encode(x=x, y=y)
    bars = base.mark_bar().encode(
        color=alt.Color("kind:N", scale=alt.Scale(domain=["true", "other"]), legend=None),
        tooltip=[alt.Tooltip("class:O", title="Class"), alt.Tooltip("probability_text:N", title="Probability")],
    )
    words = base.mark_text(align="left", dx=4, color=QUIET, aria=False).encode(text=alt.Text("text:N"))
    return alt.layer(bars, words).properties(width=min(230 + _room(names), PHONE), height=20 * len(given) + 24)


def confusions(counts: Array, names: Sequence[str], most: int = MOST) -> pd.DataFrame:
    """Return the commonest confusions, a row each: ``True``, ``Answered``, ``Images`` and their share of the class."""
    rows = table(counts, names)
    found = rows[~rows["right"] & (rows["count"] > 0)].sort_values("count", ascending=False, kind="stable").head(most)
    return pd.DataFrame(
        {
            "True": found["label"],
            "Answered": found["answer"],
            "Images": found["count"],
            "Share of the class": found["share"],
        }
    )
