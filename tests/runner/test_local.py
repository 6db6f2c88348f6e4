"""This machine's training process as a backend."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.errors import TrainingError
from core.recipe import Recipe
from core.runner.backend import Backend
from core.runner.local import LocalBackend
from core.runs.messages import EpochEnded, Failed, Finished, Job, Ready, Started, encode
from tests.fake_training import CRASH, ENOUGH, FAIL, HANG, WAIT

FAKE = (sys.executable, "-m", "tests.fake_training")
READY = encode(Ready("a device", None, ("float32",), {})).strip()


def job(seed: int) -> Job:
    return Job(f"job {seed}", "flatten dense(2) dense(2)", Recipe("sgd", 0.1, 3), seed, "data.npz")


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBackend]:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    made = LocalBackend(tmp_path / "log", FAKE)
    yield made
    made.close()


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[str]]:
    """Every process that is started."""
    started: list[subprocess.Popen[str]] = []
    popen = subprocess.Popen

    def noted(*args: Any, **named: Any) -> subprocess.Popen[str]:
        started.append(popen(*args, **named))
        return started[-1]

    monkeypatch.setattr(subprocess, "Popen", noted)
    return started


def given_back(process: subprocess.Popen[str]) -> bool:
    return process.returncode is not None and all(x and x.closed for x in (process.stdin, process.stdout))


def test_it_is_started_once_and_again_when_it_has_ended(backend: LocalBackend) -> None:
    assert backend.pid is None
    ready, first = backend.start(), backend.pid
    assert ready.device == "fake device" and backend.start() is ready and backend.pid == first
    backend.kill()
    assert backend.pid is None
    assert backend.start() == ready and backend.pid not in (None, first)


def test_a_job_is_a_stream_of_events(backend: LocalBackend) -> None:
    backend.start()
    first, *epochs, last = backend.train(job(ENOUGH))
    assert first == Started("job 0") and [type(x) for x in epochs] == [EpochEnded] * 3
    assert isinstance(last, Finished) and not last.stopped and last.weights


def test_a_stop_ends_the_job_it_names_and_one_for_an_ended_job_is_let_be(backend: LocalBackend) -> None:
    backend.start()
    list(backend.train(job(ENOUGH)))
    backend.stop("job 0")
    events = backend.train(job(WAIT))
    for event in events:
        if isinstance(event, EpochEnded):
            backend.stop("job 1")
            break
    *_, last = events
    assert isinstance(last, Finished) and last.stopped


@pytest.mark.parametrize("how", ["killed", "dies"])
def test_who_waits_for_events_of_a_process_that_ends_is_told(backend: LocalBackend, how: str) -> None:
    backend.start()
    with pytest.raises(TrainingError, match="SIGKILL"):
        for event in backend.train(job(HANG)):
            if isinstance(event, EpochEnded):
                if how == "killed":
                    backend.kill()
                else:
                    os.kill(backend.pid or 0, signal.SIGKILL)


def test_nothing_is_trained_by_what_was_not_started_or_is_closed(backend: LocalBackend) -> None:
    with pytest.raises(TrainingError):
        backend.train(job(ENOUGH))
    backend.stop("job 0")
    backend.kill()
    backend.start()
    backend.close()
    with pytest.raises(TrainingError):
        backend.train(job(ENOUGH))


@pytest.mark.parametrize(
    "program",
    [
        "print('hello', flush=True)",
        'import os; os.write(1, b\'{"kind": "stop", "job": "1"}\\n\')',
        "raise SystemExit(3)",
    ],
)
def test_what_does_not_say_that_it_is_ready_is_no_trainer(tmp_path: Path, program: str) -> None:
    backend = LocalBackend(tmp_path / "log", (sys.executable, "-c", program))
    with pytest.raises(TrainingError, match=f"{tmp_path / 'log'}"):
        backend.start()
    backend.close()


def test_another_process_has_pipes_of_its_own(backend: LocalBackend, processes: list[subprocess.Popen[str]]) -> None:
    backend.start()
    number = backend.pid or 0
    os.kill(number, signal.SIGKILL)
    os.waitid(os.P_PID, number, os.WEXITED | os.WNOWAIT)
    backend.start()
    first, second = processes
    assert given_back(first) and second.poll() is None
    assert isinstance(list(backend.train(job(ENOUGH)))[-1], Finished)
    assert isinstance(list(backend.train(job(FAIL)))[-1], Failed)


@pytest.mark.parametrize("seed", [ENOUGH, WAIT, CRASH])
def test_closing_ends_it_and_gives_its_pipes_back(
    backend: LocalBackend, processes: list[subprocess.Popen[str]], seed: int
) -> None:
    backend.start()
    events = backend.train(job(seed))
    assert isinstance(next(events), Started)
    backend.close()
    (process,) = processes
    assert given_back(process) and backend.pid is None
    backend.close()  # once more is harmless, as is whatever is said to none
    backend.kill()
    backend.stop("job 0")
    processes.clear()
    del events, process
    gc.collect()  # a pipe left open warns here, and a warning fails the test


@pytest.mark.parametrize(
    ("ending", "words"),
    [
        ("raise SystemExit(3)", "(exit code 3)"),
        ("os.kill(os.getpid(), 9)", "(SIGKILL, often a sign of too little memory)"),
        ("os.kill(os.getpid(), 15)", "(SIGTERM)"),
        ("print('std::bad_alloc', file=sys.stderr); sys.stderr.flush(); os.abort()", "(SIGABRT; memory ran out)"),
        ("print('x' * 10**6, file=sys.stderr); raise MemoryError", "(exit code 1; memory ran out)"),
    ],
)
def test_how_it_ended_is_told(tmp_path: Path, ending: str, words: str) -> None:
    program = f"import os, sys; print({READY!r}, flush=True); sys.stdin.readline(); {ending}"
    backend = LocalBackend(tmp_path / "log", (sys.executable, "-c", program))
    backend.start()
    with pytest.raises(TrainingError) as told:
        list(backend.train(job(ENOUGH)))
    assert words in str(told.value)
    backend.close()


@pytest.mark.parametrize("line", ["Hello!", READY, encode(job(ENOUGH)).strip()])
def test_what_is_no_event_of_a_job_is_told(tmp_path: Path, line: str) -> None:
    said = [READY, encode(Started("job 0")).strip(), line]
    program = f"import sys; [print(x, flush=True) for x in {said!r}]; sys.stdin.read()"
    backend = LocalBackend(tmp_path / "log", (sys.executable, "-c", program))
    backend.start()
    events = backend.train(job(ENOUGH))
    assert next(events) == Started("job 0")
    with pytest.raises(TrainingError, match=r"no (message|event)"):
        next(events)
    backend.close()


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path / "log", ("/no/such/program",))
    with pytest.raises(TrainingError, match="could not be started"):
        backend.start()
    backend.close()


def test_it_is_a_backend(backend: LocalBackend) -> None:
    seen: Backend = backend  # the type checker's word; a protocol has no other
    assert seen.start().precisions == ("float32",)
