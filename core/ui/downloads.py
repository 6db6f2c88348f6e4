"""Buttons that make a file when it is asked for, and the choice of its colours."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import streamlit as st

from core.export import charts as export_charts


@dataclass(frozen=True, slots=True)
class Download:
    """A file that can be taken away.

    Attributes:
        label: of its button.
        name: of the file.
        mime: its type.
        make: returns its bytes.
    """

    label: str
    name: str
    mime: str
    make: Callable[[], bytes]


def scheme() -> str:
    """Draw the choice of a picture's colours and return it."""
    chosen: str = st.segmented_control(
        "Colours of the pictures",
        export_charts.SCHEMES,
        default="light",
        required=True,
        format_func=str.title,
        key="scheme",
    )
    return chosen


def draw(files: Iterable[Download]) -> None:
    """Draw a row of buttons."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        for x in files:
            st.download_button(
                x.label, x.make, x.name, x.mime, icon=":material/download:", on_click="ignore", key=f"download_{x.name}"
            )
