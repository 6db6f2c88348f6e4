"""Charts of a network's weights: one rectangle each for small layers, one picture for large ones, on one scale."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Sequence

import altair as alt
import numpy as np
import pandas as pd

from core.charts import pixels
from core.charts.mosaic import Grid, fit, gaps_of, mosaic
from core.charts.style import QUIET
from core.networks.layers import Array
from core.networks.network import Network

SMALL = 2_000  # weights of a network that is drawn as rectangles altogether
FEW = 400  # weights of a layer of a larger network that still is
ROOM = (250, 340)  # height and width of a layer's rectangles in pixels: all of a small network fit on one screen
STREAMLITS = 20  # pixels that Streamlit takes off a chart's height
CELL = 18  # pixels of a weight, if there is room
READABLE = 9  # pixels of a cell beside which its row's name still has room
LETTER = 7  # pixels that a letter of such a name takes
ALONE, BESIDE = (1000, 1000), (480, 480)  # height and width of a large layer's picture to take away
MANY = 6  # layers that a chart to take away holds one below the other, or twice as many three in a row
SIGNS = ["negative", "positive"]


def rectangles(grid: Grid, limit: float) -> alt.LayerChart | alt.FacetChart:
    """Draw a layer with a rectangle for each weight, which says its value.

    Args:
        grid: the layer.
        limit: the largest weight of all the networks shown: it is drawn opaque.
    """
    beside = max((LETTER * len(x) + LETTER for x in grid.names), default=0)
    room = (ROOM[0], ROOM[1] - beside)
    across, _ = grid.fit(room, CELL)
    tall, wide = grid.layout(across).shape
    size = max(1.0, min(CELL, room[0] / tall, room[1] / wide))
    table = cells(grid, across)
    frames = table[~table["bias"]].groupby(["from", "to"], sort=False)
    frame = frames.agg(x=("x", "min"), y=("y", "min"), x2=("x2", "max"), y2=("y2", "max")).reset_index()
    x = alt.X("x:Q", axis=None, scale=alt.Scale(domain=[-beside / size, wide], nice=False, zero=False))
    y = alt.Y("y:Q", axis=None, scale=alt.Scale(domain=[0, tall], nice=False, zero=False, reverse=True))
    place = {"x": x, "x2": alt.X2("x2"), "y": y, "y2": alt.Y2("y2")}
    biases = table[table["bias"]]
    # hundreds of marks with a name each would drown who listens; the chart's own text says what it is
    edges = [
        alt.Chart(rows)
        .mark_rect(filled=False, fillOpacity=0, stroke=QUIET, strokeWidth=0.7, strokeOpacity=0.8, aria=False)
        .encode(**place)
        for rows in (frame, biases)
        if len(rows)
    ]
    weights = (
        alt.Chart(table)
        .mark_rect(aria=False)
        .encode(
            **place,
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
    layers = [*edges, weights]
    if grid.names and size >= READABLE:
        layers.append(_names(grid, across, x, y))
    return alt.layer(*layers).properties(width=size * wide + beside, height=size * tall)


def _names(grid: Grid, across: int, x: alt.X, y: alt.Y) -> alt.Chart:
    """Return the names of the rows at their left, in each line of columns."""
    tall, step = grid.block[0] + grid.gaps[0], grid.block[0] / len(grid.names)
    lines = math.ceil(grid.columns / across)
    table = pd.DataFrame(
        [
            {"x": 0, "y": line * tall + (row + 0.5) * step, "name": name}
            for line in range(lines)
            for row, name in enumerate(grid.names)
        ]
    )
    mark = alt.Chart(table).mark_text(align="right", dx=-LETTER, fontSize=READABLE + 2, color=QUIET, aria=False)
    return mark.encode(x=x, y=y, text=alt.Text("name:N"))


def alone(chart: alt.LayerChart | alt.FacetChart) -> alt.LayerChart | alt.FacetChart:
    """Return a layer's chart for a page: it fills its place to the edge, so that weights stay square."""
    return chart.properties(height=chart.height + STREAMLITS, padding=0, autosize=alt.AutoSizeParams(type="none"))


def cells(grid: Grid, across: int) -> pd.DataFrame:
    """Return a row for each weight: ``x``, ``y``, ``x2``, ``y2`` in cells, ``weight`` and what it connects.

    Args:
        grid: the layer.
        across: how many columns stand side by side.
    """
    where = grid.layout(across)
    y, x = np.nonzero(where >= 0)
    number = where[y, x]
    bias = number >= grid.tiles.size
    row, column, line, place = np.unravel_index(np.where(bias, 0, number), grid.tiles.shape)
    weight = grid.numbers()[number].astype(float)
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
    if grid.names:
        source = [grid.names[i] for i in row]
    else:
        source = [f"{grid.entering} {i + 1}" for i in (column // grid.multiplier if grid.multiplier else row)]
    table["from"] = np.where(bias, "bias", source)
    table["to"] = [f"{grid.leaving} {i + 1}" for i in np.where(bias, number - grid.tiles.size, column)]
    spot = [f"row {i + 1}, column {j + 1}" for i, j in zip(line, place, strict=True)]
    table["place"] = np.where(bias | grid.single, "–", spot)
    return table


def words(grid: Grid) -> list[str]:
    """Return lines that say what a layer's weights are: ``3 filters on 2 channels, 3×3``."""
    rows, columns, height, width = grid.tiles.shape
    size = "" if grid.single else f", {height}×{width}"
    if grid.names:
        said = f"{grid.names[0]} above and {grid.names[1]} below, of {_several(columns, grid.leaving)}{size}"
    elif grid.multiplier:
        kernels = "one kernel" if grid.multiplier == 1 else f"{grid.multiplier} kernels"
        said = f"{kernels} for each of {_several(columns // grid.multiplier, grid.entering)}{size}"
    else:
        said = f"{_several(columns, grid.leaving)} on {_several(rows, grid.entering)}{size}"
    lines = [said if grid.bias.size or grid.names else f"{said}, no bias"]
    if grid.uses > 1:
        lines.append(f"used {grid.uses} times")
    for name, array in grid.statistics:
        lines.append(f"{name.replace('_', ' ')} {array.min():.2f} to {array.max():.2f}: kept, not trained")
    return lines


def _several(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


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
    many = len(grids) > MANY
    drawn = []
    for grid in grids:
        if small or grid.count <= FEW:
            chart: alt.LayerChart | alt.FacetChart | alt.Chart = rectangles(grid, limit)
        else:
            room = BESIDE if many and grid.fit(BESIDE, 8)[1] > 1 else ALONE
            across, size = grid.fit(room, 8)
            values = grid.mosaic(across)
            png = pixels.png(pixels.coloured(values, limit, *colours[:2]))
            chart = picture(address(png), values.shape[0] * size, values.shape[1] * size)
        name = alt.TitleParams(f"{grid.label}: {grid.count:,} weights", subtitle=words(grid), subtitleColor=QUIET)
        drawn.append(chart.properties(title=name))
    columns = _columns(len(drawn)) if small else 3 if many else 1
    return alt.concat(*drawn, scale(limit).properties(title="Weight"), columns=columns).properties(title=_title(title))


def _columns(count: int) -> int:
    return 3 if count <= 2 * MANY else 6


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
    return alt.concat(*drawn, columns=_columns(len(drawn))).properties(title=_title(title))


def walk(network: Network, weights: Sequence[Array], image: Array, title: str) -> alt.ConcatChart:
    """Draw what every layer makes of an image ``(height, width, channels)`` from 0 to 1 as one chart to take away."""
    named = [(pixels.INPUT, pixels.photograph(image))]
    outputs = network.activations(weights, image[np.newaxis])
    for name, output in zip(pixels.layer_labels(network), outputs, strict=True):
        tiles = pixels.maps(output[0])
        gaps = gaps_of(*tiles.shape[1:])
        across, _ = fit(len(tiles), tiles.shape[1:], gaps, (240, 520), 8)
        named.append((name, pixels.grey(mosaic(tiles, across, np.nan, gaps))))
    return sheet(named, title)
