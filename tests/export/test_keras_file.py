"""The program that writes Keras's file, when it cannot; what it writes is tested in test_bundle.py."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.errors import StoreError
from core.export import keras_file
from core.networks.families import family

NETWORK = family("mlp").build(2)


# a program that writes its process's id into its target, and says in the folder that it was started
NOTES = """
import json, os, pathlib, sys
job, folder = json.load(sys.stdin), pathlib.Path({folder!r})
alone = folder / "alone"
alone.touch(exist_ok=False)
(folder / "starts").open("a").write(".")
pathlib.Path(job["target"]).write_text(f"{{os.getpid()}} " + "x" * {size})
alone.unlink()
"""


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no file be kept from another test."""
    monkeypatch.setattr(keras_file, "_kept", {})


def npz(value: float = 0.0) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{str(i): np.full(x, value, np.float32) for i, x in enumerate(NETWORK.weight_shapes)})  # type: ignore[arg-type]
    return file.getvalue()


def program(code: str) -> tuple[str, ...]:
    return sys.executable, "-c", code


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        ("print('It is so.'); raise SystemExit(2)", r"^It is so\.$"),
        ("raise SystemExit(0)", r"could not be written \(exit code 0: it said nothing\)\.$"),
        ("raise RuntimeError('no memory')", r"could not be written \(exit code 1: RuntimeError: no memory\)\.$"),
        ("import os; os.abort()", r"could not be written \(exit code -6"),
    ],
)
def test_a_process_that_fails_is_one_sentence(code: str, sentence: str) -> None:
    with pytest.raises(StoreError, match=sentence):
        keras_file.write("mlp", 2, NETWORK, False, npz(), program(code))


def test_a_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_file, "TIMEOUT", 0.2)
    with pytest.raises(StoreError, match=r"took longer than 0\.2 s"):
        keras_file.write("mlp", 2, NETWORK, False, npz(), program("import time; time.sleep(60)"))


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be started"):
        keras_file.write("mlp", 2, NETWORK, False, npz(), (str(tmp_path / "nothing"),))


def test_one_is_made_at_a_time_and_the_others_wait(tmp_path: Path) -> None:
    command = program(NOTES.format(folder=str(tmp_path), size=0))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(keras_file.write, "mlp", 2, NETWORK, False, npz(x), command) for x in (0, 1, 2, 3)]
        made = {x.result() for x in asked}  # the program fails if another one runs
    assert len(made) == 4 and (tmp_path / "starts").stat().st_size == 4


def test_who_waits_for_others_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_file, "TIMEOUT", 0.05)
    with keras_file._making, pytest.raises(StoreError, match=r"Others' Keras files took longer than 0\.05 s"):
        keras_file.write("mlp", 2, NETWORK, False, npz())
    with pytest.raises(StoreError, match="exit code 1"):  # one that fails lets the next one in
        keras_file.write("mlp", 2, NETWORK, False, npz(), program("raise SystemExit(1)"))
    assert keras_file._making.acquire(timeout=0)
    keras_file._making.release()


def test_a_file_asked_for_again_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_file, "ROOM", 2_500)
    command = program(NOTES.format(folder=str(tmp_path), size=1000))

    def write(value: float = 0.0, width: int = 2, dropout: bool = False) -> bytes:
        network = family("mlp").build(width, dropout=dropout)
        return keras_file.write("mlp", width, network, dropout, npz(value), command)

    first = write()
    assert write() == first and write(1.0) != first and write() == first
    write(2.0)  # there is room for two, and the one longest not asked for goes
    assert write() == first and (tmp_path / "starts").stat().st_size == 3
    assert write(dropout=True) != first, "another network of the same weights is another file"
    monkeypatch.setattr(keras_file, "ROOM", 500)
    write(3.0)
    assert keras_file._kept == {}


def test_wrong_weights_start_no_process() -> None:
    with pytest.raises(StoreError, match="another network's"):
        keras_file.write("mlp", 3, family("mlp").build(3), False, npz(), program("raise SystemExit('started')"))


def test_the_program_explains_a_bad_job(tmp_path: Path) -> None:
    job = {"family": "mlp", "width": 0, "input_shape": [28, 28, 1], "classes": 10, "dropout": False}
    for text, sentence in (
        (json.dumps(job), "Invalid width for family 'mlp'."),
        ("{", "The job is not as it should be (JSONDecodeError"),
        ("{}", "The job is not as it should be (KeyError"),
        (json.dumps(job | {"width": 2, "weights": str(tmp_path / "none.npz")}), "could not be written (No such file"),
    ):
        done = subprocess.run(keras_file.COMMAND, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and sentence in done.stdout and done.stdout.count("\n") == 1
        assert "Traceback" not in done.stderr
