"""What a table of runs says: pure functions of the rows that ``Store.runs`` returns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from core.families import FAMILIES
from core.recipes import Recipe
from core.runs import Cell

POINT = ["dataset", "fingerprint", "family", "width", "recipe"]


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that trained for all their epochs, with ``title`` and ``recipe_title`` for people."""
    done = runs[runs["state"] == "done"].copy()
    done["title"] = done["family"].map({key: x.title for key, x in FAMILIES.items()})
    done["recipe_title"] = done["recipe"].map({x: str(Recipe.from_json(x)) for x in done["recipe"].unique()})
    return done


def points(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network and recipe: the mean of its finished runs over seeds, with their spread.

    Columns: those of ``POINT``, ``title``, ``recipe_title``, ``parameters``, ``multiply_adds``, ``mean``, ``sd``
    (sample standard deviation, NaN for one seed), ``low``, ``high`` (all four shares) and ``seeds`` (their number).
    The smallest network comes first.
    """
    grouped = finished(runs).groupby(
        [*POINT, "title", "recipe_title", "parameters", "multiply_adds"], as_index=False, sort=False
    )
    found = grouped["test_accuracy"].agg(mean="mean", sd="std", low="min", high="max", seeds="count")
    return found.sort_values(["parameters", "family", "width"], ignore_index=True)


def smallest_reaching(points: pd.DataFrame, target: float) -> pd.DataFrame:
    """Return, for each family that has one, its smallest network whose mean reaches ``target`` (a share)."""
    passing = points[points["mean"] >= target]
    return passing.loc[passing.groupby("family")["parameters"].idxmin()].sort_values("parameters", ignore_index=True)


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate of training time.

    Attributes:
        seconds: for all the cells together, or None if nothing like them has been trained here.
        runs: how many earlier runs it rests on.
    """

    seconds: float | None
    runs: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A cell to be trained, with its multiply-adds for one image and the training images of its data set."""

    cell: Cell
    multiply_adds: int
    images: int


def cost(runs: pd.DataFrame, plans: Sequence[Plan], device: str | None) -> Cost:
    """Estimate the seconds that cells will take from what finished runs on the same device took.

    A run takes its epochs and, once per network, the time to compile. Both come from the runs of the same network, or
    else from its family's nearest width, the epochs then scaled by the square root of the multiply-adds: small networks
    are bound by overheads and large ones by arithmetic, and the square root lies between.

    Args:
        runs: rows of ``Store.runs``.
        plans: what is to be trained.
        device: only runs on it count.
    """
    known = runs[(runs["state"] == "done") & (runs["device"] == device)]
    if not plans:
        return Cost(0.0, 0)
    if known.empty:
        return Cost(None, 0)
    known = known.assign(
        rate=known["epoch_seconds"] / known["train_images"],
        compile=(known["seconds"] - known["epochs"] * known["epoch_seconds"]).clip(lower=0.0),
    )
    networks = known.groupby(["family", "multiply_adds"], as_index=False)[["rate", "compile"]].agg(
        {"rate": "median", "compile": "max"}
    )
    total = 0.0
    compiled: set[tuple[str, int]] = set()
    for plan in plans:
        cell, work = plan.cell, plan.multiply_adds
        own = networks[networks["family"] == cell.family]
        nearby = own if not own.empty else networks
        distance = (nearby["multiply_adds"].map(math.log) - math.log(max(work, 1))).abs()
        nearest = nearby.loc[distance.idxmin()]
        scale = math.sqrt(work / nearest["multiply_adds"])
        total += float(nearest["rate"]) * scale * plan.images * cell.recipe.epochs
        if (cell.family, cell.width) not in compiled:
            total += float(nearest["compile"])
            compiled.add((cell.family, cell.width))
    return Cost(total, len(known))


def accuracies(runs: pd.DataFrame, cells: Sequence[Cell]) -> dict[Cell, float]:
    """Return the test accuracy of each cell that is finished."""
    done = runs[runs["state"] == "done"]
    columns = ["dataset", "fingerprint", "family", "width", "recipe", "seed"]
    known = dict(zip(done[columns].itertuples(index=False, name=None), done["test_accuracy"], strict=True))
    return {cell: known[key] for cell in cells if (key := tuple(cell.columns.values())) in known}


def for_people(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns that ``titles`` names, under those titles; shares become per cent where a title ends in %."""
    shown = table[list(titles)].rename(columns=dict(titles))
    percent = [x for x in titles.values() if x.endswith("%")]
    shown[percent] = shown[percent] * 100
    return shown
