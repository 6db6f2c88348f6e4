"""The one search of a process: whoever comes later sees it, and may stop it or go on with it."""

from __future__ import annotations

import threading
import time

from core.access import Visitor
from core.data.datasets import Dataset
from core.errors import LimitError
from core.finder.question import Question
from core.finder.search import Search
from core.runner.guarded import GuardedRunner
from core.runs.store import Store

CLOSING = 10.0  # seconds that a search gets to end


class Finder:
    """One search at a time, in a thread of its own; the last one is kept until the next begins.

    Attributes:
        search: the one that goes on, or the last one; None before the first.
        searching: whether it goes on.
        stopping: whether it has been asked to stop.
        version: grows when a search begins or ends.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self.search: Search | None = None
        self.searching = False
        self.stopping = False
        self.version = 0

    @property
    def seconds(self) -> float:
        """Seconds that the search has taken."""
        if self.search is None:
            return 0.0
        return time.monotonic() - self._began if self.searching else self.search.standing().seconds

    def start(self, question: Question, dataset: Dataset, store: Store, runner: GuardedRunner) -> Search:
        """Begin a search and return it.

        Args:
            question: what is asked.
            dataset: the image set, whose file is at hand.
            store: where runs are.
            runner: the way of whoever asks to what trains.

        Raises:
            AccessError: if they may not train.
            LimitError: if a search goes on.
        """
        runner.visitor.require()
        with self._lock:
            if self.searching:
                raise LimitError("A search is going on, and there is one at a time: stop it, or wait for its end.")
            search = Search(question, dataset, store, runner)
            self._thread = threading.Thread(target=self._run, args=(search,), name="featherweight-search", daemon=True)
            self.search, self.searching, self.stopping, self._began = search, True, False, time.monotonic()
            self.version += 1
            self._thread.start()
            return search

    def stop(self, visitor: Visitor) -> None:
        """End the search after its epoch; asked again, it goes on.

        Raises:
            AccessError: if the visitor may not train.
        """
        visitor.require()
        with self._lock:
            if self.search and self.searching:
                self.stopping = True
                self.search.stop()

    def end(self) -> None:
        """Have the search end, if one goes on; :meth:`close` waits for it."""
        if self.search:
            self.search.stop()

    def close(self) -> None:
        """Wait until the search has ended and forget it: what trained for it is closed."""
        self.end()
        if self._thread:
            self._thread.join(CLOSING)
        with self._lock:
            self.search, self._thread, self.searching, self.stopping = None, None, False, False
            self.version += 1

    def _run(self, search: Search) -> None:
        try:
            search.run()
        finally:
            with self._lock:
                if self.search is search:
                    self.searching = False
                    self.version += 1
