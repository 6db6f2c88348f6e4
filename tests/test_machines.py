"""Machines that are set up otherwise: training, Keras's file and the commands give what they give elsewhere."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from core import ROOT
from core.data import datasets
from core.export.keras_file import KerasFiles
from core.networks.families import family
from core.recipe import Recipe
from core.runner.local import LocalBackend
from core.runs.messages import EpochEnded, Finished, Job

# What may be set, with the keras.json that lies in KERAS_HOME.
MACHINES: dict[str, tuple[dict[str, str], dict[str, Any] | None]] = {
    "plain": ({}, None),
    "variables": (
        {"KERAS_BACKEND": "torch", "KERAS_MAX_EPOCHS": "none", "TF_USE_LEGACY_KERAS": "1"},
        {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.5},
    ),
    "file": ({"PYTHONSAFEPATH": "1"}, {"backend": "jax", "floatx": "bfloat16"}),  # Keras takes no such number
}
LINE = "avgpool4 batchnorm flatten"


def set_up(name: str, home: Path, patch: pytest.MonkeyPatch) -> None:
    """Make this process's environment that of a machine; its children get theirs from it."""
    variables, config = MACHINES[name]
    for variable in [x for x in os.environ if "KERAS" in x]:
        patch.delenv(variable)
    patch.delenv("PYTHONPATH", raising=False)
    if config is not None:
        (home / "keras.json").write_text(json.dumps(config))
    for variable, value in ({"KERAS_HOME": str(home)} | variables).items():
        patch.setenv(variable, value)


def made(home: Path) -> tuple[list[float | None], bytes, dict[str, Any], bytes]:
    """Train in a process, write the file in another; return accuracies, weights, what the file says and its weights."""
    backend = LocalBackend(home / "log")
    try:
        backend.start()
        recipe = Recipe("adam", 0.01, 1, 500)
        *events, last = backend.train(Job("job", f"{LINE} dense(10, softmax)", recipe, 1, str(datasets.PATH)))
    finally:
        backend.close()
    assert isinstance(last, Finished) and last.weights, last
    network = family(LINE).build(1)
    file = KerasFiles().write(f"{LINE} dense(10, softmax)", network, last.weights)
    with zipfile.ZipFile(io.BytesIO(file)) as packed:
        config, weights = json.loads(packed.read("config.json")), packed.read("model.weights.h5")
    return [x.epoch.test_accuracy for x in events if isinstance(x, EpochEnded)], last.weights, config, weights


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[float | None], bytes, dict[str, Any], bytes]:
    """What a machine on which nothing is set gives."""
    home = tmp_path_factory.mktemp("plain")
    with pytest.MonkeyPatch.context() as patch:
        set_up("plain", home, patch)
        return made(home)


@pytest.mark.parametrize("name", [x for x in MACHINES if x != "plain"])
def test_what_keras_is_set_to_changes_nothing(
    name: str, plain: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(name, tmp_path, monkeypatch)
    accuracies, weights, config, written = made(tmp_path)
    assert accuracies == plain[0] and accuracies[0] and accuracies[0] > 0.15
    assert (weights, written) == (plain[1], plain[3])
    assert config == plain[2]
    kept = {"log"} if MACHINES[name][1] is None else {"log", "keras.json"}
    assert {x.name for x in tmp_path.iterdir()} == kept, "nothing is written into the user's folder of Keras"


# ---- the Makefile's way for the command line

COUNT = ("-m", "core", "count", "deep_cnn", "2")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project that needs no packages, so that ``make run`` is quick; its Streamlit says hello."""
    if not shutil.which("make"):
        pytest.skip("No make found: install it with 'apt-get install make'.")
    folder = tmp_path_factory.mktemp("machine") / "a checkout"
    folder.mkdir()
    shutil.copy(ROOT / "Makefile", folder)
    (folder / "requirements.txt").touch()
    (folder / "requirements-dev.txt").touch()
    (folder / "streamlit.py").write_text("print('hello')")
    (folder / "pip.py").write_text("")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / ".venv"], check=True)
    (folder / "core").mkdir()
    (folder / "core" / "__main__.py").write_text("print(__file__)")
    return folder


def told(folder: Path, *words: str, cwd: Path) -> str:
    """Return what the checkout's Python says under PYTHONSAFEPATH."""
    env = {x: value for x, value in os.environ.items() if x != "PYTHONPATH"} | {"PYTHONSAFEPATH": "1"}
    done = subprocess.run([folder / ".venv/bin/python", *words], cwd=cwd, env=env, capture_output=True, text=True)
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_make_lets_the_command_line_be_found_wherever_the_folder_goes(checkout: Path, tmp_path: Path) -> None:
    env = {x: value for x, value in os.environ.items() if not x.startswith("MAKE") and x != "PYTHONPATH"}
    for _ in range(2):  # the second run finds everything in place
        done = subprocess.run(
            ["make", "--silent", "run"], cwd=checkout, env=env, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0 and done.stdout.endswith("hello\n"), done.stderr
    assert told(checkout, *COUNT, cwd=tmp_path) == str(checkout / "core" / "__main__.py")
    moved = checkout.rename(tmp_path / "moved")
    assert told(moved, *COUNT, cwd=moved) == str(moved / "core" / "__main__.py")
    [written] = moved.glob(".venv/lib/*/site-packages/featherweight.pth")
    written.write_text("/elsewhere\n")
    assert "No module named core" in told(moved, *COUNT, cwd=moved)
    subprocess.run(["make", "--silent", "run"], cwd=moved, env=env, check=True, capture_output=True, timeout=240)
    assert told(moved, *COUNT, cwd=moved) == str(moved / "core" / "__main__.py")


def test_the_command_line_counts_where_the_folder_is_not_searched() -> None:
    env = os.environ | {"PYTHONSAFEPATH": "1", "PYTHONPATH": str(ROOT)}  # as the image says
    done = subprocess.run([sys.executable, *COUNT], cwd=ROOT, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "932" in done.stdout, done.stderr
    assert any(x.startswith("ENV PYTHONPATH=/app") for x in (ROOT / "Dockerfile").read_text().splitlines())
