"""The pad of the Draw page, with the picture that the networks see beside it."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import streamlit as st

from core.data import drawing
from core.errors import ArgumentError
from core.networks.layers import Array
from core.ui import links
from core.ui.markdown import plain

MAX_NUMBERS = 20_000  # of a drawing's points that are kept; it takes minutes of scribbling to draw more
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "pad",
    html=(_HERE / "pad.html").read_text("utf-8"),
    css=(_HERE / "pad.css").read_text("utf-8"),
    js=(_HERE / "pad.js").read_text("utf-8"),
)


class _Memory(TypedDict):
    """What a session remembers of a pad.

    Attributes:
        seen: how many drawings the browser has sent; it ignores an answer that does not know its latest one yet.
        strokes: the last one's, which the browser gets back when the page is opened again.
        problem: the sentence on what was sent in place of a drawing.
    """

    seen: int
    strokes: list[list[float]]
    problem: str


def pad(picture: Array | None, words: str, *, key: str, on_draw: Callable[[Array | None], None] | None = None) -> None:
    """Draw the pad and, beside it, the picture that the networks see.

    Args:
        picture: ``(height, width, channels)`` from 0 to 1, or None if there is none yet.
        words: what the picture is, for who does not see it.
        key: the name of this pad in the session. It may be the name of a file: what is kept under it has prefixes of
            its own.
        on_draw: called before the rerun when the pen was lifted, with what the networks are to see of the drawing, or
            None where the pad is empty. Without it there is only the picture.
    """
    memory = _memory(key)
    name = f"pad_{key}"

    def take() -> None:
        sent = links.get(name)["drawing"]
        memory["problem"] = ""
        try:
            image = drawing.normalized(drawing.ink(sent["image"]))
        except ArgumentError as e:
            memory["problem"], image = str(e), None
        memory["seen"], memory["strokes"] = int(sent["count"]), _strokes(sent["strokes"])
        assert on_draw
        on_draw(image)

    _mount(
        key=name,
        data={
            "draw": on_draw is not None,
            "side": drawing.PAD_SIDE,
            "picture": None if picture is None else _packed(picture) | {"words": words},
            "seen": memory["seen"],
            "strokes": memory["strokes"],
        },
        on_drawing_change=take,
    )
    if memory["problem"]:
        st.error(plain(memory["problem"]), icon=":material/error:")


def wipe(key: str) -> None:
    """Take the strokes off a pad, in a callback or before the pad is drawn."""
    _memory(key)["strokes"] = []


def _memory(key: str) -> _Memory:
    return links.keep(f"drawn_{key}", lambda: _Memory(seen=0, strokes=[], problem=""))


def _strokes(sent: Any) -> list[list[float]]:
    """Return strokes to hand back to the browser that sent them; what is no such list is forgotten."""
    if not isinstance(sent, list) or not all(isinstance(x, list) for x in sent):
        return []
    sound = all(isinstance(number, int | float) for points in sent for number in points)
    return sent if sound and sum(map(len, sent)) <= MAX_NUMBERS else []


def _packed(picture: Array) -> dict[str, Any]:
    pixels = np.round(255 * picture.clip(0, 1)).astype(np.uint8)
    height, width, channels = pixels.shape
    return {
        "pixels": base64.b64encode(pixels.tobytes()).decode(),
        "height": height,
        "width": width,
        "channels": channels,
    }
