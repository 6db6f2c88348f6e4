"""What finished runs say: networks over their seeds, turning points, and what no other network beats."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from core.errors import invalid
from core.networks.families import Family
from core.recipe import Recipe
from core.runs.run import Origin, Run

if TYPE_CHECKING:
    import pandas as pd

CONFIDENCE = 0.95
_Z2 = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) ** 2
SAME = 1e-9  # accuracies closer than this are equal: a mean of shares is not exact


@dataclass(frozen=True, slots=True)
class Curve:
    """What one curve holds together: only the width and the seed differ along it."""

    dataset: str
    fingerprint: str
    origin: Origin
    chosen: Family
    recipe: Recipe

    @property
    def family(self) -> str:
        """The key of the family."""
        return self.chosen.key

    @property
    def title(self) -> str:
        """The family's, for people."""
        return self.chosen.title


@dataclass(frozen=True, slots=True)
class Point:
    """One network of a curve, over its seeds. Accuracies are shares.

    Attributes:
        curve: which it is on.
        width: its width n.
        runs: its finished runs, at least one.
        mean: of the test accuracy over seeds.
        sd: its sample standard deviation, or None for one seed.
        low: of the worst seed.
        high: of the best seed.
        choosing: mean of the accuracy that chooses; the same as ``mean`` in the article's protocol.
        commonest: share of the test images that are of the commonest class, or 0 where it is not known.
    """

    curve: Curve
    width: int
    runs: tuple[Run, ...]
    mean: float
    sd: float | None
    low: float
    high: float
    choosing: float
    commonest: float = 0.0

    @property
    def parameters(self) -> int:
        """The network's weights."""
        return self.runs[0].parameters

    @property
    def multiply_adds(self) -> int:
        """For one image."""
        return self.runs[0].multiply_adds

    @property
    def test_images(self) -> int:
        """How many the accuracy was measured on."""
        return self.runs[0].test_images

    @property
    def seeds(self) -> int:
        """How many runs."""
        return len(self.runs)

    @property
    def interval(self) -> tuple[float, float]:
        """The test images' own noise about the mean, see :func:`wilson`."""
        return wilson(self.mean, self.test_images)

    @property
    def reads(self) -> bool:
        """Whether it reads anything: its interval lies above what always saying the commonest class reads."""
        return beyond(self.mean, self.test_images, self.commonest)

    def passing(self, target: float) -> int:
        """Return how many seeds read something and reach a target with the accuracy that chooses."""
        return sum(
            _choosing(x) >= target - SAME and beyond(_measured(x.test_accuracy), x.test_images, self.commonest)
            for x in self.runs
        )


def points(runs: Iterable[Run], commonest: Mapping[str, float] | None = None) -> list[Point]:
    """Return one point per network, recipe and origin, the smallest network first.

    Args:
        runs: finished ones, as ``Results.runs`` are.
        commonest: for the fingerprint of images, the share of their commonest class, see ``Facts.commonest``.
    """
    commonest = commonest or {}
    alike: dict[tuple[Curve, int], list[Run]] = {}
    curves: dict[tuple[object, ...], Curve] = {}
    for run in runs:
        facts = run.dataset, run.fingerprint, run.origin, run.cell.chosen, run.recipe
        curve = curves.get(facts) or curves.setdefault(facts, Curve(*facts))
        alike.setdefault((curve, run.width), []).append(run)
    found = [
        _point(curve, width, tuple(same), commonest.get(curve.fingerprint, 0.0))
        for (curve, width), same in alike.items()
    ]
    return sorted(found, key=lambda x: (x.parameters, x.curve.family, x.width))


def _point(curve: Curve, width: int, runs: tuple[Run, ...], commonest: float) -> Point:
    accuracies = [_measured(x.test_accuracy) for x in runs]
    mean = math.fsum(accuracies) / len(runs)
    squares = math.fsum((x - mean) ** 2 for x in accuracies)
    sd = math.sqrt(squares / (len(runs) - 1)) if len(runs) > 1 else None
    choosing = math.fsum(map(_choosing, runs)) / len(runs)
    return Point(curve, width, runs, mean, sd, min(accuracies), max(accuracies), choosing, commonest)


def _choosing(run: Run) -> float:
    return _measured(run.choosing)


def _measured(accuracy: float | None) -> float:
    assert accuracy is not None, "the run is not finished"
    return accuracy


def wilson(accuracy: float, images: int) -> tuple[float, float]:
    """Return the 95 % interval of a share that was measured on so many images (Wilson 1927, as SciPy computes it).

    All seeds read the same test images, so the mean over seeds has no narrower interval than one run.
    """
    return _wilson(round(accuracy * images), images)


@lru_cache(maxsize=20_000)  # SciPy takes 0.2 ms, and a page may hold thousands of networks
def _wilson(right: int, images: int) -> tuple[float, float]:
    from scipy.stats import binomtest  # takes most of a second to import

    found = binomtest(right, images).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)


def beyond(accuracy: float, images: int, share: float) -> bool:
    """Return whether the interval of :func:`wilson` lies above a share.

    Wilson's interval holds the shares that the score test does not reject, so asking the test is the same, and quick.
    """
    right = round(accuracy * images)
    above = right / images - share
    return right > 0 and above > 0 and above**2 * images > _Z2 * share * (1 - share)


def target(value: object) -> float:
    """Return ``value`` as a target accuracy, a share above 0 and at most 1, or raise ``ArgumentError``."""
    try:
        share = float(str(value))
    except ValueError:
        share = math.nan
    if not 0 < share <= 1:
        raise invalid("target", "an accuracy above 0 and at most 1, such as 0.97", value)
    return share


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """The smallest network of a family that reaches a target, with its neighbours.

    Attributes:
        curve: the one that it is on.
        target: the accuracy asked for, a share.
        mark: the smallest width whose mean over seeds reaches the target and that reads anything, or None.
        below: the next width down that was trained, or None; without a turning point, the largest width of all.
        above: the next width up that was trained, or None.
        best: the highest mean on the curve, of the networks that read anything if there are such.
    """

    curve: Curve
    target: float
    mark: Point | None
    below: Point | None
    above: Point | None
    best: Point

    @property
    def family(self) -> str:
        """The key of the family."""
        return self.curve.family

    def facts(self) -> dict[str, Any]:
        """Return it as plain values for JSON; brackets are weights, accuracies shares."""
        mark = self.mark
        return {
            "family": self.family,
            "width": mark and mark.width,
            "parameters": mark and mark.parameters,
            "mean": mark and mark.mean,
            "sd": mark and mark.sd,
            "seeds": mark and mark.seeds,
            "passing": mark and mark.passing(self.target),
            "bracket_below": self.below and self.below.parameters,
            "bracket_above": self.above and self.above.parameters,
            "recipe": str(self.curve.recipe),
            "protocol": self.curve.recipe.protocol,
            "origin": self.curve.origin,
            "commonest": self.best.commonest,
        }


def turning_points(points: Sequence[Point], target: float) -> list[TurningPoint]:
    """Return one turning point a family, smallest first, those never reaching it last.

    The smallest width whose *mean* reaches the target is chosen, by the accuracy that chooses; a network that reads no
    more test images than always saying their commonest class is never chosen. Curves are never mixed.
    Where a family has several of one recipe that reach it, the one whose turning point rests on most seeds counts, so
    that no single lucky seed outdoes five; of the recipes, the one that gets by with the fewest weights speaks for the
    family, and of equals the family's own.

    Args:
        points: of one data set and one protocol, as :func:`points` gives them.
        target: the accuracy to reach, as a share.
    """
    curves: dict[Curve, list[Point]] = {}
    for point in points:
        curves.setdefault(point.curve, []).append(point)
    trusted: dict[tuple[str, Recipe], TurningPoint] = {}
    for curve, marks in curves.items():
        found = _turning_point(curve, sorted(marks, key=lambda x: x.width), target)
        known = trusted.get((curve.family, curve.recipe))
        if known is None or _trust(found) < _trust(known):
            trusted[curve.family, curve.recipe] = found
    smallest: dict[str, TurningPoint] = {}
    for found in trusted.values():
        if found.family not in smallest or _rank(found) < _rank(smallest[found.family]):
            smallest[found.family] = found
    return sorted(smallest.values(), key=_rank)


def _turning_point(curve: Curve, marks: Sequence[Point], target: float) -> TurningPoint:
    best = max(marks, key=lambda x: (x.reads, x.choosing))
    for below, mark, above in zip([None, *marks], marks, [*marks[1:], None], strict=False):
        if mark.choosing >= target - SAME and mark.reads:
            return TurningPoint(curve, target, mark, below, above, best)
    return TurningPoint(curve, target, None, marks[-1], None, best)


def _trust(point: TurningPoint) -> tuple[float, ...]:
    return point.mark is None, -(point.mark or point.best).seeds, *_rank(point)


def _rank(point: TurningPoint) -> tuple[float, ...]:
    if point.mark is None:
        return math.inf, not point.best.reads, -point.best.choosing, -point.best.seeds
    other = replace(point.curve.recipe, protocol=point.curve.chosen.recipe.protocol) != point.curve.chosen.recipe
    return point.mark.parameters, -point.mark.seeds, other, -point.mark.mean


def front(table: pd.DataFrame, size: str = "parameters", accuracy: str = "mean") -> pd.DataFrame:
    """Return the Pareto front of a table: the rows that no other row beats, smallest first.

    A row is beaten by one that is no larger and no less accurate, and better in one of the two. So of equal accuracies
    the smallest stays, of equal sizes the most accurate, and rows equal in both stay together.

    Args:
        table: any rows with the two columns; those without either figure are left out.
        size: the column of which less is better.
        accuracy: the column of which more is better.
    """
    known = table.dropna(subset=[size, accuracy])
    best = known.groupby(size)[accuracy].max().sort_index()
    before = best.cummax().shift(fill_value=-math.inf)
    kept = best[best > before]
    return known[known[accuracy] == known[size].map(kept)].sort_values(size, ignore_index=True)
