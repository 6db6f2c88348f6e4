"""Which recipe suits a network: a race of recipes on held-out images, in which half of them drop out at a time.

This is successive halving (Jamieson and Talwalkar 2016) over seeds: all get one, the better half two, and so on;
the last two get four at least. All take as many epochs and as large batches, so that none wins by being given more.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from core.recipe import ADAMS, BETA2, LEAN, MAX_LEARNING_RATE, Initialization, Protocol, Recipe, Schedule
from core.runs.run import Cell, Run, RunState

LEFT = 2  # recipes that the last round compares
LAST = 4  # seeds of each of them at least
RATES = (0.01, 0.02, 0.05, 0.1)  # of Adam with LEAN's settings


@dataclass(frozen=True, slots=True)
class Entrant:
    """A recipe in a race.

    Attributes:
        recipe: it.
        accuracies: of its runs, on the held-out images, by seed.
        round: the last round that it was in, from 1.
    """

    recipe: Recipe
    accuracies: tuple[float, ...]
    round: int

    @property
    def mean(self) -> float:
        """The mean of its accuracies; minus infinity where a run failed or none is finished."""
        return math.fsum(self.accuracies) / len(self.accuracies) if self.accuracies else -math.inf


@dataclass(frozen=True, slots=True)
class Race:
    """How a race stands.

    Attributes:
        entrants: all recipes, those of the last round first, the best of each round first.
        next: cells to train before the next round; none at the end.
    """

    entrants: tuple[Entrant, ...]
    next: tuple[Cell, ...]

    @property
    def winner(self) -> Recipe | None:
        """The recipe that is ahead at the end; None while the race goes on, or if no run of any recipe ended."""
        return self.entrants[0].recipe if not self.next and self.entrants[0].accuracies else None


def candidates(start: Recipe) -> tuple[Recipe, ...]:
    """Return recipes to race: a family's own, with other rates and a cosine, and Adam with a high rate.

    Args:
        start: the family's own; its epochs, batches, dropout and precision are those of all.
    """
    held_out = replace(start, protocol=Protocol.HELD_OUT)
    found = [held_out]
    found += [
        replace(held_out, learning_rate=held_out.learning_rate * x)
        for x in (0.5, 2)
        if held_out.learning_rate * x <= MAX_LEARNING_RATE
    ]
    if held_out.schedule is not Schedule.COSINE:
        found.append(replace(held_out, schedule=Schedule.COSINE, warmup=LEAN.warmup))
    if held_out.optimizer in ADAMS:
        found += [replace(held_out, beta2=x) for x in (0.99, BETA2)]
    found += [replace(held_out, clip=x) for x in (0.0, LEAN.clip)]
    found += [replace(held_out, initialization=x) for x in Initialization]
    found += [
        replace(
            LEAN, learning_rate=rate, epochs=start.epochs, batch_size=start.batch_size, dropout=start.dropout,
            precision=start.precision, protocol=Protocol.HELD_OUT,
        )
        for rate in RATES
    ]  # fmt: skip
    return tuple(dict.fromkeys(found))


def race(like: Cell, recipes: Sequence[Recipe], runs: Iterable[Run], first_seed: int = 0) -> Race:
    """Return how a race stands by the runs that there are; the same runs always give the same.

    A recipe of which a run has failed drops out.

    Args:
        like: a cell of the network, on the image set; its recipe and seed do not matter.
        recipes: that race, of the held-out protocol.
        runs: on the image set.
        first_seed: of each recipe's runs.
    """
    known = {(x.recipe, x.seed): x for x in runs if (x.layers, x.fingerprint) == (like.layers, like.fingerprint)}
    racing, out, number, seeds = list(dict.fromkeys(recipes)), list[Entrant](), 1, 1
    while True:
        wanted = range(first_seed, first_seed + seeds)
        heard = [_entrant(x, [known.get((x, seed)) for seed in wanted], number) for x in racing]
        missing = tuple(
            replace(like, recipe=x, seed=seed)
            for x in racing
            for seed in wanted
            if (x, seed) not in known or known[x, seed].state not in (RunState.DONE, RunState.FAILED)
        )
        heard.sort(key=lambda x: x.mean, reverse=True)  # the first of equals stays first
        if missing or (len(racing) <= LEFT and seeds >= LAST):
            return Race((*heard, *out), missing)
        kept = max(len(heard) // 2, LEFT)
        out = [*heard[kept:], *out]
        racing, number, seeds = [x.recipe for x in heard[:kept]], number + 1, seeds * 2


def _entrant(recipe: Recipe, runs: Sequence[Run | None], number: int) -> Entrant:
    if any(x is not None and x.state is RunState.FAILED for x in runs):
        return Entrant(recipe, (), number)
    ended = [x.held_out_accuracy for x in runs if x is not None and x.state is RunState.DONE]
    return Entrant(recipe, tuple(x for x in ended if x is not None), number)
