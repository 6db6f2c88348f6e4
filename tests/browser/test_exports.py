"""The exported page in a real browser without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import altair as alt
import pandas as pd
import pytest

from core.export import charts as export_charts

if TYPE_CHECKING:
    from playwright.sync_api import Browser

TITLE = "Accuracy <against> weights & %%library%%"
SENTENCE = "Deep CNN: 932 weights </script> reach 97 %."


def page_of(tmp_path: Path, scheme: str) -> Path:
    rows = pd.DataFrame({"Family": ["MLP", "</script><b>CNN"], "Weights": [26506, 932], "Mean": [0.9711, float("nan")]})
    base = alt.Chart(rows).encode(x="Weights:Q", y=alt.Y("Family:N", axis=None), color="Family:N", tooltip=["Weights"])
    chart = alt.layer(base.mark_point(size=600, filled=True), base.mark_text(text=""))
    path = tmp_path / "page.html"
    path.write_bytes(export_charts.html(chart, scheme, TITLE, SENTENCE, rows))
    return path


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_the_page_draws_without_a_network(browser: Browser, tmp_path: Path, scheme: str, width: int) -> None:
    from playwright.sync_api import expect

    path = page_of(tmp_path, scheme)
    context = browser.new_context(viewport={"width": width, "height": 900}, offline=True)
    page = context.new_page()
    asked: list[str] = []
    trouble: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: trouble.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.goto(path.as_uri())
    marks = page.locator("#chart svg .mark-symbol.role-mark path")
    expect(marks).to_have_count(2)
    colours = export_charts.theme(scheme)
    fills = {marks.nth(i).get_attribute("fill") for i in range(2)}
    assert fills == set(colours["chartCategoricalColors"][:2])
    expect(page).to_have_title(TITLE)
    expect(page.get_by_role("heading", name=TITLE, exact=True)).to_be_visible()
    expect(page.get_by_text(SENTENCE, exact=True)).to_be_visible()
    expect(page.get_by_role("table", name="figures")).to_be_visible()
    expect(page.get_by_role("rowheader")).to_have_text(["MLP", "</script><b>CNN"])
    expect(page.get_by_role("cell")).to_have_text(["26,506", "0.9711", "932", "–"])
    expect(page.get_by_role("group", name=SENTENCE).locator("svg.marks")).to_be_visible()
    marks.first.hover()
    expect(page.locator("#vg-tooltip-element")).to_contain_text("26506")
    box = page.locator("#chart svg.marks").bounding_box()
    assert box and box["width"] > 300 and box["x"] + box["width"] <= width
    assert page.evaluate("document.documentElement.scrollWidth") <= width  # nothing to scroll sideways
    assert asked == [path.as_uri()] and trouble == []
    context.close()
