"""Charts of a network's weights: one rectangle each for small layers, one picture for large ones, on one scale."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.charts import pixels
from core.charts.pixels import Grid
from core.charts.style import QUIET
from core.networks.layers import Array
from core.networks.network import Network

SMALL = 2_000  # weights of a network that is drawn as rectangles altogether
FEW = 400  # weights of a layer of a larger network that still is
ROOM = (250, 340)  # height and width of a layer's rectangles in pixels: all of a small network fit on one screen
STREAMLITS = 20  # pixels that Streamlit takes off a chart's height
CELL = 18  # pixels of a weight, if there is room
SIGNS = ["negative", "positive"]


def rectangles(grid: Grid, limit: float) -> alt.LayerChart | alt.FacetChart:
    """Draw a layer with a rectangle for each weight, which says its value.

    Args:
        grid: the layer.
        limit: the largest weight of all the networks shown: it is drawn opaque.
    """
    where = grid.layout(len(grid.bias))
    table = cells(grid)
    down, across = where.shape
    size = max(1.0, min(CELL, ROOM[0] / down, ROOM[1] / across))
    frames = table[~table["bias"]].groupby(["from", "to"], sort=False)
    frame = frames.agg(x=("x", "min"), y=("y", "min"), x2=("x2", "max"), y2=("y2", "max")).reset_index()
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[0, across], nice=False, zero=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, down], nice=False, zero=False, reverse=True))
    # hundreds of marks with a name each would drown who listens; the chart's own text says what it is
    edges = alt.Chart(frame).mark_rect(
        filled=False, fillOpacity=0, stroke=QUIET, strokeWidth=0.7, strokeOpacity=0.8, aria=False
    )
    single = alt.Chart(table[table["bias"]]).mark_rect(
        filled=False, fillOpacity=0, stroke=QUIET, strokeWidth=0.7, strokeOpacity=0.8, aria=False
    )
    weights = (
        alt.Chart(table)
        .mark_rect(aria=False)
        .encode(
            x=x,
            x2=alt.X2("x2"),
            y=y,
            y2=alt.Y2("y2"),
            color=alt.Color("sign:N", scale=alt.Scale(domain=SIGNS), legend=None),
            opacity=_opacity(limit),
            tooltip=[
                alt.Tooltip("weight:Q", title="Weight", format=".4f"),
                alt.Tooltip("from:N", title="From"),
                alt.Tooltip("to:N", title="To"),
                alt.Tooltip("place:N", title="Place"),
            ],
        )
    )
    place = {"x": x, "x2": alt.X2("x2"), "y": y, "y2": alt.Y2("y2")}
    return alt.layer(edges.encode(**place), single.encode(**place), weights).properties(
        width=size * across, height=size * down
    )


def alone(chart: alt.LayerChart | alt.FacetChart) -> alt.LayerChart | alt.FacetChart:
    """Return a layer's chart for a page: it fills its place to the edge, so that weights stay square."""
    return chart.properties(height=chart.height + STREAMLITS, padding=0, autosize=alt.AutoSizeParams(type="none"))


def cells(grid: Grid) -> pd.DataFrame:
    """Return a row for each weight: ``x``, ``y``, ``x2``, ``y2`` in cells, ``weight`` and what it connects."""
    where = grid.layout(len(grid.bias))
    y, x = np.nonzero(where >= 0)
    number = where[y, x]
    rows, columns, height, width = grid.tiles.shape
    bias = number >= grid.tiles.size
    inside = np.where(bias, 0, number)
    row, column, line, place = np.unravel_index(inside, (rows, columns, height, width))
    weight = grid.numbers()[number].astype(float)
    alone = (height, width) == (1, 1)
    table = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "x2": x + 1,
            "y2": y + 1,
            "weight": weight,
            "magnitude": np.abs(weight),
            "sign": np.where(weight < 0, *SIGNS),
            "bias": bias,
        }
    )
    lines = [f"{i + 1}" for i in range(height)]
    source = [
        f"input {lines[i]}" if grid.entering == "input" else f"channel {r + 1}" for r, i in zip(row, line, strict=True)
    ]
    table["from"] = np.where(bias, "bias", source)
    target = np.where(bias, number - grid.tiles.size, column)
    table["to"] = [f"{grid.leaving} {i + 1}" for i in target]
    spot = [f"row {i + 1}, column {j + 1}" for i, j in zip(line, place, strict=True)]
    table["place"] = np.where(bias | alone | (grid.entering == "input"), "–", spot)
    return table


def picture(url: str, height: int, width: int) -> alt.Chart:
    """Return a picture, given as bytes in an address, as a chart whose pixels keep hard edges."""
    table = pd.DataFrame({"url": [url]})
    mark = alt.Chart(table).mark_image(width=width, height=height, smooth=False, aria=False)
    drawn = mark.encode(url=alt.Url("url:N"), x=alt.XValue(width / 2), y=alt.YValue(height / 2))
    return drawn.properties(width=width, height=height)


def address(png: bytes) -> str:
    """Return a PNG as an address that holds it."""
    return f"data:image/png;base64,{b64encode(png).decode()}"


def scale(limit: float) -> alt.LayerChart | alt.FacetChart:
    """Draw what the colours of weights mean, from the most negative to the most positive."""
    steps = np.linspace(-limit, limit, 21)
    half = 0.46 * (steps[1] - steps[0])  # a little room between them
    table = pd.DataFrame(
        {
            "x": steps - half,
            "x2": steps + half,
            "y": 0,
            "y2": 1,
            "magnitude": np.abs(steps),
            "sign": np.where(steps < 0, *SIGNS),
        }
    )
    values = [-limit, -limit / 4, 0, limit / 4, limit]
    axis = alt.Axis(values=values, format="+.2~f", title=None, grid=False, domain=False, labelFlush=True)
    bar = (
        alt.Chart(table)
        .mark_rect(aria=False)
        .encode(
            x=alt.X("x:Q", axis=axis, scale=alt.Scale(domain=[-limit - half, limit + half], nice=False)),
            x2=alt.X2("x2"),
            y=alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
            y2=alt.Y2("y2"),
            color=alt.Color("sign:N", scale=alt.Scale(domain=SIGNS), legend=None),
            opacity=_opacity(limit),
        )
    )
    return alt.layer(bar).properties(width=300, height=60)


def poster(grids: Sequence[Grid], limit: float, title: str, colours: Sequence[str]) -> alt.ConcatChart:
    """Draw all layers as one chart to take away: rectangles or pictures as on the page, under their names.

    Args:
        grids: the layers.
        limit: the largest weight.
        title: what stands above.
        colours: the theme's, of which the first is for negative and the second for positive weights.
    """
    small = sum(x.count for x in grids) <= SMALL
    drawn = []
    for grid in grids:
        if small or grid.count <= FEW:
            chart: alt.LayerChart | alt.FacetChart | alt.Chart = rectangles(grid, limit)
        else:
            across, size = pixels.fit(len(grid.bias), *grid.block, (1000, 1000), 8)
            values = grid.mosaic(across)
            png = pixels.png(pixels.coloured(values, limit, *colours[:2]))
            chart = picture(address(png), values.shape[0] * size, values.shape[1] * size)
        drawn.append(chart.properties(title=f"{grid.label}: {grid.count:,} weights"))
    return alt.concat(*drawn, scale(limit).properties(title="Weight"), columns=3 if small else 1).properties(
        title=title
    )


def _title(text: str) -> alt.TitleParams:
    return alt.TitleParams(text, offset=14)


def _opacity(limit: float) -> alt.Opacity:
    # zero is the page's own background; the square root lets small weights be seen beside the largest
    scale = alt.Scale(type="sqrt", domain=[0, limit or 1.0], range=[0, 1], nice=False)
    return alt.Opacity("magnitude:Q", scale=scale, legend=None)


def sheet(named: Sequence[tuple[str, Array]], title: str, width: int = 260) -> alt.ConcatChart:
    """Draw pictures, given as bytes of colours, under their names as one chart to take away."""
    drawn = []
    for name, image in named:
        size = max(1, width // image.shape[1])
        png = address(pixels.png(image))
        drawn.append(picture(png, image.shape[0] * size, image.shape[1] * size).properties(title=name))
    return alt.concat(*drawn, columns=3).properties(title=_title(title))


def walk(network: Network, weights: Sequence[Array], image: Array, title: str) -> alt.ConcatChart:
    """Draw what every layer makes of an image ``(height, width, channels)`` from 0 to 1 as one chart to take away."""
    named = [(pixels.INPUT, pixels.photograph(image))]
    outputs = network.activations(weights, image[np.newaxis])
    for name, output in zip(pixels.layer_labels(network), outputs, strict=True):
        tiles = pixels.maps(output[0])
        across, _ = pixels.fit(len(tiles), tiles.shape[1], tiles.shape[2], (240, 520), 8)
        named.append((name, pixels.grey(pixels.mosaic(tiles, across, np.nan))))
    return sheet(named, title)
