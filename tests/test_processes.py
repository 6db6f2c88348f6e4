"""The environment of our own processes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core import ROOT, processes
from tests.written import written


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


@pytest.mark.parametrize(
    ("own", "files", "expected"),
    [
        ("", {}, 8),
        ("0::/a\n", {"a/cpu.max": "max 100000\n"}, 8),
        ("0::/a\n", {"a/cpu.max": "300000 100000\n"}, 3),
        ("0::/a\n", {"a/cpu.max": "150000 100000\n"}, 1),
        ("0::/a\n", {"a/cpu.max": "50000 100000\n"}, 1),
        ("0::/a/b\n", {"a/cpu.max": "200000 100000\n", "a/b/cpu.max": "500000 100000\n"}, 2),
        ("0::/\n", {"cpu.max": "200000 100000\n"}, 2),
        ("0::/a\n", {"a/cpu.max": "nonsense\n"}, 8),
        ("3:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "200000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 2),
        ("3:cpu,cpuacct:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 8),
        ("3:memory:/a\n", {"cpu/a/cpu.cfs_quota_us": "200000\n", "cpu/a/cpu.cfs_period_us": "100000\n"}, 8),
    ],
)
def test_a_containers_share_bounds_the_cores(
    own: str, files: dict[str, str], expected: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    proc, groups = written(tmp_path / "proc", {"self/cgroup": own}), written(tmp_path / "groups", files)
    assert processes.cores(proc, groups) == expected
