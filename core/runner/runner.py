"""The background thread: it owns the queue of cells and decides what becomes of each run."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.data import datasets
from core.data.images import Facts
from core.errors import ArgumentError, DatasetError, FeatherweightError, StoreError, TrainingError
from core.networks.network import Network
from core.runner.backend import Backend
from core.runner.local import LocalBackend
from core.runner.progress import Progress, Running
from core.runs import memory, sweep
from core.runs.lock import Lock
from core.runs.messages import EpochEnded, Failed, Finished, Job, Ready
from core.runs.run import Cell, RunState
from core.runs.store import Store
from core.settings import Settings

# A run whose training process dies is tried once more: the cause may have passed, lack of memory say.
ATTEMPTS = 2
CLOSING = 30  # seconds that the thread gets to end


class Runner:
    """Train queued cells one after the other in the background and keep what comes back in the store.

    Args:
        settings: where data, store and log are.
        store: where runs are recorded.
        backend: what trains; None is a process of this machine. Also an attribute.

    Raises:
        StoreError: when made, if the store cannot be written.
        TrainingError: when made, if another process already trains with this store, or it can only be read.
    """

    def __init__(self, settings: Settings, store: Store, backend: Backend | None = None) -> None:
        self._settings, self._store = settings, store
        self.backend: Backend = backend or LocalBackend(settings.log)
        if store.database.problem:
            raise TrainingError(store.database.problem)
        self._lock = Lock(settings.home)
        try:
            store.interrupt()
            left = self._left()
            self._anchor = store.database.anchor()
        except BaseException:
            self._lock.release()
            raise
        self._changed = threading.Condition()  # guards the next two
        self._progress = Progress(left=left)
        self._run: int | None = None  # the store's id of the run that is being trained
        self._thread = threading.Thread(target=self._work, name="featherweight-runner", daemon=True)
        self._thread.start()

    def progress(self) -> Progress:
        """Return what is going on now."""
        with self._changed:
            return self._progress

    def wait(self, seen: Progress, timeout: float | None = None) -> Progress:
        """Wait until something differs from ``seen`` and return it; after ``timeout`` seconds, return what is."""
        with self._changed:
            self._changed.wait_for(lambda: self._progress != seen, timeout)
            return self._progress

    def submit(self, cells: Iterable[Cell], ahead: bool = False) -> int:
        """Queue the cells that are neither finished nor already waiting, and return how many that were.

        They come after all that waits, or ``ahead`` of it.

        Raises:
            ArgumentError, DatasetError: if a network does not fit its images, or what is new not into the memory that
                there is; nothing is queued then.
            StoreError: if what waits cannot be written down; nothing is queued then, either.
        """
        wanted = list(dict.fromkeys(cells))
        for cell in wanted:
            self._network(cell)
        with self._changed:  # a run that ends meanwhile is either still being trained or already finished
            fresh = tuple(self.new(wanted))
            there = memory.available(self.backend.pid)
            for cell in fresh:
                memory.check(*self._network(cell), cell.recipe, there)
            self._store.keep_waiting(fresh)
            self._enqueue(fresh, ahead)
            return len(fresh)

    def new(self, cells: Iterable[Cell]) -> list[Cell]:
        """Return what :meth:`submit` would queue of cells: what is neither finished nor on its way."""
        wanted = list(cells)
        with self._changed:
            return sweep.new(wanted, self._store.runs_of(wanted), self._progress.busy)

    def resume_left(self) -> None:
        """Queue the cells that the last process left behind, in their order."""
        with self._changed:
            self._enqueue(self._progress.left)

    def forget_left(self) -> None:
        """Forget the cells that the last process left behind; what their runs have is kept until they are trained.

        Raises:
            StoreError: if that cannot be written down.
        """
        with self._changed:
            self._store.forget_waiting(self._progress.left)
            self._change(left=())

    def stop_after_epoch(self) -> None:
        """End the current run after its epoch, keep what it has, and hold the queue."""
        with self._changed:
            if self._progress.running:
                self._update(stopping=True)
                if self._run is not None:
                    self.backend.stop(str(self._run))

    def stop_run(self, cell: Cell) -> None:
        """End a cell's run after its epoch, if it is being trained, and go on with the queue."""
        with self._changed:
            if self._run is not None and any(x.cell == cell for x in self._progress.running):
                self.backend.stop(str(self._run))

    def stop_now(self) -> None:
        """End the current run at once, keep its finished epochs, and hold the queue."""
        with self._changed:
            if self._progress.running:
                self._update(stopping=True)
                self.backend.kill()

    def resume(self) -> None:
        """Go on with a queue that a stop or a problem has held."""
        self._change(held=False, problem=None)

    def clear(self, cells: Iterable[Cell] | None = None) -> None:
        """Forget the cells that wait, or those of them that are named; the current run goes on."""
        with self._changed:
            gone = set(self._progress.queue).intersection(self._progress.queue if cells is None else cells)
            with suppress(StoreError):  # it holds the queue that is cleared; the next start would offer these again
                self._store.forget_waiting(gone)
            self._change(**self._progress.without(gone))

    def close(self) -> None:
        """Stop training, end the trainer and free the store for another runner."""
        self._change(closed=True, queue=())
        deadline = time.monotonic() + CLOSING
        while self._thread.is_alive() and time.monotonic() < deadline:
            self.backend.kill()  # again, as the thread may just be starting one
            self._thread.join(timeout=0.1)
        self.backend.close()
        self._anchor.close()
        self._lock.release()

    def _left(self) -> tuple[Cell, ...]:
        """Return what waited or was trained when the last process ended, and forget what is finished of it."""
        waiting = self._store.waiting()
        left = sweep.new(waiting, self._store.runs_of(waiting))
        self._store.forget_waiting(set(waiting).difference(left))
        return tuple(left)

    def _enqueue(self, cells: tuple[Cell, ...], ahead: bool = False) -> None:
        with self._changed:
            self._change(**self._progress.with_queued(cells, ahead))

    # ---- the thread

    def _change(self, **values: Any) -> None:
        with self._changed:
            self._progress = replace(self._progress, **values, version=self._progress.version + 1)
            self._changed.notify_all()

    def _update(self, **values: Any) -> None:
        """Change the run that is being trained."""
        with self._changed:
            running = tuple(replace(x, **values) for x in self._progress.running)
            version = self._progress.version + (set(values) != {"epochs"})
            self._progress = replace(self._progress, running=running, version=version)
            self._changed.notify_all()

    @property
    def _stopping(self) -> bool:
        """Whether the run that is being trained has been asked to stop."""
        return any(x.stopping for x in self._progress.running)

    def _work(self) -> None:
        while not self._progress.closed:
            try:
                self._ready()
                cell = self._next()
                if cell:
                    self._attempt(cell)
            except FeatherweightError as e:
                self._hold(str(e))
            except Exception as e:  # a defect of ours must not end training in silence
                self._hold(f"Training stopped because of an internal error ({type(e).__name__}: {e}).")

    def _hold(self, problem: str) -> None:
        """Say what went wrong, put the current cell back, and wait until someone resumes or starts again."""
        self._drop()
        run, self._run = self._run, None
        if run is not None:
            with suppress(StoreError):  # often the very problem
                self._store.end(run, RunState.INTERRUPTED, seconds=None, message=problem, waits=True)
        with self._changed:
            self._change(held=True, queue=self._progress.busy, running=(), problem=problem)
            self._changed.wait_for(lambda: self._progress.closed or not self._progress.held)

    def _drop(self) -> None:
        """Do without the trainer, whatever it is doing; the next run has another."""
        self.backend.kill()
        self._change(ready=False)

    def _ready(self) -> None:
        """Have a trainer that has said it is ready.

        Raises:
            TrainingError: if there is none.
        """
        if self._progress.closed:
            return
        self._trainer: Ready = self.backend.start()
        said = self._trainer
        facts = {"ready": True, "device": said.device, "note": said.note, "precisions": said.precisions}
        with self._changed:
            if any(getattr(self._progress, name) != value for name, value in facts.items()):
                self._change(**facts)

    def _next(self) -> Cell | None:
        """Wait for a cell and take it from the queue; None when closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._progress.closed or (self._progress.queue and not self._progress.held))
            now = self._progress
            if now.closed:
                return None
            cell, *queue = now.queue
            self._change(running=(Running(cell, time.monotonic()),), queue=tuple(queue))
            return cell

    def _attempt(self, cell: Cell) -> None:
        """Train a cell, once more if the trainer dies, and record how it ended.

        Raises:
            TrainingError: if no trainer can be started for the first time.
        """
        before: tuple[int, float] | None = None  # the run of the attempt before, and its seconds
        for attempt in range(1, ATTEMPTS + 1):
            began, run = time.monotonic(), None
            try:
                self._ready()
                run = self._begin(cell)
                return self._train(run, cell)
            except (ArgumentError, DatasetError) as e:
                if run is not None:  # its images have gone since it began, say
                    self._store.end(run, RunState.FAILED, seconds=time.monotonic() - began, message=str(e))
                self._store.forget_waiting([cell])
                return self._ended(f"{cell} was not trained: {e}")
            except TrainingError as e:
                self._drop()
                closed = self._progress.closed
                stopped = self._stopping or closed
                if run is None and not stopped and attempt == 1:
                    raise
                if run is not None:
                    ending, why = (RunState.STOPPED, None) if stopped else (RunState.FAILED, str(e))
                    waits = closed or (not stopped and attempt < ATTEMPTS)
                    before = run, time.monotonic() - began
                    self._store.end(run, ending, seconds=before[1], message=why, waits=waits)
                elif not closed:  # a fresh trainer was not ready yet
                    if stopped and before:  # its run is marked failed so far
                        self._store.end(before[0], RunState.STOPPED, seconds=before[1])
                    self._store.forget_waiting([cell])
                if stopped:
                    return self._ended()
                if attempt == ATTEMPTS:
                    return self._ended(f"{cell} failed twice: {e}")
                self._update(epochs=(), again=str(e))
        return None

    def _begin(self, cell: Cell) -> int:
        network, facts = self._network(cell)
        memory.check(network, facts, cell.recipe, memory.available(self.backend.pid))
        return self._store.begin(
            cell,
            parameters=network.parameters,
            multiply_adds=network.multiply_adds,
            train_images=facts.train,
            test_images=facts.test,
            device=self._trainer.device,
            versions=self._trainer.versions,
        )

    def _train(self, run: int, cell: Cell) -> None:
        """Send the job and record its events until it ends.

        Raises:
            StoreError: if the store cannot be written, as on a full disk.
            TrainingError: if the trainer died, was ended or ran out of memory.
        """
        data = str(datasets.find(self._settings, cell.dataset).path)
        with self._changed:
            events = self.backend.train(Job(str(run), cell.layers, cell.recipe, cell.seed, data))
            self._run = run
            if self._stopping:  # asked for while the job was being prepared
                self.backend.stop(str(run))
        began = time.monotonic()
        for event in events:
            seconds = time.monotonic() - began
            match event:
                case EpochEnded(_, epoch):
                    self._store.add_epoch(run, epoch)
                    (running,) = self._progress.running
                    self._update(epochs=(*running.epochs, epoch))
                case Finished():
                    state = RunState.STOPPED if event.stopped else RunState.DONE
                    self._store.end(run, state, seconds=seconds, formulation=event.formulation, weights=event.weights)
                    return self._ended()
                case Failed(_, message, memory):
                    if memory:  # of the next trainer there may be enough
                        raise TrainingError(message)
                    self._store.end(run, RunState.FAILED, seconds=seconds, message=message)
                    return self._ended(f"{cell} failed: {message}")
        raise TrainingError("The trainer ended a job without saying how.")

    def _ended(self, problem: str | None = None) -> None:
        with self._changed:
            self._run = None
            now = self._progress
            self._change(
                held=self._stopping and bool(now.queue), running=(), done=now.done + 1, problem=problem or now.problem
            )

    def _network(self, cell: Cell) -> tuple[Network, Facts]:
        """Return the network of a cell and what is known of its images.

        Raises:
            ArgumentError, DatasetError: if they do not fit, or the images are others than were asked for.
        """
        facts = datasets.find(self._settings, cell.dataset).facts
        if facts.fingerprint != cell.fingerprint:
            raise DatasetError(f"The data set {cell.dataset} has changed since this was asked for. Ask again.")
        return cell.network(facts.input_shape, facts.classes), facts
