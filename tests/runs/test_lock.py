from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core import ROOT
from core.errors import TrainingError
from core.runs.lock import Lock, is_held

HOLD = """
import sys
from pathlib import Path
from core.runs.lock import Lock
lock = Lock(Path(sys.argv[1]))
print("has it", flush=True)
sys.stdin.read()
"""


def test_one_at_a_time_has_the_right_to_write(tmp_path: Path) -> None:
    words = f"^Another Featherweight already trains with the store in {tmp_path}"
    with Lock(tmp_path), pytest.raises(TrainingError, match=words):
        Lock(tmp_path)
    Lock(tmp_path).release()


def test_a_process_that_is_killed_leaves_it_to_the_next(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline() == b"has it\n"
        with pytest.raises(TrainingError, match="close it first"):
            Lock(tmp_path)
        assert is_held(tmp_path)
        other.kill()
    assert not is_held(tmp_path)
    Lock(tmp_path).release()


def test_to_ask_who_has_it_takes_it_from_nobody(tmp_path: Path) -> None:
    assert not is_held(tmp_path / "nowhere") and not is_held(tmp_path) and not list(tmp_path.iterdir())
    with Lock(tmp_path):
        assert is_held(tmp_path) and is_held(tmp_path)
    assert not is_held(tmp_path)
    Lock(tmp_path).release()


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match=r"cannot be written \(.*\), so results are shown and nothing can be"):
        Lock(tmp_path / "file" / "home")
