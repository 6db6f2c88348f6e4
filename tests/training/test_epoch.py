"""Programs against Keras: from equal weights and equal batches, equal weights come out."""

from __future__ import annotations

import dataclasses
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from core.export.keras_file import keras_model
from core.networks.families import FAMILIES, family
from core.networks.layers import STATISTICS, Array, Conv2D, Dense, Dropout, Flatten, Shape
from core.networks.line import Line
from core.networks.network import Network
from core.recipe import OPTIMIZERS, WEIGHT_DECAY, Recipe
from core.runs import memory
from core.training import epoch, formulations, forward, images_first, program, resident
from core.training.course import course
from core.training.device import Device
from core.training.formulations import BLOCKED, DENSE, KERNELS, TILED
from core.training.program import Formulation
from core.training.steps import Batch
from core.training.tiled.host import Host, host

# Small batches: with many activations, two of equal size up to rounding turn up, and a tie broken the other way
# changes a gradient for good. After 50 steps of the article's batches on real digits Keras's own eager and compiled
# weights differ by 0.006 (cnn, n = 8) and 0.012 (deep_cnn, n = 16), so nobody can agree with both to 1e-4.
STEPS, BATCH = 50, 4
FORMULATIONS = (DENSE, BLOCKED, KERNELS, *([TILED] if host() else []))


def pictures(shape: Shape, classes: int, count: int) -> tuple[Array, Array]:
    """Blurred prototypes with noise: learnable, so that gradients stay meaningful."""
    rng = np.random.default_rng(3)
    prototypes = rng.random((classes, *shape))
    y = rng.integers(0, classes, count).astype(np.int32)
    x = 0.7 * prototypes[y] + 0.3 * rng.random((count, *shape))
    return x.astype(np.float32), y


built = lru_cache(maxsize=1)(formulations.build)  # several seeds of a network follow each other


@lru_cache(maxsize=1)
def compiled(network: Network, optimizer: str, rate: float, use: object = None) -> Any:
    """Return Keras's model of a network; for another ``use`` another one, as an optimiser keeps what it has seen."""
    model = keras_model(network)
    chosen = keras.optimizers.get(optimizer)
    chosen.learning_rate = rate
    model.compile(chosen, "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    return model


def ours(
    network: Network, recipe: Recipe, formulation: Formulation, weights: list[Array], train: Any, test: Any
) -> tuple[list[Array], list[float]]:
    head, trunk = program.split(network)
    sets = [(tf.constant(resident.rows(head, x)), tf.constant(y), tf.range(len(y))) for x, y in (train, test)]
    made = built(trunk, recipe, formulation)
    state, sums = made.epoch(made.begin(weights), *sets, course(recipe, sets[0], 5, 1))
    return made.arrays(state), [float(s) for s in sums]


def keras_way(
    network: Network, recipe: Recipe, weights: list[Array], train: Any, test: Any
) -> tuple[list[Array], list[float]]:
    # plain gradient descent remembers nothing
    model = compiled(network, recipe.optimizer, recipe.learning_rate, recipe.optimizer == "sgd" or object())
    model.set_weights(weights)
    x, y = train
    order = program.order(len(y), tf.constant(5), tf.constant(1)).numpy()
    sums = np.zeros(2)
    for start in range(0, len(y), recipe.batch_size):
        chosen = order[start : start + recipe.batch_size]
        sums += np.array(model.train_on_batch(x[chosen], y[chosen]), float) * len(chosen)
    loss, accuracy = model.evaluate(*test, batch_size=1000, verbose=0)
    return model.get_weights(), [*sums, loss * len(test[1]), accuracy * len(test[1])]


@lru_cache(maxsize=1)  # the formulations of a network follow each other
def expectation(network: Network, recipe: Recipe, count: int) -> tuple[Any, Any]:
    """Return what both begin with, ``(weights, train, test)``, and what Keras makes of it."""
    train = pictures(network.input_shape, network.output_shape[0], count)
    test = pictures(network.input_shape, network.output_shape[0], 33)
    weights = program.begin(network, 1)
    return (weights, train, test), keras_way(network, recipe, weights, train, test)


def assert_same_as_keras(network: Network, recipe: Recipe, formulation: Formulation, count: int) -> None:
    begun, (expected, expected_sums) = expectation(network, recipe, count)
    got, sums = ours(network, recipe, formulation, *begun)
    assert [w.shape for w in got] == list(network.weight_shapes)
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-4)
    np.testing.assert_allclose(sums[:4], expected_sums, rtol=1e-3)
    assert sums[4] == 1


# Lines of text that have every kind of layer and every option among them, with the optimiser to train them by. The
# gradient of a bias right before a batch norm is nothing but rounding, which only plain descent takes as nothing.
LINES = {
    "lean": ("conv3(n, same, leaky) maxpool2 2x[separable3(n, leaky)] globalavg", "adam"),
    "tied": (
        "conv3(n, same, leaky) maxpool2 2x[depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear) "
        "conv1(n, nobias, leaky)] conv1(classes, nobias, linear) globalavg softmax",
        "adam",
    ),
    "residual": (
        "conv3(n, linear) batchnorm relu residual[conv3(n, same, linear) batchnorm relu conv3(n, same, linear) "
        "batchnorm] relu maxpool2 flatten dense(2n) batchnorm tanh",
        "sgd",
    ),
    "shared": (
        "conv3(n, same, nobias, linear) residual[batchnorm(as a) elu conv3(n, same, nobias, linear, as b) "
        "batchnorm(as a) swish conv3(n, same, nobias, linear, as b)] globalmax shared2[dense(n, sigmoid)]",
        "rmsprop",
    ),
    "strided": (
        "conv4(n, same, stride2, elu) depthwise3(multiplier2, swish) avgpool3(stride2, same) conv2x1(n, gelu, nobias) "
        "globalavg dense(5, sigmoid)",
        "adam",
    ),
    "pooled": (
        "avgpool2 residual[conv3(2, same) conv1(2, linear)] tanh conv2x3(n, same) "
        "maxpool2x3(stride1) maxpool3(stride2, same) flatten",
        "adadelta",
    ),
    "separable": (
        "maxpool3(stride1) separable2x3(n, same, stride2, multiplier2, tanh) depthwise2(nobias, same, stride3) "
        "avgpool2 flatten",
        "adam",
    ),
}


@pytest.mark.parametrize("formulation", FORMULATIONS, ids=lambda x: x.name)
@pytest.mark.parametrize("name", LINES)
def test_twenty_steps_of_a_line_agree_with_keras(name: str, formulation: Formulation) -> None:
    if not formulations.takes(formulation, network_of(name)):
        assert formulation.tiled and "batchnorm" in LINES[name][0]
        return
    assert_same_as_keras(network_of(name), Recipe(LINES[name][1], 0.01, 1, BATCH), formulation, 19 * BATCH + 3)


def network_of(name: str) -> Network:
    return Network((13, 12, 2), Line.of(LINES[name][0]).layers(3, 4, dropout=False))


def test_lines_have_every_kind_of_layer() -> None:
    kinds = {layer.kind for name in LINES for layer in network_of(name).layers}
    assert kinds >= {x.kind for x in images_first.WAYS if x is not Dropout}


def usable(key: str) -> list[Formulation]:
    return [f for f in FORMULATIONS if "cnn" in key or not f.blocked]


@pytest.mark.parametrize(
    ("key", "width", "formulation"),
    [(k, n, f) for k, x in FAMILIES.items() if x.article for n in (6, 12) for f in usable(k)],
    ids=lambda x: getattr(x, "name", x),
)
def test_fifty_steps_agree_with_keras(key: str, width: int, formulation: Formulation) -> None:
    network = family(key).build(width, (16, 16, 1), 10)
    recipe = dataclasses.replace(family(key).recipe, batch_size=BATCH, epochs=1)
    assert_same_as_keras(network, recipe, formulation, (STEPS - 1) * BATCH + 3)


@pytest.mark.parametrize(
    ("key", "width"), [("mlp", 32), ("pooled_mlp", 64), ("cnn", 2), ("cnn", 16), ("deep_cnn", 2), ("deep_cnn", 16)]
)
def test_a_step_on_a_real_batch_agrees_with_keras(key: str, width: int, digits: tuple[Array, Array]) -> None:
    network = family(key).build(width)
    formulation = formulations.choose(network, Recipe("sgd", 0.1, 1), Device("one", False, ("float32",)))
    x, y = digits[0], digits[1].astype(np.int32)
    for seed, start in enumerate(range(0, 640, 128)):
        train, test = (x[start : start + 128], y[start : start + 128]), (x[-50:], y[-50:])
        weights = program.begin(network, seed)
        recipe = Recipe("sgd", 1.0, 1, 128)  # at rate 1 the change of the weights is the gradient
        got, _ = ours(network, recipe, formulation, weights, train, test)
        expected, _ = keras_way(network, recipe, weights, train, test)
        for mine, theirs in zip(got, expected, strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_agrees_with_keras(optimizer: str) -> None:
    network = family("mlp").build(8, (9, 7, 1), 5)
    decay = WEIGHT_DECAY if optimizer == "adamw" else 0.0
    recipe = Recipe(optimizer, OPTIMIZERS[optimizer], 1, BATCH, weight_decay=decay)
    assert_same_as_keras(network, recipe, DENSE, STEPS * BATCH)


@pytest.mark.parametrize("formulation", [x for x in FORMULATIONS if x != DENSE], ids=lambda x: x.name)
def test_odd_shapes_colours_and_classes_agree_with_keras(formulation: Formulation) -> None:
    network = family("deep_cnn").build(3, (17, 19, 3), 4)
    assert_same_as_keras(network, Recipe("adadelta", 1.0, 1, BATCH), formulation, 30)


def test_blocks_take_other_kernels_and_no_pooling() -> None:
    layers = (Conv2D(2, 5), Conv2D(3), Conv2D(2, 1), Flatten(), Dense(4, "softmax"))
    assert_same_as_keras(Network((12, 13, 2), layers), Recipe("sgd", 0.1, 1, BATCH), BLOCKED, 30)


def test_fewer_images_than_a_batch_agree_with_keras() -> None:
    assert_same_as_keras(family("pooled_mlp").build(8, (9, 7, 3), 100), Recipe("adam", 0.01, 1, 128), DENSE, 9)


@pytest.mark.parametrize("formulation", [BLOCKED, KERNELS], ids=lambda x: x.name)
@pytest.mark.parametrize(
    "line",
    [
        family("cnn").layers,
        "conv3(n, same, stride2, gelu, nobias) batchnorm separable3(n, leaky) depthwise2 avgpool2 globalavg",
        "conv3(n, nobias) residual[batchnorm elu conv3(n, same, tanh)] avgpool3(stride2, same) globalmax dense(n)",
    ],
)
def test_bfloat16_stays_near_float32(line: str, formulation: Formulation) -> None:
    network = Network((12, 12, 1), Line.of(line).layers(8, 10, dropout=False))
    recipe = Recipe("sgd", 0.1, 1, 64)
    train, test = pictures((12, 12, 1), 10, 64), pictures((12, 12, 1), 10, 33)
    weights = program.begin(network, 1)
    exact, _ = ours(network, recipe, formulation, weights, train, test)
    rough, _ = ours(network, dataclasses.replace(recipe, precision="bfloat16"), formulation, weights, train, test)
    for start, a, b in zip(weights, exact, rough, strict=True):
        assert a.dtype == b.dtype == np.float32
        assert 0 < np.linalg.norm(a - b) < 0.1 * np.linalg.norm(a - start)


def test_a_bias_gradient_in_bfloat16_does_not_stall() -> None:
    g = tf.ones((100, 10, 10, 3), tf.bfloat16)
    bias = tf.zeros(3, tf.bfloat16)
    with tf.GradientTape() as tape:
        tape.watch(bias)
        total = tf.reduce_sum(tf.cast(images_first.biased(g, bias), tf.float32))
    np.testing.assert_allclose(tf.cast(tape.gradient(total, bias), tf.float32), 10_000, rtol=0.01)


@pytest.mark.parametrize("formulation", [DENSE, BLOCKED], ids=lambda x: x.name)
def test_dropout_zeroes_a_share_and_keeps_the_mean(formulation: Formulation) -> None:
    network = Network((4, 5, 1), (Dropout(0.25), Flatten(), Dense(2, "softmax")))
    weights = [np.ones((20, 2), np.float32), np.zeros(2, np.float32)]
    x = forward.pictures((4, 5, 1), formulation, tf.ones((500, 20)))

    def logits(noise: list[int] | None) -> Array:
        batch = None if noise is None else Batch(tf.constant(noise), tf.ones(500))
        return np.asarray(forward.logits(formulation, network, "float32", weights, x, batch)[0])

    dropped = logits([1, 2])
    assert dropped.mean() == pytest.approx(20, rel=0.02)
    assert dropped.std() == pytest.approx((20 / 3) ** 0.5, rel=0.1)
    assert (dropped == logits([1, 2])).all()
    assert (dropped != logits([1, 3])).any()
    assert (logits(None) == 20).all()


@pytest.mark.parametrize("formulation", (DENSE, BLOCKED, KERNELS), ids=lambda x: x.name)
def test_a_short_last_batch_moves_the_statistics_as_in_keras(formulation: Formulation) -> None:
    line = "conv3(2, linear) batchnorm(as a) tanh batchnorm(as a) flatten dense(3, tanh) batchnorm"
    network = Network((8, 7, 1), Line.of(line).layers(1, 3, dropout=False))
    begun, (expected, _) = expectation(network, Recipe("sgd", 0.1, 1, 16), 19)  # a batch of 16, then one of 3
    got, _ = ours(network, Recipe("sgd", 0.1, 1, 16), formulation, *begun)
    kept = [place for place, (name, _) in enumerate(network.arrays) if name in STATISTICS]
    assert len(kept) == 4
    for place in kept:
        assert not np.allclose(got[place], begun[0][place], atol=1e-3), "moved"
        np.testing.assert_allclose(got[place], expected[place], rtol=0, atol=1e-6)


@pytest.mark.parametrize("formulation", FORMULATIONS, ids=lambda x: x.name)
def test_compiling_changes_nothing_and_counts_nothing(formulation: Formulation) -> None:
    network = network_of("lean")
    images = (*pictures((13, 12, 2), 3, 9), tf.range(9))
    recipe = Recipe("adam", 0.01, 1, BATCH)
    made = formulations.build(network, recipe, formulation)
    state = made.begin(program.begin(network, 0))
    made.compile(state, images, images)
    (once, sums), (again, _) = (made.epoch(state, images, images, course(recipe, images, 5, 1)) for _ in range(2))
    assert float(sums[0]) > 0
    assert all(np.array_equal(a, b) for a, b in zip(made.arrays(once), made.arrays(again), strict=True))
    assert any(not np.array_equal(a, b) for a, b in zip(made.arrays(once), made.arrays(state), strict=True))


@pytest.mark.parametrize("formulation", FORMULATIONS, ids=lambda x: x.name)
def test_only_the_images_that_are_meant_are_trained_and_measured(formulation: Formulation) -> None:
    network, recipe = network_of("pooled" if formulation.tiled else "residual"), Recipe("sgd", 0.1, 1, BATCH)
    x, y = pictures((13, 12, 2), 3, 30)
    meant, measured = np.arange(0, 30, 3, dtype=np.int32), np.arange(1, 30, 3, dtype=np.int32)
    made = formulations.build(network, recipe, formulation)
    state = made.begin(program.begin(network, 0))
    flat = x.reshape(len(x), -1)
    few, sums = made.epoch(state, (flat, y, meant), (flat, y, measured), course(recipe, (flat, y, meant), 5, 1))
    apart = [(flat[at], y[at], tf.range(len(at))) for at in (meant, measured)]
    alone, expected = made.epoch(state, *apart, course(recipe, apart[0], 5, 1))
    np.testing.assert_allclose(sums, expected, rtol=1e-5)
    for a, b in zip(made.arrays(few), made.arrays(alone), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-6)
    np.testing.assert_allclose(made.evaluate(state, (flat, y, measured)), made.evaluate(state, apart[1]), rtol=1e-6)


def test_only_trained_arrays_have_a_memory() -> None:
    network = Network((8,), Line.of("dense(3) batchnorm").layers(1, 2, dropout=False))
    state = epoch.restore(network, program.begin(network, 0), "adam")
    assert [w.shape for w in state.weights] == list(network.weight_shapes)
    assert [sum(int(tf.size(x)) for x in slot) for slot in state.slots] == [network.parameters] * 2


@pytest.mark.parametrize(
    ("line", "leading"),
    [
        ("maxpool2 avgpool2 flatten", 3),
        ("maxpool2 residual[relu] flatten", 1),
        ("residual[maxpool3(stride1, same)] flatten", 0),
        ("maxpool2 residual[maxpool3(stride1, same) residual[tanh]] flatten", 1),
        ("batchnorm flatten", 0),
    ],
)
def test_a_residual_block_is_never_split(line: str, leading: int) -> None:
    network = Network((8, 8, 1), Line.of(line).layers(1, 3, dropout=False))
    head, trunk = program.split(network)
    assert len(head) == leading
    assert (*head, *trunk.layers) == network.layers


def test_initial_numbers_follow_from_seed_and_place() -> None:
    network = family("cnn").build(2)
    begun = program.begin(network, 7)
    for place, (name, shape) in enumerate(network.arrays):
        limit = (6 / (np.prod(shape[:-2]) * sum(shape[-2:]))) ** 0.5
        drawn = np.random.default_rng((7, place)).uniform(-limit, limit, shape).astype(np.float32)
        np.testing.assert_array_equal(begun[place], drawn if name == "kernel" else np.zeros(shape))


def test_initial_weights_are_those_of_keras_in_distribution() -> None:
    network = family("cnn").build(16)
    keras.utils.set_random_seed(0)
    for mine, theirs in zip(program.begin(network, 3), keras_model(network).weights, strict=True):
        assert mine.shape == theirs.shape
        assert np.std(mine) == pytest.approx(np.std(theirs.numpy()), rel=0.15)
        assert np.abs(mine).max() == pytest.approx(np.abs(theirs.numpy()).max(), rel=0.05)


def test_an_order_is_a_permutation_of_seed_and_epoch() -> None:
    def order(seed: int, number: int) -> list[int]:
        return list(program.order(1000, tf.constant(seed), tf.constant(number)).numpy())

    assert sorted(order(0, 1)) == list(range(1000))
    assert order(0, 1) == order(0, 1)
    assert order(0, 1) != order(0, 2)
    assert order(0, 1) != order(1, 1)


WIDE_WINDOW = "conv3(4) depthwise9 globalavg"


@pytest.mark.parametrize(
    ("key", "width", "gpu", "precision", "batch", "expected"),
    [
        ("mlp", 128, False, "float32", 128, TILED),
        ("mlp", 128, False, "float32", 4, DENSE),
        ("mlp", 512, False, "float32", 128, TILED),
        ("mlp", 1024, False, "float32", 128, DENSE),
        ("deep_cnn", 2, False, "float32", 16, TILED),
        ("deep_cnn", 2, False, "float32", 1, BLOCKED),
        ("deep_cnn", 32, False, "float32", 128, TILED),
        ("cnn", 32, False, "float32", 128, TILED),
        ("cnn", 32, True, "float32", 128, DENSE),
        ("cnn", 64, False, "float32", 128, TILED),
        ("cnn", 65, False, "float32", 128, KERNELS),
        ("deep_cnn", 2, False, "bfloat16", 128, BLOCKED),
        ("deep_cnn", 32, False, "bfloat16", 128, KERNELS),
        ("mlp", 32, False, "bfloat16", 128, DENSE),
        (LINES["lean"][0], 8, False, "float32", 128, TILED),
        (WIDE_WINDOW, 1, False, "float32", 128, KERNELS),
        ("conv3(4) batchnorm depthwise3(multiplier8) globalavg", 1, False, "float32", 128, KERNELS),
        (LINES["residual"][0], 8, False, "float32", 128, BLOCKED),
        ("batchnorm flatten dense(64)", 1, False, "float32", 128, DENSE),
    ],
)
def test_choice(
    key: str,
    width: int,
    gpu: bool,
    precision: str,
    batch: int,
    expected: Formulation,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(formulations, "host", lambda: Host(8, 16, "haswell"))
    network, recipe = family(key).build(width), Recipe("sgd", 0.1, 1, batch, precision=precision)
    assert formulations.choose(network, recipe, Device("one", gpu, ("float32",))) is expected
    (tmp_path / "cpuinfo").write_text("flags : fma avx2")
    assert gpu or memory.on_tiles(network, recipe, tmp_path) is (expected is TILED), "so the forecast takes it"


def test_where_there_is_no_code_for_the_processor_tensorflow_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formulations, "host", lambda: None)
    for key, expected in (("mlp", DENSE), ("deep_cnn", BLOCKED)):
        network = family(key).build(2)
        assert formulations.choose(network, Recipe("sgd", 0.1, 1), Device("one", False, ("float32",))) is expected
