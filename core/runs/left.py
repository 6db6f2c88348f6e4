"""Runs whose process is gone: a store says that they run until somebody looks."""

from __future__ import annotations

from dataclasses import replace

from core.errors import StoreError, TrainingError
from core.runs import lock
from core.runs.lock import Lock
from core.runs.run import Run, RunState
from core.runs.store import Store


def runs(store: Store, dataset: str | None = None) -> list[Run]:
    """Return the runs of a store as ``Store.runs`` does, but as interrupted where their process is gone.

    Whoever trains has the lock of the store's folder. Where nobody has it, this is written down if the store can be
    written, and otherwise only said.

    Raises:
        StoreError: if the store cannot be read.
    """
    found = store.runs(dataset)
    home = store.path.parent
    if all(x.state is not RunState.RUNNING for x in found) or lock.is_held(home):
        return found
    if not store.database.read_only:
        try:
            with Lock(home):
                store.interrupt()
        except (StoreError, TrainingError):
            pass  # a disk that is full or read only, or somebody has just begun, who writes it down
        found = store.runs(dataset)
    if lock.is_held(home):
        return found
    return [replace(x, state=RunState.INTERRUPTED) if x.state is RunState.RUNNING else x for x in found]
