"""The training process as its supervisor sees it: a program spoken to in lines of JSON."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from core import ROOT
from core.errors import TrainingError

COMMAND = (sys.executable, "-m", "core.training")
LAST_WORDS = 64_000  # bytes of its log in which a cause is looked for
# What C++, TensorFlow, Python and Linux call it.
OUT_OF_MEMORY = ("bad_alloc", "OOM when allocating", "MemoryError", "Cannot allocate memory", "out of memory")


class TrainingProcess:
    """A ``python -m core.training`` that is spoken to in lines of JSON; see that module for the words."""

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._log = log
        # A session of its own: Ctrl-C in the terminal is for the dashboard, which then ends this process in order.
        with log.open("wb") as errors:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )
        self.pid = self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._popen.poll() is None

    def send(self, message: dict[str, Any]) -> None:
        """Write one line; a process that is gone is noticed by :meth:`event`."""
        assert self._popen.stdin
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(json.dumps(message) + "\n")
            self._popen.stdin.flush()

    def event(self) -> dict[str, Any]:
        """Wait for the next event.

        Raises:
            TrainingError: if the process ended instead.
        """
        assert self._popen.stdout
        line = self._popen.stdout.readline()
        if not line:
            ending = _ending(self._popen.wait(), self._last_words())
            raise TrainingError(f"The training process ended unexpectedly ({ending}).")
        event: dict[str, Any] = json.loads(line)
        return event

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LAST_WORDS))
            return file.read().decode("utf-8", "replace")
        return ""

    def end(self) -> None:
        """Kill the process; from any thread, so that one waiting in :meth:`event` returns."""
        self._popen.kill()
        self._popen.wait()

    def close(self) -> None:
        """End the process and give back its pipes; only from the thread that reads events."""
        self.end()
        for stream in (self._popen.stdin, self._popen.stdout):
            with contextlib.suppress(OSError):
                if stream:
                    stream.close()


def _ending(code: int, words: str) -> str:
    name = f"exit code {code}"
    if code < 0:
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    if any(x in words for x in OUT_OF_MEMORY):
        return f"{name}; memory ran out"
    return f"{name}, often a sign of too little memory" if name == "SIGKILL" else name
