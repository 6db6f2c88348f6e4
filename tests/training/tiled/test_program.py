"""Epochs on tiles: what does not change them, and what is refused. That they agree with Keras is in test_epoch."""

from __future__ import annotations

from threading import Thread
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from core.data.images import scaled
from core.errors import ArgumentError
from core.networks import tiles
from core.networks.layers import Array, BatchNormalization, Dense, Dropout, Flatten, Layer, Shape
from core.networks.line import Line
from core.networks.network import Network
from core.recipe import OPTIMIZERS, Recipe
from core.runs import memory
from core.training import formulations, program
from core.training.course import course
from core.training.formulations import DENSE, TILED
from core.training.program import Program
from core.training.tiled import kernels
from core.training.tiled import program as tiled
from core.training.tiled.host import Host, host
from core.training.tiled.plan import Plan

NARROW = Host(8, 16, "haswell")
pytestmark = pytest.mark.skipif(host() is None, reason="this processor has no AVX2")

MIXED = (
    "conv3(3, same, leaky) maxpool2 residual[separable3(3, same, swish) residual[conv3(3, same, nobias)] "
    "depthwise2(same, multiplier1, tanh)] avgpool3(stride2, same) conv2(4, stride2, gelu) globalmax dense(5, elu)"
)


def network_of(line: str, shape: Shape = (11, 10, 2), classes: int = 3) -> Network:
    return Network(shape, Line.of(line).layers(1, classes, dropout=False))


def images_of(shape: Shape, classes: int, count: int, seed: int = 0) -> Any:
    """Return bytes with labels that can be told from them, and all of them meant."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, count).astype(np.int32)
    kinds = np.random.default_rng(9).integers(0, 160, (classes, *shape))
    x = (kinds[y] + rng.integers(0, 90, (count, *shape))).astype(np.uint8)
    return x.reshape(count, -1), y, np.arange(count, dtype=np.int32)


def trained(
    made: Program, network: Network, images: Any, recipe: Recipe, seed: int = 5, epochs: int = 1
) -> tuple[list[Array], Any]:
    state, sums = made.begin(program.begin(network, 1)), ()
    for number in range(1, epochs + 1):
        state, sums = made.epoch(state, images, images, course(recipe, images, seed, number))
    return made.arrays(state), sums


def on_tiles(network: Network, recipe: Recipe, processor: Host | None = None, threads: int | None = None) -> Program:
    return tiled.build(network, recipe, TILED, processor, threads)


LATE = "flatten dense(67, nobias) dense(130) dense(65, nobias)"  # kernels that begin and end anywhere in a vector


@pytest.mark.parametrize("line", [MIXED + " dropout0.3", LATE])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_any_number_of_threads_gives_the_same_bits(optimizer: str, line: str) -> None:
    network, recipe = network_of(line), Recipe(optimizer, 0.01, 1, 50)
    images = images_of((11, 10, 2), 3, 333)
    first, sums = trained(on_tiles(network, recipe, threads=1), network, images, recipe)
    for threads in (2, 3, tiles.STREAMS, 40):
        other, also = trained(on_tiles(network, recipe, threads=threads), network, images, recipe)
        assert sums == also
        assert all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_tiles_of_eight_and_of_sixteen_agree() -> None:
    network, recipe = network_of(MIXED), Recipe("adam", 0.01, 1, 50)
    images = images_of((11, 10, 2), 3, 133)
    first, sums = trained(on_tiles(network, recipe, NARROW), network, images, recipe)
    other, also = trained(on_tiles(network, recipe), network, images, recipe)
    np.testing.assert_allclose(sums, also, rtol=1e-4)
    for a, b in zip(first, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-4)


@pytest.mark.parametrize("processor", [NARROW, None], ids=["AVX2", "own"])
@pytest.mark.parametrize(
    "line",
    [
        MIXED,
        LATE,
        "flatten dense(100) shared3[dense(100)] dense(33) dense(128)",
        "residual[relu] conv3(2) flatten",
        "conv1(2, tanh) residual[tanh] flatten residual[dense(220, linear)] sigmoid",
        "residual[conv3(2, same) residual[conv3(2, same)]] residual[conv1(2)] maxpool3(stride1) flatten",
        "conv5x2(3, stride3, same) depthwise1x3(multiplier2, linear) leaky globalavg",
        "avgpool3(stride1, same) separable2(3, multiplier2, gelu) maxpool5(stride4) flatten",
    ],
)
def test_a_step_is_tensorflows(line: str, processor: Host | None) -> None:
    network, recipe = network_of(line), Recipe("sgd", 1.0, 1, 64)
    images = images_of((11, 10, 2), 3, 61)
    expected, sums = trained(
        formulations.build(network, recipe, DENSE), network, [tf.constant(x) for x in images], recipe
    )
    got, also = trained(on_tiles(network, recipe, processor), network, images, recipe)
    np.testing.assert_allclose(also, sums, rtol=1e-4)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 2, 1), (3, 5, 1), (4, 4, 1), (5, 7, 3)])
@pytest.mark.parametrize("count", [1, 15, 16, 17])
def test_small_images_and_few_of_them(shape: Shape, count: int) -> None:
    network = network_of("conv1(3, same, tanh) flatten dense(4, tanh)", shape)
    recipe, images = Recipe("sgd", 0.5, 1, 128), images_of(shape, 3, count)
    expected, sums = trained(
        formulations.build(network, recipe, DENSE), network, [tf.constant(x) for x in images], recipe
    )
    got, also = trained(on_tiles(network, recipe), network, images, recipe)
    np.testing.assert_allclose(also, sums, rtol=1e-4)
    for a, b in zip(got, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-5)


@pytest.mark.parametrize("line", ["flatten dense(3)", "conv3(2, same) flatten", "conv3(2) flatten"])
def test_bytes_are_their_share_of_255(line: str) -> None:
    network, recipe = network_of(line), Recipe("sgd", 0.1, 1, 32)
    x, y, meant = images_of((11, 10, 2), 3, 100)
    of_bytes, sums = trained(on_tiles(network, recipe), network, (x, y, meant), recipe)
    of_floats, also = trained(on_tiles(network, recipe), network, (scaled(x), y, meant), recipe)
    assert sums == also
    assert all(np.array_equal(a, b) for a, b in zip(of_bytes, of_floats, strict=True))


def test_the_same_layer_again_is_written_once() -> None:
    def functions(line: str) -> int:
        text, *_ = kernels.text(network_of(line), Recipe("sgd", 0.1, 1), 1, 220, NARROW)
        return text.count("define internal")

    once = functions("conv3(2, same) conv3(2, same) conv3(2, same) flatten")
    assert functions("conv3(2, same) conv3(2, same) 9x[conv3(2, same)] flatten") == once


def test_dropout_zeroes_a_share_and_keeps_the_mean() -> None:
    network = Network((4, 5, 1), (Dropout(0.25), Flatten(), Dense(2, "softmax", bias=False)))
    recipe = Recipe("sgd", 1.0, 1, 2000)
    made = on_tiles(network, recipe)
    x, y = np.ones((2000, 20), np.float32), np.zeros(2000, np.int32)
    y[::2] = 1
    images = (x, y, np.arange(2000, dtype=np.int32))

    def moved(seed: int, number: int) -> Array:
        along = course(recipe, images, seed, number)
        state, _ = made.epoch(made.begin([np.zeros((20, 2), np.float32)]), images, images, along)
        (weights,) = made.arrays(state)
        return weights[:, 0]

    # with all weights zero every image of class 0 moves a weight by half of what dropout left of it
    kept = moved(1, 1)
    of_each = np.array([moved(seed, 1) for seed in range(40)])
    # 1,000 images of each class, whose parts differ by chance: the mean is zero, and the spread that of the kept share
    expected = np.sqrt(2000 * (1 / 0.75 - 1)) * 0.5 / 2000
    assert abs(of_each.mean()) < 4 * expected / np.sqrt(of_each.size)
    assert of_each.std() == pytest.approx(expected, rel=0.1)
    assert (kept == moved(1, 1)).all()
    assert (kept != moved(2, 1)).any() and (kept != moved(1, 2)).any()


def test_each_update_image_place_and_layer_has_noise_of_its_own() -> None:
    """A network that only drops out, and whose loss tells how much is left."""
    network = Network((8,), (Dropout(0.5), Dense(2, "softmax", bias=False)))
    recipe = Recipe("sgd", 1e-9, 1, 16)
    made = on_tiles(network, recipe)
    images = (np.ones((64, 8), np.float32), np.zeros(64, np.int32), np.arange(64, dtype=np.int32))
    weights = np.zeros((8, 2), np.float32)
    weights[:, 0] = 2.0 ** -np.arange(8)  # so that every choice of places has a sum of its own

    def sums(seed: int) -> Any:
        return made.epoch(made.begin([weights]), images, images, course(recipe, images, seed, 1))[1]

    assert len({sums(seed)[0] for seed in range(20)}) == 20
    exact = sums(1)[2]
    assert exact == pytest.approx(64 * np.log1p(np.exp(-weights[:, 0].sum())), rel=1e-5), "nothing is dropped in a test"


def test_nothing_is_left_of_how_small_numbers_are_taken() -> None:
    network = network_of("flatten dense(3)")
    trained(
        on_tiles(network, Recipe("sgd", 0.1, 1, 32)), network, images_of((11, 10, 2), 3, 50), Recipe("sgd", 0.1, 1, 32)
    )
    tiny = np.full(64, 1e-39, np.float32)
    assert (tiny * np.float32(1.5) > 0).all()


def test_numbers_too_small_to_be_normal_are_zero() -> None:
    network = Network((4,), (Dense(2, "softmax", bias=False),))
    made = on_tiles(network, Recipe("sgd", 1e-9, 1, 16))
    weights = np.array([[3e38, 0]] * 4, np.float32)
    for size, expected in ((1e-39, np.log(2)), (1e-37, 0)):  # a normal number has an exponent from -38 on
        images = (np.full((16, 4), size, np.float32), np.zeros(16, np.int32), np.arange(16, dtype=np.int32))
        loss, _ = made.evaluate(made.begin([weights]), images)
        assert loss / 16 == pytest.approx(expected, abs=1e-3)


def test_where_no_thread_can_be_started_one_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    network, recipe = network_of(LATE), Recipe("sgd", 0.1, 1, 50)
    images = images_of((11, 10, 2), 3, 133)
    expected, sums = trained(on_tiles(network, recipe, threads=3), network, images, recipe)
    start = Thread.start
    started: list[Thread] = []

    def refused(thread: Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    made = on_tiles(network, recipe, threads=3)
    with monkeypatch.context() as m:
        m.setattr(Thread, "start", refused)
        state, also = made.epoch(made.begin(program.begin(network, 1)), images, images, course(recipe, images, 5, 1))
    assert also == sums and started and not started[0].is_alive()
    assert all(np.array_equal(a, b) for a, b in zip(made.arrays(state), expected, strict=True))


def test_the_forecast_knows_what_a_tile_holds() -> None:
    for line in (MIXED, LATE, "conv5(7, same, gelu) 3x[residual[separable3(7, same, multiplier4)]] flatten dense(99)"):
        network = network_of(line, (32, 30, 3))
        held = Plan(network, NARROW).numbers
        assert 0.7 < tiles.held(network) * memory.FRAMES / held < 1.6


def test_what_diverges_is_told() -> None:
    network = network_of("flatten dense(8, linear)")
    recipe = Recipe("sgd", 10.0, 1, 8)
    made = on_tiles(network, recipe)
    x, y, meant = images_of((11, 10, 2), 3, 400)
    _, sums = trained(made, network, (scaled(x) * np.float32(1e6), y, meant), recipe, epochs=3)
    assert sums[4] == 0


def test_what_cannot_be_computed_is_refused() -> None:
    network = network_of("flatten dense(3)")
    with pytest.raises(ArgumentError, match="bfloat16"):
        on_tiles(network, Recipe("sgd", 0.1, 1, 32, precision="bfloat16"))
    with pytest.raises(ArgumentError, match="softmax"):
        on_tiles(Network((5,), (Dense(3),)), Recipe("sgd", 0.1, 1))
    normed = Network((5,), (BatchNormalization(), Dense(3, "softmax")))
    assert not formulations.takes(TILED, normed)
    made = on_tiles(normed, Recipe("sgd", 0.1, 1))
    with pytest.raises(ArgumentError, match="BatchNormalization"):
        made.compile(None, images_of((5,), 3, 9), images_of((5,), 3, 9))


def test_pixels_of_another_type_are_refused() -> None:
    made = on_tiles(network_of("flatten dense(3)"), Recipe("sgd", 0.1, 1, 32))
    x, y, meant = images_of((11, 10, 2), 3, 20)
    for kind in (np.int32, np.int8, np.float64, np.float16):
        with pytest.raises(ArgumentError, match=np.dtype(kind).name):
            made.compile(None, (x.astype(kind), y, meant), (x, y, meant))


@pytest.mark.parametrize(
    ("layers", "taken"),
    [
        ((Flatten(), Dense(3, "softmax")), True),
        ((Flatten(), BatchNormalization(), Dense(3, "softmax")), False),
    ],
)
def test_takes(layers: tuple[Layer, ...], taken: bool) -> None:
    assert formulations.takes(TILED, Network((4, 4, 1), layers)) is taken


def test_kernels_with_too_many_pixels_are_left_to_others() -> None:
    assert formulations.takes(TILED, network_of("conv7(2) globalavg"))
    assert not formulations.takes(TILED, network_of("conv8(2) globalavg"))
