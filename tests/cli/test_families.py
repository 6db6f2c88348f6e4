"""Families of one's own and lines of text on the command line."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.cli import arguments
from core.cli import main as command_line
from core.recipe import Initialization, Recipe, Schedule
from core.runs.store import Store
from tests.keras_configs import HEAD, model

SLIM = "conv3(n, same, elu) maxpool2 4x[separable3(n, elu)] globalavg"


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a verb in this process and return exit code, standard output and standard error."""
    monkeypatch.setenv("FEATHERWEIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FEATHERWEIGHT_DATA", str(tmp_path / "data"))

    def function(*words: str) -> tuple[int, str, str]:
        try:
            code = command_line.main(list(words))
        except SystemExit as e:
            code = int(str(e.code))
        return (code, *capsys.readouterr())

    return function


def document(answer: tuple[int, str, str]) -> Any:
    code, out, err = answer
    assert (code, err) == (0, "")
    return json.loads(out)


def test_a_line_in_place_of_a_family(run: Any) -> None:
    found = document(run("count", "--layers", SLIM, "8", "--json"))
    assert found["parameters"] == 746 and found["formula"] == "4·8² + 60·8 + 10 = 746"
    assert run("count", "8", "--layers", SLIM) == (0, "4·8² + 60·8 + 10 = 746\n", "")
    rows = document(run("summary", "--layers", SLIM, "8", "--json"))
    assert sum(x["parameters"] for x in rows) == 746
    source = document(run("code", "--layers", SLIM, "8", "--json"))["source"]
    assert source.count("SeparableConv2D") == 4 and "746" in source and compile(source, "source", "exec")
    assert document(run("count", "--layers", "conv3(2) flatten", "1", "--json"))["parameters"] == 20 + 13_530
    assert run("count", "deep_cnn", "--data", "mnist_5k", "2")[1] == run("count", "deep_cnn", "2")[1]


def test_what_is_kept_and_not_trained_is_told_apart(run: Any) -> None:
    line = "conv3(n, linear) batchnorm relu flatten"
    found = document(run("count", "--layers", line, "8", "--json"))
    assert found["statistics"] == 16 and found["float32_bytes"] == 4 * (found["parameters"] - 16)
    assert "16 more numbers are kept" in run("summary", "--layers", line, "8")[1]


def test_a_family_is_added_counted_renamed_and_removed(run: Any) -> None:
    added = document(run("families", "--add", "slim", "--layers", SLIM, "--title", "Slim one", "--json"))
    assert (added["layers"], added["formula"], added["own"]) == (SLIM, "4n² + 60n + 10", True)
    assert document(run("count", "slim", "8", "--json"))["parameters"] == 746
    rows = {x["key"]: x for x in document(run("families", "--json"))}
    assert rows["slim"]["title"] == "Slim one" and not rows["mlp"]["own"] and len(rows) == 7
    assert rows["deep_cnn"]["layers"] == "conv3(n) conv3(n) maxpool2 conv3(2n) conv3(2n) maxpool2 flatten"
    assert run("families", "--rename", "slim", "thin")[0] == 0
    assert {x["key"]: x for x in document(run("families", "--json"))}["thin"]["title"] == "Slim one"
    assert run("families", "--remove", "thin")[0] == 0
    assert run("count", "thin", "8")[0] == 2 and len(document(run("families", "--json"))) == 6


def test_a_family_has_a_recipe_and_widths_of_its_own(run: Any) -> None:
    words = ("--widths", "2,8-10", "--optimizer", "sgd", "--learning-rate", "0.5", "--epochs", "3")
    added = document(run("families", "--add", "slim", "--layers", SLIM, *words, "--json"))
    assert added["widths"] == [10, 9, 8, 2] and added["recipe"] == "SGD 0.5, 3 epochs, batch 128"
    dropped = document(run("families", "--add", "drop", "--layers", "flatten dense(n) dropout0.5", "--json"))
    assert dropped["recipe"].endswith("dropout") and dropped["layers"] == "flatten dense(n) dropout0.5"


def test_a_family_keeps_all_of_a_recipe(run: Any, tmp_path: Path) -> None:
    words = (
        "--optimizer", "adamw", "--learning-rate", "0.02", "--epochs", "3", "--batch", "64", "--schedule", "cosine",
        "--warmup", "0.1", "--beta2", "0.99", "--clip", "0.5", "--label-smoothing", "0.1", "--shift", "1",
        "--initialization", "he",
    )  # fmt: skip
    document(run("families", "--add", "slim", "--layers", SLIM, *words, "--json"))
    (kept,) = Store(tmp_path / "home" / "runs.sqlite3").families.all().own
    assert kept.recipe == Recipe(
        "adamw", 0.02, 3, 64, schedule=Schedule.COSINE, warmup=0.1, beta2=0.99, weight_decay=0.004, clip=0.5,
        label_smoothing=0.1, shift=1, initialization=Initialization.HE,
    )  # fmt: skip


PLAIN = Recipe("adadelta", 1.0, 12)
DECAYED = Recipe("adamw", 0.02, 3, weight_decay=0.1, beta2=0.9, schedule=Schedule.COSINE, warmup=0.2, clip=0.5)


@pytest.mark.parametrize(
    ("start", "words", "expected"),
    [
        (PLAIN, "", PLAIN),
        (PLAIN, "--optimizer adamw", Recipe("adamw", 0.001, 12, weight_decay=0.004)),
        (PLAIN, "--optimizer adamw --weight-decay 0", Recipe("adamw", 0.001, 12)),
        (PLAIN, "--schedule step --clip 2", replace(PLAIN, schedule=Schedule.STEP, clip=2)),
        (DECAYED, "", DECAYED),
        (DECAYED, "--optimizer adamw --epochs 4", replace(DECAYED, epochs=4)),
        (DECAYED, "--optimizer adam", replace(DECAYED, optimizer="adam", learning_rate=0.001, weight_decay=0)),
        (
            DECAYED,
            "--optimizer sgd --learning-rate 0.5",
            replace(DECAYED, optimizer="sgd", learning_rate=0.5, weight_decay=0, beta2=0.999),
        ),
        (DECAYED, "--schedule constant", replace(DECAYED, schedule=Schedule.CONSTANT, warmup=0)),
        (DECAYED, "--schedule cosine --warmup 0", replace(DECAYED, warmup=0)),
        (DECAYED, "--weight-decay 0.3 --shift 2", replace(DECAYED, weight_decay=0.3, shift=2)),
    ],
)
def test_what_no_longer_applies_of_a_familys_recipe_is_left_out(start: Recipe, words: str, expected: Recipe) -> None:
    parser = ArgumentParser()
    arguments.training(parser)
    assert arguments.recipe(parser.parse_args(words.split()), start) == expected


def test_a_keras_model_comes_in_as_a_family(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "lenet.json"
    convolution, pool = {"kernel_size": [5, 5], "activation": "tanh"}, ("AveragePooling2D", {"pool_size": [2, 2]})
    lenet = model(
        ("Conv2D", convolution | {"filters": 6}), pool, ("Conv2D", convolution | {"filters": 16}), pool,
        ("Flatten", {}),
        *(("Dense", {"units": x, "activation": "tanh"}) for x in (120, 84)), HEAD,
    )  # fmt: skip
    path.write_text(json.dumps(lenet), "utf-8")
    added = document(run("families", "--add", "lenet", "--from", str(path), "--json"))
    assert added["width"] == 120 == max(added["widths"]) and len(added["widths"]) >= 6 and added["own"]
    counts = [document(run("count", "lenet", str(n), "--json")) for n in range(1, 121)]
    weights = [x["parameters"] for x in counts]
    assert weights[-1] == 44_426 and len(set(weights)) == 120 and weights == sorted(weights)
    assert counts[-1]["formula"] == "156 + 2,416 + 30,840 + 10,164 + 850 = 44,426", "no polynomial is claimed"


BAD = [  # words, and what their sentence names
    (["count", "--layers", "conv3(3x)", "8"], "Layer 1, conv3(3x)"),
    (["count", "--layers", SLIM, "0"], "width"),
    (["count", "--layers", SLIM], "WIDTH"),
    (["count", "--layers", SLIM, "8", "9"], "nrecognized"),
    (["count", "--layers", "flatten", "2"], "width"),
    (["count", "slim", "8"], "family"),
    (["summary", "--layers", "conv3(n)", "8"], "Dense"),
    (["code", "--layers", "", "8"], "at least one layer"),
    (["train", "--layers", "konv3(n)", "8"], "konv3"),
    (["sweep", "--layers", "konv3(n)"], "konv3"),
    (["sweep", "--layers", SLIM, "--families", "cnn"], "not allowed"),
    (["families", "--add", "slim"], "--layers TEXT or --from FILE"),
    (["families", "--add", "mlp", "--layers", SLIM], "name of a family"),
    (["families", "--add", "Slim", "--layers", SLIM], "name of a family"),
    (["families", "--add", "slim", "--layers", "conv3(3x)"], "Layer 1"),
    (["families", "--add", "slim", "--layers", SLIM, "--from", "x.keras"], "--layers TEXT or --from FILE"),
    (["families", "--add", "slim", "--layers", SLIM, "--title", "MLP"], "title"),
    (["families", "--add", "slim", "--layers", SLIM, "--widths", "0"], "width"),
    (["families", "--add", "slim", "--from", "gone.keras"], "gone.keras"),
    (["families", "--add", "slim", "--from", "model.h5"], "HDF5"),
    (["families", "--layers", SLIM], "--add NAME"),
    (["families", "--title", "Slim"], "--add NAME"),
    (["families", "--epochs", "3"], "--add NAME"),
    (["families", "--weight-decay", "0.1"], "--weight-decay goes with --add NAME"),
    (["families", "--schedule", "cosine"], "--schedule goes with --add NAME"),
    (["families", "--add", "slim", "--layers", SLIM, "--shift", "3"], "shift"),
    (["train", "mlp", "2", "--schedule", "linear"], "schedule"),
    (["train", "mlp", "2", "--warmup", "0.1"], "warmup"),
    (["train", "mlp", "2", "--schedule", "cosine", "--warmup", "10%"], "warmup"),
    (["train", "mlp", "2", "--beta2", "0.9"], "beta2"),
    (["train", "mlp", "2", "--weight-decay", "0.1"], "weight decay"),
    (["train", "mlp", "2", "--clip", "-1"], "clip"),
    (["train", "mlp", "2", "--label-smoothing", "nan"], "label smoothing"),
    (["train", "mlp", "2", "--initialization", "zeros"], "initialisation"),
    (["train", "mlp", "2", "--optimizer", ""], "optimizer"),
    (["families", "--remove", "mlp"], "family"),
    (["families", "--remove", "slim"], "family"),
    (["families", "--rename", "slim", "thin"], "family"),
    (["families", "--add", "a", "--remove", "b"], "not allowed"),
]


@pytest.mark.parametrize(("words", "named"), BAD, ids=[" ".join(x)[:40] for x, _ in BAD])
def test_bad_words_are_one_sentence_and_exit_code_2(run: Any, words: list[str], named: str) -> None:
    code, out, err = run(*words)
    assert (code, out, err.count("\n")) == (2, "", 1) and named in err
