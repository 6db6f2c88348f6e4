"""What a run of tests says in its last lines where a program that they drive is not installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import ROOT

# Loaded before any test: a machine on which no program is found by its name.
BARE = "import shutil\nshutil.which = lambda *_, **__: None\n"
TESTS = ["tests/browser/test_exports.py", "tests/browser/test_proxy.py", "-k", "without_a_network or nginx"]


@pytest.mark.parametrize("workers", [0, 2])
def test_tests_without_their_program_are_named_last_with_what_installs_it(workers: int, tmp_path: Path) -> None:
    (tmp_path / "bare.py").write_text(BARE)
    # pytest tells what it runs in the environment, which is none of this run's business
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "bare", "-p", "no:cacheprovider", f"-n{workers}", *TESTS],
        cwd=ROOT,
        env=env | {"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    exports, proxy, install, total = done.stdout.splitlines()[-4:]
    assert exports == "no Chromium: 2 in tests/browser/test_exports.py"
    assert proxy == "no Chromium: 2 in tests/browser/test_proxy.py"
    assert install == "4 of the tests did not run. To have them: apt-get install chromium nginx caddy"
    assert "4 skipped" in total and "failed" not in total
