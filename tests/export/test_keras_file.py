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
from core.export.keras_file import COMMAND, KerasFiles
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


def npz(value: float = 0.0) -> bytes:
    file = io.BytesIO()
    np.savez(file, **{str(i): np.full(x, value, np.float32) for i, x in enumerate(NETWORK.weight_shapes)})  # type: ignore[arg-type]
    return file.getvalue()


def write(files: KerasFiles, value: float = 0.0, dropout: bool = False) -> bytes:
    chosen = family("mlp")
    return files.write(chosen.identity(2, dropout), chosen.build(2, dropout=dropout), npz(value))


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
        write(KerasFiles(program(code)))


def test_a_process_that_hangs_is_ended() -> None:
    with pytest.raises(StoreError, match=r"took longer than 0\.2 s"):
        write(KerasFiles(program("import time; time.sleep(60)"), timeout=0.2))


def test_a_program_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be started"):
        write(KerasFiles((str(tmp_path / "nothing"),)))


def test_one_is_made_at_a_time_and_the_others_wait(tmp_path: Path) -> None:
    files = KerasFiles(program(NOTES.format(folder=str(tmp_path), size=0)))
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(write, files, x) for x in (0, 1, 2, 3)]
        made = {x.result() for x in asked}  # the program fails if another one runs
    assert len(made) == 4 and (tmp_path / "starts").stat().st_size == 4


def test_who_waits_for_others_does_not_wait_for_ever() -> None:
    files = KerasFiles(program("import time; time.sleep(60)"), timeout=0.5)
    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(write, files) for _ in range(4)]
        told = [str(x.exception()) for x in asked]
    others = [x for x in told if x.startswith("Others' Keras files took longer than 0.5 s")]
    assert 2 <= len(others) <= 3, told  # the second may still be let in when the first has ended
    with pytest.raises(StoreError, match=r"^The Keras file took longer"):  # one that fails lets the next one in
        write(files)


def test_a_file_asked_for_again_is_not_made_again(tmp_path: Path) -> None:
    command = program(NOTES.format(folder=str(tmp_path), size=1000))
    files = KerasFiles(command, room=2_500)
    first = write(files)
    assert write(files) == first and write(files, 1.0) != first and write(files) == first
    write(files, 2.0)  # there is room for two, and the one longest not asked for goes
    assert write(files) == first and (tmp_path / "starts").stat().st_size == 3
    assert write(files, dropout=True) != first, "another network of the same weights is another file"
    small = KerasFiles(command, room=500)
    assert write(small) != write(small), "what is larger than the room is not kept"


def test_wrong_weights_start_no_process() -> None:
    with pytest.raises(StoreError, match="another network's"):
        KerasFiles(program("raise SystemExit('started')")).write("flatten dense(3)", family("mlp").build(3), npz())


def test_the_program_explains_a_bad_job(tmp_path: Path) -> None:
    job = {"layers": "flatten dense(0)", "input_shape": [28, 28, 1], "classes": 10}
    for text, sentence in (
        (json.dumps(job), "Layer 2, dense(0): expected a width"),
        ("{", "The job is not as it should be (JSONDecodeError"),
        ("{}", "The job is not as it should be (KeyError"),
        (
            json.dumps(job | {"layers": "flatten", "weights": str(tmp_path / "none.npz")}),
            "could not be written (No such file",
        ),
    ):
        done = subprocess.run(COMMAND, cwd=ROOT, input=text, capture_output=True, text=True, timeout=120)
        assert done.returncode == 2 and sentence in done.stdout and done.stdout.count("\n") == 1
        assert "Traceback" not in done.stderr
