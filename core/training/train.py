"""One network, recipe, data and seed in, epochs and at last the trained weights out."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")

import tensorflow as tf  # noqa: F401 - before anything else heavy: after pyarrow, training hangs on Apple Silicon  # isort: skip


from core.data.images import Images
from core.errors import TrainingError, invalid
from core.networks.layers import Array
from core.networks.network import Network
from core.recipe import Protocol, Recipe
from core.runs.run import Epoch
from core.training import formulations, resident
from core.training.course import course
from core.training.device import device
from core.training.program import Program, begin, split
from core.training.resident import Resident

Means = tuple[float | None, float | None]  # loss and accuracy, where measured
NONE: Means = (None, None)
PROGRAMS_KEPT = 16


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """What comes of a run.

    Attributes:
        stopped: whether it was stopped before the recipe's last epoch.
        seconds: wall-clock of all of it.
        formulation: how the step was written.
        weights: every array in the order of ``network.arrays``, moving statistics among them.
    """

    stopped: bool
    seconds: float
    formulation: str
    weights: list[Array]


def train(
    network: Network, recipe: Recipe, data: Images, seed: int, should_stop: Callable[[], bool]
) -> Iterator[Epoch | Trained]:
    """Train from fresh weights; yield an :class:`Epoch` after each and a :class:`Trained` last.

    Args:
        network: one whose input shape and classes are those of ``data``.
        recipe: must ask for a precision that this device has.
        data: every training image is used once per epoch, the last short batch included; with the held-out protocol
            every one that :func:`core.data.images.held_out` leaves. What :func:`core.training.resident.aligned` gives
            is not copied.
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
    head, trunk = ((), network) if recipe.shift else split(network)  # what is moved is not the same in every epoch
    program = _program(trunk, _compiled(recipe))
    train_set, watched_set, test_set = resident.place(head, data, recipe.protocol)
    state = program.begin(begin(network, seed, recipe.initialization))
    stopped = False
    for number in range(1, recipe.epochs + 1):
        started = time.perf_counter()
        if number == 1:
            evaluated = test_set if recipe.protocol is Protocol.HELD_OUT else None
            program.compile(state, train_set, watched_set, evaluated)  # now, while no batch takes memory
            resident.trim()
        state, sums = program.epoch(state, train_set, watched_set, course(recipe, train_set, seed, number))
        *totals, finite = (float(x) for x in sums)
        loss, accuracy = _means(totals[:2], train_set)
        watched = _means(totals[2:], watched_set)
        test: Means = watched
        held_out: Means = NONE
        if recipe.protocol is Protocol.HELD_OUT:
            last = number == recipe.epochs
            test = _means(program.evaluate(state, test_set), test_set) if last else NONE
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
    yield Trained(stopped, seconds, program.formulation.name, program.arrays(state))


def _compiled(recipe: Recipe) -> Recipe:
    """Return a recipe with what is no part of a program as it is in all: other runs of a network reuse the program."""
    return Recipe(
        recipe.optimizer, 1.0, 1, recipe.batch_size, recipe.dropout, recipe.precision, beta2=recipe.beta2,
        weight_decay=recipe.weight_decay, clip=recipe.clip, label_smoothing=recipe.label_smoothing, shift=recipe.shift,
    )  # fmt: skip


@lru_cache(maxsize=PROGRAMS_KEPT)
def _program(network: Network, recipe: Recipe) -> Program:
    return formulations.build(network, recipe, formulations.choose(network, recipe, device()))


def _means(sums: Sequence[float], measured: Resident) -> tuple[float, float]:
    """Return loss and accuracy from the sums over the images that were measured."""
    images = int(measured[2].shape[0])
    return float(sums[0]) / images, float(sums[1]) / images
