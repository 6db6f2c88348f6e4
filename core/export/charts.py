"""Charts to take away: as SVG, PNG and one HTML page that needs no network."""

from __future__ import annotations

import html as markup
import json as text
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from core import ROOT
from core.errors import invalid

WIDTH, HEIGHT = 900, 520
SCHEMES = ("light", "dark")
VEGA_LITE = alt.SCHEMA_VERSION.removeprefix("v").rpartition(".")[0]  # '6.4': vl-convert carries several
_STREAMLIT = ROOT / ".streamlit" / "config.toml"
_PAGE = Path(__file__).with_name("charts.html")


@lru_cache
def theme(scheme: str) -> dict[str, Any]:
    """Return the colours of ``'light'`` or ``'dark'`` from Streamlit's configuration, where alone they are kept.

    Raises:
        ArgumentError: on another scheme.
    """
    if scheme not in SCHEMES:
        raise invalid("scheme", " or ".join(SCHEMES), scheme)
    colours: dict[str, Any] = tomllib.loads(_STREAMLIT.read_text("utf-8"))["theme"][scheme]
    return colours


def themed(chart: Any, scheme: str = "light") -> Any:
    """Return an Altair chart with the colours, sizes and fonts that it gets from Streamlit on a page.

    Raises:
        ArgumentError: if the scheme is neither ``'light'`` nor ``'dark'``.
    """
    colours = theme(scheme)
    ink, line, paper = colours["textColor"], colours["borderColor"], colours["backgroundColor"]
    if isinstance(chart, alt.Chart | alt.LayerChart):  # a facet's size follows from its parts
        chart = chart.properties(width=WIDTH, height=HEIGHT)
    return chart.configure(
        background=paper,
        # room for the last figure of an axis, half of which stands outside
        padding={"left": 20, "right": 32, "top": 20, "bottom": 20},
        font="sans-serif",
        range=alt.RangeConfig(category=colours["chartCategoricalColors"]),
        view=alt.ViewConfig(stroke=None),
        text=alt.MarkConfig(fontSize=14),
        title=alt.TitleConfig(color=ink, fontSize=18, anchor="start"),
        axis=alt.AxisConfig(
            labelColor=ink,
            titleColor=ink,
            labelFontSize=14,
            titleFontSize=15,
            titleFontWeight="normal",
            titlePadding=12,
            labelPadding=6,
            domainColor=line,
            tickColor=line,
            gridColor=line,
            gridOpacity=0.6,
        ),
        legend=alt.LegendConfig(
            labelColor=ink,
            titleColor=ink,
            labelFontSize=14,
            titleFontSize=14,
            labelLimit=WIDTH / 2,
            columns=2,  # of a chart that does not say: names of recipes in one row would be wider than the chart
        ),
        header=alt.HeaderConfig(labelColor=ink, titleColor=ink, labelFontSize=14, titleFontSize=15),
    )


def svg(chart: Any, scheme: str = "light") -> bytes:
    """Return the themed chart as SVG."""
    import vl_convert  # a JavaScript engine, that only who exports has to load

    specification = themed(chart, scheme).to_dict()
    # no address is allowed: what is drawn lies in the chart
    return vl_convert.vegalite_to_svg(specification, VEGA_LITE, allowed_base_urls=[]).encode()


def png(chart: Any, scheme: str = "light", scale: float = 3) -> bytes:
    """Return the themed chart as PNG of ``scale`` pixels per unit of length."""
    import vl_convert

    specification = themed(chart, scheme).to_dict()
    return vl_convert.vegalite_to_png(specification, VEGA_LITE, scale=scale, allowed_base_urls=[])


def html(chart: Any, scheme: str, title: str, sentence: str, table: pd.DataFrame) -> bytes:
    """Return one HTML page with everything in it: the sentence, the chart with its tooltips and its figures as a table.

    Args:
        chart: an Altair chart without colours of its own.
        scheme: ``'light'`` or ``'dark'``.
        title: the heading and the name of the window.
        sentence: what the chart says; it describes the chart to a screen reader too.
        table: the figures behind the chart, as they are to be read; the first column names the rows.
    """
    import vl_convert

    colours = theme(scheme)
    drawn = themed(chart, scheme)
    if isinstance(chart, alt.Chart | alt.LayerChart):
        drawn = drawn.properties(width="container", autosize=alt.AutoSizeParams(type="fit", contains="padding"))
    library = vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]  # a snippet may be left out
    specification = text.dumps(drawn.to_dict()).replace("<", "\\u003c")  # nothing in it can end the script
    filled = {
        "title": markup.escape(title),
        "sentence": markup.escape(sentence),
        "scheme": scheme,
        "table": _table(table),
        "ink": colours["textColor"],
        "paper": colours["backgroundColor"],
        "line": colours["borderColor"],
        "band": colours["secondaryBackgroundColor"],
        "height": str(HEIGHT),
        "specification": specification,
        "library": library.replace("</script", "<\\/script"),
    }
    # by pieces, not by replacing one after the other: no value is searched for the name of the next
    pieces = _PAGE.read_text("utf-8").split("%%")
    return "".join(filled[x] if i % 2 else x for i, x in enumerate(pieces)).encode()


def _table(table: pd.DataFrame) -> str:
    head = "".join(f'<th scope="col">{markup.escape(str(x))}</th>' for x in table.columns)
    body = []
    for first, *rest in table.itertuples(index=False, name=None):
        cells = "".join(f"<td>{_cell(x)}</td>" for x in rest)
        body.append(f'<tr><th scope="row">{_cell(first)}</th>{cells}</tr>')
    return f"<thead><tr>{head}</tr></thead><tbody>{''.join(body)}</tbody>"


def _cell(value: Any) -> str:
    if pd.isna(value):
        return "–"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return markup.escape(f"{value:,}" if hasattr(value, "__index__") else str(value))
