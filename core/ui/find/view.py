"""A search as it is shown: its chart, its steps, and what it has spent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import pandas as pd
import streamlit as st

from core.charts import search as charts
from core.finder import telling
from core.finder.bisection import Finding, Verdict
from core.finder.search import Standing
from core.finder.trials import Outcome
from core.results.sentences import duration, goal
from core.ui.find import effort
from core.ui.markdown import plain
from core.ui.shared import Context
from core.ui.tables import FORMATS

CAME = {Outcome.DONE: "trained to its end", Outcome.HOPELESS: "stopped as hopeless"}


def headline(standing: Standing) -> str:
    """Return what is asked, in Markdown."""
    question = standing.question
    titles = [plain(x.family.title) for x in question.asked]
    families = f"{', '.join(titles[:-1])} or {titles[-1]}" if len(titles) > 1 else titles[0]
    return f"The fewest weights of {families} that read {goal(question.target)} of {plain(standing.dataset.title)}"


def chart(context: Context, standing: Standing) -> None:
    """Draw the search's runs and brackets."""
    findings, question = standing.findings, standing.question
    if not findings:
        return
    watched = question.asked[0].recipe.watched
    own = tuple(x.title for x in context.families.own)
    known = [charts.lane(x)["words"] for x in findings]
    st.vega_lite_chart(
        spec=_drawn(findings, question.target, watched, own),
        alt=f"Accuracy on the {watched} images against weights on a log axis, and where each family's smallest network "
        f"that reaches {goal(question.target)} lies. {'. '.join(known)}.",
        key="search_chart",
    )
    st.caption(
        "Above, a mark is a run; hollow ones were stopped as hopeless, and what reads too little stands at the foot. "
        "Below, a band holds a family's smallest network that reaches the target; an arrow is an end not known yet."
    )


@lru_cache(maxsize=8)  # every viewer's page asks every second, and it is another only after a run
def _drawn(findings: tuple[Finding, ...], target: float, watched: str, own: tuple[str, ...]) -> dict[str, Any]:
    drawn: dict[str, Any] = charts.search(findings, target, watched, own).to_dict()
    return drawn


def steps(findings: Sequence[Finding]) -> None:
    """Draw the decision of every width that was tried, family by family."""
    for finding in findings:
        if finding.judgements:
            lines = "\n".join(f"- {plain(telling.step(x))}" for x in reversed(finding.judgements))
            st.markdown(f"**{plain(finding.asked.family.title)}**\n\n{lines}")


def spent(standing: Standing, seconds: float) -> str:
    """Return what a search has spent so far, without the full stop.

    Args:
        standing: how it stands.
        seconds: that it took.
    """
    new = len(standing.spent)
    heard = sum(x.seeds for finding in standing.findings for x in finding.judgements)
    known = max(heard - len({x.cell for x in standing.spent}), 0)
    took = f" in {duration(seconds)}" if new else ""
    before = f", beside {known} that {'was' if known == 1 else 'were'} known" if known else ""
    return f"{new} run{'s' if new != 1 else ''} trained{took}{before}"


def full_grid(standing: Standing) -> str:
    """Return what the full grid would be, without the full stop."""
    return f"five seeds of every width would be {effort.grid(standing.question):,} runs"


def runs_table(standing: Standing) -> None:
    """Draw a row a run that the answer rests on."""
    trained = {(x.cell.layers, x.cell.recipe, x.cell.seed): x.seconds for x in standing.spent}
    rows = []
    for finding in standing.findings:
        asked = finding.asked
        for judgement in finding.judgements:
            layers = asked.layers[asked.widths.index(judgement.width)]
            for x in judgement.trials:
                seconds = trained.get((layers, asked.recipe, x.seed))
                rows.append(
                    {
                        "Family": asked.family.title,
                        "Width n": x.width,
                        "Weights": asked.weights(x.width),
                        "Seed": x.seed,
                        "Accuracy, %": 100 * x.accuracy,
                        "Epochs": x.epochs,
                        "Run": CAME[x.outcome],
                        "Seconds": seconds,
                        "From": "this search" if seconds is not None else "known before",
                    }
                )
    if rows:
        words = "One row per run that the answer rests on"
        table = pd.DataFrame(rows)
        st.dataframe(
            table,
            hide_index=True,
            column_config=FORMATS,
            placeholder="–",
            height=min(420, 38 + 35 * len(rows)),
            alt=words,
        )


def answered(finding: Finding) -> bool:
    """Return whether a family has an answer."""
    return finding.above is not None and finding.verdict in (Verdict.FOUND, Verdict.UNTOLD)
