"""Other people's results on a chart: hollow marks, each with its rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair as alt
import pandas as pd

from core.charts.style import QUIET, family_color
from core.networks.families import FAMILIES
from core.results.published import Published


def rows(published: Sequence[Published]) -> pd.DataFrame:
    """Return a row for each; those of the article's families have its title."""
    columns = ["title", "name", "size", "accuracy", "stated", "rules", "network", "source", "article"]
    return pd.DataFrame(
        [
            (
                FAMILIES[p.family].title if p.family else None,
                p.name,
                p.parameters,
                p.accuracy,
                p.stated,
                p.rules,
                p.network,
                p.source,
                p.family is not None,
            )
            for p in published
        ],
        columns=columns,
    )


def hollow(others: pd.DataFrame, x: alt.X, y: Callable[[str], alt.Y], titles: list[str]) -> list[alt.Chart]:
    """Draw rows of :func:`rows` that have a ``height``: diamonds for the article's, crosses for others'."""
    told = [
        alt.Tooltip("source:N", title="Published"),
        alt.Tooltip("name:N", title="Network"),
        alt.Tooltip("size:Q", title="Weights", format=","),
        alt.Tooltip("stated:N", title="Test accuracy"),
        alt.Tooltip("rules:N", title="Rules"),
    ]
    drawn = []
    ours, theirs = others[others["article"]], others[~others["article"].astype(bool)]
    if len(ours):
        mark = alt.Chart(ours).mark_point(filled=False, size=190, strokeWidth=2, shape="diamond", opacity=1)
        drawn.append(mark.encode(x=x, y=y("height"), color=family_color(titles), tooltip=told))
    if len(theirs):
        mark = alt.Chart(theirs).mark_point(
            filled=False, size=110, strokeWidth=1.8, shape="cross", color=QUIET, opacity=1
        )
        drawn.append(mark.encode(x=x, y=y("height"), tooltip=told))
    return drawn
