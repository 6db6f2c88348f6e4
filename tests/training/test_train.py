"""Training as a generator of events and as a program spoken to over pipes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pytest

from core import ROOT
from core.data.images import Images, scaled
from core.errors import ArgumentError, DatasetError, TrainingError
from core.networks.families import family
from core.recipe import Protocol, Recipe
from core.runs import weights
from core.runs.messages import (
    EpochEnded,
    Failed,
    Finished,
    Job,
    Message,
    Ready,
    Started,
    Stop,
    decode,
    encode,
)
from core.training import formulations, program, train
from core.training.device import device

T = TypeVar("T", bound=Message)
QUICK = Recipe("adam", 0.01, 3, 32)
HELD_OUT = replace(QUICK, protocol=Protocol.HELD_OUT)


def made(count: int = 200, shape: tuple[int, int, int] = (12, 12, 1), classes: int = 4) -> dict[str, Any]:
    """Images of uint8 that a small network learns at once: one bright row or another."""
    rng = np.random.default_rng(0)
    arrays: dict[str, Any] = {}
    for part, images in (("train", count), ("test", 50)):
        y = np.arange(images) % classes
        x = rng.integers(0, 60, (images, *shape))
        x[np.arange(images), 2 * y] = 250
        arrays |= {f"x_{part}": x.astype(np.uint8), f"y_{part}": y}
    return arrays


@pytest.fixture(scope="module")
def images() -> Images:
    arrays = made()
    x_train, x_test = (arrays[f"x_{part}"].astype(np.float32) / 255 for part in ("train", "test"))
    return Images(x_train, arrays["y_train"].astype(np.int32), x_test, arrays["y_test"].astype(np.int32), 4)


def run(key: str, width: int, recipe: Recipe, images: Images, seed: int = 0, stop: int = 0) -> list[Any]:
    asked = iter(range(1, recipe.epochs + 1))
    network = family(key).build(width, images.x_train.shape[1:], images.classes, recipe.dropout)
    return list(train.train(network, recipe, images, seed, lambda: next(asked) == stop))


@pytest.mark.parametrize(("key", "width"), [("mlp", 16), ("cnn", 2), ("cnn", 8)])
def test_a_run_learns_repeats_and_differs_by_seed(key: str, width: int, images: Images) -> None:
    recipe = replace(QUICK, dropout=True)
    *epochs, finished = run(key, width, recipe, images)
    assert [x.epoch for x in epochs] == [1, 2, 3]
    assert epochs[-1].loss < epochs[0].loss
    assert not finished.stopped
    assert [w.shape for w in finished.weights] == list(family(key).build(width, (12, 12, 1), 4).weight_shapes)
    again, other = run(key, width, recipe, images)[-1], run(key, width, recipe, images, seed=1)[-1]
    assert all((a == b).all() for a, b in zip(finished.weights, again.weights, strict=True))
    assert any((a != b).any() for a, b in zip(finished.weights, other.weights, strict=True))


def test_reported_accuracy_is_that_of_the_weights(images: Images) -> None:
    *_, last, finished = run("cnn", 2, QUICK, images)
    predicted = family("cnn").build(2, (12, 12, 1), 4).predict(finished.weights, images.x_test)
    assert last.test_accuracy == pytest.approx((predicted.argmax(1) == images.y_test).mean())
    picked = predicted[np.arange(len(predicted)), images.y_test]
    assert last.test_loss == pytest.approx(-np.log(picked).mean(), rel=1e-4)


def test_a_further_seed_is_not_built_again(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = formulations.build

    def noted(*given: Any) -> program.Program:
        built.append(given)
        return build(*given)

    monkeypatch.setattr(formulations, "build", noted)
    recipe = replace(QUICK, learning_rate=0.011)  # no other test's, so that it is built here
    run("mlp", 5, recipe, images)
    run("mlp", 5, replace(recipe, epochs=2), images, seed=1)
    assert len(built) == 1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, ...]]:
    """What programs are given: for an epoch and an evaluation the images each, by their number.

    Programs are kept, so only those of networks that no other test trains are made here.
    """
    noted: list[tuple[Any, ...]] = []
    build = formulations.build

    def spying(*given: Any) -> program.Program:
        made = build(*given)

        def one(state: Any, train: Any, watched: Any, *more: Any) -> Any:
            noted.append(("epoch", len(train[2]), len(watched[2])))
            return made.epoch(state, train, watched, *more)

        def evaluate(state: Any, measured: Any) -> Any:
            noted.append(("evaluate", len(measured[2])))
            return made.evaluate(state, measured)

        return replace(made, epoch=one, evaluate=evaluate)

    monkeypatch.setattr(formulations, "build", spying)
    return noted


def test_the_test_images_are_measured_once_at_the_end(images: Images, calls: list[tuple[Any, ...]]) -> None:
    run("mlp", 9, HELD_OUT, images)
    assert calls == [("epoch", 166, 34)] * 3 + [("evaluate", 50)]
    calls.clear()
    run("mlp", 9, QUICK, images)
    assert calls == [("epoch", 200, 50)] * 3


def test_a_held_out_run_that_is_stopped_has_no_test_figures(images: Images, calls: list[tuple[Any, ...]]) -> None:
    *epochs, finished = run("mlp", 11, HELD_OUT, images, stop=2)
    assert finished.stopped and len(epochs) == 2 and len(calls) == 2
    assert all(x.test_loss is None and x.test_accuracy is None and x.held_out_loss > 0 for x in epochs)


@pytest.mark.parametrize(("part", "number"), [("x_train", 1), ("x_test", 3)])
def test_divergence_of_a_held_out_run_is_told(images: Images, part: str, number: int) -> None:
    wild = replace(images, **{part: getattr(images, part) * np.float32(3e38)})
    with pytest.raises(TrainingError, match=rf"diverged at epoch {number}:"):
        run("mlp", 8, HELD_OUT, wild)


def test_too_few_images_to_hold_out_are_a_sentence(images: Images) -> None:
    few = replace(images, x_train=images.x_train[:4], y_train=images.y_train[:4])
    assert run("mlp", 8, QUICK, few)[-1].weights
    with pytest.raises(DatasetError, match="held out"):
        run("mlp", 8, HELD_OUT, few)


@pytest.mark.parametrize(
    ("key", "width"), [("mlp", 6), ("pooled_mlp", 6), ("avgpool2 flatten", 1), ("cnn", 3), ("cnn", 17)]
)
@pytest.mark.parametrize("recipe", [QUICK, HELD_OUT], ids=["article", "held out"])
def test_bytes_train_as_their_floats_do(key: str, width: int, recipe: Recipe) -> None:
    arrays = made()
    bytes_ = Images(arrays["x_train"], arrays["y_train"], arrays["x_test"], arrays["y_test"], 4)
    floats = replace(bytes_, x_train=scaled(bytes_.x_train), x_test=scaled(bytes_.x_test))
    *epochs, finished = run(key, width, recipe, bytes_)
    *others, expected = run(key, width, recipe, floats)
    assert [replace(x, seconds=0) for x in epochs] == [replace(x, seconds=0) for x in others]
    assert all((a == b).all() for a, b in zip(finished.weights, expected.weights, strict=True))


def test_what_does_not_fit_is_refused(images: Images) -> None:
    for shape, classes in (((28, 28, 1), 4), ((12, 12, 1), 10)):
        with pytest.raises(ArgumentError, match="for this network"):
            list(train.train(family("mlp").build(4, shape, classes), QUICK, images, 0, lambda: False))


def test_precision_that_the_hardware_lacks_is_refused(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = replace(device(), precisions=("float32",))
    monkeypatch.setattr(train, "device", lambda: plain)
    with pytest.raises(ArgumentError, match="precision"):
        run("mlp", 4, replace(QUICK, precision="bfloat16"), images)


class Talk:
    """A training process and the two ends of the conversation."""

    def __init__(self, folder: Path) -> None:
        with (folder / "log").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "core.training"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        self.folder = folder
        self.data = folder / "data.npz"
        np.savez(self.data, **made())

    def say(self, text: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def job(self, name: str, recipe: Recipe = QUICK, /, **changes: Any) -> None:
        line = json.loads(encode(Job(name, "flatten dense(8) dense(8)", recipe, 0, str(self.data))))
        self.say(json.dumps(line | changes))

    def hear(self) -> Message:
        assert self.process.stdout
        return decode(self.process.stdout.readline())

    def until(self, kind: type[T]) -> T:
        heard = self.hear()
        while not isinstance(heard, kind):
            assert isinstance(heard, Started | EpochEnded)
            heard = self.hear()
        return heard


@pytest.fixture(scope="module")
def talk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Talk]:
    talk = Talk(tmp_path_factory.mktemp("talk"))
    ready = talk.hear()
    assert isinstance(ready, Ready)
    assert ready.device.startswith(("CPU: ", "GPU: "))
    assert ready.precisions[0] == "float32" and ready.note == device().note
    assert set(ready.versions) == {"python", "tensorflow", "keras", "numpy"}
    yield talk
    # the end of its input ends it at once, even in the middle of a long run
    talk.job("last", replace(QUICK, epochs=1000))
    talk.until(EpochEnded)
    assert talk.process.stdin and talk.process.stdout
    talk.process.stdin.close()
    assert talk.process.wait(30) == 0
    for line in talk.process.stdout:
        assert isinstance(decode(line), EpochEnded)
    talk.process.stdout.close()


def test_a_job_is_told_epoch_by_epoch(talk: Talk) -> None:
    before = set(talk.folder.iterdir())
    talk.job("a")
    assert talk.hear() == Started("a")
    for number in (1, 2, 3):
        heard = talk.hear()
        assert isinstance(heard, EpochEnded) and heard.job == "a" and heard.epoch.epoch == number
        assert heard.epoch.held_out_loss is None and heard.epoch.held_out_accuracy is None
    finished = talk.hear()
    assert isinstance(finished, Finished)
    assert (finished.job, finished.stopped) == ("a", False) and finished.formulation
    network = family("mlp").build(8, (12, 12, 1), 4)
    arrays = weights.read(finished.weights or b"", network)
    assert [x.shape for x in arrays] == list(network.weight_shapes)
    assert set(talk.folder.iterdir()) == before, "weights travel in the message"


def test_a_held_out_job_tells_the_test_figures_at_its_end(talk: Talk) -> None:
    talk.job("h", HELD_OUT)
    epochs = [talk.until(EpochEnded).epoch for _ in range(3)]
    assert [x.test_accuracy is None for x in epochs] == [x.test_loss is None for x in epochs]
    assert [x.test_accuracy is None for x in epochs] == [True, True, False]
    assert all(0 <= (x.held_out_accuracy or -1) <= 1 and (x.held_out_loss or 0) > 0 for x in epochs)
    assert talk.until(Finished).stopped is False


def test_a_stop_arrives_during_training(talk: Talk) -> None:
    talk.job("long", replace(QUICK, epochs=1000))
    talk.job("waiting")
    talk.until(EpochEnded)
    talk.say(encode(Stop("waiting")).strip())
    talk.say(encode(Stop("long")).strip())
    assert talk.until(Finished).stopped is True
    assert talk.hear() == Finished("waiting", stopped=True, formulation=None, weights=None)  # not even started


@pytest.mark.parametrize(
    "line",
    [
        "garbage", "[1]", "{}", "null", "[" * 100_000, encode(Started("a")).strip(), '{"kind": "stop", "job": [1]}',
        encode(Job("a", "flatten dense(8) dense(8)", QUICK, 0, "data.npz")).replace('"a"', "[]").strip(),
    ],
)  # fmt: skip
def test_a_line_that_is_no_job_is_told(talk: Talk, line: str) -> None:
    talk.say(line)
    failed = talk.hear()
    assert isinstance(failed, Failed) and failed.message.endswith(".") and not failed.memory


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": "rnn(2) flatten"}, "expected one of"),
        ({"layers": "flatten dense(0)"}, "expected a width"),
        ({"recipe": {"optimizer": "adam"}}, "Invalid recipe"),
        ({"seed": -1}, "Invalid seed"),
        ({"data": None}, "Invalid data"),
        ({"data": "nowhere.npz"}, "cannot be read"),
        ({"layers": "conv3(2) conv3(2) maxpool2 conv3(2) conv3(2) maxpool2 flatten"}, "too small"),
    ],
)
def test_a_bad_job_fails_with_a_sentence(talk: Talk, changes: dict[str, Any], message: str) -> None:
    talk.job("bad", **changes)
    failed = talk.until(Failed)
    assert failed.job == "bad"
    assert message in failed.message
    assert failed.message.endswith(".")


def test_divergence_fails_the_job_and_not_the_process(talk: Talk) -> None:
    linear = "flatten dense(8, linear) dense(8, linear) dense(8, linear)"
    talk.job("wild", Recipe("sgd", 10, 50, 32), layers=linear)
    assert "diverged at epoch" in talk.until(Failed).message
    talk.job("next")
    assert talk.until(Finished).job == "next"
