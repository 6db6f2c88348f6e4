"""How long training will take, estimated from what has been trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.recipe import Recipe
from core.runs.run import Cell

# An update costs about as much as so many more images: measured on two cores with batches of 1 to 128, 2 for the deep
# CNN of width 2, 6 for the MLP of width 32, 20 for the CNN of width 16.
UPDATE = 8
NETWORK = ["family", "multiply_adds", "precision", "batch"]  # what makes runs alike


@dataclass(frozen=True, slots=True)
class Cost:
    """An estimate of training time.

    Attributes:
        seconds: for all the cells together, or None if nothing like them has been trained here.
        runs: how many earlier runs it rests on; others that finished here say nothing of these cells.
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

    A run takes its epochs and, once per network, the time to compile. Both come from the runs that are most alike: of
    the same family and precision where there are any, then the nearest in multiply-adds and batch. Their epochs are
    scaled by the square root of the multiply-adds: small networks are bound by overheads and large ones by arithmetic,
    and the square root lies between. Smaller batches are more updates, each of which costs ``UPDATE`` images more than
    its own.

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
    recipes = known["recipe"].map({x: Recipe.from_json(x) for x in known["recipe"].unique()})
    known = known.assign(
        rate=known["epoch_seconds"] / known["train_images"],
        compile=(known["seconds"] - known["epochs"] * known["epoch_seconds"]).clip(lower=0.0),
        precision=recipes.map(lambda x: x.precision),
        batch=recipes.map(lambda x: x.batch_size).clip(upper=known["train_images"]),
    )
    networks = known.groupby(NETWORK, as_index=False).agg(
        rate=("rate", "median"), compile=("compile", "max"), runs=("rate", "size")
    )
    total = 0.0
    nearest: dict[tuple[str, int, str, int], int] = {}  # the row of ``networks`` for each kind of cell
    compiled: set[tuple[str, int]] = set()
    for plan in plans:
        cell, work, batch = plan.cell, max(plan.multiply_adds, 1), min(plan.cell.recipe.batch_size, plan.images)
        kind = (cell.family, work, cell.recipe.precision, batch)
        if kind not in nearest:
            nearest[kind] = _nearest(networks, *kind)
        like = networks.loc[nearest[kind]]
        scale = math.sqrt(work / like["multiply_adds"]) * (1 + UPDATE / batch) / (1 + UPDATE / like["batch"])
        total += float(like["rate"] * scale) * plan.images * cell.recipe.epochs
        if (cell.family, cell.width) not in compiled:
            total += float(like["compile"])
            compiled.add((cell.family, cell.width))
    return Cost(total, int(networks.loc[list(set(nearest.values())), "runs"].sum()))


def _nearest(networks: pd.DataFrame, key: str, work: int, precision: str, batch: int) -> int:
    """Return the index of the runs most alike."""
    for column, value in (("family", key), ("precision", precision)):
        having = networks[networks[column] == value]
        networks = networks if having.empty else having
    far = (networks["multiply_adds"].map(math.log) - math.log(work)).abs()
    far += (networks["batch"].map(math.log) - math.log(batch)).abs()
    return int(far.idxmin())
