"""The command line in a process of its own, with a training process that behaves as the seed says."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from core import ROOT
from core.runs.run import Run
from core.runs.store import Store
from tests.fake_training import ENOUGH, WAIT

TYPED = """
import sys
from core.runner import local
local.COMMAND = (sys.executable, "-m", "tests.fake_training")
from core.cli.main import main
sys.exit(main())
"""
# Two runs of two epochs, of which the second waits after its first epoch until it is stopped.
SWEEP = f"sweep --families mlp --widths 4 --seeds {ENOUGH},{WAIT} --data tiny --epochs 2".split()
LINES = [
    f"MLP n = 4, seed {ENOUGH} (1 of 2): epoch 1 of 2, test 50.00 %",
    f"MLP n = 4, seed {ENOUGH} (1 of 2): epoch 2 of 2, test 75.00 %",
    f"MLP n = 4, seed {WAIT} (2 of 2): epoch 1 of 2, test 50.00 %",
]


def folders(tmp_path: Path, images: int) -> dict[str, str]:
    """Make an image set, and return the environment in which it is found."""
    x, y = np.random.default_rng(0).integers(0, 256, (images, 8, 8), np.uint8), np.arange(images) % 10
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "tiny.npz", x_train=x, y_train=y, x_test=x[:20], y_test=y[:20])
    return {"FEATHERWEIGHT_HOME": str(tmp_path / "home"), "FEATHERWEIGHT_DATA": str(tmp_path / "data")}


def start(
    tmp_path: Path,
    *words: str,
    images: int = 20,
    before: tuple[str, ...] = (),
    prepare: Callable[[], Any] = lambda: None,
    **given: Any,
) -> subprocess.Popen[str]:
    """Start a verb with an image set named tiny; ``prepare`` is done in the process, ``before`` goes before Python."""

    def ready() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup
        prepare()

    environment = os.environ | folders(tmp_path, images) | {"PYTHONPATH": str(ROOT)} | given.pop("env", {})
    return subprocess.Popen(
        [*before, sys.executable, "-c", TYPED, *words], cwd=ROOT, env=environment, text=True, preexec_fn=ready, **given
    )


def runs(tmp_path: Path) -> tuple[Store, list[Run]]:
    """Return the store of what was typed, and its runs."""
    store = Store(tmp_path / "home" / "runs.sqlite3")
    return store, store.runs()
