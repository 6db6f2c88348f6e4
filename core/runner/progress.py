"""What the runner is doing, as every page and the command line see it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from core.runs.run import Cell, Epoch

Phase = Literal["closed", "training", "paused", "idle", "starting"]
REST, LONGEST_REST = 5.0, 12.0  # of a page between two drawings: times what one takes, and seconds


@dataclass(frozen=True, slots=True)
class Running:
    """A run that is being trained.

    Attributes:
        cell: what it is a run of.
        began: ``time.monotonic()`` when it began.
        epochs: those finished so far.
        again: why it is tried once more, if it is.
        stopping: whether it has been asked to stop.
    """

    cell: Cell
    began: float
    epochs: tuple[Epoch, ...] = ()
    again: str | None = None
    stopping: bool = False

    @property
    def epoch(self) -> int:
        """The number of the epoch that is being trained."""
        return min(len(self.epochs) + 1, self.cell.recipe.epochs)


@dataclass(frozen=True, slots=True)
class Progress:
    """What the runner is doing, at one moment.

    Attributes:
        ready: whether a training process is up.
        held: whether the queue waits for someone to resume it, after a stop or a problem.
        closed: whether the runner has ended.
        device: what the training process runs on, once known.
        note: a sentence about a GPU that is there and cannot be used.
        precisions: the recipe precisions that the device has.
        running: what is being trained, the first begun first.
        queue: the cells waiting, next first.
        done: cells of this sweep that have ended, whichever way.
        total: cells of this sweep; a sweep lasts until nothing is queued.
        left: cells that waited or were trained when the last process ended, until they are asked for or forgotten.
        problem: a sentence about what last went wrong, until the next Start.
        version: grows with every change but that of a run's epochs: pages redraw their grid when it does.
    """

    ready: bool = False
    held: bool = False
    closed: bool = False
    device: str | None = None
    note: str | None = None
    precisions: tuple[str, ...] = ("float32",)
    running: tuple[Running, ...] = ()
    queue: tuple[Cell, ...] = ()
    done: int = 0
    total: int = 0
    left: tuple[Cell, ...] = ()
    problem: str | None = None
    version: int = 0

    @property
    def busy(self) -> tuple[Cell, ...]:
        """The cells on their way, those that are being trained first."""
        return (*(x.cell for x in self.running), *self.queue)

    @property
    def phase(self) -> Phase:
        """What the runner does, in a word; ``'starting'`` a trainer or the next run."""
        if self.closed:
            return "closed"
        if self.running:
            return "training"
        if self.held:
            return "paused"
        return "idle" if self.ready and not self.queue else "starting"

    def with_queued(self, cells: tuple[Cell, ...], ahead: bool) -> dict[str, Any]:
        """Return what changes when cells are queued, after all that wait or ahead of them; nothing is held then."""
        done, total = (self.done, self.total) if self.busy else (0, 0)
        queue = cells + self.queue if ahead else self.queue + cells
        left = tuple(x for x in self.left if x not in cells)
        return {"queue": queue, "left": left, "done": done, "total": total + len(cells), "held": False, "problem": None}

    def without(self, cells: Collection[Cell]) -> dict[str, Any]:
        """Return what changes when cells that wait are forgotten."""
        queue = tuple(x for x in self.queue if x not in cells)
        total = self.total - len(self.queue) + len(queue)
        return {"queue": queue, "total": total, "held": self.held and bool(queue)}

    def outdates(self, drawn: int, took: float, rested: float) -> bool:
        """Return whether a page is to be drawn anew because runs have begun or ended since.

        While runs follow each other, a page rests several times as long as it took: if every viewer's page were drawn
        at every run's end, a room of them would leave the server no time for what they do.

        Args:
            drawn: the version that the page shows.
            took: seconds that drawing it took.
            rested: seconds since then.
        """
        if self.version == drawn:
            return False
        return self.phase not in ("training", "starting") or rested >= min(REST * took, LONGEST_REST)
