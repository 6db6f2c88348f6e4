"""What the parts of Inspect share: what is looked at, the theme, pictures with their names, and their downloads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from core.charts import pixels
from core.export import charts as export_charts
from core.networks.layers import Array
from core.results.trained import Trained
from core.ui import downloads
from core.ui.downloads import Download

Looked = tuple[Trained, list[Array]]  # a network and its weights


def theme() -> dict[str, Any]:
    """Return the colours of the visitor's theme."""
    return export_charts.theme(st.context.theme.type or "light")


def take_away(name: str, stem: str, make: Callable[[str], Any]) -> None:
    """Draw the downloads of a picture of ``name``; ``make`` gives it for a scheme when it is asked for."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        scheme, file = downloads.scheme(), f"featherweight-{stem}"
        downloads.draw(
            (
                Download(
                    f"SVG: {name}", f"{file}.svg", "image/svg+xml", lambda: export_charts.svg(make(scheme), scheme)
                ),
                Download(f"PNG: {name}", f"{file}.png", "image/png", lambda: export_charts.png(make(scheme), scheme)),
            )
        )


def sides(looked: Sequence[Looked]) -> tuple[str, str]:
    """Return what to call two networks: by their size, or where they are equally large, as they were chosen."""
    (one, _), (other, _) = looked
    return ("larger", "smaller") if one.run.parameters > other.run.parameters else ("first", "second")


def draw_picture(picture: Array, size: int, name: str, text: str, alt: str) -> None:
    """Draw a picture under its name."""
    with st.container(width="content", gap="xxsmall"):
        st.caption(f"**{name}** · {text}")
        st.image(pixels.png(picture, size, pixels.MARGIN), alt=alt, output_format="PNG")
