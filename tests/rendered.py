"""Charts as they are drawn: where marks are, and what is written."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from typing import Any

import vl_convert

from core.export import charts

SVG = "{http://www.w3.org/2000/svg}"


def rendered(drawn: dict[str, Any]) -> list[tuple[str, float, float]]:
    """Return every mark of the rendered chart: its kind and where it is; nothing may be no number or off the chart."""
    svg = vl_convert.vegalite_to_svg(drawn, charts.VEGA_LITE, allowed_base_urls=[])
    assert "NaN" not in svg and "Infinity" not in svg and "undefined" not in svg
    found = []
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        kind = re.match(r"mark-(symbol|rule|rect|line) role-mark", group.get("class", ""))
        for mark in group if kind else ():
            place = re.match(r"translate\(([-\d.]+),([-\d.]+)\)", mark.get("transform", "translate(0,0)"))
            assert kind and place, mark.attrib
            x, y = map(float, place.groups())
            assert -1 <= x <= 301 and -1 <= y <= 481, (kind[1], x, y)
            found.append((kind[1], x, y))
    return found


def words(chart: Any) -> list[str]:
    """Return every text in a chart that is taken away as SVG."""
    return [x.text or "" for x in ET.fromstring(charts.svg(chart)).iter(f"{SVG}text")]
