"""The width control of the Explore page: counts that move in the browser while a handle is dragged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

import streamlit as st

from core.errors import ArgumentError, whole_number
from core.networks.polynomial import Count, Polynomial
from core.results.by_width import Reading
from core.ui import links

_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "width_control",
    html=(_HERE / "width_control.html").read_text("utf-8"),
    css=(_HERE / "width_control.css").read_text("utf-8"),
    js=(_HERE / "width_control.js").read_text("utf-8"),
)


class _Memory(TypedDict):
    """What a session remembers of a control beside its width.

    Attributes:
        seen: how many widths the browser has sent; it ignores an answer that does not know its latest one yet.
        problem: the sentence on a width in the page's address that cannot be used, until the user sets another.
    """

    seen: int
    problem: str


def width_control(
    *,
    width: int,
    max_width: int,
    marks: Sequence[int],
    polynomial: Count,
    multiply_adds: Count,
    kept: Count,
    tutorial: int,
    known: Sequence[Reading] = (),
    key: str,
    param: str | None = None,
) -> int:
    """Draw the control with its live counts and return the width.

    The width lives in the session under ``key``, as with Streamlit's own widgets, but outlives a visit to another page.
    Any code may read it; set it before this call or in a callback and the control shows it. A width above ``max_width``
    (the family was switched) becomes ``max_width``. The script reruns when the handle is let go, never during a drag.

    Args:
        width: the width of a new session.
        max_width: the largest width of the family; the smallest is 1.
        marks: the widths labelled under the handle and ticked on the strip.
        polynomial: the weights as a function of the width.
        multiply_adds: the multiply-adds per image, likewise.
        kept: the numbers that predicting takes, likewise: four bytes each are the size.
        tutorial: the weights of the tutorial network to compare with.
        known: what is known of widths that were trained, smallest first.
        key: the name of the width in the session state.
        param: the name of the width in the page's address: read in a new session, kept up to date later.
    """
    memory = _memory(key)
    chosen: int | None = links.get(key)
    if chosen is None:
        chosen, memory["problem"] = _first(width, max_width, param)
    chosen = min(max(chosen, 1), max_width)
    links.put({key: chosen})
    if param and links.repeats():  # the control may have put it there, which the server does not know
        links.write(param, [str(chosen)])

    # A trigger and not a state: setting 8 again, after Python has set 2, is news as well.
    name = f"{key}_control"

    def take() -> None:
        sent = links.get(name)["width"]
        memory["seen"], memory["problem"] = int(sent["count"]), ""
        taken = min(max(int(sent["width"]), 1), max_width)
        links.put({key: taken})
        if param:  # the browser has it in its address; Streamlit may write back the server's view of that at any time
            links.write(param, [str(taken)])

    _mount(
        key=name,
        data={
            "width": chosen,
            "max": max_width,
            "marks": [x for x in marks if x <= max_width],
            "weights": _counted(polynomial),
            "adds": _counted(multiply_adds),
            "kept": _counted(kept),
            "tutorial": tutorial,
            "known": [_told(x) for x in known],
            "param": param,
            **memory,
        },
        on_width_change=take,
    )
    return chosen


def _counted(count: Count) -> object:
    """Return a count for the browser, which evaluates it at every width that the handle passes."""
    if isinstance(count, Polynomial):
        return [count.a, count.b, count.c]
    return {"values": count.values, "parts": count.parts}


def _told(known: Reading) -> dict[str, object]:
    return {"width": known.width, "accuracy": known.accuracy, "data": known.data, "on": known.rests_on}


def _memory(key: str) -> _Memory:
    return links.keep(f"{key}_memory", lambda: _Memory(seen=0, problem=""))


def _first(width: int, max_width: int, param: str | None) -> tuple[int, str]:
    given = links.said(param) if param else None
    if given is None:
        return width, ""
    try:
        return whole_number(given, "width", 1, max_width), ""
    except ArgumentError as e:
        return width, str(e)
