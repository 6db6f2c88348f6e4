"""A search as it goes on: it reads the store, asks for the next runs, stops hopeless ones, and begins again.

Nothing of it is kept but runs. So one that was stopped or killed goes on when the same is asked again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol

from core.data.datasets import Dataset
from core.errors import FeatherweightError
from core.finder.bisection import Finding, Verdict
from core.finder.question import Question
from core.finder.survey import Heard, cells, commonest, hear, runs_on, starts, survey
from core.results.collect import finished
from core.runner.progress import Progress
from core.runs import reference
from core.runs.run import Cell, Origin, Run, RunState
from core.runs.store import Store

WAIT = 0.5  # seconds until it looks whether it has been stopped, where nothing else happens


class Trainer(Protocol):
    """What trains the search's runs: a runner, or one visitor's way to it."""

    def progress(self) -> Progress:
        """Return what is going on now."""

    def wait(self, seen: Progress, timeout: float | None = None) -> Progress:
        """Wait until something differs."""

    def submit(self, cells: Iterable[Cell], ahead: bool = False) -> int:
        """Queue cells, before all that wait if they are to be ahead."""

    def stop_run(self, cell: Cell) -> None:
        """End a cell's run after its epoch, if it is being trained."""

    def clear(self, cells: Iterable[Cell] | None = None) -> None:
        """Forget cells that wait."""


class Phase(StrEnum):
    """How a search stands."""

    SEARCHING = "searching"
    STOPPED = "stopped"
    ENDED = "ended"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Spent:
    """A run that was trained for the search.

    Attributes:
        cell: what was trained.
        why: what it was to tell.
        seconds: that it took.
    """

    cell: Cell
    why: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How a search stands, at one moment.

    Attributes:
        question: what is asked.
        dataset: the image set.
        phase: how it stands.
        findings: of each family, in the order of the question.
        waiting: cells that it has asked for.
        spent: runs trained for it since it was asked.
        seconds: since it was asked.
        problem: a sentence about what went wrong, if something did.
        version: grows with every change.
    """

    question: Question
    dataset: Dataset
    phase: Phase = Phase.SEARCHING
    findings: tuple[Finding, ...] = ()
    waiting: tuple[Cell, ...] = ()
    spent: tuple[Spent, ...] = ()
    seconds: float = 0.0
    problem: str | None = None
    version: int = 0


@dataclass(slots=True, eq=False)
class Search:
    """A search for the smallest networks that reach a target.

    Attributes:
        question: what is asked.
        dataset: the image set, whose file is at hand.
        store: where runs are.
        trainer: what trains them.
        own: whether only the user's own runs count.
    """

    question: Question
    dataset: Dataset
    store: Store
    trainer: Trainer
    own: bool = False
    _standing: Standing = field(init=False)
    _changed: threading.Condition = field(init=False, default_factory=threading.Condition)
    _asked_to_stop: threading.Event = field(init=False, default_factory=threading.Event)
    _began: float = field(init=False, default_factory=time.monotonic)
    _asked_for: tuple[Cell, ...] = field(init=False, default=())  # of what is waited for, what nobody else asked for
    _histories: dict[tuple[Origin, int, str], tuple[float, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._standing = Standing(self.question, self.dataset)

    def standing(self) -> Standing:
        """Return how it stands now."""
        with self._changed:
            return self._standing

    def wait(self, seen: Standing, timeout: float | None = None) -> Standing:
        """Wait until something differs from ``seen`` and return it; after ``timeout`` seconds, return what is."""
        with self._changed:
            self._changed.wait_for(lambda: self._standing.version != seen.version, timeout)
            return self._standing

    def stop(self) -> None:
        """End it: its run ends after its epoch, what it has asked for is forgotten. Asked again, it goes on."""
        self._asked_to_stop.set()

    def run(self) -> Standing:
        """Search to the end and return how it ended; failures are told in the standing."""
        try:
            while self._step():
                pass
        except FeatherweightError as e:
            self._change(phase=Phase.FAILED, problem=str(e))
        except Exception as e:  # a defect of ours must not end the search in silence
            self._change(phase=Phase.FAILED, problem=f"The search ended by an error of ours ({type(e).__name__}: {e}).")
        finally:
            self._forget()
            self._change(waiting=())
        return self.standing()

    def _change(self, **values: object) -> None:
        with self._changed:
            seconds = time.monotonic() - self._began
            self._standing = replace(self._standing, **values, seconds=seconds, version=self._standing.version + 1)  # type: ignore[arg-type]
            self._changed.notify_all()

    def _step(self) -> bool:
        """Look what is known, and have what comes next trained; return whether there is more to do."""
        runs = self._runs()
        heard = hear(self.question, self.dataset, runs, self._history)
        share = commonest(self.dataset, self.question.asked[0].recipe.protocol)
        shipped = finished(reference.store().runs(reference.DATASET)) if not self.own else ()
        begin = starts(self.question, finished(runs), shipped)
        findings, following = survey(self.question, heard, begin, share)
        self._change(findings=tuple(findings))
        if following is None:
            self._change(phase=Phase.ENDED)
            return False
        if self._asked_to_stop.is_set():
            self._change(phase=Phase.STOPPED)
            return False
        wanted = self._afforded(cells(following, self.dataset))
        if not wanted:
            late = (replace(x, verdict=Verdict.OUT_OF_TIME, next=None) if x.next else x for x in findings)
            self._change(phase=Phase.ENDED, findings=tuple(late))
            return False
        gains = next(x for x in heard if x.asked is following.asked)
        return self._train(wanted, gains, following.why)

    def _afforded(self, wanted: list[Cell]) -> list[Cell]:
        """Return as many cells as may still be trained."""
        question, standing = self.question, self.standing()
        if self._late:
            return []
        return wanted if question.runs is None else wanted[: max(question.runs - len(standing.spent), 0)]

    def _runs(self) -> list[Run]:
        """Return the runs that count; one that failed before is tried once more, as memory may have been short."""
        tried = {x.cell for x in self.standing().spent}
        found = runs_on(self.store, self.dataset, self.own)
        return [x for x in found if x.state is not RunState.FAILED or x.cell in tried]

    def _history(self, run: Run) -> tuple[float, ...]:
        """Return the accuracies that choose after each epoch of a run that has ended, read once."""
        key = run.origin, run.id, run.started
        if key not in self._histories:
            source = self.store if run.origin is Origin.OWN else reference.store()
            self._histories[key] = tuple(x.watched[1] for x in source.epochs(run.id))
        return self._histories[key]

    def _train(self, wanted: list[Cell], heard: Heard, why: str) -> bool:
        """Have cells trained and wait for their ends; return whether the search goes on."""
        before = self.store.runs_of(wanted)
        foreign = set(self.trainer.progress().busy)  # those of somebody's sweep are waited for and let be
        self._asked_for = tuple(x for x in wanted if x not in foreign)
        self._change(waiting=tuple(wanted))
        self.trainer.submit(wanted, ahead=True)
        seen, hopeless, taken_back = self.trainer.progress(), set[Cell](), False
        while left := set(wanted).intersection(seen.busy):
            if not taken_back and (self._ends() or self._stopped(set(wanted) - left - hopeless, before)):
                self.trainer.clear(self._asked_for)
                taken_back = True
            for x in seen.running:
                if x.cell in left and x.cell in self._asked_for:
                    bound = heard.gains.bound((y.watched[1] for y in x.epochs), self.question.target)
                    given_up = bound is not None
                    if given_up and not taken_back:
                        hopeless.add(x.cell)
                    if given_up or taken_back:  # each time: a run that is only being prepared is not stopped yet
                        self.trainer.stop_run(x.cell)
            seen = self.trainer.wait(seen, timeout=WAIT)
            if seen.closed:
                self._change(phase=Phase.STOPPED)
                return False
            if taken_back and not set(self._asked_for).intersection(seen.busy):
                break
        return self._trained(wanted, before, hopeless, seen, why)

    @property
    def _late(self) -> bool:
        """Whether the minutes that it may take are over."""
        minutes = self.question.minutes
        return minutes is not None and time.monotonic() - self._began >= 60 * minutes

    def _ends(self) -> bool:
        return self._asked_to_stop.is_set() or self._late

    def _since(self, some: Iterable[Cell], before: Mapping[Cell, Run]) -> dict[Cell, Run]:
        """Return the runs that cells have had since, of which ``before`` had others or none."""
        old = {(x.id, x.started) for x in before.values() if x.state is not RunState.DONE}
        return {cell: x for cell, x in self.store.runs_of(some).items() if (x.id, x.started) not in old}

    def _stopped(self, ended: set[Cell], before: Mapping[Cell, Run]) -> bool:
        """Return whether one of some cells was stopped, which is none of the search's doing."""
        return any(x.state is RunState.STOPPED for x in self._since(ended, before).values())

    def _forget(self) -> None:
        """Take back what was asked for."""
        with suppress(FeatherweightError):  # who may not train any more cannot stop either
            self.trainer.clear(self._asked_for)
            for cell in self._asked_for:
                self.trainer.stop_run(cell)

    def _trained(
        self, wanted: list[Cell], before: Mapping[Cell, Run], hopeless: set[Cell], seen: Progress, why: str
    ) -> bool:
        """Note what became of cells; return whether the search goes on."""
        runs = self._since(wanted, before)
        ended = {x: runs[x] for x in wanted if x in runs and runs[x].state is not RunState.RUNNING}
        new = tuple(Spent(x, why, run.seconds or 0.0) for x, run in ended.items())
        self._asked_for = ()
        self._change(waiting=(), spent=(*self.standing().spent, *new))
        if self._ends():
            return True  # the next step says how it ended
        broken = (RunState.STOPPED, RunState.INTERRUPTED)
        stopped = [x for x, run in ended.items() if run.state in broken and x not in hopeless]
        missing = [x for x in wanted if x not in ended]
        if stopped:
            self._change(phase=Phase.STOPPED, problem=f"{stopped[0]} was stopped, and the search with it.")
        elif missing and seen.problem:  # its images have gone, say
            self._change(phase=Phase.FAILED, problem=seen.problem)
        elif missing:
            self._change(phase=Phase.STOPPED, problem=f"{missing[0]} was forgotten, and the search with it.")
        return not (stopped or missing)
