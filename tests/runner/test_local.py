"""This machine's training process as a backend."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import TrainingError
from core.recipe import Recipe
from core.runner.local import LocalBackend
from core.runs.messages import EpochEnded, Finished, Job, Started
from tests.fake_training import ENOUGH, HANG, WAIT

FAKE = (sys.executable, "-m", "tests.fake_training")


def job(seed: int) -> Job:
    return Job(f"job {seed}", "mlp", 2, Recipe("sgd", 0.1, 3), seed, "data.npz")


@pytest.fixture
def backend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalBackend]:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    made = LocalBackend(tmp_path / "log", FAKE)
    yield made
    made.close()


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
