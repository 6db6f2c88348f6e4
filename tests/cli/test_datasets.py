from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import ROOT
from core.cli import main as command_line
from core.data import npz
from tests.data.sets import digits

Run = Callable[..., tuple[int, str, str]]
PLAIN = digits()


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    path = tmp_path / "theirs.npz"
    np.savez(path, X=PLAIN.x, y=PLAIN.y + 1)
    return path


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))

    def function(*words: str) -> tuple[int, str, str]:
        code = command_line.main(list(words))
        return (code, *capsys.readouterr())

    return function


def kept(tmp_path: Path) -> list[str]:
    return sorted(x.name for x in (tmp_path / "data").iterdir())


def test_a_report_is_printed_and_with_yes_the_set_is_kept(run: Run, theirs: Path, tmp_path: Path) -> None:
    code, out, err = run("datasets", "--add", str(theirs), "--name", "mine", "--yes", "--json")
    document = json.loads(out)
    assert (code, err, document["name"], kept(tmp_path)) == (0, "", "mine", ["mine.npz"])
    assert document["report"]["train"] + document["report"]["test"] == 300
    assert document["report"]["names"] == [str(x) for x in range(1, 11)] and len(document["report"]["notes"]) == 2
    assert npz.facts(tmp_path / "data" / "mine.npz").classes == 10


def test_without_yes_and_a_terminal_nothing_is_kept(run: Run, theirs: Path, tmp_path: Path) -> None:
    code, out, err = run("datasets", "--add", str(theirs))
    assert (code, err, kept(tmp_path)) == (1, "", []) and "theirs.npz is a .npz file" in out and "--yes" in out
    code, out, err = run("datasets", "--add", str(theirs), "--json")
    assert json.loads(out)["name"] is None and "theirs.npz" in err


@pytest.mark.parametrize(("answer", "names"), [("y", ["theirs.npz"]), ("", []), ("n", [])])
def test_at_a_terminal_it_asks(theirs: Path, tmp_path: Path, answer: str, names: list[str]) -> None:
    ours, its = pty.openpty()
    env = os.environ | {"FEATHERWEIGHT_HOME": str(tmp_path / "home"), "FEATHERWEIGHT_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "core", "datasets", "--add", str(theirs)]
    with subprocess.Popen(command, cwd=ROOT, env=env, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        seen = b""
        while b"[y/N]" not in seen:
            assert select.select([ours], [], [], 60)[0], seen
            seen += os.read(ours, 1000)
        os.write(ours, f"{answer}\n".encode())
        assert process.wait(60) == (0 if names else 1)
    os.close(ours)
    assert kept(tmp_path) == names


BAD: dict[str, tuple[list[str], str]] = {
    "no file": (["--add", "nowhere.npz"], "nowhere.npz"),
    "a name with a slash": (["--add", "FILE", "--name", "a/b"], "name of an image set"),
    "a size that is none": (["--add", "FILE", "--size", "big"], "size"),
    "a fit that is none": (["--add", "FILE", "--fit", "squeeze"], "fit"),
    "options without a file": (["--name", "mine"], "--add PATH"),
}


@pytest.mark.parametrize("what", BAD)
def test_bad_words_are_one_sentence(run: Run, theirs: Path, tmp_path: Path, what: str) -> None:
    words, expected = BAD[what]
    code, out, err = run("datasets", *[str(theirs) if x == "FILE" else x for x in words])
    assert (code, out) == (2, "") and expected in err and err.count("\n") == 1
    assert not list((tmp_path / "data").glob("*"))


def test_what_lies_in_the_data_folder_is_listed_with_what_it_is(run: Run, theirs: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "pixels.csv").write_text("label,a,b\n0,1,2\n")
    (data / "SET.NPZ").write_bytes(theirs.read_bytes())
    (data / "folder").mkdir()
    (data / "notes.txt").write_text("hello")
    (data / "gone.csv").symlink_to(data / "nothing")
    (data / "gone.npz").symlink_to(data / "nothing")
    (data / "theirs.npz").write_bytes(theirs.read_bytes())
    code, out, _ = run("datasets", "--json")
    rows: dict[str, Any] = {Path(x["path"]).name if "path" in x else x["name"]: x for x in json.loads(out)}
    assert code == 0 and {"pixels.csv", "SET.NPZ", "folder", "notes.txt", "gone.csv"} <= set(rows)
    assert [rows[x]["what"] is None for x in ("pixels.csv", "SET.NPZ", "folder", "notes.txt", "gone.csv")] == [
        False, False, False, True, True
    ]  # fmt: skip
    assert "link to what is not there" in rows["gone"]["problem"] and rows["theirs"]["convertible"]
    code, out, _ = run("datasets")
    assert all(re.search(rf"^{re.escape(x)} ", out, re.MULTILINE) for x in ("pixels.csv", "theirs", "gone", "folder"))


def test_training_on_what_would_give_wrong_numbers_is_refused_with_the_way_out(
    run: Run, theirs: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "own.npz", x_train=PLAIN.x, y_train=PLAIN.y + 1, x_test=PLAIN.xt, y_test=PLAIN.yt + 1)
    code, _, err = run("train", "mlp", "1", "--data", "own")
    assert code == 2 and "labels from 1 to 10" in err and "datasets --add" in err and err.count("\n") == 1
