"""What a recipe can say beside optimiser, rate and batch, against Keras and NumPy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import pytest

from core.export.keras_file import keras_model
from core.networks.families import family
from core.networks.layers import Array, Shape
from core.networks.line import Line
from core.networks.network import Network
from core.recipe import ADAMS, LEAN, OPTIMIZERS, Recipe, Schedule
from core.training import formulations, program, resident
from core.training.course import boundary, course, learning_rates, shifted, warmup_updates
from core.training.formulations import BLOCKED, DENSE, KERNELS, TILED
from core.training.program import Formulation
from core.training.tiled import program as tiled
from core.training.tiled.host import Host, host

BATCH, UPDATES = 8, 20
TIED = (
    "conv3(n, same, leaky) maxpool2 2x[depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear) "
    "conv1(n, nobias, leaky)] conv1(classes, nobias, linear) globalavg softmax"
)
# Rates at which twenty updates move every optimiser's weights well beyond rounding.
RATES = OPTIMIZERS | {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.005, "sgd": 0.1}
CASES: dict[str, Recipe] = {
    "lean": replace(LEAN, epochs=1, batch_size=BATCH),
    "decay": Recipe("adamw", 0.02, 1, BATCH, weight_decay=0.1),
    "decay_with_schedule": Recipe(
        "adamw", 0.02, 1, BATCH, weight_decay=0.3, schedule=Schedule.COSINE, warmup=0.3, clip=0.1
    ),
    "steps": Recipe("sgd", 0.2, 1, BATCH, schedule=Schedule.STEP),
    "cosine_without_warmup": Recipe("rmsprop", 0.01, 1, BATCH, schedule=Schedule.COSINE),
    "clip": Recipe("sgd", 1.0, 1, BATCH, clip=0.05),
    "clip_that_never_is": Recipe("adadelta", 1.0, 1, BATCH, clip=1000),
    "smoothing": Recipe("adam", 0.01, 1, BATCH, label_smoothing=0.2),
    "beta2": Recipe("adam", 0.01, 1, BATCH, beta2=0.9),
}


def pictures(shape: Shape, classes: int, count: int, seed: int = 3) -> tuple[Array, Array]:
    """Return images of prototypes with noise and their labels."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count).astype(np.int32)
    x = 0.7 * np.random.default_rng(5).random((classes, *shape))[y] + 0.3 * rng.random((count, *shape))
    return x.astype(np.float32), y


def keras_rate(recipe: Recipe, total: int) -> Any:
    """Return the learning rate, or the schedule of it, for Keras."""
    if recipe.schedule == "cosine":
        warmup = warmup_updates(recipe, total)
        return keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else recipe.learning_rate,
            total - warmup,
            warmup_target=recipe.learning_rate if warmup else None,
            warmup_steps=warmup,
        )
    if recipe.schedule == "step":
        return keras.optimizers.schedules.PiecewiseConstantDecay(
            [boundary(0.5, total), boundary(0.75, total)], [recipe.learning_rate * x for x in (1, 0.1, 0.01)]
        )
    return recipe.learning_rate


def keras_way(network: Network, recipe: Recipe, weights: list[Array], x: Array, y: Array, total: int) -> list[Array]:
    given: dict[str, Any] = {"global_clipnorm": recipe.clip} if recipe.clip else {}
    given |= {"beta_2": recipe.beta2} if recipe.optimizer in ADAMS else {}
    given |= {"weight_decay": recipe.weight_decay} if recipe.optimizer == "adamw" else {}
    kinds = {
        "sgd": keras.optimizers.SGD, "rmsprop": keras.optimizers.RMSprop, "adam": keras.optimizers.Adam,
        "adamw": keras.optimizers.AdamW, "adadelta": keras.optimizers.Adadelta,
    }  # fmt: skip
    model = keras_model(network)
    model.compile(
        kinds[recipe.optimizer](keras_rate(recipe, total), **given),
        keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        jit_compile=False,
    )
    model.set_weights(weights)
    order = np.asarray(program.order(len(y), 5, 1))
    labels = np.eye(network.output_shape[0], dtype=np.float32)[y]
    for start in range(0, len(y), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        model.train_on_batch(x[chosen], labels[chosen])
    return [np.asarray(w) for w in model.get_weights()]


def our_way(
    network: Network, recipe: Recipe, formulation: Formulation, weights: list[Array], x: Array, y: Array
) -> list[Array]:
    head, trunk = ((), network) if recipe.shift else program.split(network)
    images = (resident.rows(head, x), y, np.arange(len(y), dtype=np.int32))
    made = formulations.build(trunk, recipe, formulation)
    state, _ = made.epoch(made.begin(weights), images, images, course(recipe, images, 5, 1))
    return made.arrays(state)


# TensorFlow's formulations share what updates weights: the settings are tried on the one that compiles quickly.
QUICK = (KERNELS, *([TILED] if host() else []))


@pytest.mark.parametrize(
    ("name", "formulation"),
    [*((name, x) for name in CASES for x in QUICK), ("lean", DENSE), ("lean", BLOCKED)],
    ids=lambda x: getattr(x, "name", x),
)
def test_twenty_updates_agree_with_keras(name: str, formulation: Formulation) -> None:
    network = Network((12, 11, 2), Line.of(TIED).layers(3, 4, dropout=False))
    x, y = pictures((12, 11, 2), 4, (UPDATES - 1) * BATCH + 3)
    weights = program.begin(network, 1, CASES[name].initialization)
    expected = keras_way(network, CASES[name], weights, x, y, UPDATES)
    got = our_way(network, CASES[name], formulation, weights, x, y)
    assert max(np.abs(a - b).max() for a, b in zip(weights, got, strict=True)) > 0.01
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("formulation", QUICK, ids=lambda x: x.name)
def test_every_optimizer_clips_and_follows_a_schedule_as_keras_does(optimizer: str, formulation: Formulation) -> None:
    network = family("mlp").build(40, (17, 15, 1), 5)  # a kernel whose gradient waits for the end of a batch
    recipe = Recipe(optimizer, RATES[optimizer], 1, BATCH, schedule=Schedule.COSINE, warmup=0.25, clip=0.2)
    x, y = pictures((17, 15, 1), 5, UPDATES * BATCH)
    weights = program.begin(network, 2)
    expected = keras_way(network, recipe, weights, x, y, UPDATES)
    for mine, theirs in zip(our_way(network, recipe, formulation, weights, x, y), expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)


def test_each_setting_matters() -> None:
    network = Network((12, 11, 2), Line.of(TIED).layers(3, 4, dropout=False))
    x, y = pictures((12, 11, 2), 4, UPDATES * BATCH)
    weights = program.begin(network, 1)
    plain = Recipe("adamw", 0.02, 1, BATCH, weight_decay=0.1)
    others: list[dict[str, Any]] = [
        {"weight_decay": 0.2}, {"clip": 0.1}, {"beta2": 0.9}, {"schedule": "cosine"}, {"schedule": "step"},
        {"schedule": "cosine", "warmup": 0.2}, {"label_smoothing": 0.1}, {"shift": 1}, {"shift": 2},
    ]  # fmt: skip
    ends = [our_way(network, replace(plain, **x_), QUICK[-1], weights, x, y) for x_ in ({}, *others)]
    assert len({np.concatenate([np.ravel(w) for w in end]).tobytes() for end in ends}) == len(ends)


@pytest.mark.parametrize("total", [1, 2, 7, 100])
@pytest.mark.parametrize("schedule", [(x, 0.0) for x in Schedule] + [(Schedule.COSINE, 0.1), (Schedule.COSINE, 0.5)])
def test_rates_are_those_of_keras_over_all_epochs(schedule: tuple[Schedule, float], total: int) -> None:
    recipe = Recipe("sgd", 0.7, 1, schedule=schedule[0], warmup=schedule[1])
    theirs = keras_rate(recipe, total)
    expected = [float(theirs(i)) if callable(theirs) else theirs for i in range(total)]
    np.testing.assert_allclose(learning_rates(recipe, 0, total, total), expected, rtol=1e-5, atol=1e-7)
    parts = [learning_rates(recipe, i, 1, total) for i in range(total)]
    assert np.array_equal(np.concatenate(parts), learning_rates(recipe, 0, total, total))


@pytest.mark.parametrize(
    ("line", "formulation"),
    [
        *((line, x) for line in ("conv3(n, same, leaky) maxpool2 flatten", "maxpool2 flatten dense(5)") for x in QUICK),
        ("flatten", DENSE),
        ("conv3(n) flatten", BLOCKED),
    ],
    ids=lambda x: getattr(x, "name", x),
)
@pytest.mark.parametrize("whole_bytes", [True, False], ids=["bytes", "floats"])
def test_shifts_are_what_numpy_makes_of_the_images(line: str, whole_bytes: bool, formulation: Formulation) -> None:
    shape = (9, 7, 2)
    network = Network(shape, Line.of(line).layers(3, 4, dropout=False))
    recipe = Recipe("sgd", 0.5, 1, BATCH, shift=2)
    x, y = pictures(shape, 4, 75)
    x = (x * 255).astype(np.uint8) if whole_bytes else x
    weights = program.begin(network, 1)
    images = (x, y, np.arange(len(y)))
    shifts = course(recipe, images, 5, 1).shifts
    assert shifts is not None and {int(v) for v in np.ravel(shifts)} == {-2, -1, 0, 1, 2}
    moved = our_way(network, recipe, formulation, weights, x, y)
    apart = our_way(network, replace(recipe, shift=0), formulation, weights, shifted(x, shifts), y)
    for mine, theirs in zip(moved, apart, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


def test_a_shift_moves_down_and_right_and_brings_in_zeros() -> None:
    x = np.arange(1, 13, dtype=np.uint8).reshape(1, 3, 4, 1)
    moved = shifted(x, np.array([[1, -2]], np.int8))[0, :, :, 0]
    assert moved.tolist() == [[0, 0, 0, 0], [3, 4, 0, 0], [7, 8, 0, 0]]
    for narrow in ((1, 5, 1), (5, 1, 1), (2, 2, 1)):
        every = shifted(np.ones((1, *narrow), np.uint8), np.array([[2, 2]], np.int8))
        assert every.sum() == max(narrow[0] - 2, 0) * max(narrow[1] - 2, 0)


@pytest.mark.skipif(host() is None, reason="no code is generated for this processor")
@pytest.mark.parametrize("shape", [(1, 5, 1), (5, 1, 3), (2, 2, 1), (3, 30, 2)])
def test_narrow_images_are_moved_too(shape: Shape) -> None:
    network = Network(shape, Line.of("flatten").layers(1, 3, dropout=False))
    recipe = Recipe("sgd", 0.5, 1, 16, shift=2)
    x, y = pictures(shape, 3, 60)
    weights = program.begin(network, 1)
    ends = [our_way(network, recipe, form, weights, x, y) for form in (TILED, DENSE)]
    for mine, theirs in zip(*ends, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


@pytest.mark.skipif(host() is None, reason="no code is generated for this processor")
def test_clipping_gives_the_same_bits_for_any_number_of_threads() -> None:
    narrow = Host(8, 16, "x86-64-v3")
    network = Network((17, 15, 1), Line.of("conv3(3) maxpool2 flatten dense(99) dense(37)").layers(1, 10, False))
    recipe = replace(LEAN, epochs=1, batch_size=100, clip=0.01, shift=1)
    x, y = pictures((17, 15, 1), 10, 333)
    images = (x.reshape(len(x), -1), y, np.arange(len(y), dtype=np.int32))
    for processor in (host(), narrow):
        ends = []
        for threads in (1, 2, 3, 8):
            made = tiled.build(network, recipe, TILED, processor, threads)
            state, _ = made.epoch(made.begin(program.begin(network, 1)), images, images, course(recipe, images, 5, 1))
            ends.append(b"".join(w.tobytes() for w in made.arrays(state)))
        assert len(set(ends)) == 1
