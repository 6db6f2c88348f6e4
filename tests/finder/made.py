"""Questions and trials made by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from core.finder.bisection import Finding, look
from core.finder.question import Asked, Question, asked
from core.finder.trials import Outcome, Trial
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE

IMAGES = 10_000


def about(key: str = "deep_cnn", widths: Sequence[int] | None = None, **recipe: Any) -> Asked:
    """Return a family as it is asked about, for MNIST's images."""
    family = FAMILIES[key]
    return asked(family, replace(family.recipe, **recipe), MNIST_SHAPE, MNIST_CLASSES, widths)


def question(*some: Asked, target: float = 0.97, **more: Any) -> Question:
    return Question(some or (about(),), target, **more)


def done(width: int, *accuracies: float, images: int = IMAGES) -> list[Trial]:
    """Return a trial for each accuracy, the seeds from 0 on."""
    return [Trial(width, seed, Outcome.DONE, 12, x, images) for seed, x in enumerate(accuracies)]


def known(accuracies: Mapping[int, Sequence[float]], images: int = IMAGES) -> dict[int, list[Trial]]:
    """Return the trials of each width."""
    return {width: done(width, *some, images=images) for width, some in accuracies.items()}


def searched(
    asked_: Question,
    reads: Callable[[int, int], float],
    start: int,
    trials: dict[int, list[Trial]] | None = None,
    **more: Any,
) -> tuple[Finding, list[tuple[int, int]]]:
    """Search to the end in the first family, with accuracies by width and seed; return what is found and the runs."""
    trials = {} if trials is None else trials
    (one,), runs = asked_.asked[:1], list[tuple[int, int]]()
    while True:
        finding = look(one, trials, asked_, start, **more)
        if finding.next is None:
            return finding, runs
        width, seeds = finding.next
        assert seeds and width in one.widths
        for seed in seeds:
            had = {x.seed for x in trials.get(width, [])}
            assert seed not in had, f"n = {width}, seed {seed} is trained already"
            runs.append((width, seed))
            trials.setdefault(width, []).append(Trial(width, seed, Outcome.DONE, 12, reads(width, seed), IMAGES))
        assert len(runs) <= len(one.widths) * max(asked_.seeds, 5), "it goes on and on"
