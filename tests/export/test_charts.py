from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from core.errors import ArgumentError
from core.export import charts as export_charts

SVG = "{http://www.w3.org/2000/svg}"


def chart() -> alt.LayerChart | alt.FacetChart:
    rows = pd.DataFrame({"weights": [900, 5000, 20000], "accuracy": [0.96, 0.97, 0.99], "family": list("abc")})
    base = alt.Chart(rows).encode(x=alt.X("weights:Q", title="Weights"), y="accuracy:Q", color="family:N")
    return alt.layer(base.mark_point(filled=True, size=2000, opacity=1), base.mark_line())


def colours(scheme: str) -> tuple[list[str], str, str]:
    theme = export_charts.theme(scheme)
    return theme["chartCategoricalColors"][:3], theme["backgroundColor"], theme["textColor"]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


@pytest.mark.parametrize("scheme", export_charts.SCHEMES)
def test_svg_has_the_colours_and_the_words(scheme: str) -> None:
    written = export_charts.svg(chart(), scheme)
    root = ET.fromstring(written)
    marks, paper, ink = colours(scheme)
    found = {x.get("fill") for x in root.iter()} | {x.get("stroke") for x in root.iter()}
    assert {*marks, paper, ink} <= found
    assert "Weights" in {x.text for x in root.iter(f"{SVG}text")}
    sizes = {float(x) for x in re.findall(r'font-size="([\d.]+)px"', written.decode())}
    assert sizes and min(sizes) >= 14
    assert "http" not in written.decode().replace("http://www.w3.org/", "")  # nothing to fetch
    assert Image.open(io.BytesIO(vl_convert.svg_to_png(written.decode()))).size[0] >= export_charts.WIDTH


@pytest.mark.parametrize(("scheme", "scale"), [("light", 3), ("dark", 1)])
def test_png_has_the_colours_and_the_size(scheme: str, scale: int) -> None:
    picture = Image.open(io.BytesIO(export_charts.png(chart(), scheme, scale)))
    root = ET.fromstring(export_charts.svg(chart(), scheme))
    assert picture.size == tuple(round(scale * float(root.attrib[x])) for x in ("width", "height"))
    assert export_charts.WIDTH * scale <= picture.width <= 1.25 * export_charts.WIDTH * scale
    pixels = picture.convert("RGB")
    counts = {rgb: count for count, rgb in pixels.getcolors(2**24) or []}
    marks, paper, _ = colours(scheme)
    assert pixels.getpixel((0, 0)) == rgb(paper)
    assert all(counts.get(rgb(x), 0) > 500 * scale for x in marks)


def test_nothing_touches_the_edge_of_the_picture() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(export_charts.png(chart(), "light", 1))).convert("RGB"))
    edges = [pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]]
    assert all((x == 255).all() for x in edges)


def test_no_address_is_read() -> None:
    elsewhere: Any = alt.Chart("https://example.com/data.csv").mark_point().encode(x="a:Q")
    with pytest.raises(ValueError, match=r"not allowed|External data url"):
        export_charts.svg(elsewhere)


def test_a_facet_can_be_drawn() -> None:
    rows = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "y"]})
    facets = alt.Chart(rows).mark_point().encode(x="a:Q", y="b:Q").facet("c:N")
    assert ET.fromstring(export_charts.svg(facets, "dark")).tag == f"{SVG}svg"
    assert b"vegaEmbed" in export_charts.html(facets, "light", "T", "S", rows)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"Invalid scheme\. Expected light or dark\. Received: 'sepia'\."):
        export_charts.png(chart(), "sepia")
