from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import altair as alt
import numpy as np
import pandas as pd
import pytest
import vl_convert
from PIL import Image

from core import exports
from core.errors import ArgumentError
from core.recipes import ADADELTA, RMSPROP

SVG = "{http://www.w3.org/2000/svg}"


def runs() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [1, 2],
            "family": ["mlp", "naïve, “quoted”"],
            "recipe": [RMSPROP.to_json(), ADADELTA.to_json()],
            "seconds": [1.5, float("nan")],
            "ended": ["2026-11-24T01:02:03.000+00:00", None],
            "versions": ['{"keras": "3.15.1"}', None],
            "device": ["CPU: A, 2 cores", None],
        }
    )


def chart() -> alt.LayerChart | alt.FacetChart:
    rows = pd.DataFrame({"weights": [900, 5000, 20000], "accuracy": [0.96, 0.97, 0.99], "family": list("abc")})
    base = alt.Chart(rows).encode(x=alt.X("weights:Q", title="Weights"), y="accuracy:Q", color="family:N")
    return alt.layer(base.mark_point(filled=True, size=2000, opacity=1), base.mark_line())


def colours(scheme: str) -> tuple[list[str], str, str]:
    theme = exports.theme(scheme)
    return theme["chartCategoricalColors"][:3], theme["backgroundColor"], theme["textColor"]


def rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))


def test_csv_opens_what_the_store_keeps_as_json() -> None:
    written = exports.csv(runs())
    table = pd.read_csv(io.BytesIO(written))
    assert list(table["recipe_optimizer"]) == ["rmsprop", "adadelta"] and "recipe" not in table
    assert list(table["recipe_protocol"]) == ["article", "article"]
    assert list(table["family"]) == ["mlp", "naïve, “quoted”"] and table["device"][0] == "CPU: A, 2 cores"
    assert table["versions_keras"][0] == "3.15.1" and b"nan" not in written.lower() and b"None" not in written
    assert np.isnan(table["seconds"][1]) and list(table.columns)[:3] == ["id", "family", "recipe_optimizer"]


def test_times_are_iso_and_no_runs_are_only_a_header() -> None:
    table = runs().assign(ended=pd.to_datetime(runs()["ended"]))
    assert b"2026-11-24T01:02:03+00:00" in exports.csv(table)
    assert json.loads(exports.json(table.to_dict("records")))[0]["ended"] == "2026-11-24T01:02:03+00:00"
    assert exports.csv(runs().iloc[:0]).startswith(b"id,family,") and exports.csv(runs().iloc[:0]).count(b"\n") == 1
    assert json.loads(exports.json([])) == []


def test_json_holds_plain_values() -> None:
    first, second = json.loads(exports.json(runs().to_dict("records")))
    assert first["recipe"]["learning_rate"] == 0.001 and first["recipe"]["protocol"] == "article"
    assert first["versions"] == {"keras": "3.15.1"} and second["versions"] == {}
    assert second["seconds"] is None and second["family"] == "naïve, “quoted”"
    opened = {"id": np.int64(3), "loss": np.float32("inf"), "recipe": json.loads(RMSPROP.to_json())}
    assert json.loads(exports.json([opened]))[0] == {"id": 3, "loss": None, "recipe": first["recipe"]}


@pytest.mark.parametrize("scheme", exports.SCHEMES)
def test_svg_has_the_colours_and_the_words(scheme: str) -> None:
    written = exports.svg(chart(), scheme)
    root = ET.fromstring(written)
    marks, paper, ink = colours(scheme)
    found = {x.get("fill") for x in root.iter()} | {x.get("stroke") for x in root.iter()}
    assert {*marks, paper, ink} <= found
    assert "Weights" in {x.text for x in root.iter(f"{SVG}text")}
    sizes = {float(x) for x in re.findall(r'font-size="([\d.]+)px"', written.decode())}
    assert sizes and min(sizes) >= 14
    assert "http" not in written.decode().replace("http://www.w3.org/", "")  # nothing to fetch
    assert Image.open(io.BytesIO(vl_convert.svg_to_png(written.decode()))).size[0] >= exports.WIDTH


@pytest.mark.parametrize(("scheme", "scale"), [("light", 3), ("dark", 1)])
def test_png_has_the_colours_and_the_size(scheme: str, scale: int) -> None:
    picture = Image.open(io.BytesIO(exports.png(chart(), scheme, scale)))
    root = ET.fromstring(exports.svg(chart(), scheme))
    assert picture.size == tuple(round(scale * float(root.attrib[x])) for x in ("width", "height"))
    assert exports.WIDTH * scale <= picture.width <= 1.25 * exports.WIDTH * scale
    pixels = picture.convert("RGB")
    counts = {rgb: count for count, rgb in pixels.getcolors(2**24) or []}
    marks, paper, _ = colours(scheme)
    assert pixels.getpixel((0, 0)) == rgb(paper)
    assert all(counts.get(rgb(x), 0) > 500 * scale for x in marks)


def test_nothing_touches_the_edge_of_the_picture() -> None:
    pixels = np.asarray(Image.open(io.BytesIO(exports.png(chart(), "light", 1))).convert("RGB"))
    edges = [pixels[:3], pixels[-3:], pixels[:, :3], pixels[:, -3:]]
    assert all((x == 255).all() for x in edges)


def test_no_address_is_read() -> None:
    elsewhere: Any = alt.Chart("https://example.com/data.csv").mark_point().encode(x="a:Q")
    with pytest.raises(ValueError, match=r"not allowed|External data url"):
        exports.svg(elsewhere)


def test_a_facet_can_be_drawn() -> None:
    rows = pd.DataFrame({"a": [1, 2], "b": [3, 4], "c": ["x", "y"]})
    facets = alt.Chart(rows).mark_point().encode(x="a:Q", y="b:Q").facet("c:N")
    assert ET.fromstring(exports.svg(facets, "dark")).tag == f"{SVG}svg"
    assert b"vegaEmbed" in exports.html(facets, "light", "T", "S", rows)


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(ArgumentError, match=r"scheme\..* light or dark\..* 'sepia'\.$"):
        exports.png(chart(), "sepia")
