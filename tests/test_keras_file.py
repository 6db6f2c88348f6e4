"""The program that writes Keras's file, when it cannot; what it writes is tested in test_bundle.py."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core import keras_file
from core.errors import StoreError
from core.families import family

ROOT = Path(__file__).parents[1]
NETWORK = family("mlp").build(2)


def npz() -> bytes:
    file = io.BytesIO()
    np.savez(file, **{str(i): np.zeros(x, np.float32) for i, x in enumerate(NETWORK.weight_shapes)})  # type: ignore[arg-type]
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
