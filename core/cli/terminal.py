"""Long work at a terminal or in a log: how far it is on standard error, and an end that loses nothing."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from types import FrameType
from typing import IO, cast

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from core.data.datasets import Progress as Fetched
from core.data.formats.found import Told, silent
from core.errors import TrainingError
from core.finder import telling
from core.finder.search import Search, Standing
from core.results.sentences import percent
from core.runner import progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell, Epoch
from core.runs.store import Store
from core.settings import Settings


class _Errors(io.TextIOBase):
    """Standard error, on which writing never fails.

    Attributes:
        unread: whether a pipe's reader has gone. A terminal that has hung up or a full disk are no such sign: under
            nohup the work goes on.
    """

    def __init__(self) -> None:
        self._stream = sys.stderr  # while there is a bar, that name stands for what prints above it
        self.unread = False

    @property
    def encoding(self) -> str:  # type: ignore[override]  # of a stream it is an attribute
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()

    def write(self, text: str) -> int:
        with self._kept():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._kept():
            self._stream.flush()

    @contextmanager
    def _kept(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.unread = True
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())  # for what is still to be written
        except OSError:
            pass


def _console() -> tuple[Console, _Errors]:
    """Return what writes on standard error, and the stream."""
    errors = _Errors()
    return Console(file=cast(IO[str], errors), emoji=False, highlight=False), errors


def _has_bar(console: Console) -> bool:
    """Return whether a bar can be drawn, which needs a terminal that moves its cursor."""
    return console.file.isatty() and not console.is_dumb_terminal


class _Log:
    """The lines of a training where there is no bar: one an epoch.

    Args:
        store: where its runs are.
        cells: what is to be trained, in order.
    """

    def __init__(self, store: Store, cells: Sequence[Cell]) -> None:
        self._store, self._cells = store, cells
        self._ended = 0
        self._told: dict[Cell, int] = {}

    def since(self, now: progress.Progress) -> Iterator[str]:
        """Return a line for each epoch that has ended since the last call."""
        for number, cell in enumerate(self._cells[self._ended : now.done], self._ended + 1):
            run = self._store.runs_of([cell]).get(cell)  # it may have begun and ended since
            yield from self._lines(number, cell, self._store.epochs(run.id) if run else ())
        self._ended = now.done
        for number, running in enumerate(now.running, now.done + 1):
            yield from self._lines(number, running.cell, running.epochs)

    def _lines(self, number: int, cell: Cell, epochs: Sequence[Epoch]) -> Iterator[str]:
        told = self._told.get(cell, 0)
        for epoch in epochs[told if told <= len(epochs) else 0 :]:  # fewer than before: it is tried once more
            count = f"epoch {epoch.epoch} of {cell.recipe.epochs}"
            yield f"{cell}{_place(number, len(self._cells))}: {count}, {_watched(cell, epoch)}"
        self._told[cell] = len(epochs)


@contextmanager
def fetching(title: str) -> Iterator[Fetched | None]:
    """Show a bar while a file is fetched, if standard error is a terminal; yield what the fetch tells."""
    console, _ = _console()
    if not _has_bar(console):
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"Fetching {title}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def told(title: str) -> Iterator[Told]:
    """Show a bar while something is read, if standard error is a terminal; yield what the reader tells."""
    console, _ = _console()
    if not _has_bar(console):
        yield silent
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(title, total=1.0)
        yield lambda share, what: bar.update(task, completed=share, description=what)


def follow(settings: Settings, store: Store, cells: Sequence[Cell]) -> None:
    """Train the cells that are not finished and show how far they are; return when they have ended.

    The first Ctrl-C stops after the current epoch and keeps what there is. The second one stops at once, as do SIGTERM,
    SIGHUP unless it is ignored (nohup), and a pipe on standard error that nobody reads any more.

    Raises:
        TrainingError: if training cannot start or broke off, with the reason.
        KeyboardInterrupt: when the run has been stopped so.
    """
    wanted = sweep.new(cells, store.runs_of(cells))
    if not wanted:
        return
    console, errors = _console()
    has_bar, log = _has_bar(console), _Log(store, wanted)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    shown = Progress(*columns, console=console, disable=not has_bar)
    with _stops() as stops, closing(Runner(settings, store)) as trainer, shown as bar:
        trainer.submit(cells)
        task = bar.add_task("Starting", total=None, words="")
        seen, heard, problem, note = progress.Progress(), 0, None, None
        while True:
            seen = trainer.wait(seen, timeout=0.5)
            for line in log.since(seen) if not has_bar else ():
                console.print(line, markup=False, soft_wrap=True)
            asked = len(stops) + 2 * errors.unread
            if asked > heard:
                heard = asked
                trainer.clear()
                (trainer.stop_after_epoch if heard == 1 else trainer.stop_now)()
                console.print("Stopping after this epoch; Ctrl-C again stops at once." if heard == 1 else "Stopping.")
            show(bar, task, seen)
            if seen.note != note:
                note = seen.note
                console.print(note, markup=False, soft_wrap=True)
            if seen.held and seen.queue:
                raise TrainingError(seen.problem or "Training has stopped.")
            if seen.problem and seen.problem != problem:
                problem = seen.problem
                console.print(problem, markup=False, soft_wrap=True)  # it may hold a name
            if not seen.busy:
                break
    if heard:
        raise KeyboardInterrupt


def search(settings: Settings, store: Store, make: Callable[[Runner], Search]) -> Standing:
    """Search to the end, with every decision on standard error, and return how it ended.

    The first Ctrl-C stops after the current epoch, the second one at once, as do SIGTERM and what :func:`follow` names.

    Args:
        settings: where data, store and log are.
        store: the runs.
        make: the search, given what trains.

    Raises:
        TrainingError: if training cannot start, or is held by a problem.
    """
    console, errors = _console()
    has_bar, said = _has_bar(console), set[str]()
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"))
    shown = Progress(*columns, console=console, disable=not has_bar)

    def say(text: str) -> None:
        if text and text not in said:
            said.add(text)
            console.print(text, markup=False, soft_wrap=True)

    with _stops() as stops, closing(Runner(settings, store)) as trainer, shown as bar:
        task = bar.add_task("Starting", total=None, words="")
        searching = make(trainer)
        thread = threading.Thread(target=searching.run, name="featherweight-search", daemon=True)
        thread.start()
        standing, heard = searching.standing(), 0
        while thread.is_alive():
            standing = searching.wait(standing, timeout=0.5)
            for finding in standing.findings:
                for judgement in finding.judgements:
                    say(f"{finding.asked.family.title}, {telling.step(judgement)}")
                if finding.next and any(x.layers in finding.asked.layers for x in standing.waiting):
                    say(f"{finding.asked.family.title}, now {telling.next_step(finding)}")
            asked = len(stops) + 2 * errors.unread
            if asked > heard:
                heard = asked
                searching.stop()
                if heard > 1:
                    trainer.stop_now()
                say("Stopping after this epoch; Ctrl-C again stops at once." if heard == 1 else "Stopping.")
            now = trainer.progress()
            say(now.note or "")
            show(bar, task, now)
            if now.held and now.problem:
                raise TrainingError(now.problem)
        return searching.standing()


@contextmanager
def _stops() -> Iterator[list[int]]:
    """Yield a list that grows with what asks for an end: by one for Ctrl-C, by two for what is to end at once."""
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        asked.extend([number] if number == signal.SIGINT else [number, number])

    hangup = [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is signal.SIG_DFL else []  # nohup has it ignored
    before = {x: signal.signal(x, ask) for x in (signal.SIGINT, signal.SIGTERM, *hangup)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def show(bar: Progress, task: TaskID, now: progress.Progress) -> None:
    """Have a task of the bar say how far the training is; before the first run it stays as it is."""
    if not now.running:
        return
    first = now.running[0]
    bar.update(
        task,
        description=f"{first.cell}{_place(now.done + 1, now.total)}",
        completed=now.done + sum(len(x.epochs) / x.cell.recipe.epochs for x in now.running),
        total=now.total,
        words=_watched(first.cell, first.epochs[-1]) if first.epochs else "",
    )


def _place(number: int, total: int) -> str:
    """Return which one of a sweep's runs it is; of a single run there is nothing to say."""
    return f" ({number} of {total})" if total > 1 else ""


def _watched(cell: Cell, epoch: Epoch) -> str:
    """Return what an epoch's accuracy is on the images that are measured after every one."""
    return f"{cell.recipe.watched} {percent(epoch.watched[1])}"
