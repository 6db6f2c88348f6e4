"""Reading and converting what was chosen, with a bar for what takes longer than a second."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import streamlit as st

from core.data import bring
from core.data.formats.found import Options
from core.errors import FeatherweightError, LimitError
from core.ui import links, shared
from core.ui.bring.source import forget_uploads, write_down
from core.ui.page import explained
from core.ui.shared import Context

PATIENCE = 0.5  # seconds until a bar is drawn
OFTEN = 0.1  # seconds between its moves


def look(context: Context, path: Path | None, options: Options, asked: Any) -> None:
    """Make a draft of what was chosen and remember it; say why if that cannot be.

    Args:
        context: of the page.
        path: the file or folder; None takes what was uploaded.
        options: how to read it.
        asked: what tells this choice from another.
    """
    before = links.pop("draft")
    if before:
        bring.discard(before)
    links.put({"brought": None})
    began = told = time.monotonic()
    place = st.empty()

    def show(share: float, what: str) -> None:
        nonlocal told
        now = time.monotonic()
        if now - began > PATIENCE and now - told > OFTEN:
            told = now
            place.progress(min(1.0, max(0.0, share)), what)

    with explained(FeatherweightError):
        context.visitor.require()
        if not shared.SERVICES.looking.acquire(blocking=False):
            raise LimitError("Somebody else is looking at a file. Try again in a moment.")
        try:
            uploaded = path is None
            found = bring.draft(context.settings, path or write_down(context), options, show)
            name = found.report.source if uploaded else path.name if path else ""
            links.put({"draft": found, "draft_of": asked, "bring_name": bring.suggested(context.settings, Path(name))})
        finally:
            forget_uploads(context.settings)
            shared.SERVICES.looking.release()
    place.empty()
