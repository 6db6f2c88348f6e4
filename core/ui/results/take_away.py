"""The downloads of runs and chart; a file is made when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import altair
import pandas as pd
import streamlit as st

from core.data import datasets
from core.export import charts as export_charts
from core.export import tables as export_tables
from core.runs.run import Run
from core.ui import downloads
from core.ui.downloads import Download


def take_away(
    name: str,
    runs: Sequence[Run],
    draw: Callable[[], altair.LayerChart | altair.FacetChart],
    said: str,
    shown: pd.DataFrame,
) -> None:
    """Draw the downloads of the runs and of the chart; a file is made when it is asked for."""
    runs = list({(x.origin, x.cell): x for x in reversed(runs)}.values())[::-1]  # once, whatever families it is of
    st.subheader("Take away")
    scheme, title, file = downloads.scheme(), f"Accuracy against size: {datasets.title(name)}", f"featherweight-{name}"
    downloads.draw(
        (
            Download("Runs as CSV", f"{file}.csv", "text/csv", lambda: export_tables.csv(runs)),
            Download("Runs as JSON", f"{file}.json", "application/json", lambda: export_tables.json(runs)),
            Download("Chart as SVG", f"{file}.svg", "image/svg+xml", lambda: export_charts.svg(draw(), scheme)),
            Download("Chart as PNG", f"{file}.png", "image/png", lambda: export_charts.png(draw(), scheme)),
            Download(
                "Page as HTML",
                f"{file}.html",
                "text/html",
                lambda: export_charts.html(draw(), scheme, title, said, shown),
            ),
        )
    )
