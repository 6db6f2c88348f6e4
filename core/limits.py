"""Fair use: how much one sweep, one viewer and the queue may hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from core.errors import LimitError

# What each bound is set by.
VARIABLES = {
    "cells": "FEATHERWEIGHT_MAX_CELLS",
    "waiting": "FEATHERWEIGHT_MAX_WAITING",
    "queue": "FEATHERWEIGHT_MAX_QUEUE",
    "weights": "FEATHERWEIGHT_MAX_WEIGHTS",
    "multiply_adds": "FEATHERWEIGHT_MAX_MULTIPLY_ADDS",
    "epochs": "FEATHERWEIGHT_MAX_EPOCHS",
}


@dataclass(frozen=True, slots=True)
class Ask:
    """What somebody asks for at once.

    Attributes:
        cells: how many runs.
        weights: those of the largest network.
        multiply_adds: those for one image of the network with most.
        epochs: those of the longest run.
    """

    cells: int
    weights: int
    multiply_adds: int
    epochs: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds; None is no bound of this kind.

    Attributes:
        cells: runs of one sweep.
        waiting: runs that one viewer has waiting or running.
        queue: runs of all viewers that wait or run. A reloaded page is a new viewer where there are no accounts, so
            this is what bounds somebody who reloads.
        weights: of one network.
        multiply_adds: of one network, for one image.
        epochs: of one run.
    """

    cells: int | None = None
    waiting: int | None = None
    queue: int | None = None
    weights: int | None = None
    multiply_adds: int | None = None
    epochs: int | None = None

    def shared(self) -> Limits:
        """Return these limits with the usual ones where a machine is shared and nothing is set."""
        own = {x.name: getattr(self, x.name) for x in fields(self)}
        return Limits(**{name: getattr(SHARED, name) if value is None else value for name, value in own.items()})

    def resumed(self) -> Limits:
        """Return these limits for what several visitors may have asked for: without those of one sweep or visitor."""
        return replace(self, cells=None, waiting=None)

    def allows(self, weights: int, multiply_adds: int) -> bool:
        """Return whether a network of so many weights and multiply-adds for an image is within these limits."""
        within = self.weights is None or weights <= self.weights
        return within and (self.multiply_adds is None or multiply_adds <= self.multiply_adds)

    def check(self, asked: Ask, mine: int, others: int) -> None:
        """Check what somebody asks for, who has ``mine`` runs waiting or running besides the ``others``.

        Raises:
            LimitError: naming the limit, what came and the variable that sets it.
        """
        if self.weights is not None and asked.weights > self.weights:
            raise _over("weights", f"A network may have {self.weights:,} weights here", f"{asked.weights:,}")
        if self.multiply_adds is not None and asked.multiply_adds > self.multiply_adds:
            bound = f"A network may take {self.multiply_adds:,} multiply-adds for an image here"
            raise _over("multiply_adds", bound, f"{asked.multiply_adds:,}")
        if self.epochs is not None and asked.epochs > self.epochs:
            raise _over("epochs", f"A run may take {_count(self.epochs, 'epoch')} here", f"{asked.epochs:,}")
        if self.cells is not None and asked.cells > self.cells:
            raise _over("cells", f"A sweep may have {_count(self.cells, 'run')} here", f"{asked.cells:,}")
        if self.waiting is not None and mine + asked.cells > self.waiting:
            yours = f"{asked.cells:,}, and {_count(mine, 'run')} of yours on the way already"
            raise _over("waiting", f"You may have {_count(self.waiting, 'run')} waiting or running", yours)
        if self.queue is not None and mine + others + asked.cells > self.queue:
            all_of = f"{asked.cells:,}, and {_count(mine + others, 'run')} on the way already"
            raise _over("queue", f"The queue holds {_count(self.queue, 'run')}", all_of)


# One width beyond the tutorial's largest network fits, and so do the article's sweeps with five seeds.
SHARED = Limits(cells=200, waiting=200, queue=2_000, weights=2_000_000, multiply_adds=200_000_000, epochs=100)


def largest(asked: Sequence[tuple[int, int, int]]) -> Ask:
    """Return what is asked for from the (weights, multiply-adds, epochs) of each cell."""
    weights, adds, epochs = zip(*asked, strict=True) if asked else ((0,), (0,), (0,))
    return Ask(len(asked), max(weights), max(adds), max(epochs))


def _over(name: str, bound: str, received: str) -> LimitError:
    return LimitError(f"{bound} ({VARIABLES[name]}). Received: {received}.")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
