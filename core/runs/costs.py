"""How long training will take, estimated from what has been trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from core.runs.run import Cell, Run, RunState

# An update costs about as much as so many more images: measured on two cores with batches of 1 to 128, 2 for the deep
# CNN of width 2, 6 for the MLP of width 32, 20 for the CNN of width 16.
UPDATE = 8


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


class _Kind(NamedTuple):
    """What makes runs alike in what they cost."""

    family: str
    multiply_adds: int
    precision: str
    batch: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What runs of a kind took: seconds an epoch and training image, seconds of compiling, and how many they are."""

    rate: float
    compile: float
    runs: int


def cost(runs: Iterable[Run], plans: Sequence[Plan], device: str | None) -> Cost:
    """Estimate the seconds that cells will take from what finished runs on the same device took.

    A run takes its epochs and, once per network, the time to compile. Both come from the runs that are most alike: of
    the same family and precision where there are any, then the nearest in multiply-adds and batch; of those only what
    was computed like the newest. Their epochs are scaled by the square root of the multiply-adds: small networks are
    bound by overheads and large ones by arithmetic, and the square root lies between. Smaller batches are more updates,
    each of which costs ``UPDATE`` images more than its own.

    Args:
        runs: those in the store.
        plans: what is to be trained.
        device: only runs on it count.
    """
    if not plans:
        return Cost(0.0, 0)
    known = _known(x for x in runs if x.state is RunState.DONE and x.device == device)
    if not known:
        return Cost(None, 0)
    total = 0.0
    nearest: dict[_Kind, _Kind] = {}
    compiled: set[str] = set()
    for plan in plans:
        cell = plan.cell
        batch = min(cell.recipe.batch_size, plan.images)
        kind = _Kind(cell.chosen.key, max(plan.multiply_adds, 1), cell.recipe.precision, batch)
        if kind not in nearest:
            nearest[kind] = _nearest(known, kind)
        like = nearest[kind]
        scale = math.sqrt(kind.multiply_adds / like.multiply_adds) * (1 + UPDATE / batch) / (1 + UPDATE / like.batch)
        total += known[like].rate * scale * plan.images * cell.recipe.epochs
        if cell.layers not in compiled:
            total += known[like].compile
            compiled.add(cell.layers)
    return Cost(total, sum(known[x].runs for x in set(nearest.values())))


def _known(runs: Iterable[Run]) -> dict[_Kind, _Known]:
    alike: dict[_Kind, list[tuple[float, float]]] = {}
    newest: dict[_Kind, tuple[str, str]] = {}
    kinds = []
    for run in runs:
        if run.epoch_seconds is None or run.seconds is None:
            continue
        batch = min(run.recipe.batch_size, run.train_images)
        kind = _Kind(run.family, max(run.multiply_adds, 1), run.recipe.precision, batch)
        took = run.epoch_seconds / run.train_images, max(run.seconds - run.epochs * run.epoch_seconds, 0.0)
        kinds.append((kind, run.formulation, took))
        newest[kind] = max(newest.get(kind, ("", "")), (run.ended or "", run.formulation or ""))
    for kind, formulation, took in kinds:
        if (formulation or "") == newest[kind][1]:  # another version may have computed the same in another way
            alike.setdefault(kind, []).append(took)
    return {
        kind: _Known(median(rate for rate, _ in took), max(compiling for _, compiling in took), len(took))
        for kind, took in alike.items()
    }


def _nearest(known: Iterable[_Kind], kind: _Kind) -> _Kind:
    """Return the kind of runs most alike."""

    def far(other: _Kind) -> tuple[bool, bool, float]:
        work = abs(math.log(other.multiply_adds / kind.multiply_adds))
        batch = abs(math.log(other.batch / kind.batch))
        return other.family != kind.family, other.precision != kind.precision, work + batch

    return min(known, key=far)
