"""The environment of our own processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import ROOT, processes


@pytest.mark.parametrize("there", ["", f"here{os.pathsep}there", f"here{os.pathsep}{ROOT}{os.pathsep}there"])
def test_the_project_is_found_first_and_what_was_there_is_kept(there: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", there)
    monkeypatch.setenv("OTHER", "kept")
    given = processes.environment()
    assert given["PYTHONPATH"].split(os.pathsep) == [str(ROOT), *(["here", "there"] if there else [])]
    assert given["OTHER"] == "kept" and os.environ["PYTHONPATH"] == there


def test_keras_hears_nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given = {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "x", "TF_USE_LEGACY_KERAS": "1"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    processes.isolate_keras()
    left = {name: value for name, value in os.environ.items() if "KERAS" in name}
    assert left.pop("KERAS_BACKEND") == "tensorflow" and left.pop("TF_USE_LEGACY_KERAS") == "0"
    home = Path(left.pop("KERAS_HOME"))
    assert not left and not home.exists()
    with pytest.raises(OSError):
        home.mkdir(parents=True)
