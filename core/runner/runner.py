"""The background thread: it owns the queue of cells and supervises the one training process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core.data import datasets
from core.errors import ArgumentError, DatasetError, FeatherweightError, StoreError, TrainingError
from core.networks.families import family
from core.networks.network import Network
from core.runner.local import COMMAND, TrainingProcess
from core.runner.progress import Progress
from core.runs.lock import Claim
from core.runs.run import Cell, Epoch
from core.runs.store import Store
from core.settings import Settings

# A run whose training process dies is tried once more: the cause may have passed, lack of memory say.
ATTEMPTS = 2


@dataclass(slots=True)
class _State:
    """What the thread and the callers share, under one lock."""

    progress: Progress = field(default_factory=Progress)
    process: TrainingProcess | None = None
    run: int | None = None  # the store's id of the run whose job has been sent
    killed: bool = False  # whether stop_now ended the process


class Runner:
    """Train queued cells one after the other in the background and keep what comes back in the store.

    Args:
        settings: where data, store and log are.
        store: where runs are recorded.
        command: the training process, for tests.

    Raises:
        StoreError: when made, if the store cannot be written.
        TrainingError: when made, if another process already trains with this store, or it can only be read.
    """

    def __init__(self, settings: Settings, store: Store, command: tuple[str, ...] = COMMAND) -> None:
        self._settings, self._store, self._command = settings, store, command
        self._weights = settings.cache / "weights.npz"  # of the run that has just ended, on its way into the store
        if store.database.problem:
            raise TrainingError(store.database.problem)
        self._claim = Claim(settings.home)
        try:
            store.interrupt()
            left = self._left()
            self._anchor = store.database.anchor()
        except BaseException:
            self._claim.release()
            raise
        self._changed = threading.Condition()
        self._state = _State(Progress(left=left))
        self._thread = threading.Thread(target=self._work, name="featherweight-runner", daemon=True)
        self._thread.start()

    def progress(self) -> Progress:
        """Return what is going on now."""
        with self._changed:
            return self._state.progress

    def wait(self, seen: Progress, timeout: float | None = None) -> Progress:
        """Wait until something differs from ``seen`` and return it; after ``timeout`` seconds, return what is."""
        with self._changed:
            self._changed.wait_for(lambda: self._state.progress != seen, timeout)
            return self._state.progress

    def submit(self, cells: Iterable[Cell]) -> int:
        """Queue the cells that are neither finished nor already waiting, and return how many that were.

        Raises:
            ArgumentError, DatasetError: if a network does not fit its images; nothing is queued then.
            StoreError: if what waits cannot be written down; nothing is queued then, either.
        """
        wanted = list(dict.fromkeys(cells))
        for cell in wanted:
            self._network(cell)
        with self._changed:  # a run that ends meanwhile is either still current or already finished
            finished = {cell for cell, state in self._store.states(wanted).items() if state == "done"}
            now = self._state.progress
            busy = {*now.queue, now.current}
            new = tuple(x for x in wanted if x not in finished and x not in busy)
            self._store.keep_waiting(new)
            self._enqueue(new)
            return len(new)

    def resume_left(self) -> None:
        """Queue the cells that the last process left behind, in their order."""
        with self._changed:
            self._enqueue(self._state.progress.left)

    def forget_left(self) -> None:
        """Forget the cells that the last process left behind; what their runs have is kept until they are trained.

        Raises:
            StoreError: if that cannot be written down.
        """
        with self._changed:
            self._store.forget_waiting(self._state.progress.left)
            self._change(left=())

    def stop_after_epoch(self) -> None:
        """End the current run after its epoch, keep what it has, and hold the queue."""
        with self._changed:
            if self._state.progress.current:
                self._change(stopping=True)
                self._send_stop()

    def stop_now(self) -> None:
        """End the current run at once, keep its finished epochs, and hold the queue."""
        with self._changed:
            if self._state.progress.current:
                self._change(stopping=True)
                self._state.killed = True
                if self._state.process:
                    self._state.process.end()

    def resume(self) -> None:
        """Go on with a queue that a stop or a problem has held."""
        self._change(held=False, problem=None)

    def clear(self) -> None:
        """Forget the cells that wait; the current run goes on."""
        with self._changed:
            now = self._state.progress
            with suppress(StoreError):  # it holds the queue that is cleared; the next start would offer these again
                self._store.forget_waiting(now.queue)
            self._change(queue=(), total=now.total - len(now.queue), held=False)

    def close(self) -> None:
        """Stop training, end the training process and free the store for another runner."""
        with self._changed:
            self._change(closed=True, queue=())
            self._state.killed = True
            if self._state.process:
                self._state.process.end()
        self._thread.join(timeout=30)
        self._anchor.close()
        self._claim.release()

    def _left(self) -> tuple[Cell, ...]:
        """Return what waited or was trained when the last process ended, and forget what is finished of it."""
        waiting = self._store.waiting()
        states = self._store.states(waiting)
        self._store.forget_waiting(x for x in waiting if states.get(x) == "done")
        return tuple(x for x in waiting if states.get(x) != "done")

    def _enqueue(self, cells: tuple[Cell, ...]) -> None:
        with self._changed:
            now = self._state.progress
            done, total = (now.done, now.total) if now.queue or now.current else (0, 0)
            left = tuple(x for x in now.left if x not in cells)
            self._change(
                queue=now.queue + cells, left=left, done=done, total=total + len(cells), held=False, problem=None
            )

    # ---- the thread

    def _change(self, **values: Any) -> None:
        with self._changed:
            state = self._state
            version = state.progress.version + (set(values) != {"epochs"})
            state.progress = replace(state.progress, **values, version=version)
            self._changed.notify_all()

    def _work(self) -> None:
        while not self._state.progress.closed:
            try:
                self._ready()
                cell = self._next()
                if cell:
                    self._attempt(cell)
            except FeatherweightError as e:
                self._hold(str(e))
            except Exception as e:  # a defect of ours must not end training in silence
                self._hold(f"Training stopped because of an internal error ({type(e).__name__}: {e}).")
        self._drop_process()
        self._weights.unlink(missing_ok=True)

    def _hold(self, problem: str) -> None:
        """Say what went wrong, put the current cell back, and wait until someone resumes or starts again."""
        self._drop_process()
        run, self._state.run = self._state.run, None
        if run is not None:
            with suppress(StoreError):  # often the very problem
                self._store.end(run, "interrupted", seconds=None, message=problem, waits=True)
        with self._changed:
            now = self._state.progress
            back = (now.current,) if now.current else ()
            self._change(held=True, queue=back + now.queue, current=None, epochs=(), stopping=False, problem=problem)
            self._changed.wait_for(lambda: self._state.progress.closed or not self._state.progress.held)

    def _drop_process(self) -> None:
        with self._changed:
            if self._state.process:
                self._state.process.close()
            self._state.process, self._state.killed = None, False
            self._change(ready=False)

    def _ready(self) -> None:
        """Have a training process that has said it is ready.

        Raises:
            TrainingError: if it cannot be started.
        """
        with self._changed:
            if self._state.progress.closed or (self._state.process and self._state.process.alive):
                return
            self._drop_process()
            try:
                self._state.process = process = TrainingProcess(self._command, self._settings.log)
            except OSError as e:
                raise TrainingError(f"The training process could not be started ({e.strerror}).") from None
        try:
            event = process.event()
        except (TrainingError, ValueError) as e:
            raise TrainingError(f"{e} Its last words are in {self._settings.log}.") from None
        self._versions: dict[str, str] = event["versions"]
        self._change(ready=True, device=event["device"], note=event["note"], precisions=tuple(event["precisions"]))

    def _next(self) -> Cell | None:
        """Wait for a cell and take it from the queue; None when closed."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._state.progress.closed or (self._state.progress.queue and not self._state.progress.held)
            )
            now = self._state.progress
            if now.closed:
                return None
            self._change(current=now.queue[0], queue=now.queue[1:], epochs=(), again=None, began=time.monotonic())
            return now.queue[0]

    def _attempt(self, cell: Cell) -> None:
        """Train a cell, once more if the process dies, and record how it ended.

        Raises:
            TrainingError: if no process can be started for the first time.
        """
        before: tuple[int, float] | None = None  # the run of the attempt before, and its seconds
        for attempt in range(1, ATTEMPTS + 1):
            began, run = time.monotonic(), None
            try:
                self._ready()
                run = self._begin(cell)
                return self._train(run, cell)
            except (ArgumentError, DatasetError) as e:
                self._store.forget_waiting([cell])
                return self._ended(f"{_name(cell)} was not trained: {e}")
            except TrainingError as e:
                self._drop_process()
                closed = self._state.progress.closed
                stopped = self._state.progress.stopping or closed
                if run is None and not stopped and attempt == 1:
                    raise
                if run is not None:
                    ending, why = ("stopped", None) if stopped else ("failed", str(e))
                    waits = closed or (not stopped and attempt < ATTEMPTS)
                    before = run, time.monotonic() - began
                    self._store.end(run, ending, seconds=before[1], message=why, waits=waits)
                elif not closed:  # a fresh process was not ready yet
                    if stopped and before:  # its run is marked failed so far
                        self._store.end(before[0], "stopped", seconds=before[1])
                    self._store.forget_waiting([cell])
                if stopped:
                    return self._ended()
                if attempt == ATTEMPTS:
                    return self._ended(f"{_name(cell)} failed twice: {e}")
                self._change(epochs=(), again=str(e))
        return None

    def _begin(self, cell: Cell) -> int:
        network = self._network(cell)
        dataset = datasets.find(self._settings, cell.dataset)
        return self._store.begin(
            cell,
            parameters=network.parameters,
            multiply_adds=network.multiply_adds,
            train_images=dataset.facts.train,
            test_images=dataset.facts.test,
            device=self._state.progress.device or "",
            versions=self._versions,
        )

    def _train(self, run: int, cell: Cell) -> None:
        """Send the job and record its events until it ends.

        Raises:
            StoreError: if the disk is full, or the store cannot be written.
            TrainingError: if the process died, was ended or ran out of memory.
        """
        job = {
            "job": str(run),
            "family": cell.family,
            "width": cell.width,
            "recipe": asdict(cell.recipe),
            "seed": cell.seed,
            "data": str(datasets.find(self._settings, cell.dataset).path),
            "weights": str(self._weights),
        }
        with self._changed:
            process = self._state.process
            assert process
            process.send(job)
            self._state.run = run
            if self._state.progress.stopping:  # asked for while the job was being prepared
                self._send_stop()
        began = time.monotonic()
        while True:
            event = process.event()
            seconds = time.monotonic() - began
            if event["event"] == "epoch":
                epoch = Epoch(**{x: event[x] for x in Epoch.__dataclass_fields__})
                self._store.add_epoch(run, epoch)
                self._change(epochs=(*self._state.progress.epochs, epoch))
            elif event["event"] == "finished":
                state = "stopped" if event["stopped"] else "done"
                kept = self._weights.read_bytes() if event["weights"] else None
                self._store.end(run, state, seconds=seconds, formulation=event["formulation"], weights=kept)
                return self._ended()
            elif event["event"] == "failed":
                match event.get("cause"):
                    case "memory":
                        raise TrainingError(event["message"])
                    case "disk":
                        raise StoreError(event["message"])
                self._store.end(run, "failed", seconds=seconds, message=event["message"])
                return self._ended(f"{_name(cell)} failed: {event['message']}")

    def _send_stop(self) -> None:
        if self._state.process and self._state.run is not None:
            self._state.process.send({"stop": str(self._state.run)})

    def _ended(self, problem: str | None = None) -> None:
        with self._changed:
            if self._state.killed:
                self._drop_process()
            self._state.run = None
            now = self._state.progress
            self._change(
                held=now.stopping and bool(now.queue),
                current=None,
                done=now.done + 1,
                stopping=False,
                problem=problem or now.problem,
            )

    def _network(self, cell: Cell) -> Network:
        facts = datasets.find(self._settings, cell.dataset).facts
        if facts.fingerprint != cell.fingerprint:
            raise DatasetError(f"The data set {cell.dataset} has changed since this was asked for. Ask again.")
        return family(cell.family).build(cell.width, facts.input_shape, facts.classes, cell.recipe.dropout)


def _name(cell: Cell) -> str:
    return f"{family(cell.family).title} n = {cell.width}, seed {cell.seed}"
