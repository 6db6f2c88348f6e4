"""What is known of a family's networks already: the mean test accuracy of each width that was trained."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from core import analysis, datasets, reference
from core.families import Family
from core.published import DIGITS
from core.results import Results
from core.sentences import spread
from core.store import Store


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one width.

    Attributes:
        width: n.
        accuracy: mean test accuracy with its standard deviation, for people.
        rests_on: what that rests on, for people.
    """

    width: int
    accuracy: str
    rests_on: str


def networks(found: Results, shipped: Store | None) -> pd.DataFrame:
    """Return rows of ``analysis.means`` for an image set's results, with the set's title as ``data``.

    Beside the embedded digits stand the shipped results on all of MNIST: nothing else comes as near.
    """
    runs = [found.runs]
    if shipped and found.name in DIGITS and found.name != reference.DATASET:
        runs.append(analysis.finished(shipped.runs(reference.DATASET)))
    means = analysis.means(pd.concat([x for x in runs if len(x)] or runs[:1], ignore_index=True))
    return means.assign(data=means["dataset"].map(datasets.title))


def widths(rows: pd.DataFrame, chosen: Family, name: str) -> list[Known]:
    """Return what is known of each width of a family, smallest first.

    Of several means the one on the image set ``name`` counts, then one with the family's own recipe, then the one that
    rests on most seeds.

    Args:
        rows: of :func:`networks`.
        chosen: the family.
        name: the image set's.
    """
    mine = rows[rows["family"] == chosen.key]
    mine = mine.assign(here=mine["dataset"] == name, usual=mine["recipe"] == chosen.recipe.to_json())
    mine = mine.sort_values(["here", "usual", "seeds"], ascending=False, kind="stable").drop_duplicates("width")
    return [_known(x, chosen) for x in mine.sort_values("width").to_dict("records")]


def _known(row: dict[str, object], chosen: Family) -> Known:
    mean, sd, seeds = float(str(row["mean"])), float(str(row["sd"])), int(str(row["seeds"]))
    what = f"{seeds} seeds" if seeds > 1 else "one seed"
    if row["origin"] == "reference":
        what += ", reference"
    if not row["usual"]:
        what += f", {row['recipe_title']}"
    accuracy = spread(mean, None if seeds == 1 else sd)
    return Known(int(str(row["width"])), accuracy, f"of the test images of {row['data']} ({what})")
