"""Groups of layers as brackets beside a chart with a row for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import altair as alt
import pandas as pd

from core.charts.style import QUIET
from core.networks.line import Span

TICK = 5  # pixels from a bracket's line to its ends
LETTER = 7  # pixels of a letter of its label
FONT = 12
SPACE = 8  # pixels before a bracket


@dataclass(frozen=True, slots=True)
class Bracket:
    """A group where it is drawn.

    Attributes:
        first: the row of its first layer, from 0.
        last: the row of its last one.
        label: what stands beside it, in lines.
        told: the same as a sentence.
        lane: how many brackets lie within it, one in the other.
    """

    first: int
    last: int
    label: str
    told: str
    lane: int


def brackets(spans: Sequence[Span]) -> list[Bracket]:
    """Return the bracket of each group, those within a repeat at each of its copies; inner ones first.

    Row 0 is the input, so a layer's row is its place plus 1. What comes only once is no repeat and has none.
    """
    found: list[Bracket] = []
    every = [x for x in _everywhere(spans) if x.kind == "residual" or x.times > 1]
    for span in sorted(every, key=lambda x: (-x.depth, x.first)):
        first, last = span.first + 1, span.last + 1
        within = [x.lane for x in found if first <= x.first and x.last <= last]
        found.append(Bracket(first, last, *_words(span), max(within, default=-1) + 1))
    return found


def _everywhere(spans: Sequence[Span]) -> list[Span]:
    """Return spans at each copy of a repeat; they are given within the first copy alone."""
    found = list(spans)
    for outer in sorted(spans, key=lambda x: -x.depth):
        copy = (outer.last - outer.first + 1) // outer.times
        inner = [x for x in found if x.depth > outer.depth and outer.first <= x.first and x.last <= outer.last]
        for step in range(copy, copy * outer.times, copy):
            found += [replace(x, first=x.first + step, last=x.last + step) for x in inner]
    return found


def _words(span: Span) -> tuple[str, str]:
    if span.kind == "residual":
        return "+", "What enters these layers is added to what leaves them"
    if span.kind == "shared":
        return f"{span.times}×\nshared", f"The same layers {span.times} times, with the same weights"
    return f"{span.times}×", f"Such layers {span.times} times, each with weights of its own"


def room(found: Sequence[Bracket]) -> int:
    """Return how many pixels brackets take side by side."""
    return sum(_lanes(found))


def _lanes(found: Sequence[Bracket]) -> list[int]:
    """Return the width of each lane in pixels, the innermost first."""
    widths = [0] * (1 + max((x.lane for x in found), default=-1))
    for x in found:
        letters = max(map(len, x.label.split("\n")))
        widths[x.lane] = max(widths[x.lane], SPACE + TICK + LETTER * letters + 2)
    return widths


def drawn(found: Sequence[Bracket], y: alt.Y, right: str) -> list[alt.Chart]:
    """Return marks for brackets.

    Args:
        found: the brackets.
        y: the channel of rows, field ``y``, where row 2 reaches from 2 to 3.
        right: an expression for the pixels from the innermost lane to the chart's right edge.
    """
    widths = _lanes(found)
    lines, labels = [], []
    for x in found:
        line = sum(widths[: x.lane]) + SPACE + TICK
        top, bottom = x.first + 0.15, x.last + 0.85
        lines += [
            {"left": left, "right": line, "y": start, "y2": end, "told": x.told}
            for left, start, end in ((line, top, bottom), (line - TICK, top, top), (line - TICK, bottom, bottom))
        ]
        labels.append({"left": line + 4, "y": (top + bottom) / 2, "label": x.label, "told": x.told})
    left, told = alt.XValue(_at("left", right)), alt.Tooltip("told:N", title="Group")
    rules = alt.Chart(pd.DataFrame(lines)).mark_rule(color=QUIET, strokeWidth=1.5, strokeCap="square", aria=False)
    words = alt.Chart(pd.DataFrame(labels)).mark_text(
        align="left", baseline="middle", lineBreak="\n", lineHeight=FONT, fontSize=FONT, color=QUIET
    )
    return [
        rules.encode(x=left, x2=alt.X2Value(_at("right", right)), y=y, y2=alt.Y2("y2"), tooltip=told),
        words.encode(x=left, y=y, text=alt.Text("label:N"), tooltip=told),
    ]


def _at(field: str, right: str) -> alt.ExprRef:
    return alt.ExprRef(f"width - {right} + datum.{field}")
