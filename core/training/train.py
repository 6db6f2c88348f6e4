"""One network, recipe, data and seed in, a stream of events out; as a program, JSON jobs in and JSON events out.

``python -m core.training`` reads one job a line from standard input and writes one event a line to standard output;
everything else it has to say goes to standard error. Standard input's end ends it at once.
"""

from __future__ import annotations

import json
import math
import os
import platform
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

# The pages stay quick while every core trains, and while TensorFlow is imported here and they are drawn for the first
# time; hence before the import, by the sign of an NVIDIA driver.
if __name__ == "__main__" and hasattr(os, "nice") and not os.path.exists("/dev/nvidiactl"):
    os.nice(10)

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import tensorflow as tf  # before anything else heavy: after pyarrow, training hangs on Apple Silicon  # isort: skip

import keras
import numpy as np

from core.data import npz
from core.errors import DatasetError, FeatherweightError, StoreError, TrainingError, invalid
from core.networks.families import family
from core.networks.layers import Array, Layer
from core.networks.network import Network
from core.recipe import Recipe, seed_number
from core.runs.run import Epoch
from core.training import epoch, forward
from core.training.device import device

Resident = tuple[Any, Any]  # tensors of images and their labels
Means = tuple[float | None, float | None]  # loss and accuracy, where measured
NONE: Means = (None, None)
PROGRAMS_KEPT = 16
DATA_KEPT = 2


@dataclass(frozen=True, slots=True, eq=False)
class Finished:
    """The end of a run: whether it was stopped early, how it was computed and the weights in Keras's order."""

    stopped: bool
    seconds: float
    formulation: str
    precision: str
    weights: list[Array]


@dataclass(frozen=True, slots=True)
class Job:
    """One line of standard input, checked; ``weights`` says where to write them, or None."""

    name: str
    family: str
    width: int
    recipe: Recipe
    seed: int
    data: Path
    weights: Path | None


def train(
    network: Network, recipe: Recipe, data: npz.Images, seed: int, should_stop: Callable[[], bool]
) -> Iterator[Epoch | Finished]:
    """Train from fresh weights; yield an :class:`Epoch` after each and a :class:`Finished` last.

    Args:
        network: one whose input shape and classes are those of ``data``.
        recipe: must ask for a precision that this device has.
        data: every training image is used once per epoch, the last short batch included; with the held-out protocol
            every one that :func:`core.data.npz.hold_out` leaves.
        seed: decides initial weights, order of images and dropout.
        should_stop: asked after every epoch; True ends the run with what it has.

    Raises:
        ArgumentError: if network, data and device do not fit together.
        DatasetError: if there are too few images to hold one out, and the protocol asks for it.
        TrainingError: if the loss stops being a number.
    """
    if network.input_shape != data.x_train.shape[1:]:
        raise invalid("images for this network", f"the shape {network.input_shape}", data.x_train.shape[1:])
    if network.output_shape != (data.classes,):
        raise invalid("classes for this network", f"{network.output_shape[-1]}", data.classes)
    if recipe.precision not in device().precisions:
        raise invalid("precision", f"{' or '.join(device().precisions)} on {device().name}", recipe.precision)
    begun = time.perf_counter()
    head, trunk = epoch.split(network)
    # neither the number of epochs nor the protocol is part of a program: other runs of the network reuse it
    program = _program(trunk, replace(recipe, epochs=1, protocol="article"))
    train_set, watched_set, test_set = _resident(head, data, recipe.protocol)
    state = epoch.begin(network, recipe.optimizer, seed)
    stopped = False
    for number in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        state, sums = program.epoch(state, train_set, watched_set, seed, number)
        *totals, finite = (float(x) for x in sums.numpy())
        loss, accuracy = _means(totals[:2], train_set)
        watched = _means(totals[2:], watched_set)
        test: Means = watched
        held_out: Means = NONE
        if recipe.protocol == "held_out":
            last = number == recipe.epochs
            test = _means(program.evaluate(state, test_set).numpy(), test_set) if last else NONE
            held_out = watched
        if not (finite and all(math.isfinite(x) for x in (loss, watched[0], test[0]) if x is not None)):
            raise TrainingError(
                f"Training diverged at epoch {number}: the loss is no longer a number; try a smaller learning rate."
            )
        yield Epoch(number, loss, accuracy, *test, time.perf_counter() - started, *held_out)
        stopped = number < recipe.epochs and should_stop()
        if stopped:
            break
    seconds = time.perf_counter() - begun
    yield Finished(
        stopped, seconds, program.formulation.name, recipe.precision, [weight.numpy() for weight in state.weights]
    )


@lru_cache(maxsize=PROGRAMS_KEPT)
def _program(network: Network, recipe: Recipe) -> epoch.Program:
    return epoch.build(network, recipe, forward.choose(network, device()))


def _means(sums: Sequence[float], measured: Resident) -> tuple[float, float]:
    """Return loss and accuracy from the sums over the images that were measured."""
    npz = int(measured[1].shape[0])
    return float(sums[0]) / npz, float(sums[1]) / npz


@lru_cache(maxsize=DATA_KEPT)
def _resident(head: tuple[Layer, ...], data: npz.Images, protocol: str) -> tuple[Resident, Resident, Resident]:
    """Return the images to train on, those to measure after every epoch, and the test images, on the device."""

    def placed(x: Array, y: Array) -> Resident:
        # unlike tf.constant, it makes no copy first; the arrays are never changed
        return tf.convert_to_tensor(forward.rows(head, x)), tf.constant(y, tf.int32)

    test = placed(data.x_test, data.y_test)
    if protocol == "article":
        return placed(data.x_train, data.y_train), test, test
    split = npz.hold_out(data)
    return placed(split.x_train, split.y_train), placed(split.x_test, split.y_test), test


class Conversation:
    """Jobs from standard input, events to ``answers``, where nothing else may write."""

    def __init__(self, answers: TextIO) -> None:
        self.answers = answers
        self.jobs: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.stops: dict[str, bool] = {}  # by waiting or running job: whether to stop it
        self.writing = threading.Lock()

    def say(self, event: str, **facts: Any) -> None:
        """Write one event as a line of JSON."""
        with self.writing:
            self.answers.write(json.dumps({"event": event, **facts}, allow_nan=False) + "\n")
            self.answers.flush()

    def listen(self, lines: TextIO) -> None:
        """Take jobs and stops until the input ends; then end the process at once, whatever is being trained."""
        for line in lines:
            try:
                message = json.loads(line)
            except ValueError:
                message = None
            if not isinstance(message, dict) or not {"job", "stop"} & message.keys():
                self.say("failed", job=None, message="A line of input is neither a job nor a stop in JSON.")
            elif "stop" not in message:
                self.stops[str(message["job"])] = False
                self.jobs.put(message)
            elif str(message["stop"]) in self.stops:
                self.stops[str(message["stop"])] = True
        with self.writing:  # not in the middle of a line or a file
            os._exit(0)

    def work(self) -> None:
        """Train one job after the other; a failure ends the job, not the process."""
        while True:
            message = self.jobs.get()
            name = str(message["job"])
            try:
                self.train(_job(message))
            except (tf.errors.ResourceExhaustedError, MemoryError):
                words = "Memory ran out; try a smaller batch size or width."
                self.say("failed", job=name, message=words, cause="memory")
            except StoreError as e:
                self.say("failed", job=name, message=str(e), cause="disk")
            except FeatherweightError as e:
                self.say("failed", job=name, message=str(e))
            except Exception as e:
                traceback.print_exc()
                self.say("failed", job=name, message=f"Training failed unexpectedly ({type(e).__name__}); see the log.")
            self.stops.pop(name, None)

    def train(self, job: Job) -> None:
        """Train one job and tell its events."""
        if self.stops[job.name]:
            facts: dict[str, Any] = {"seconds": 0.0, "formulation": None, "precision": job.recipe.precision}
            self.say("finished", job=job.name, stopped=True, weights=None, **facts)
            return
        self.say("started", job=job.name)
        data = _data(job.data)
        network = family(job.family).build(job.width, data.x_train.shape[1:], data.classes, job.recipe.dropout)
        for event in train(network, job.recipe, data, job.seed, lambda: self.stops[job.name]):
            if isinstance(event, Epoch):
                self.say("epoch", job=job.name, **asdict(event))
                continue
            if job.weights:
                with self.writing:
                    _write(job.weights, event.weights)
            facts = {fact: getattr(event, fact) for fact in ("stopped", "seconds", "formulation", "precision")}
            self.say("finished", job=job.name, **facts, weights=str(job.weights) if job.weights else None)


def _job(message: dict[str, Any]) -> Job:
    data, weights = message.get("data"), message.get("weights")
    if not isinstance(data, str):
        raise invalid("data", "the path of an .npz file", data)
    if not isinstance(weights, str | None):
        raise invalid("weights", "the path of a file to write, or null", weights)
    chosen = family(str(message.get("family")))
    return Job(
        str(message["job"]),
        chosen.key,
        chosen.width(message.get("width")),
        Recipe.from_json(json.dumps(message.get("recipe"))),
        seed_number(message.get("seed")),
        Path(data),
        Path(weights) if weights else None,
    )


def _data(path: Path) -> npz.Images:
    try:
        stat = path.stat()
    except OSError as e:
        raise DatasetError(f"The file {path} cannot be read ({e.strerror}).") from None
    return _read(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=DATA_KEPT)
def _read(path: Path, mtime_ns: int, size: int) -> npz.Images:
    return npz.read(path)


def _write(path: Path, weights: list[Array]) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            np.savez(file, allow_pickle=False, **{str(index): weight for index, weight in enumerate(weights)})
        partial.replace(path)
    except OSError as e:
        partial.unlink(missing_ok=True)
        raise StoreError(f"The weights cannot be written to {path} ({e.strerror}). Free space.") from None


def main() -> None:
    """Speak on standard input and output until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints goes to the log
    trainer = device()
    if hasattr(os, "nice") and not trainer.gpu and os.nice(0) == 0:  # there is a driver, and no card it can use
        os.nice(10)
    conversation = Conversation(answers)
    versions = {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }
    facts = {"device": trainer.name, "note": trainer.note, "precisions": list(trainer.precisions)}
    conversation.say("ready", **facts, versions=versions)
    lines = os.fdopen(0, encoding="utf-8", errors="replace", closefd=False)
    threading.Thread(target=conversation.listen, args=(lines,), daemon=True).start()
    conversation.work()


if __name__ == "__main__":
    main()
