"""What is known of a family's networks already: the mean test accuracy of each width that was trained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.data import datasets
from core.networks.families import Family
from core.results.analysis import Point, points
from core.results.collect import Results, finished
from core.results.published import DIGITS
from core.results.sentences import spread
from core.runs import reference
from core.runs.run import Cell, Origin, Run
from core.runs.store import Store


@dataclass(frozen=True, slots=True)
class Reading:
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


def networks(found: Results, shipped: Store | None, chosen: Family, dropout: bool) -> list[Point]:
    """Return one point for each width of a family, the smallest first, all of one image set.

    Where the embedded digits have none of the family, the shipped results on all of MNIST stand in. Of several points
    of a width the one with the family's own recipe counts, then the one that rests on most seeds.

    Args:
        found: the image set's results.
        shipped: the reference results.
        chosen: the family.
        dropout: whether the networks have Dropout layers.
    """
    known = points(_of(found.runs, chosen, dropout))
    if not known and shipped and found.name in DIGITS:
        known = points(_of(finished(shipped.runs(reference.DATASET)), chosen, dropout))
    best: dict[int, Point] = {}
    for point in sorted(known, key=lambda x: (usual(x, chosen), x.seeds), reverse=True):
        best.setdefault(point.width, point)
    return [best[n] for n in sorted(best)]


def usual(point: Point, chosen: Family) -> bool:
    """Return whether a network was trained with its family's own recipe, Dropout left aside."""
    return replace(point.curve.recipe, dropout=False) == replace(chosen.recipe, dropout=False)


def readings(known: Iterable[Point], chosen: Family, beside: Sequence[Point] = ()) -> list[Reading]:
    """Return points of :func:`networks` for people.

    Args:
        known: the points.
        chosen: their family.
        beside: points of the same family on other sets of the same kind of images: told after the point of their width,
            or where there is none, in its place.
    """
    also = {x.width: x for x in beside}
    found = {x.width: _reading(x, chosen, also.get(x.width)) for x in known}
    found |= {n: _reading(x, chosen, None) for n, x in also.items() if n not in found}
    return [found[n] for n in sorted(found)]


def _of(runs: Iterable[Run], chosen: Family, dropout: bool) -> list[Run]:
    """Return the runs whose networks are of a family, as its own, whatever they were asked for by."""
    found: dict[tuple[Origin, Cell], Run] = {}
    for run in runs:
        if run.recipe.dropout != (dropout and chosen.line.has_dropout) or (run.origin, run.cell) in found:
            continue
        width = run.width if run.family == chosen.key else chosen.width_of(run.layers, run.recipe.dropout)
        if width is not None:
            same = (run.family, run.width) == (chosen.key, width)
            found[run.origin, run.cell] = run if same else replace(run, cell=run.cell.under(chosen, width))
    return list(found.values())


def _reading(point: Point, chosen: Family, also: Point | None) -> Reading:
    what = f"{point.seeds} seeds" if point.seeds > 1 else "one seed"
    if point.curve.origin is Origin.REFERENCE:
        what += ", reference"
    if not usual(point, chosen):
        what += f", {point.curve.recipe}"
    if also:
        what += f"; yours on {datasets.title(also.curve.dataset)}: {spread(also.mean, also.sd)}"
    return Reading(point.width, spread(point.mean, point.sd), datasets.title(point.curve.dataset), what)
