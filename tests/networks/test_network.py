"""Networks against Keras: predictions on trained weights, every activation, and the generated source."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from core.errors import ArgumentError
from core.export.keras_file import keras_model
from core.networks.families import FAMILIES, family
from core.networks.layers import Array, Conv2D, Dense, Dropout, Flatten, MaxPooling2D, Shape
from core.networks.network import Network
from tests.conftest import WRITTEN, Article

# A small width at which each family learns something within seconds.
WIDTHS = {"mlp": 32, "pooled_mlp": 32, "cnn": 4, "deep_cnn": 4}


def odd(images: Array) -> Array:
    """Return digits as pictures of 25×27 in three different channels: every pooling meets odd sizes."""
    cut = images[:, 1:26, :27]
    return np.concatenate([cut, cut**2, np.roll(cut, 2, axis=1)], axis=-1)


def options(model: Any) -> list[dict[str, Any]]:
    """Return class and arguments of each layer, without the names Keras makes up."""
    found = [{"class": type(x).__name__, **x.get_config()} for x in model.layers]
    return [{k: v for k, v in x.items() if k != "name"} for x in found]


@pytest.mark.parametrize("pictures", ["digits", "odd"])
@pytest.mark.parametrize("key", WRITTEN)
def test_numpy_predicts_what_keras_predicts_after_training(
    keras: Any, article: Article, digits: tuple[Array, Array], key: str, pictures: str
) -> None:
    images, labels = digits
    dropout = pictures == "odd"
    if pictures == "odd":
        images = odd(images)
    shape = images.shape[1:]
    keras.utils.set_random_seed(0)
    model = article(key, WIDTHS[key], shape, dropout=dropout)
    model.compile(keras.optimizers.Adam(0.005), "sparse_categorical_crossentropy")
    model.fit(images[:4000], labels[:4000], batch_size=64, epochs=2, verbose=0)
    network = family(key).build(WIDTHS[key], shape, dropout=dropout)
    test = images[4000:4256]
    oracle = keras.Model(model.inputs[0], [x.output for x in model.layers])
    expected = [np.asarray(x) for x in oracle(test, training=False)]

    found = network.activations(model.get_weights(), test)

    # The weights are trained ones: they tell digits apart.
    assert (expected[-1].argmax(axis=1) == labels[4000:4256]).mean() > 0.6
    assert len(found) == len(expected) == len(network.layers)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4, strict=True)
    np.testing.assert_allclose(network.predict(model.get_weights(), test), expected[-1], rtol=0, atol=1e-4)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("key", WRITTEN)
def test_keras_model_is_the_one_written_by_hand(keras: Any, article: Article, key: str, dropout: bool) -> None:
    for shape, classes in (((28, 28, 1), 10), ((20, 24, 3), 7)):
        ours = keras_model(family(key).build(3, shape, classes, dropout))
        theirs = article(key, 3, shape, classes, dropout)
        assert ours.input_shape == theirs.input_shape
        assert options(ours) == options(theirs)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (20, 24, 1)])
@pytest.mark.parametrize("key", WRITTEN)
def test_source_builds_the_same_model(keras: Any, article: Article, key: str, shape: Shape, dropout: bool) -> None:
    for width in (1, 2, 16):
        network = family(key).build(width, shape, 10, dropout)
        namespace: dict[str, Any] = {}
        exec(compile(network.source(), "source", "exec"), namespace)
        model, theirs = namespace["model"], article(key, width, shape, 10, dropout)
        assert model.count_params() == theirs.count_params() == network.parameters
        assert options(model) == options(theirs)


def test_source_reads_like_a_person_wrote_it() -> None:
    assert family("deep_cnn").build(2, dropout=True).source() == (
        "import keras\n"
        "\n"
        "model = keras.Sequential(\n"
        "    [\n"
        "        keras.Input(shape=(28, 28, 1)),\n"
        "        keras.layers.Conv2D(filters=2, kernel_size=3, activation='relu'),\n"
        "        keras.layers.Conv2D(filters=2, kernel_size=3, activation='relu'),\n"
        "        keras.layers.MaxPooling2D(pool_size=2),\n"
        "        keras.layers.Dropout(rate=0.25),\n"
        "        keras.layers.Conv2D(filters=4, kernel_size=3, activation='relu'),\n"
        "        keras.layers.Conv2D(filters=4, kernel_size=3, activation='relu'),\n"
        "        keras.layers.MaxPooling2D(pool_size=2),\n"
        "        keras.layers.Dropout(rate=0.25),\n"
        "        keras.layers.Flatten(),\n"
        "        keras.layers.Dense(units=10, activation='softmax'),\n"
        "    ]\n"
        ")\n"
        "assert model.count_params() == 932\n"
    )


@pytest.mark.parametrize("key", WRITTEN)
def test_source_names_the_layers_in_order(article: Article, key: str) -> None:
    named = re.findall(r"keras\.layers\.(\w+)\(", family(key).build(5, dropout=True).source())
    assert named == [type(x).__name__ for x in article(key, 5, dropout=True).layers]


def test_summary_has_a_row_per_layer_and_adds_up() -> None:
    network = family("cnn").build(2)
    rows = network.summary()
    assert [(x.label, x.input_shape, x.output_shape, x.formula, x.parameters, x.multiply_adds) for x in rows] == [
        ("Conv 3×3", (28, 28, 1), (26, 26, 2), "(3·3·1 + 1)·2", 20, 26 * 26 * 2 * 9),
        ("Conv 3×3", (26, 26, 2), (24, 24, 4), "(3·3·2 + 1)·4", 76, 24 * 24 * 4 * 18),
        ("Max pool 2×2", (24, 24, 4), (12, 12, 4), "", 0, 0),
        ("Flatten", (12, 12, 4), (576,), "", 0, 0),
        ("Dense", (576,), (8,), "(576 + 1)·8", 4616, 4608),
        ("Dense", (8,), (10,), "(8 + 1)·10", 90, 80),
    ]
    assert [x.share for x in rows] == [x.parameters / 4802 for x in rows]
    assert network.output_shape == (10,)
    assert network.parameters == 4802
    assert network.float32_bytes == 4 * 4802
    assert network.multiply_adds == sum(x.multiply_adds for x in rows)
    assert network.weight_shapes == ((3, 3, 1, 2), (2,), (3, 3, 2, 4), (4,), (576, 8), (8,), (8, 10), (10,))


def test_a_network_without_weights_has_no_shares() -> None:
    assert [x.share for x in Network((4, 4, 1), (MaxPooling2D(), Flatten())).summary()] == [0.0, 0.0]


def test_equal_networks_are_equal_and_can_be_keys() -> None:
    assert family("cnn").build(4) == family("cnn").build(4)
    assert len({family("cnn").build(n) for n in (4, 4, 5)}) == 2
    assert family("cnn").build(4) != family("cnn").build(4, dropout=True)


@pytest.mark.parametrize("key", FAMILIES)
def test_an_empty_batch_gives_empty_predictions(key: str) -> None:
    network = family(key).build(2)
    weights = [np.zeros(s, np.float32) for s in network.weight_shapes]
    assert network.predict(weights, np.zeros((0, 28, 28, 1), np.float32)).shape == (0, 10)


def test_layers_that_do_not_fit_together_are_refused() -> None:
    with pytest.raises(ArgumentError) as error:
        Network((6, 6, 1), (Conv2D(2), MaxPooling2D(), Dropout(0.5), Conv2D(2)))
    assert str(error.value).startswith("Conv 3×3 ") and str(error.value).endswith(" 2×2.")
    with pytest.raises(ArgumentError) as error:
        Network((6, 6, 1), (Dense(2),))
    said = str(error.value)
    assert said.startswith("Dense ") and "(6, 6, 1)" in said and "Flatten" in said


def test_weights_and_images_of_another_network_are_refused() -> None:
    network = Network((4, 4, 1), (Flatten(), Dense(3, "softmax")))
    kernel, bias = np.zeros((16, 3)), np.zeros(3)
    images = np.zeros((2, 4, 4, 1))
    assert network.predict([kernel, bias], images).shape == (2, 3)
    for weights in ([kernel], [bias, kernel], [kernel, bias, bias], [kernel.T, bias], []):
        with pytest.raises(ArgumentError) as error:
            network.predict(weights, images)
        said = str(error.value)
        assert " weights " in said and " [(16, 3), (3,)]. " in said and said.endswith(f" {[w.shape for w in weights]}.")
    for wrong in (images[0], images[..., 0], images[:, :3], np.zeros((2, 4, 4, 3))):
        with pytest.raises(ArgumentError) as error:
            network.predict([kernel, bias], wrong)
        said = str(error.value)
        assert " images " in said and "(4, 4, 1)" in said and said.endswith(f" {wrong.shape}.")
