"""What all visitors of a process share: settings, store and runner, in one object; and what a page works with."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from core import settings
from core.access import Visitor
from core.errors import StoreError, TrainingError
from core.networks.families import Families
from core.runner.backend import Backend
from core.runner.guarded import GuardedRunner, Owners
from core.runner.local import LocalBackend
from core.runner.runner import Runner
from core.runs import database
from core.runs.store import Store
from core.settings import Settings
from core.ui.find.finder import Finder
from core.ui.hangup import end_on_hangup
from core.ui.once import Once
from core.ui.runner_key import RunnerKey


@dataclass(frozen=True, slots=True)
class Context:
    """What a page works with.

    Attributes:
        settings: where things are.
        store: the runs.
        visitor: who looks.
        runner: the background runner as the visitor may use it, or None if another process has it or the store cannot
            be written.
        problem: why there is no runner.
        finder: the process's one search.
    """

    settings: Settings
    store: Store
    visitor: Visitor
    runner: GuardedRunner | None
    problem: str | None
    finder: Finder

    @property
    def families(self) -> Families:
        """The families that come with Featherweight and people's own.

        Raises:
            StoreError: if the store cannot be read.
        """
        return self.store.families.all()


class Services:
    """Settings, store, runner and search of a process, each made when it is first needed; what fails is tried again.

    Args:
        backend: what trains, given the settings.
    """

    def __init__(self, backend: Callable[[Settings], Backend] = lambda x: LocalBackend(x.log)) -> None:
        self._backend = backend
        self._settings = Once(settings.load)
        self._store = Once(lambda: Store(self.settings.store, room=self.settings.room))
        self._view = Once(lambda: Store(self.settings.store, read_only=True))
        self._runner = Once(self._start)
        self._key = Once(lambda: RunnerKey(self.settings.access.key) if self.settings.access.key else None)
        self._owners = Owners()
        self._finder = Finder()
        self.looking = threading.Lock()  # held while a file of images is read and converted: one at a time

    @property
    def settings(self) -> Settings:
        """What the environment says."""
        return self._settings()

    @property
    def key(self) -> RunnerKey | None:
        """The runner key, where there is one."""
        return self._key()

    def context(self, visitor: Visitor) -> Context:
        """Return what a page works with for a visitor.

        Raises:
            SettingsError: if the settings cannot be used.
            StoreError: if the store cannot be opened.
        """
        store, runner, problem = self._shared()
        guarded = GuardedRunner(runner, self.settings, self._owners, visitor) if runner else None
        return Context(self.settings, store, visitor, guarded, problem, self._finder)

    def set_aside(self, path: Path) -> Path:
        """Rename a store that is refused, so that the next visit makes a fresh one; return its new name.

        Raises:
            ArgumentError, StoreError, TrainingError: as :func:`core.runs.database.set_aside`.
        """
        self.close()
        for made in (self._runner, self._store, self._view):
            made.clear()
        return database.set_aside(path)

    def close(self) -> None:
        """End the search and the training, if any was begun."""
        self._finder.end()
        runner = self._runner.made
        if runner:
            runner.close()
            atexit.unregister(runner.close)
        self._finder.close()

    def _start(self) -> Runner:
        runner = Runner(self.settings, self._store(), self._backend(self.settings))
        atexit.register(runner.close)
        end_on_hangup()
        return runner

    def _shared(self) -> tuple[Store, Runner | None, str | None]:
        """Return the store as it can be had now, and what trains with it or why nothing does."""
        store = self._store()
        try:
            return store, self._runner(), None
        except (StoreError, TrainingError) as e:  # not kept: the next visit tries again
            if store.database.read_only:
                self._store.clear()
                return store, None, str(e)
            return self._view(), None, str(e)


SERVICES = Services()
