"""Streamlit's process never imports TensorFlow: an abort inside it would take the dashboard down."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core import ROOT

PAGES = ["app.py", *(f"pages/{x.name}" for x in sorted((ROOT / "pages").glob("*.py")))]

# A process of its own: other tests of this one may have imported anything.
PROGRAM = """
import sys

from streamlit.testing.v1 import AppTest

from core.runner.local import LocalBackend
from core.ui import shared

shared.SERVICES = shared.Services(lambda s: LocalBackend(s.log, (sys.executable, "-m", "tests.fake_training")))
at = AppTest.from_file("app.py", default_timeout=120).switch_page(sys.argv[1]).run()
assert not at.exception and not at.error and at.title, at
shared.SERVICES.close()
print(sorted({x.partition(".")[0] for x in sys.modules} & {"tensorflow", "keras", "jax", "torch"}))
"""


def test_there_are_pages_to_visit() -> None:
    assert {"app.py", "pages/train.py", "pages/results.py"} <= set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_imports_a_framework(page: str, tmp_path: Path) -> None:
    env = {"FEATHERWEIGHT_HOME": str(tmp_path), "FEATHERWEIGHT_DATA": "", "KERAS_HOME": str(tmp_path / "keras")}
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM, page],
        cwd=ROOT,
        env={**os.environ, **env, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"
