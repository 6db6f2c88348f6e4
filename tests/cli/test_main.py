from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import ROOT
from core.cli import main as command_line
from core.results.sentences import percent
from core.runs.run import RunState
from core.runs.store import Store

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a verb in this process: ``run("count", "cnn", "2")`` gives exit code, standard output and standard error."""
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "data").mkdir()
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (300, 12, 12)).astype(np.uint8)
    y = np.arange(300) % 3
    np.savez(tmp_path / "data" / "own.npz", x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])
    np.savez(tmp_path / "data" / "broken.npz", x_train=x)

    def function(*words: str) -> tuple[int, str, str]:
        try:
            code = command_line.main(list(words))
        except SystemExit as e:  # argparse's own way out
            code = int(str(e.code))
        out, err = capsys.readouterr()
        return code, out, err

    return function


def document(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_count(run: Run) -> None:
    found = document(run("count", "deep_cnn", "2", "--json"))
    assert found == {
        "parameters": 932,
        "statistics": 0,
        "formula": "63·2² + 335·2 + 10 = 932",
        "float32_bytes": 3728,
        "multiply_adds": 12168 + 20736 + 7200 + 9216 + 640,
        "layers": "conv3(2) conv3(2) maxpool2 conv3(4) conv3(4) maxpool2 flatten",
    }
    assert run("count", "deep_cnn", "2") == (0, "63·2² + 335·2 + 10 = 932\n", "")
    assert document(run("count", "mlp", "4", "--data", "own", "--json"))["parameters"] == 145 * 4 + 5 * 4 + 5 * 3


def test_families_and_summary_and_code(run: Run) -> None:
    assert [x["formula"] for x in document(run("families", "--json"))] == [
        "n² + 796n + 10",
        "n² + 208n + 10",
        "1170n² + 56n + 10",
        "63n² + 335n + 10",
        "4n² + 60n + 10",
        "3n² + 26n",
    ]
    rows = document(run("summary", "cnn", "2", "--json"))
    assert sum(x["parameters"] for x in rows) == 4802 and rows[4]["parameters"] == 4616
    lines = [" ".join(x.split()) for x in run("summary", "cnn", "2")[1].splitlines()]
    assert lines[0] == "Layer Output Formula Weights Share of weights Multiply-adds Share of multiply-adds"
    assert lines[2] == "Conv 3×3 24×24×4 (3·3·2 + 1)·4 76 1.6 % 41,472 71.1 %" and lines[-1] == "Total: 4,802 weights"
    source = document(run("code", "mlp", "3", "--dropout", "--json"))["source"]
    assert source.count("Dropout(rate=0.2)") == 2 and compile(source, "source", "exec")


def test_datasets_lists_the_good_and_explains_the_rest(run: Run) -> None:
    rows = {x["name"]: x for x in document(run("datasets", "--json"))}
    assert rows["own"]["classes"] == 3 and rows["own"]["problem"] is None
    assert "no y_train" in rows["broken"]["problem"] and "mnist.npz" in rows["mnist"]["problem"]
    assert rows["mnist_5k"]["train"] == 4000


BAD = [  # a command, the argument that its sentence names, and the value that came
    ("count cnn 0", "family 'cnn'", "'0'"),
    ("count cnn -1", "family 'cnn'", "'-1'"),
    ("count cnn 1000000000", "family 'cnn'", "'1000000000'"),
    ("count cnn abc", "family 'cnn'", "'abc'"),
    ("count rnn 2", "family", "'rnn'"),
    ("train mlp 2 --epochs 0", "epochs", "'0'"),
    ("train mlp 2 --learning-rate x", "learning rate", "'x'"),
    ("train mlp 2 --optimizer x", "optimizer", "'x'"),
    ("train mlp 2 --precision x", "precision", "'x'"),
    ("train mlp 2 --protocol x", "protocol", "'x'"),
    ("sweep --protocol x", "protocol", "'x'"),
    ("train mlp 2 --seed x", "seed", "'x'"),
    ("sweep --families cnn,rnn", "family", "'rnn'"),
    ("sweep --widths ,", "widths", "','"),
    ("sweep --families cnn --widths 512", "family 'cnn'", "512"),
    ("sweep --families mlp,pooled_mlp --widths 1-100 --seeds 0-2 --data own", "sweep", "600"),
]


@pytest.mark.parametrize(("words", "argument", "received"), BAD)
def test_a_bad_argument_is_one_sentence_and_exit_code_2(run: Run, words: str, argument: str, received: str) -> None:
    code, out, err = run(*words.split())
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f" {argument}. " in err and err.endswith(f" {received}.\n")


@pytest.mark.parametrize("words", [(), ("fly",), ("count",), ("count", "cnn"), ("count", "cnn", "2", "--fast")])
def test_a_bad_command_is_one_line_and_exit_code_2(run: Run, words: tuple[str, ...]) -> None:
    code, out, err = run(*words)
    assert (code, out) == (2, "") and err.count("\n") == 1 and "--help" in err


def test_bad_data_and_settings_are_one_sentence(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for words, sentence in (
        (("count", "cnn", "2", "--data", "zebra"), "Invalid data set. Expected one of"),
        (("results", "--data", "zebra"), "Invalid data set. Expected one of"),
        (("results", "--data", ""), "Invalid data set. Expected one of"),
        (("results", "--target", "0.97", "--data", "broken"), "is not a usable image set"),
        (("results", "--target", "97"), "Invalid target. Expected an accuracy above 0 and at most 1"),
        (("results", "--target", "0.97", "--protocol", "x"), "Invalid protocol. Expected one of article, held_out."),
        (("train", "mlp", "2", "--data", "broken"), "is not a usable image set"),
        (("train", "deep_cnn", "2", "--data", "own"), "Images of 12×12 are too small for the family 'deep_cnn'"),
    ):
        code, out, err = run(*words)
        assert (code, out) == (2, "") and sentence in err and err.count("\n") == 1
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "data" / "own.npz"))
    code, out, err = run("results")
    assert (code, out) == (2, "") and err.startswith("FEATHERWEIGHT_HOME is ") and err.count("\n") == 1


def test_results_answer_how_few_weights_reach_a_target(run: Run) -> None:
    best, *others = document(run("results", "--target", "0.97", "--json"))
    assert (best["family"], best["width"], best["parameters"], best["origin"]) == ("tied", 7, 329, "reference")
    assert [x["family"] for x in others] == ["lean", "deep_cnn", "cnn", "pooled_mlp", "mlp"]
    code, out, err = run("results", "--target", "0.97", "--data", "mnist")
    sentence, *lines = out.splitlines()
    assert (code, err, len(lines)) == (0, "", 6) and "**" not in out
    assert " 329 weights" in sentence and " MNIST " in sentence
    assert lines[0].startswith("Tied CNN (reference): 329 weights (n = 7): ")
    none = "No finished run on MNIST with this protocol.\n"
    for words in (("--own",), ("--protocol", "held-out")):
        assert run("results", "--target", "0.97", "--data", "mnist", *words) == (0, none, "")
        assert document(run("results", "--target", "0.97", "--data", "mnist", *words, "--json")) == []


def test_a_quick_verb_loads_nothing_heavy() -> None:
    program = "import sys; from core.cli.main import main; main(['count', 'deep_cnn', '2']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "core.cli.main" in loaded
    assert not loaded & {"altair", "pandas", "rich", "scipy", "streamlit", "tensorflow"}


def test_train_then_results_then_sweep_resumes(run: Run) -> None:
    words = ("train", "mlp", "4", "--data", "own", "--epochs", "2", "--json")
    code, out, err = run(*words)
    first = json.loads(out)
    assert code == 0, err
    assert first["parameters"] == 615 and len(first["history"]) == 2 and first["seconds"] > 0
    assert first["test_accuracy"] == first["history"][-1]["test_accuracy"] and first["device"]
    assert json.loads(run(*words)[1]) == first  # not trained again
    sweep = (
        "sweep",
        "--families",
        "mlp",
        "--widths",
        "4,5",
        "--seeds",
        "0-1",
        "--data",
        "own",
        "--epochs",
        "2",
        "--json",
    )
    code, out, err = run(*sweep)
    rows = json.loads(out)
    assert code == 0, err
    assert [(x["width"], x["seed"], x["state"]) for x in rows] == [
        (4, 0, "done"),
        (4, 1, "done"),
        (5, 0, "done"),
        (5, 1, "done"),
    ]
    assert rows[0]["seconds"] == first["seconds"]
    listed = document(run("results", "--json", "--data", "own"))
    assert {x["id"] for x in listed} == {x["id"] for x in rows}
    assert run("results")[1].count("done") == 4


def test_train_and_sweep_hold_images_out(run: Run) -> None:
    words = ("train", "mlp", "4", "--data", "own", "--epochs", "2")
    code, out, err = run(*words, "--protocol", "held-out", "--json")
    first = json.loads(out)
    assert code == 0, err
    assert [x["test_accuracy"] is None for x in first["history"]] == [True, False]
    last = first["history"][-1]
    assert (first["test_accuracy"], first["held_out_accuracy"]) == (last["test_accuracy"], last["held_out_accuracy"])
    assert first["recipe"].endswith(", held-out")
    text = (
        f"held-out accuracy {percent(last['held_out_accuracy'])}, test accuracy {percent(last['test_accuracy'])} on own"
    )
    assert text in run(*words, "--protocol", "held_out")[1]  # however it is spelt, and not trained again
    sweep = ("sweep", "--families", "mlp", "--widths", "4", "--data", "own", "--epochs", "2", "--json")
    (held_out,) = json.loads(run(*sweep, "--protocol", "held_out")[1])
    assert held_out["seconds"] == first["seconds"] and held_out["recipe"]["protocol"] == "held_out"
    (article,) = json.loads(run(*sweep)[1])
    assert article["id"] != held_out["id"] and article["recipe"]["protocol"] == "article"
    assert article["held_out_accuracy"] is None and article["train_images"] == held_out["train_images"] == 300
    assert run("results")[1].count("done") == 2


# At this rate the sums of a network without a bend leave the range of float32 within some updates.
WILD = ("--layers", "flatten dense(8n, linear) dense(8, linear)", "--optimizer", "sgd", "--learning-rate", "10")


def test_failed_training_is_one_sentence_and_exit_code_1(run: Run) -> None:
    code, out, err = run("train", *WILD, "1", "--data", "own", "--epochs", "50")
    assert (code, out) == (1, "") and "diverged at epoch" in err and "Traceback" not in err


def test_a_sweep_with_a_failed_run_goes_on_and_says_so(run: Run) -> None:
    words = ("sweep", *WILD, "--widths", "1,2", "--data", "own", "--epochs", "50")
    code, out, err = run(*words, "--json")
    assert code == 1 and [x["state"] for x in json.loads(out)] == ["failed", "failed"]
    assert "2 of 2 runs are not finished; ask again to go on." in err


@pytest.mark.parametrize(
    ("sent", "said"), [(signal.SIGINT, "Stopping after this epoch;"), (signal.SIGTERM, "Stopping.\n")]
)
def test_a_signal_stops_and_keeps_what_is_finished(tmp_path: Path, sent: signal.Signals, said: str) -> None:
    environment = os.environ | {"FEATHERWEIGHT_HOME": str(tmp_path / "home")}
    environment.pop("FEATHERWEIGHT_DATA", None)
    command = [sys.executable, "-m", "core", "train", "mlp", "16", "--data", "mnist_5k", "--epochs", "1000"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        store = tmp_path / "home" / "runs.sqlite3"
        wait_for(lambda: store.exists() and any(x.epochs for x in Store(store).runs()))
        process.send_signal(sent)
        _, err = process.communicate(timeout=120)
    assert process.returncode == 130 and said in err and "Traceback" not in err
    (stopped,) = Store(store).runs()
    assert stopped.state is RunState.STOPPED and 0 < stopped.epochs < 1000


def wait_for(condition: Callable[[], object]) -> None:
    """Poll another process's file; there is nothing else to wait on."""
    import time

    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "waited two minutes"
        time.sleep(0.05)


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"{sys.executable} -m core code deep_cnn 2 | true"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == ""
