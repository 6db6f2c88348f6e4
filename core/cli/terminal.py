"""Long work at a terminal: a progress bar on standard error, and Ctrl-C that loses nothing."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from core.data.datasets import Progress as Fetched
from core.errors import TrainingError
from core.results.sentences import percent
from core.runner import progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Cell
from core.runs.store import Store
from core.settings import Settings


@contextmanager
def fetching(title: str) -> Iterator[Fetched | None]:
    """Show a bar while a file is fetched, if standard error is a terminal; yield what the fetch tells."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(f"Fetching {title}", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def follow(settings: Settings, store: Store, cells: Sequence[Cell]) -> None:
    """Train the cells that are not finished and show how far they are; return when they have ended.

    The first Ctrl-C stops after the current epoch and keeps what there is, the second one, or SIGTERM, at once.

    Raises:
        TrainingError: if training cannot start or broke off, with the reason.
        KeyboardInterrupt: after Ctrl-C or SIGTERM, when the run has been stopped.
    """
    if not sweep.new(cells, store.runs_of(cells)):
        return
    console = Console(stderr=True)
    trainer = Runner(settings, store)
    interrupts = 0

    def interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupts
        interrupts += 1 if number == signal.SIGINT else 2

    before = {x: signal.signal(x, interrupt) for x in (signal.SIGINT, signal.SIGTERM)}
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[words]}"), TimeRemainingColumn())
    try:
        trainer.submit(cells)
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("Starting", total=None, words="")
            seen, told, problem, note = progress.Progress(), 0, None, None
            while True:
                seen = trainer.wait(seen, timeout=0.5)
                if interrupts > told:
                    told = interrupts
                    trainer.clear()
                    (trainer.stop_after_epoch if told == 1 else trainer.stop_now)()
                    console.print(
                        "Stopping after this epoch; Ctrl-C again stops at once." if told == 1 else "Stopping."
                    )
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
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        trainer.close()
    if interrupts:
        raise KeyboardInterrupt


def show(bar: Progress, task: TaskID, now: progress.Progress) -> None:
    """Have a task of the bar say how far the training is; before the first run it stays as it is."""
    if not now.running:
        return
    first = now.running[0]
    place = f" ({now.done + 1} of {now.total})" if now.total > 1 else ""
    words = f"{first.cell.recipe.watched} {percent(first.epochs[-1].watched[1])}" if first.epochs else ""
    bar.update(
        task,
        description=f"{first.cell}{place}",
        completed=now.done + sum(len(x.epochs) / x.cell.recipe.epochs for x in now.running),
        total=now.total,
        words=words,
    )
