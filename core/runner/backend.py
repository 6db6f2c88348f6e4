"""What the runner needs of a place where networks are trained; this machine's process is one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from core.runs.messages import Event, Job, Ready


class Backend(Protocol):
    """One trainer. The runner's thread starts it and follows its jobs; any thread may stop or kill them.

    What becomes of a run whose trainer fails is the runner's business: a backend tries nothing again.
    """

    @property
    def pid(self) -> int | None:
        """The number of the trainer's process, while it lives and is of this machine."""

    def start(self) -> Ready:
        """Have a trainer that is ready, another one if the last has ended, and return what it is.

        Raises:
            TrainingError: if none can be had.
        """

    def train(self, job: Job) -> Iterator[Event]:
        """Hand a job to the trainer and return its events as they come; the last is ``Finished`` or ``Failed``.

        Raises:
            TrainingError: from the iterator, if the trainer ends or says what is no event.
        """

    def stop(self, job: str) -> None:
        """Ask that a job be ended after its current epoch; one that has ended already is let be."""

    def kill(self) -> None:
        """End the trainer at once, so that whoever waits for it goes on."""

    def close(self) -> None:
        """End the trainer for good and give back what it holds; nobody may be waiting for it any more."""
