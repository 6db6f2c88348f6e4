from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import main as command_line
from core.data import datasets
from core.finder.question import asked
from core.networks.families import FAMILIES
from core.recipe import Protocol
from core.runs import sweep
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.settings import load
from tests.cli.typed import runs as typed_runs
from tests.cli.typed import start

Run = Callable[..., tuple[int, str, str]]
ASK = ["find", "--families", "mlp", "--data", "tiny", "--epochs", "2", "--target", "0.6", "--widths", "1-4", "--own"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb in this process and return exit code, standard output and standard error."""
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    x, y = np.random.default_rng(0).integers(0, 256, (600, 8, 8), np.uint8), np.arange(600) % 10
    np.savez(tmp_path / "data" / "tiny.npz", x_train=x, y_train=y, x_test=x, y_test=y)

    def function(*words: str) -> tuple[int, str, str]:
        try:
            code = command_line.main(list(words))
        except SystemExit as e:
            code = int(str(e.code))
        return (code, *capsys.readouterr())

    return function


@pytest.mark.parametrize(
    "words",
    [
        ["--target", "0"],
        ["--target", "97"],
        ["--target", "much"],
        ["--seeds", "0"],
        ["--seeds", "1,2"],
        ["--tell-apart", "1"],
        ["--runs", "0"],
        ["--minutes", "-1"],
        ["--minutes", "nan"],
        ["--widths", "0"],
        ["--widths", "3-1"],
        ["--families", "vgg"],
        ["--families", "cnn,"],
        ["--families", "deep_cnn", "--data", "tiny"],
        ["--layers", "dense"],
        ["--data", "nothing"],
        ["--protocol", "best"],
        ["--epochs", "0"],
        ["--beta2", "2"],
    ],
)
def test_what_cannot_be_asked_is_refused_in_one_sentence(run: Run, words: list[str], tmp_path: Path) -> None:
    code, out, err = run("find", "--json", *words)
    assert code == 2 and out == "" and err.count("\n") == 1 and "Traceback" not in err
    assert not (tmp_path / "home" / "runs.sqlite3").exists() or not Store(tmp_path / "home" / "runs.sqlite3").runs()


def test_a_family_and_a_line_at_once_are_refused(run: Run) -> None:
    code, out, err = run("find", "--families", "mlp", "--layers", "flatten")
    assert code == 2 and out == "" and "not allowed with" in err


def finished(cells: list[Cell], accuracy: float) -> None:
    store = Store(load().store)
    for cell in cells:
        number = store.begin(
            cell, parameters=1, multiply_adds=1, train_images=600, test_images=600, device="", versions={}
        )
        for epoch in range(1, cell.recipe.epochs + 1):
            last = accuracy if epoch == cell.recipe.epochs else None
            store.add_epoch(number, Epoch(epoch, 1.0, accuracy, last and 1.0, last, 0.1, 1.0, accuracy))
        store.end(number, RunState.DONE, seconds=1.0)


def test_what_is_stored_already_is_answered_at_once(run: Run) -> None:
    def cells(n: int) -> list[Cell]:
        tiny = datasets.find(load(), "tiny")
        return sweep.cells(tiny, {"mlp": [n]}, range(5), protocol=Protocol.HELD_OUT)

    finished(cells(2), 0.5)
    finished(cells(3), 0.9)
    code, out, err = run("find", "--families", "mlp", "--data", "tiny", "--target", "0.7", "--widths", "2-8", "--json")
    told: dict[str, Any] = json.loads(out)
    assert (code, err.count("Traceback")) == (0, 0) and told["phase"] == "ended" and told["protocol"] == "held_out"
    (family,) = told["families"]
    one = asked(FAMILIES["mlp"], FAMILIES["mlp"].recipe, (8, 8, 1), 10, [2, 3])
    assert family["width"] == 3 and family["parameters"] == family["bracket_above"] == one.weights(3)
    assert family["bracket_below"] == one.weights(2) and family["verdict"] == "found"
    assert family["mean"] == pytest.approx(0.9) and family["seeds"] == 5 and family["seconds"] == 0
    assert family["grid_runs"] == 35 and len(family["runs"]) == 10
    assert {"width", "seed", "epochs", "accuracy", "why"} <= set(family["runs"][0])


def test_a_search_in_a_process_of_its_own_trains_and_tells_each_decision(tmp_path: Path) -> None:
    # every network of the fake one reads 62.5 % held out after its second epoch
    words = [*ASK, "--seeds", "1", "--json"]
    with start(tmp_path, *words, images=600, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        out, err = process.communicate(timeout=60)
    told = json.loads(out)
    (family,) = told["families"]
    store, runs = typed_runs(tmp_path)
    assert process.returncode == 0 and told["phase"] == "ended"
    assert len(family["runs"]) == len(runs) == family["trained"] and store.waiting() == []
    assert "MLP, n = 4: 62.50 %" in err and "\x1b" not in err
    assert told["answer"] in err or told["answer"], "the answer is a sentence"


def test_ctrl_c_stops_it_and_asked_again_it_goes_on(tmp_path: Path) -> None:
    # seed 1 waits for a stop after its first epoch
    with start(tmp_path, *ASK, images=600, stderr=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stderr
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    store, before = typed_runs(tmp_path)
    assert process.returncode == 130 and "Traceback" not in err and out == "" and first
    assert store.waiting() == []
    assert {x.state for x in before} <= {RunState.DONE, RunState.STOPPED}
