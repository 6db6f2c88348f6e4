"""The training process of this machine: a program spoken to in lines, started again when it has ended."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from core import ROOT, processes
from core.errors import FeatherweightError, TrainingError
from core.runs.messages import EpochEnded, Event, Failed, Finished, Job, Message, Ready, Started, Stop, decode, encode

COMMAND = (sys.executable, "-m", "core.training")
LAST_WORDS = 64_000  # bytes of its log in which a cause is looked for
# What C++, TensorFlow, Python and Linux call it.
OUT_OF_MEMORY = ("bad_alloc", "OOM when allocating", "MemoryError", "Cannot allocate memory", "out of memory")


class LocalBackend:
    """Train in a process of this machine: a :class:`core.runner.backend.Backend`.

    Args:
        log: where its standard error goes, anew with each start.
        command: the program, for tests; None is ``python -m core.training``.
    """

    def __init__(self, log: Path, command: tuple[str, ...] | None = None) -> None:
        self._log, self._command = log, command or COMMAND
        self._lock = threading.Lock()  # of what follows
        self._process: _Process | None = None
        self._ready: Ready | None = None

    @property
    def pid(self) -> int | None:
        """The process's number, while it lives."""
        with self._lock:
            return self._process.pid if self._process and self._process.alive else None

    def start(self) -> Ready:
        with self._lock:
            if self._ready and self._process and self._process.alive:
                return self._ready
            if self._process:
                self._process.close()
            self._process = self._ready = None
            try:
                self._process = process = _Process(self._command, self._log)
            except OSError as e:
                raise TrainingError(f"The training process could not be started ({e.strerror}).") from None
        try:
            said = process.receive()
        except FeatherweightError as e:
            raise TrainingError(f"{e} Its last words are in {self._log}.") from None
        if not isinstance(said, Ready):
            process.end()
            raise TrainingError(f"The training process did not say it is ready. Its last words are in {self._log}.")
        with self._lock:
            self._ready = said
        return said

    def train(self, job: Job) -> Iterator[Event]:
        with self._lock:
            process = self._process
            if process:
                process.send(job)
        if process is None:
            raise TrainingError("The training process has not been started.")
        return self._events(process)

    def _events(self, process: _Process) -> Iterator[Event]:
        while True:
            match process.receive():
                case Started() | EpochEnded() as event:
                    yield event
                case Finished() | Failed() as event:
                    yield event
                    return
                case other:
                    raise TrainingError(f"The training process said {type(other).__name__}, no event of a job.")

    def stop(self, job: str) -> None:
        with self._lock:
            if self._process:
                self._process.send(Stop(job))

    def kill(self) -> None:
        with self._lock:
            if self._process:
                self._process.end()

    def close(self) -> None:
        with self._lock:
            if self._process:
                self._process.close()
            self._process = self._ready = None


class _Process:
    """The program and its pipes."""

    def __init__(self, command: tuple[str, ...], log: Path) -> None:
        self._log = log
        # A session of its own: Ctrl-C in the terminal is for the dashboard, which then ends this process in order.
        with log.open("wb") as errors:
            self._popen = subprocess.Popen(
                command,
                cwd=ROOT,
                env=processes.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                encoding="utf-8",
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """Its number."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def send(self, message: Message) -> None:
        """Write a message; a process that is gone is noticed by :meth:`receive`."""
        assert self._popen.stdin
        with contextlib.suppress(OSError, ValueError):
            self._popen.stdin.write(encode(message))
            self._popen.stdin.flush()

    def receive(self) -> Message:
        """Wait for the next message.

        Raises:
            TrainingError: if the process ended instead, or said what is none.
        """
        assert self._popen.stdout
        line = self._popen.stdout.readline()
        if not line:
            ending = _ending(self._popen.wait(), self._last_words())
            raise TrainingError(f"The training process ended unexpectedly ({ending}).")
        return decode(line)

    def _last_words(self) -> str:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LAST_WORDS))
            return file.read().decode("utf-8", "replace")
        return ""

    def end(self) -> None:
        """Kill it; from any thread, so that one waiting in :meth:`receive` returns."""
        self._popen.kill()
        self._popen.wait()

    def close(self) -> None:
        """End it and give back its pipes; while nobody waits in :meth:`receive`."""
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
