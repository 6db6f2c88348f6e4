"""The right to write a store: of all processes on it one has it, the others may look."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from core.errors import TrainingError

NAME = "runner.lock"


class Lock:
    """A lock on the folder of a store; it ends with the process, however that ends.

    Args:
        home: the folder.

    Raises:
        TrainingError: when made, if another process has it or the folder cannot be written.
    """

    def __init__(self, home: Path) -> None:
        # not bound to a thread: a page's thread takes it, and the interpreter's last one gives free
        self._lock = FileLock(home / NAME, blocking=False, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise TrainingError(
                f"Another Featherweight already trains with the store in {home}. "
                "Train there, close it first, or set another FEATHERWEIGHT_HOME."
            ) from None
        except OSError as e:
            raise TrainingError(
                f"The folder {home} cannot be written ({e.strerror}), so results are shown and nothing can be trained. "
                "Set FEATHERWEIGHT_HOME to a folder that can."
            ) from None

    def release(self) -> None:
        """Let another process have it."""
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def is_held(home: Path) -> bool:
    """Return whether a process has the lock on a folder, or may have it; the folder need not be writable."""
    try:
        with (home / NAME).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # in FileLock's way, but for reading
    except FileNotFoundError:
        return False
    except OSError:  # somebody has it, or it cannot be asked
        return True
    return False
