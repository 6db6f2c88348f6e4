"""Whether a width reaches the target, as far as its seeds can tell."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from core.finder.trials import Outcome, Trial
from core.results.analysis import SAME, beyond

Z = 1.64  # standard errors between a mean and the target that decide: one in twenty is wrong
PRIOR = 3  # degrees of freedom that the measured images' own noise counts for beside the spread of seeds


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the seeds of a width say.

    Attributes:
        width: n.
        trials: its runs that were heard, by seed.
        mean: of the accuracy of those that were trained to their end; None if none was.
        reaches: whether it reaches the target.
        settled: whether no further seed is needed.
        told: whether it could be told apart from the target.
        chance: that it is on the right side, by a normal distribution about the mean; 0.5 to 1, and 1 where runs were
            hopeless and decide.
    """

    width: int
    trials: tuple[Trial, ...]
    mean: float | None
    reaches: bool
    settled: bool
    told: bool
    chance: float

    @property
    def seeds(self) -> int:
        """How many runs were heard."""
        return len(self.trials)


def spread(trials: Mapping[int, Sequence[Trial]], target: float) -> float:
    """Return the standard deviation of one run about its network's mean, pooled over a family's widths.

    It is that of seeds, of widths about as good as the target where there are such, with the noise of the measured
    images as three more observations: few seeds say little of their own spread. It is never below that noise.

    Args:
        trials: of each width.
        target: the accuracy to reach.
    """
    squares, freedom = 0.0, 0
    for some in trials.values():
        found = [x.accuracy for x in some if x.outcome is Outcome.DONE]
        if len(found) < 2:
            continue
        mean = math.fsum(found) / len(found)
        if abs(mean - target) > near(target):
            continue
        squares += math.fsum((x - mean) ** 2 for x in found)
        freedom += len(found) - 1
    images = next((x.images for some in trials.values() for x in some), 0)
    floor = math.sqrt(target * (1 - target) / images) if images else 0.0
    pooled = math.sqrt((squares + PRIOR * floor**2) / (freedom + PRIOR))
    return max(pooled, floor)


def near(target: float) -> float:
    """Return how far a mean may be from a target for its seeds to scatter about as much; smaller networks' do more."""
    return 2 * (1 - target)


def judged(
    width: int,
    trials: Iterable[Trial],
    target: float,
    s: float,
    most: int,
    tell_apart: float,
    commonest: float = 0.0,
) -> Judgement:
    """Judge a width.

    It needs another seed while its mean lies within 1.64 standard errors of the target, there are fewer than ``most``
    seeds, and the standard error still says less than ``tell_apart``. Runs that were hopeless are in no mean that is
    told, but the decision takes each at the best that could be expected of it, and half of the runs decide alone: a
    mean of those that are left would say too much.

    Args:
        width: n.
        trials: its runs.
        target: the accuracy to reach.
        s: standard deviation of one run.
        most: seeds at most.
        tell_apart: a difference that need not be told from none.
        commonest: share of the measured images that are of the commonest class: who reads no more reads nothing.
    """
    heard = tuple(x for x in trials if x.outcome is not Outcome.FAILED)
    done = [x for x in heard if x.outcome is Outcome.DONE]
    if not done:
        return Judgement(width, heard, None, False, bool(heard), bool(heard), 1.0 if heard else 0.5)
    mean = math.fsum(x.accuracy for x in done) / len(done)
    expected = [x.accuracy if x.outcome is Outcome.DONE else x.bound for x in heard]
    off = math.fsum(expected) / len(heard) - target
    above = off >= -SAME and beyond(mean, done[0].images, commonest)
    error = s / math.sqrt(len(heard))
    most_hopeless = (len(heard) - len(done)) * 2 >= len(heard)
    told = abs(off) >= Z * error or most_hopeless
    settled = told or len(heard) >= most or Z * error <= tell_apart
    chance = 1.0 if most_hopeless or not error else NormalDist().cdf(abs(off) / error)
    return Judgement(width, heard, mean, above and not most_hopeless, settled, told, chance)
