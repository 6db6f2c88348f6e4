"""Reading and converting what was chosen, with a bar for what takes longer than a second."""

from __future__ import annotations

import os
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import streamlit as st

from core.data import bring
from core.data.bring import Draft
from core.data.formats.found import Options, Told
from core.errors import DatasetError, FeatherweightError, LimitError
from core.ui import links, shared
from core.ui.bring.source import Source, forget_uploads, uploads, write_down
from core.ui.markdown import plain
from core.ui.page import explained
from core.ui.shared import Context

PATIENCE = 0.5  # seconds until a bar is drawn
OFTEN = 0.1  # seconds between its moves


def look(context: Context, source: Source, options: Options, asked: Any) -> None:
    """Make a draft of what was chosen and remember it; say why if that cannot be.

    Args:
        context: of the page.
        source: what was chosen.
        options: how to read it.
        asked: what tells this choice from another.
    """
    before = links.pop("draft")
    if before:
        bring.discard(before)
    links.put({"brought": None})
    place = st.empty()
    with explained(FeatherweightError):
        context.visitor.require()
        if not shared.SERVICES.looking.acquire(blocking=False):
            raise LimitError("Somebody else is looking at a file. Try again in a moment.")
        try:
            found = _draft(context, source, options, _shown(place))
            name = bring.suggested(context.settings, Path(found.report.source))
            links.put({"draft": found, "draft_of": asked, "draft_name": name, "bring_name": name})
        finally:
            forget_uploads(context.settings)
            shared.SERVICES.looking.release()
    place.empty()


def _draft(context: Context, source: Source, options: Options, told: Told) -> Draft:
    """Make the draft; of an upload people know the name and not where it was written."""
    there = write_down(context, source)
    try:
        return bring.draft(context.settings, there.path or Path(), replace(options, test=there.test), told)
    except DatasetError as e:
        if source.path is not None:
            raise
        hidden = re.escape(f"{uploads(context.settings)}{os.sep}") + rf"\d+{re.escape(os.sep)}"
        raise DatasetError(re.sub(hidden, "", str(e))) from None


def _shown(place: Any) -> Told:
    """Return what draws a bar once its time has come."""
    began = told = time.monotonic()

    def show(share: float, what: str) -> None:
        nonlocal told
        now = time.monotonic()
        if now - began > PATIENCE and now - told > OFTEN:
            told = now
            place.progress(min(1.0, max(0.0, share)), plain(what))

    return show
