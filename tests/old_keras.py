"""Earlier versions of Keras for tests: installed once, without what they need, beside pytest's cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

OLDEST, BETWEEN = "3.3.3", "3.10.0"


def installed(version: str, config: pytest.Config) -> Path:
    """Return the folder that holds a version of Keras, for these tests' TensorFlow; skip where there is no way."""
    assert config.cache, "pytest's cache is where earlier versions are kept"
    kept = config.cache.mkdir("keras")
    folder = kept / version
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=kept) as made:
            words = ["install", "--quiet", "--no-deps", "--retries=1", "--only-binary=:all:", f"--target={made}/keras"]
            pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words, f"keras=={version}"]
            done = subprocess.run(pip, capture_output=True, text=True, timeout=240)
            if done.returncode and "No matching distribution" in done.stderr:
                pytest.skip(f"No package registry is within reach, and Keras {version} is not there yet.")
            assert done.returncode == 0, done.stderr
            os.replace(f"{made}/keras", folder)
    return folder


def run(folder: Path, *words: str, cwd: Path) -> str:
    """Run Python with the Keras of a folder and return what it prints."""
    own = {x: value for x, value in os.environ.items() if not x.startswith("KERAS_")}
    env = own | {
        "PYTHONPATH": str(folder),
        "KERAS_BACKEND": "tensorflow",
        "KERAS_HOME": str(cwd / "no keras.json"),
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    done = subprocess.run([sys.executable, *words], cwd=cwd, env=env, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout
