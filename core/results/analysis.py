"""What a table of runs says: pure functions of the rows that ``Store.runs`` returns."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pandas as pd

from core.errors import invalid
from core.networks.families import FAMILIES
from core.recipe import Recipe
from core.results.published import Published

# What one curve holds together: only the width and the seed differ along it.
LINE = ["dataset", "fingerprint", "origin", "family", "recipe"]
POINT = [*LINE, "width"]
CONFIDENCE = 0.95
SAME = 1e-9  # accuracies closer than this are equal: a mean of shares is not exact


def finished(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the runs that trained for all their epochs, with what the recipe says and titles for people.

    Added: ``title`` of the family, ``recipe_title``, ``protocol`` and ``choosing``, the accuracy that decides which
    network is small enough: of the held-out images where the protocol has some, else of the test images.
    """
    done = runs[runs["state"] == "done"].copy()
    recipes = {x: Recipe.from_json(x) for x in done["recipe"].unique()}
    done["title"] = done["family"].map({key: x.title for key, x in FAMILIES.items()})
    done["recipe_title"] = done["recipe"].map({x: str(recipe) for x, recipe in recipes.items()})
    done["protocol"] = done["recipe"].map({x: recipe.protocol for x, recipe in recipes.items()})
    held_out = done["held_out_accuracy"].astype("float64")
    done["choosing"] = held_out.where(done["protocol"] == "held_out", done["test_accuracy"])
    return done


def means(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row per network, recipe and origin: the mean of its finished runs over seeds and their spread.

    Columns: those of ``POINT``, ``title``, ``recipe_title``, ``protocol``, ``parameters``, ``multiply_adds``,
    ``test_images``; of the test accuracy ``mean``, ``sd`` (sample standard deviation, NaN for one seed), ``low`` and
    ``high`` over seeds; ``choosing``, the mean of the accuracy that chooses; ``seeds``, their number. Accuracies are
    shares. The smallest network comes first.
    """
    by = [*POINT, "title", "recipe_title", "protocol", "parameters", "multiply_adds", "test_images"]
    grouped = finished(runs).groupby(by, as_index=False, sort=False)
    found = grouped.agg(
        mean=("test_accuracy", "mean"),
        sd=("test_accuracy", "std"),
        low=("test_accuracy", "min"),
        high=("test_accuracy", "max"),
        choosing=("choosing", "mean"),
        seeds=("test_accuracy", "count"),
    )
    return found.sort_values(["parameters", "family", "width"], ignore_index=True)


def points(runs: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of :func:`means` with the other noise too.

    Added: ``wilson_low`` and ``wilson_high``, the test set's own noise about the mean, see :func:`wilson`.
    """
    found = means(runs)
    ends = [wilson(x, n) for x, n in zip(found["mean"], found["test_images"], strict=True)]
    return found.assign(wilson_low=[low for low, _ in ends], wilson_high=[high for _, high in ends])


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
class Mark:
    """One network of a curve, over its seeds.

    Attributes:
        width: its width n.
        parameters: its weights.
        choosing: mean of the accuracy that chooses, a share.
        mean: mean test accuracy, a share; the same figure in the article's protocol.
        sd: sample standard deviation of the test accuracy, or None for one seed.
        seeds: how many runs.
        passing: how many of them reach the target with the accuracy that chooses.
    """

    width: int
    parameters: int
    choosing: float
    mean: float
    sd: float | None
    seeds: int
    passing: int


@dataclass(frozen=True, slots=True)
class TurningPoint:
    """The smallest network of a family that reaches a target, with its neighbours.

    Attributes:
        family: its key.
        recipe: canonical JSON of the recipe of the curve it is on.
        origin: ``'own'`` or ``'reference'``.
        mark: the smallest width whose mean over seeds reaches the target, or None if none does.
        below: the next width down that was trained, or None; without a turning point, the largest width of all.
        above: the next width up that was trained, or None.
        best: the highest mean on the curve.
    """

    family: str
    recipe: str
    origin: str
    mark: Mark | None
    below: Mark | None
    above: Mark | None
    best: Mark

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
            "passing": mark and mark.passing,
            "bracket_below": self.below and self.below.parameters,
            "bracket_above": self.above and self.above.parameters,
            "recipe": str(Recipe.from_json(self.recipe)),
            "protocol": Recipe.from_json(self.recipe).protocol,
            "origin": self.origin,
        }


def turning_points(runs: pd.DataFrame, target: float) -> list[TurningPoint]:
    """Return one turning point a family that has finished runs, smallest first, those never reaching it last.

    The smallest width whose *mean* reaches the target is chosen, by the accuracy that chooses. Curves are never mixed.
    Where a family has several of one recipe that reach it, the one whose turning point rests on most seeds counts, so
    that no single lucky seed outdoes five; of the recipes, the one that gets by with the fewest weights speaks for the
    family. Rows must be of one data set and one protocol.

    Args:
        runs: rows of ``Store.runs``.
        target: the accuracy to reach, as a share.
    """
    curves: dict[tuple[str, str], TurningPoint] = {}
    for (*_, origin, key, recipe), rows in finished(runs).groupby(LINE, sort=False):
        point = _turning_point(str(key), str(recipe), str(origin), rows, target)
        known = curves.get((point.family, point.recipe))
        if known is None or _trust(point) < _trust(known):
            curves[point.family, point.recipe] = point
    found: dict[str, TurningPoint] = {}
    for point in curves.values():
        if point.family not in found or _rank(point) < _rank(found[point.family]):
            found[point.family] = point
    return sorted(found.values(), key=_rank)


def _trust(point: TurningPoint) -> tuple[float, ...]:
    return point.mark is None, -(point.mark or point.best).seeds, *_rank(point)


def _turning_point(key: str, recipe: str, origin: str, rows: pd.DataFrame, target: float) -> TurningPoint:
    widths = rows.assign(passes=rows["choosing"] >= target - SAME).groupby("width")
    found = widths.agg(
        parameters=("parameters", "first"),
        choosing=("choosing", "mean"),
        mean=("test_accuracy", "mean"),
        sd=("test_accuracy", "std"),
        seeds=("seed", "size"),
        passing=("passes", "sum"),
    )
    marks = [
        Mark(int(width), int(size), choosing, mean, None if seeds == 1 else sd, int(seeds), int(passing))
        for width, size, choosing, mean, sd, seeds, passing in found.itertuples(name=None)
    ]
    best = max(marks, key=lambda x: x.choosing)
    for below, mark, above in zip([None, *marks], marks, [*marks[1:], None], strict=False):
        if mark.choosing >= target - SAME:
            return TurningPoint(key, recipe, origin, mark, below, above, best)
    return TurningPoint(key, recipe, origin, None, marks[-1], None, best)


def _rank(point: TurningPoint) -> tuple[float, ...]:
    if point.mark is None:
        return math.inf, -point.best.choosing, -point.best.seeds
    return point.mark.parameters, -point.mark.seeds, -point.mark.mean


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


@dataclass(frozen=True, slots=True)
class Agreement:
    """A published accuracy against ours of the same network and recipe.

    Attributes:
        published: the published figure.
        mean: mean of our test accuracies, a share.
        sd: their sample standard deviation, or None for one seed.
        seeds: how many.
        difference: our mean less the published accuracy, a share.
        agrees: whether the published figure is where one more run of ours would fall (95 % prediction interval, normal
            accuracies assumed, rounding of the published figure allowed for); None for one seed, which has no spread.
    """

    published: Published
    mean: float
    sd: float | None
    seeds: int
    difference: float
    agrees: bool | None


def agreement(published: Published, runs: pd.DataFrame) -> Agreement | None:
    """Compare a published figure with our finished runs of the same network and the family's own recipe, if any.

    Of several curves (own, reference) the one with most seeds is taken.
    """
    assert published.family
    done = finished(runs)
    own = FAMILIES[published.family].recipe.to_json()
    same = done[(done["family"] == published.family) & (done["width"] == published.width) & (done["recipe"] == own)]
    if same.empty:
        return None
    accuracy = max((x["test_accuracy"] for _, x in same.groupby(LINE)), key=len)
    mean, seeds = float(accuracy.mean()), len(accuracy)
    difference = mean - published.accuracy
    if seeds == 1:
        return Agreement(published, mean, None, 1, difference, None)
    from scipy.stats import t

    sd = float(accuracy.std())
    reach = float(t.ppf((1 + CONFIDENCE) / 2, seeds - 1)) * sd * math.sqrt(1 + 1 / seeds)
    agrees = abs(difference) <= reach + published.rounding + SAME
    return Agreement(published, mean, sd, seeds, difference, agrees)
