from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli import main as command_line
from core.recipe import ADADELTA
from core.runs.migrations import VERSION
from core.runs.run import Cell, RunState
from core.runs.store import Store

NOISE = b"no database, but long enough to look like one" * 100


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", "")
    return tmp_path / "runs.sqlite3"


def test_a_sound_store_is_told_in_words_and_figures(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = Store(path)
    for seed, state in ((0, RunState.DONE), (1, RunState.FAILED)):
        cell = Cell("mnist", "f", "cnn", 2, ADADELTA, seed)
        run = store.begin(cell, parameters=1, multiply_adds=1, train_images=1, test_images=1, device="", versions={})
        store.end(run, state, seconds=1.0, weights=bytes(2_000_000))
    assert command_line.main(["store"]) == 0
    assert capsys.readouterr().out == f"{path} is sound: 1 done, 1 failed; weights of 2 runs, 4.0 MB.\n"
    assert command_line.main(["store", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["states"] == {"done": 1, "failed": 1} and found["weights_bytes"] == 4_000_000
    assert command_line.main(["store", "--set-aside"]) == 2
    assert f"{path}" in capsys.readouterr().err and Store(path).counts() == found["states"]


def test_without_a_store_that_is_said(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["store"]) == 1
    assert capsys.readouterr().err.startswith(f"There is no store {path} yet") and not path.exists()


@pytest.mark.parametrize("verb", ["store", "results", "train mlp 2", "sweep --widths 1", "export --format csv"])
def test_a_damaged_store_is_one_sentence_until_it_is_set_aside(
    path: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    path.write_bytes(NOISE)
    assert command_line.main(verb.split()) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and f"{path}" in err and "damaged" in err and "--set-aside" in err
    assert path.read_bytes() == NOISE
    assert command_line.main(["store", "--set-aside"]) == 0
    assert capsys.readouterr().out == f"The store is now called {path.with_name('runs-set-aside.sqlite3')}.\n"
    assert command_line.main(["results"]) == 0 and capsys.readouterr().out.startswith("No runs yet")


def test_a_newer_store_is_refused(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Store(path).database.connection() as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    assert command_line.main(["results"]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and f"{path}" in err and "newer" in err
