"""The runner, guarded: whoever trains, stops or clears is asked here who they are and how much they want."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.access import Visitor
from core.data import datasets
from core.errors import ArgumentError, DatasetError, FeatherweightError
from core.limits import Limits, largest
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs.run import Cell
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Owners:
    """Who asked for the cells that wait or run; one for all visitors of a runner.

    Attributes:
        lock: held from looking at the queue until the cells are in it.
        names: of visitors, per cell.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    names: dict[Cell, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class GuardedRunner:
    """One visitor's way to the runner. Looking is free; the rest raises ``AccessError`` for a viewer.

    Attributes:
        runner: what trains.
        settings: where data sets are, and the limits.
        owners: who asked for what so far.
        visitor: who stands here.
    """

    runner: Runner
    settings: Settings
    owners: Owners
    visitor: Visitor

    @property
    def limits(self) -> Limits:
        """What this visitor is held to: at their own machine only what has been set on purpose."""
        limits = self.settings.limits
        return limits if self.visitor.role == "local" else limits.shared()

    def progress(self) -> Progress:
        """Return what is going on now."""
        return self.runner.progress()

    def wait(self, seen: Progress, timeout: float | None = None) -> Progress:
        """Wait as :meth:`Runner.wait` does."""
        return self.runner.wait(seen, timeout)

    @property
    def trainer(self) -> int | None:
        """The number of the process that trains, while it lives and is of this machine."""
        return self.runner.backend.pid

    def ahead(self) -> int:
        """Return how many runs of others start or run before the visitor's first one; 0 if it runs or there is none."""
        if self.visitor.refusal is None:  # a viewer has none, and many of them ask every second
            for place, cell in enumerate(self.progress().busy):
                if self.owners.names.get(cell) == self.visitor.name:
                    return place
        return 0

    def refusal(self, new: Sequence[Cell]) -> str | None:
        """Return the sentence that :meth:`submit` would raise for cells, of which :meth:`new` gave these, or None."""
        return self._refusal(new, self.limits)

    def refusal_left(self) -> str | None:
        """Return the sentence that :meth:`resume_left` would raise now, or None."""
        return self._refusal(self.progress().left, self.limits.resumed())

    def new(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return what :meth:`submit` would queue of cells: what is neither finished nor on its way."""
        return self.runner.new(cells)

    def submit(self, cells: Iterable[Cell], ahead: bool = False) -> int:
        """Queue cells as :meth:`Runner.submit` does and return how many were new.

        Raises:
            AccessError: if the visitor may not train.
            LimitError: if it is more than fair use allows; nothing is queued then.
            ArgumentError, DatasetError: as the runner says.
        """
        self.visitor.require()
        with self.owners.lock:
            before = set(self.progress().busy)
            new = self.new(cells)
            self._check(new, before, self.limits)
            self._own(new, before)
            return self.runner.submit(new, ahead)

    def stop_after_epoch(self) -> None:
        """End the current run after its epoch."""
        self.visitor.require()
        self.runner.stop_after_epoch()

    def stop_run(self, cell: Cell) -> None:
        """End a cell's run after its epoch, if it is being trained."""
        self.visitor.require()
        self.runner.stop_run(cell)

    def stop_now(self) -> None:
        """End the current run at once."""
        self.visitor.require()
        self.runner.stop_now()

    def resume(self) -> None:
        """Go on with a queue that is held."""
        self.visitor.require()
        self.runner.resume()

    def resume_left(self) -> None:
        """Queue what the last process left behind, as the visitor's own.

        Several may have asked for it, so what one may ask for at once does not bound it; the other limits do.

        Raises:
            AccessError: if the visitor may not train.
            LimitError: if a network, a run or the whole queue is more than fair use allows.
        """
        self.visitor.require()
        with self.owners.lock:
            now = self.progress()
            before = set(now.busy)
            self._check(now.left, before, self.limits.resumed())
            self._own(now.left, before)
            self.runner.resume_left()

    def forget_left(self) -> None:
        """Forget what the last process left behind."""
        self.visitor.require()
        self.runner.forget_left()

    def clear(self, cells: Iterable[Cell] | None = None) -> None:
        """Forget the cells that wait, or those of them that are named."""
        self.visitor.require()
        self.runner.clear(cells)

    def _own(self, cells: Iterable[Cell], before: set[Cell]) -> None:
        """Write down who asks for cells that are not on their way ``before`` they are: a short run may end at once."""
        for gone in self.owners.names.keys() - before:
            del self.owners.names[gone]
        self.owners.names.update((x, self.visitor.name) for x in cells if x not in before)

    def _refusal(self, new: Sequence[Cell], limits: Limits) -> str | None:
        try:
            self.visitor.require()
            self._check(new, self.progress().busy, limits)
        except FeatherweightError as e:
            return str(e)
        return None

    def _check(self, new: Sequence[Cell], busy: Iterable[Cell], limits: Limits) -> None:
        """Raise ``LimitError`` if cells that are neither finished nor on their way are more than the limits allow."""
        waiting = set(busy)
        mine = sum(self.owners.names.get(x) == self.visitor.name for x in waiting)
        sizes = {(x.dataset, x.layers): self._size(x) for x in {(x.dataset, x.layers): x for x in new}.values()}
        asked = largest([(*sizes[x.dataset, x.layers], x.recipe.epochs) for x in new])
        limits.check(asked, mine, len(waiting) - mine)

    def _size(self, cell: Cell) -> tuple[int, int]:
        """Return weights and multiply-adds of a cell's network."""
        try:
            facts = datasets.find(self.settings, cell.dataset).facts
            network = cell.network(facts.input_shape, facts.classes)
        except (ArgumentError, DatasetError):  # the runner says what is amiss with it
            return 0, 0
        return network.parameters, network.multiply_adds
