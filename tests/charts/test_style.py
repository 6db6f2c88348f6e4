from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd
import pytest

from core.charts import style
from core.networks.families import FAMILIES
from tests.rendered import words


def ticks(digits: int | None, *values: float) -> list[str]:
    """Return what is written at ticks of an axis of shares."""
    rows = pd.DataFrame({"share": values})
    axis = style.percent_axis(digits, values=list(values))
    chart = alt.Chart(rows).mark_point().encode(y=alt.Y("share:Q", axis=axis, title=None, scale=alt.Scale(zero=False)))
    return words(chart)


@pytest.mark.parametrize(
    ("digits", "shares", "expected"),
    [
        (1, [0.965, 0.97, 0.975, 1.0], ["96.5 %", "97.0 %", "97.5 %", "100.0 %"]),
        (0, [0.0, 0.5, 1.0], ["0 %", "50 %", "100 %"]),
        (None, [0.0001, 0.002, 0.05, 0.5], ["0.01 %", "0.2 %", "5 %", "50 %"]),
    ],
)
def test_a_share_is_written_at_a_tick_as_everywhere(
    digits: int | None, shares: list[float], expected: list[str]
) -> None:
    assert sorted(ticks(digits, *shares)) == sorted(expected)


def test_the_ticks_that_a_chart_chooses_are_shares_too() -> None:
    chart = alt.Chart(pd.DataFrame({"share": [0.96, 0.98]})).mark_point()
    chart = chart.encode(y=alt.Y("share:Q", axis=style.percent_axis(1), scale=alt.Scale(zero=False)))
    assert "97.0 %" in words(chart)
    drawn: Any = chart.to_dict()
    axis = drawn["encoding"]["y"]["axis"]
    assert "format" not in axis and "100 * datum.value" in axis["labelExpr"]


def test_an_axis_takes_what_else_it_is_given() -> None:
    assert style.percent_axis(0, tickCount=3, grid=False).to_dict().keys() == {"labelExpr", "tickCount", "grid"}


def test_every_family_has_a_colour_and_a_shape_of_its_own() -> None:
    titles = [x.title for x in FAMILIES.values()]
    color: Any = style.family_color(style.places(titles)).to_dict()
    shape: Any = style.family_shape(style.places(titles)).to_dict()
    assert color["scale"]["domain"] == shape["scale"]["domain"] == titles
    assert len(set(shape["scale"]["range"])) == len(titles) and color["legend"] == shape["legend"]


def test_own_families_come_after_the_articles_and_keep_their_place() -> None:
    article = [x.title for x in FAMILIES.values()]
    assert style.places(["CNN", "Lean"], ["Thin", "Lean"]) == [*article, "Thin", "Lean"]
    assert style.places(["Lean", "dense"], ["Lean"]) == [*article, "Lean", "dense"], "those without a name come last"
    many = [f"Net {x}" for x in range(20)]
    assert style.places(["Net 7", "CNN", "Net 3"], many) == [*article, "Net 3", "Net 7"], "a legend names them all"


def test_reference_runs_are_paler() -> None:
    strength: Any = style.STRENGTH.to_dict()
    strong = dict(zip(strength["scale"]["domain"], strength["scale"]["range"], strict=True))
    assert strong["reference"] < strong["own"] == 1
