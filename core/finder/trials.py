"""What runs say of a family's widths: those that ended, and those that were hopeless."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from core.finder.question import Asked
from core.runs.run import Origin, Run, RunState

GAINS = 3  # finished runs that a hopeless one is known by
SPREADS = 3  # standard deviations of a gain that still might come, where many runs say what they are

History = Callable[[Run], Sequence[float]]


class Outcome(StrEnum):
    """What came of a run that the finder looks at."""

    DONE = "done"
    HOPELESS = "hopeless"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Trial:
    """A run of one width as the finder sees it.

    Attributes:
        width: n.
        seed: its seed.
        outcome: what came of it.
        epochs: that it was trained for.
        accuracy: that chooses, a share; after its last epoch, also of a hopeless one.
        images: that it was measured on.
        why: how it ended, for people, where it did not as planned.
        bound: what a hopeless one could at best be expected to reach, a share below the target; else 1.
    """

    width: int
    seed: int
    outcome: Outcome
    epochs: int
    accuracy: float
    images: int
    why: str = ""
    bound: float = 1.0


@dataclass(frozen=True, slots=True)
class Gains:
    """What finished runs of a recipe gained from each epoch to the end.

    Attributes:
        mean: for each epoch from 1, shares; empty while there are fewer than three such runs.
        reach: of these deviations that one more run may lie above the mean: three, if many runs have said what they
            are; of few runs as many as a prediction interval by Student's t has, as likely left by chance.
    """

    mean: tuple[float, ...] = ()
    sd: tuple[float, ...] = ()
    reach: float = SPREADS

    def bound(self, accuracies: Iterable[float], target: float) -> float | None:
        """Return what a run could at best be expected to reach, if after any of its epochs that is below a target.

        It is the accuracy after the first such epoch, the mean gain from there on, and ``reach`` standard deviations.
        A run ends an epoch or two after it is asked to. It stays hopeless whatever those gave: else it would be trained
        anew, to be stopped again at the same epoch.
        """
        # after the last epoch it is finished
        each = zip(accuracies, self.mean[:-1], self.sd[:-1], strict=False)
        bounds = (now + mean + self.reach * sd for now, mean, sd in each)
        return next((x for x in bounds if x < target), None)


def gains(histories: Iterable[Sequence[float]]) -> Gains:
    """Return what is gained from each epoch on.

    Args:
        histories: of finished runs of one recipe, the accuracy that chooses after each epoch.
    """
    ended = [x for x in histories if x]
    if len(ended) < GAINS or len({len(x) for x in ended}) > 1:
        return Gains()
    mean, sd = [], []
    for accuracies in zip(*ended, strict=True):
        left = [x[-1] - now for x, now in zip(ended, accuracies, strict=True)]
        middle = math.fsum(left) / len(left)
        mean.append(middle)
        sd.append(math.sqrt(math.fsum((x - middle) ** 2 for x in left) / (len(left) - 1)))
    return Gains(tuple(mean), tuple(sd), _reach(len(ended)))


@lru_cache(maxsize=64)
def _reach(runs: int) -> float:
    """Return how many sample standard deviations one more run lies above the mean as rarely as three of a normal's."""
    from scipy.stats import norm, t  # take most of a second to import

    return float(t.ppf(norm.cdf(SPREADS), runs - 1)) * math.sqrt(1 + 1 / runs)


def matching(asked: Asked, runs: Iterable[Run]) -> dict[tuple[int, int], Run]:
    """Return the runs of a family's networks with its recipe, one for each ``(width, seed)``.

    It is a finished one rather than another, and the user's own rather than one that came with Featherweight.

    Args:
        asked: the family.
        runs: on the image set.
    """
    widths = dict(zip(asked.layers, asked.widths, strict=True))
    found: dict[tuple[int, int], Run] = {}

    def rank(run: Run) -> tuple[bool, bool]:
        return run.state is RunState.DONE, run.origin is Origin.OWN

    for run in runs:
        if run.recipe != asked.recipe or run.layers not in widths:
            continue
        place = widths[run.layers], run.seed
        if place not in found or rank(run) > rank(found[place]):
            found[place] = run
    return found


def trials(
    asked: Asked, runs: Mapping[tuple[int, int], Run], known: Gains, target: float, images: int, history: History
) -> dict[int, list[Trial]]:
    """Return what is known of each width, the seeds in order.

    A run that was stopped counts where it was hopeless, by what is known now; else it is trained anew.

    Args:
        asked: the family.
        runs: as :func:`matching` gives them.
        known: gains of the family's finished runs.
        target: the accuracy to reach.
        images: that networks are measured on.
        history: of a run, the accuracy that chooses after each epoch.
    """
    found: dict[int, list[Trial]] = {}
    for (width, seed), run in sorted(runs.items(), key=lambda x: x[0]):
        accuracy, bound = run.choosing, None
        if run.state is RunState.STOPPED and known.mean:
            bound = known.bound(history(run), target)
        match run.state:
            case RunState.DONE:
                outcome, why = Outcome.DONE, ""
            case RunState.STOPPED if bound is not None:
                outcome, why = Outcome.HOPELESS, "stopped: it could not be expected to reach the target"
            case RunState.FAILED:
                outcome, why = Outcome.FAILED, run.message or "failed"
            case _:
                continue
        found.setdefault(width, []).append(
            Trial(width, seed, outcome, run.epochs, accuracy or 0.0, images, why, 1.0 if bound is None else bound)
        )
    return found
