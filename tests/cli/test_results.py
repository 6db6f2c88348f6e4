"""What `results` lists while a training goes on, and after it was killed."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from core.cli import main as command_line
from tests.cli.typed import LINES, SWEEP, runs, start


def listed(capsys: pytest.CaptureFixture[str], tmp_path: Path, *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
        patch.setenv("FEATHERWEIGHT_DATA", str(tmp_path / "data"))
        assert command_line.main(["results", *words]) == 0
    return capsys.readouterr().out


def states(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> list[tuple[str, int]]:
    rows: list[dict[str, Any]] = json.loads(listed(capsys, tmp_path, "--json"))
    return [(x["state"], x["epochs"]) for x in rows]


def test_a_run_whose_process_was_killed_is_not_running(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with start(tmp_path, *SWEEP, stderr=subprocess.PIPE) as process:
        assert process.stderr
        assert [process.stderr.readline().rstrip() for _ in LINES] == LINES
        assert states(capsys, tmp_path) == [("done", 2), ("running", 1)]
        process.kill()
        assert process.wait(60) == -signal.SIGKILL
    assert [x.state for x in runs(tmp_path)[1]] == ["done", "running"], "nobody has written more"
    text = listed(capsys, tmp_path)
    assert text.count("running") == 0 and text.count("interrupted") == 1
    assert [x.state for x in runs(tmp_path)[1]] == ["done", "interrupted"]
    assert states(capsys, tmp_path) == [("done", 2), ("interrupted", 1)]
