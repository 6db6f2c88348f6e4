"""The answers of all networks as a table, with a bar for the probability of every class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import streamlit as st

from core.results.panel import Answer, Label
from core.results.sentences import probability

TOLD = 3  # probabilities in the words that go with the bars
_HERE = Path(__file__).parent
_mount = st.components.v2.component(
    "bars",
    html=(_HERE / "bars.html").read_text("utf-8"),
    css=(_HERE / "bars.css").read_text("utf-8"),
    js=(_HERE / "bars.js").read_text("utf-8"),
)


def bars(answers: Sequence[Answer], truth: int | None, label: Label = str, *, key: str) -> None:
    """Draw a row for each answer, in their order.

    Args:
        answers: at least one.
        truth: the class of the image, or None if nobody has said; the rows then say nothing of right and wrong.
        label: what a class is called.
        key: the name of this table in the session.
    """
    _mount(
        key=key,
        data={
            "rows": [_row(x, truth, label) for x in answers],
            "labels": [label(x) for x in range(len(answers[0].probabilities))],
            "truth": truth,
        },
    )


def _row(answer: Answer, truth: int | None, label: Label) -> dict[str, object]:
    shares = answer.probabilities
    told = [f"{label(int(x))} {probability(shares[x])}" for x in shares.argsort()[::-1][:TOLD]]
    return {
        "weights": f"{answer.reader.chosen.run.parameters:,} weights",
        "name": answer.reader.name,
        "choice": label(answer.choice),
        "sure": probability(answer.confidence),
        "shares": [round(float(x), 4) for x in shares],
        "right": None if truth is None else answer.choice == truth,
        "words": ", ".join(told),
    }
