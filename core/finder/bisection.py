"""What to train next to find a family's smallest width that reaches a target, and when it is found.

The mean accuracy of a family's networks over seeds grows with their width, so the smallest that reaches a target is
found by halving, a binary search with noisy comparisons (Karp and Kleinberg 2007). A width is given more seeds only
while its mean cannot be told from the target. That is sequential sampling, as in Howard et al. (2021), though with a
fixed bound of 1.64 standard errors and not one that holds at any time: how often a search errs was measured instead,
see ``benchmarks/finder.py``. How much the seeds of one network differ is pooled over the family; Jordan (2023) finds
that spread to be near the measured images' own noise. Whether accuracy does grow with the width is checked by an
isotonic fit (Oron and Flournoy 2017).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.finder.judgement import Judgement, judged, near, spread
from core.finder.question import Asked, Question
from core.finder.trials import Outcome, Trial


class Verdict(StrEnum):
    """How the search in a family stands."""

    SEARCHING = "searching"
    FOUND = "found"
    UNTOLD = "cannot be told apart"
    NOT_REACHED = "not reached"
    NOT_SMALLER = "not smaller"
    FAILED = "failed"
    OUT_OF_TIME = "out of time"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of a family, and what to train next.

    Attributes:
        asked: the family.
        verdict: how the search stands.
        judgements: of every width with a run, ascending.
        above: the smallest width that reaches the target, as far as is known.
        below: the largest width below it that does not, as far as is known.
        next: width and seeds to train next; None at the end.
        why: what these are to tell.
        uneven: widths of which the smaller one reads more than the larger one beyond their noise.
        sure: the chance that the ends of the bracket that are known are on the right side; None if none is.
        message: why it failed, where it did.
    """

    asked: Asked
    verdict: Verdict
    judgements: tuple[Judgement, ...]
    above: Judgement | None = None
    below: Judgement | None = None
    next: tuple[int, tuple[int, ...]] | None = None
    uneven: tuple[tuple[int, int], ...] = ()
    sure: float | None = None
    message: str | None = None
    why: str = ""

    @property
    def parameters(self) -> int | None:
        """Weights of the smallest width that reaches the target, as far as is known."""
        return self.asked.weights(self.above.width) if self.above else None


def look(
    asked: Asked,
    trials: Mapping[int, Sequence[Trial]],
    question: Question,
    start: int,
    commonest: float = 0.0,
    beat: int | None = None,
) -> Finding:
    """Return what is known of a family and what to train next; the same trials always give the same.

    Args:
        asked: the family.
        trials: of each width.
        question: what is asked.
        start: the width to begin with where nothing is known.
        commonest: share of the measured images that are of the commonest class.
        beat: weights that another family gets by with: fewer are looked for, and nothing else; None is no bound.
    """
    s = spread(trials, question.target)
    known = {
        n: judged(n, some, question.target, s, question.seeds, question.tell_apart, commonest)
        for n, some in sorted(trials.items())
    }
    known = {n: x for n, x in known.items() if x.seeds}
    every = tuple(known.values())
    failed = next((x for some in trials.values() for x in some if x.outcome is Outcome.FAILED), None)
    widths = [n for n, size in zip(asked.widths, asked.parameters, strict=True) if beat is None or size < beat]
    above = next((known[n] for n in widths if n in known and known[n].reaches), None)
    under = [n for n in widths if n in known and not known[n].reaches and (above is None or n < above.width)]
    below = known[max(under)] if under else None

    def found(verdict: Verdict, next_: tuple[int, int] | None = None, why: str = "") -> Finding:
        chances = [x.chance for x in (above, below) if x]
        wanted = (next_[0], _seeds(trials.get(next_[0], ()), next_[1])) if next_ else None
        uneven = _uneven([x for x in every if abs((x.mean or 0.0) - question.target) <= near(question.target)], s)
        message = f"n = {failed.width}, seed {failed.seed}: {failed.why}" if failed else None
        sure = math.prod(chances) if chances else None
        return Finding(asked, verdict, every, above, below, wanted, uneven, sure, message, why)

    if failed:
        return found(Verdict.FAILED)
    for end in (above, below):
        if end and not end.settled:
            return found(Verdict.SEARCHING, (end.width, 1), "its seeds cannot tell yet")
    width = _between(widths, above, below, start, beat)
    if width is not None:
        return found(Verdict.SEARCHING, (width, 1), _why(above, below))
    if above is None:
        untold = below is not None and not below.told
        verdict = Verdict.NOT_SMALLER if beat is not None else Verdict.NOT_REACHED
        return found(Verdict.UNTOLD if untold else verdict)
    for end in (above, below):  # the answer rests on what is told of these two
        if end and end.seeds < question.ends:
            why = f"both ends of the bracket are to rest on {question.ends} seeds"
            return found(Verdict.SEARCHING, (end.width, question.ends - end.seeds), why)
    told = above.told and (below is None or below.told)
    return found(Verdict.FOUND if told else Verdict.UNTOLD)


def _between(
    widths: Sequence[int], above: Judgement | None, below: Judgement | None, start: int, beat: int | None
) -> int | None:
    """Return the width to try next; None where there is none between what reaches the target and what does not."""
    low = widths.index(below.width) + 1 if below else 0
    high = widths.index(above.width) if above else len(widths)
    if low >= high:
        return None
    if above and below:
        return _middle(widths, low, high)
    if above is None and below is None:
        return widths[-1] if beat is not None else min(widths, key=lambda n: abs(math.log(n / start)))
    if above is None:  # the largest of all at last
        assert below is not None
        return min((n for n in widths[low:]), key=lambda n: abs(math.log(n / (2 * below.width))))
    return min((n for n in widths[:high]), key=lambda n: abs(math.log(2 * n / above.width)))


def _why(above: Judgement | None, below: Judgement | None) -> str:
    """Return what a new width is to tell."""
    if above and below:
        return "it halves the bracket"
    if above or below:
        return "no smaller one is known that fails" if above else "none is known that reaches the target"
    return "nothing is known yet"


def _middle(widths: Sequence[int], low: int, high: int) -> int:
    """Return the width from ``low`` to below ``high`` nearest the geometric middle of the widths on either side."""
    target = math.sqrt(widths[low - 1] * widths[high])
    return min(widths[low:high], key=lambda n: abs(math.log(n / target)))


def _seeds(trials: Sequence[Trial], count: int) -> tuple[int, ...]:
    """Return so many seeds that no trial has, the smallest first."""
    taken = {x.seed for x in trials}
    free = (seed for seed in range(len(taken) + count) if seed not in taken)
    return tuple(seed for _, seed in zip(range(count), free, strict=False))


def _uneven(known: Sequence[Judgement], s: float) -> tuple[tuple[int, int], ...]:
    """Return neighbouring widths of which the smaller reads more than the larger, beyond the noise of both.

    Args:
        known: widths about as good as the target, for which the spread holds.
        s: standard deviation of one run.
    """
    from scipy.optimize import isotonic_regression  # takes a moment to import

    read = [(x.width, x.mean, sum(t.outcome is Outcome.DONE for t in x.trials)) for x in known if x.mean is not None]
    if len(read) < 2:
        return ()
    fitted = isotonic_regression([mean for _, mean, _ in read], weights=[k for *_, k in read]).x
    off = [abs(mean - fit) > 1.64 * s / math.sqrt(k) for (_, mean, k), fit in zip(read, fitted, strict=True)]
    return tuple(
        (a[0], b[0])
        for a, b, first, second in zip(read, read[1:], off, off[1:], strict=False)
        if a[1] > b[1] and (first or second)
    )
