"""What all charts have in common: a family's colour and shape, quiet marks, and how shares are written.

Colours come from the theme's categorical range, so light and dark each get theirs; a family keeps its place in that
range, and its shape, on every chart. Channels are named by their classes (``alt.Text("name:N")``): finding the class
for a string takes Altair several milliseconds each time.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import cycle
from typing import Any

import altair as alt
import pandas as pd

from core.networks.families import FAMILIES
from core.results.sentences import percent
from core.runs.run import Origin

TITLES = [x.title for x in FAMILIES.values()]
_MARKS = ("circle", "square", "triangle-up", "triangle-down", "diamond", "triangle-left", "triangle-right", "cross")
QUIET = "#8A94A0"  # reads on white and on near-black alike

# Reference runs are paler than the user's own; an order, as Vega wants for opacities.
STRENGTH = alt.Opacity(
    "origin:O", scale=alt.Scale(domain=[Origin.OWN.value, Origin.REFERENCE.value], range=[1.0, 0.65]), legend=None
)


def legend(columns: str, **given: Any) -> alt.Legend:
    """Return a legend above a chart whose columns take what the chart's width leaves them.

    Of a legend that is wider than its chart the rest would be cut off.

    Args:
        columns: how many, as Vega's expression, in which ``width`` is the chart's.
        given: what else ``alt.Legend`` is given.
    """
    room = alt.ExprRef(f"max(60, width / ({columns}) - 40)")
    return alt.Legend(title=None, orient="top", columns=alt.ExprRef(columns), labelLimit=room, **given)


LEGEND = legend("2", symbolSize=120, symbolOpacity=1)
FEW = 4  # families of people's own that have their place on every chart


def places(shown: Iterable[str], own: Iterable[str] = ()) -> list[str]:
    """Return the titles of families in the order that gives each its colour and its shape.

    Those that come with Featherweight are first, then people's own: of many only the ones shown, as a legend names all.

    Args:
        shown: those on the chart.
        own: those of people's own families.
    """
    seen, mine = dict.fromkeys(shown), list(own)
    mine = mine if len(mine) <= FEW else [x for x in mine if x in seen]
    return list(dict.fromkeys([*TITLES, *mine, *seen]))


def family_color(titles: list[str]) -> alt.Color:
    """Return the colour of a family's title, given :func:`places`."""
    return alt.Color("title:N", scale=alt.Scale(domain=titles), legend=LEGEND)


def family_shape(titles: list[str]) -> alt.Shape:
    """Return the shape of a family's title; with the same legend as its colour, the two become one."""
    shapes = [shape for shape, _ in zip(cycle(_MARKS), titles, strict=False)]
    return alt.Shape("title:N", scale=alt.Scale(domain=titles, range=shapes), legend=LEGEND)


def percent_axis(digits: int | None, **given: Any) -> alt.Axis:
    """Return an axis of shares, written as everywhere: ``97.0 %``.

    Args:
        digits: how many a tick has, or more where it takes more to tell it from its neighbours; None writes as many as
            a tick needs.
        given: what else ``alt.Axis`` is given.
    """
    form = "'~f'"
    if digits is not None:
        steps = f"{10 ** (digits + 2)} * datum.value"
        form = f"abs({steps} - round({steps})) < 1e-6 ? '.{digits}f' : '~f'"
    return alt.Axis(labelExpr=f"format(100 * datum.value, {form}) + ' %'", **given)


def with_percents(rows: pd.DataFrame, *fields: str, digits: int = 2) -> pd.DataFrame:
    """Return rows with a column ``FIELD_text`` beside each column of shares, for tooltips: ``97.04 %``."""
    return rows.assign(**{f"{x}_text": [percent(y, digits) for y in rows[x]] for x in fields})
