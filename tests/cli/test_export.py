"""The verb ``export`` at the command line; what is in a bundle is tested in test_bundle.py."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cli import main as command_line
from core.export.keras_file import KERAS_FILES
from core.networks.families import family
from core.recipe import RMSPROP
from core.results.units import UNITS
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run ``export`` with a store of two runs: 1 finished, without weights, and 2 still running."""
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", "")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "home").mkdir()
    store = Store(tmp_path / "home" / "runs.sqlite3")
    for name, seed in (("mnist_5k", 0), ("mnist", 1)):
        facts = {"parameters": 26506, "multiply_adds": 26432, "train_images": 4000, "test_images": 1000}
        cell = Cell(name, "f", "mlp", 32, RMSPROP, seed)
        number = store.begin(cell, **facts, device="CPU", versions={"keras": "3.15.1"})
        store.add_epoch(number, Epoch(1, 0.5, 0.8, 0.4, 0.9, 1.0))
    store.end(1, RunState.DONE, seconds=2.0)

    def function(*words: str) -> tuple[int, str, str]:
        try:
            code = command_line.main(["export", *words])
        except SystemExit as e:
            code = int(str(e.code))
        out, err = capsys.readouterr()
        return code, out, err

    return function


def test_runs_go_to_standard_output(run: Run) -> None:
    code, out, err = run("--format", "csv")
    assert (code, err) == (0, "") and list(pd.read_csv(io.StringIO(out))["test_accuracy"]) == [0.9, 0.9]
    code, out, err = run("--format", "json", "--data", "mnist_5k")
    (row,) = json.loads(out)
    assert (code, err) == (0, "") and row["dataset"] == "mnist_5k" and row["recipe"]["optimizer"] == "rmsprop"


def test_a_file_is_written_and_never_over_another(run: Run, tmp_path: Path) -> None:
    target = tmp_path / "runs.json"
    code, out, err = run("--format", "json", "--out", str(target))
    assert (code, err) == (0, "") and out.startswith(f"Wrote {target} (") and len(json.loads(target.read_text())) == 2
    target.write_text("mine")
    code, out, err = run("--format", "json", "--out", str(target))
    assert (code, out) == (2, "") and err == (
        f"The file {target} exists already. Choose another, or write over it with --force.\n"
    )
    assert target.read_text() == "mine"
    assert run("--format", "json", "--out", str(target), "--force")[0] == 0
    assert len(json.loads(target.read_text())) == 2 and {x.name for x in tmp_path.iterdir()} == {"home", "runs.json"}


def test_a_run_leaves_though_its_images_are_not_at_hand(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(KERAS_FILES, "write", lambda *_: b"keras")
    weights = io.BytesIO()
    shapes = family("mlp").build(32).weight_shapes
    np.savez(weights, **{str(i): np.zeros(x, np.float32) for i, x in enumerate(shapes)})  # type: ignore[arg-type]
    Store(tmp_path / "home" / "runs.sqlite3").end(2, RunState.DONE, seconds=2.0, weights=weights.getvalue())
    target = tmp_path / "run.zip"
    code, _, err = run("--run", "2", "--out", str(target))
    assert (code, err) == (0, "") and not list(tmp_path.rglob("mnist.npz"))
    with zipfile.ZipFile(target) as file:
        data = json.loads(file.read("recipe.json"))["data"]
        assert file.read("model.keras") == b"keras"
    assert (data["name"], data["fingerprint"], data["input_shape"], data["classes"]) == ("mnist", "f", [28, 28, 1], 10)


BAD = [
    ("--format pdf", "Invalid format. Expected one of csv, json"),
    ("--format svg --unit miles", f"Invalid unit. Expected one of {', '.join(UNITS)}. Received: 'miles'."),
    ("--format svg --scheme pink", "Invalid scheme. Expected light or dark. Received: 'pink'."),
    ("--format svg --target 2", "Invalid target. Expected an accuracy above 0 and at most 1"),
    ("--format svg --protocol x", "Invalid protocol. Expected one of article, held_out. Received: 'x'."),
    ("--format svg --own --data mnist", "No finished run on MNIST with this protocol. Train one first"),
    ("--format csv --data zebra", "Invalid data set. Expected one of"),
    ("--format csv --out FOLDER", "Invalid file to write. Expected a file. Received: 'the folder "),
    ("--format csv --out FOLDER/no/x.csv", "no does not exist. Make it first."),
    ("--format csv --out FOLDER --run 1", "--run: not allowed"),
    ("", "--format --run"),
    ("--run 1", "Say where to: --out FILE.zip."),
    ("--run 1 --data mnist --out FOLDER/x.zip", "Leave out --data."),
    ("--run x --out FOLDER/x.zip", " 'x'."),
    ("--run 7 --out FOLDER/x.zip", "the id of a run; 'python -m core results --json' lists them"),
    ("--run 2 --out FOLDER/x.zip", "'2, which is running'."),
    # trained on other images than the embedded ones are now
    ("--run 1 --out FOLDER/x.zip", "The image set 'mnist_5k' is not the one that run 1 was trained on"),
]


@pytest.mark.parametrize(("words", "sentence"), BAD)
def test_a_bad_choice_is_one_sentence_and_exit_code_2(run: Run, tmp_path: Path, words: str, sentence: str) -> None:
    code, out, err = run(*words.replace("FOLDER", str(tmp_path)).split())
    assert (code, out) == (2, "") and sentence in err and err.count("\n") == 1 and "Traceback" not in err
    assert not (tmp_path / "x.zip").exists()
