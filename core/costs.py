"""How long training will take, estimated from what has been trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from core.runs import Cell


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
