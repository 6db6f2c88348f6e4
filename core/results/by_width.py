"""What is known of a family's networks already: the mean test accuracy of each width that was trained."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from core.data import datasets
from core.networks.families import Family
from core.recipe import Recipe
from core.results import analysis
from core.results.collect import Results
from core.results.published import DIGITS
from core.results.sentences import spread
from core.runs import reference
from core.runs.store import Store


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one width.

    Attributes:
        width: n.
        accuracy: mean test accuracy with its standard deviation, for people.
        data: the title of the image set.
        rests_on: what the mean rests on, for people.
    """

    width: int
    accuracy: str
    data: str
    rests_on: str


def networks(found: Results, shipped: Store | None, chosen: Family, dropout: bool) -> pd.DataFrame:
    """Return a row of ``analysis.means`` for each width of a family, the smallest first, with ``data`` and ``usual``.

    They are of one image set: where the embedded digits have none of the family, the shipped results on all of MNIST
    stand in. Of several means of a width the one with the family's own recipe counts (``usual``), then the one that
    rests on most seeds.

    Args:
        found: the image set's results.
        shipped: the reference results.
        chosen: the family.
        dropout: whether the networks have Dropout layers.
    """
    rows = _of(found.runs, chosen, dropout)
    if rows.empty and shipped and found.name in DIGITS:
        rows = _of(analysis.finished(shipped.runs(reference.DATASET)), chosen, dropout)
    means = analysis.means(rows)
    usual = means["recipe"] == replace(chosen.recipe, dropout=dropout).to_json()
    means = means.assign(data=means["dataset"].map(datasets.title), usual=usual)
    means = means.sort_values(["usual", "seeds"], ascending=False, kind="stable").drop_duplicates("width")
    return means.sort_values("width", ignore_index=True)


def widths(rows: pd.DataFrame) -> list[Known]:
    """Return rows of :func:`networks` for people."""
    return [_known(x) for x in rows.to_dict("records")]


def _of(runs: pd.DataFrame, chosen: Family, dropout: bool) -> pd.DataFrame:
    dropped = {x: Recipe.from_json(x).dropout for x in runs["recipe"].unique()}
    return runs[(runs["family"] == chosen.key) & (runs["recipe"].map(dropped) == dropout)]


def _known(row: dict[str, object]) -> Known:
    mean, sd, seeds = float(str(row["mean"])), float(str(row["sd"])), int(str(row["seeds"]))
    what = f"{seeds} seeds" if seeds > 1 else "one seed"
    if row["origin"] == "reference":
        what += ", reference"
    if not row["usual"]:
        what += f", {row['recipe_title']}"
    return Known(int(str(row["width"])), spread(mean, None if seeds == 1 else sd), str(row["data"]), what)
