"""What makes Back in the browser go back a page, not through every choice made on it."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

_mount = st.components.v2.component("history", js=Path(__file__).with_suffix(".js").read_text("utf-8"))


def keep_pages_only() -> None:
    """Have the browser's history keep one entry for each visit to a page: its last address. It shows nothing."""
    _mount(key="history", width="content", height="content")
