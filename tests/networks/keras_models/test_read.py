"""Somebody's own Keras models as lines, with Keras as the oracle."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ArgumentError
from core.networks.keras_models.read import from_config, read
from core.networks.layers import Array
from tests.keras_configs import CONV, FLAT, FLATTEN, HEAD, LAST, RELU, SAME, built, dense, graph, line, model

# Keras's own, as it saves
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def lenet5(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(6, 5, padding="same", activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Conv2D(16, 5, activation="tanh"),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(120, activation="tanh"),
            layers.Dense(84, activation="tanh"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def vgg(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((20, 24, 3)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.Conv2D(16, 3, padding="same"),
            layers.ReLU(),
            layers.MaxPooling2D(2, 2),
            layers.Dropout(0.25),
            layers.Conv2D(32, (3, 1), padding="same", use_bias=False, activation="gelu"),
            layers.Conv2D(32, 3, strides=2, activation="silu"),
            layers.MaxPooling2D(3, strides=2, padding="same"),
            layers.Flatten(),
            layers.Dropout(0.0),
            layers.Dense(64, activation="elu"),
            layers.Dense(7),
            layers.Softmax(),
        ]
    )


def separable(keras: Any) -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.SeparableConv2D(12, 3, activation="leaky_relu", depth_multiplier=2),
            layers.DepthwiseConv2D((1, 3), depth_multiplier=2, use_bias=False),
            layers.LeakyReLU(negative_slope=0.2),
            layers.SeparableConv2D(20, 3, strides=2, padding="same", use_bias=False),
            layers.Activation("sigmoid"),
            layers.SeparableConv2D(10, 3),
            layers.GlobalMaxPooling2D(),
            layers.Activation("softmax"),
        ]
    )


def residual(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, use_bias=False)(inputs)
    x = layers.BatchNormalization()(x)
    x = layers.ReLU()(x)
    x = layers.MaxPooling2D(3)(x)
    for _ in range(2):
        outer = x
        x = layers.Conv2D(16, 3, padding="same")(x)
        x = layers.BatchNormalization()(x)
        inner = x
        x = layers.Activation("relu")(x)
        x = layers.Conv2D(16, 3, padding="same")(x)
        x = layers.add([inner, x])
        x = layers.Conv2D(16, 1)(x)
        x = layers.Activation("relu")(layers.Add()([x, outer]))
    x = x + layers.DepthwiseConv2D(3, padding="same", activation="relu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x))


def shared(keras: Any) -> Any:
    layers = keras.layers
    inputs = keras.Input((12, 12, 2))
    conv, norm, relu = layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization(), layers.ReLU()
    x = layers.Conv2D(8, 1)(inputs)
    for _ in range(3):
        x = relu(norm(conv(x)))
    x = layers.Flatten()(layers.MaxPooling2D(4)(x))
    dense = layers.Dense(72, activation="tanh")
    x = dense(dense(x))
    return keras.Model(inputs, layers.Dense(4, activation="softmax")(x))


def nested(keras: Any) -> Any:
    layers = keras.layers
    block = keras.Sequential([keras.Input((None, None, 8)), layers.Conv2D(8, 3, padding="same"), layers.ReLU()])
    deeper = keras.Sequential([keras.Input((14, 14, 8)), block, layers.BatchNormalization(), layers.MaxPooling2D(2)])
    entry = keras.Input((7, 7, 8))
    graph = keras.Model(entry, layers.Add()([entry, layers.Conv2D(8, 1)(entry)]))
    inputs = keras.Input((14, 14, 1))
    x = layers.Conv2D(8, 3, padding="same")(inputs)
    x = graph(deeper(x))
    head = keras.Sequential([keras.Input((7, 7, 8)), layers.Flatten(), layers.Dense(5, activation="softmax")])
    return keras.Model(inputs, head(graph(x)))


MODELS: dict[Callable[[Any], Any], tuple[int, str]] = {
    lenet5: (
        120,
        "conv5(6n/120, same, tanh) avgpool2 conv5(16n/120, tanh) avgpool2 flatten dense(120n/120, tanh) "
        "dense(84n/120, tanh)",
    ),
    vgg: (
        16,
        "conv3(n, same) conv3(n, same) maxpool2 dropout0.25 conv3x1(2n, same, nobias, gelu) conv3(2n, stride2, swish) "
        "maxpool3(same, stride2) flatten dense(4n, elu)",
    ),
    separable: (
        20,
        "separable3(12n/20, multiplier2, leaky) depthwise1x3(multiplier2, nobias, leaky) "
        "separable3(20n/20, same, stride2, nobias, sigmoid) separable3(classes, linear) globalmax softmax",
    ),
    residual: (
        16,
        "conv3(n, nobias, linear) batchnorm relu maxpool3 "
        + 2
        * (
            "residual[conv3(n, same, linear) batchnorm residual[relu conv3(n, same, linear)] conv1(n, linear)] relu "
        )
        + "residual[depthwise3(same)] globalavg",
    ),
    shared: (
        8,
        "conv1(n, linear) " + 3 * "conv3(n, same, as a, linear) batchnorm(as b) relu " + "maxpool4 flatten "
        "dense(9n, as c, tanh) dense(9n, as c, tanh)",
    ),
    nested: (
        8,
        "conv3(n, same, linear) conv3(n, same) batchnorm maxpool2 "
        "residual[conv1(n, as a, linear)] residual[conv1(n, as a, linear)] flatten",
    ),
}  # fmt: skip


def with_any_weights(model: Any) -> list[Array]:
    """Give every array of a model other numbers, those that must be positive too, and return them."""
    random = np.random.default_rng(0)
    found = [random.uniform(0.1, 0.5, x.shape).astype(np.float32) * random.choice([-1, 1]) for x in model.get_weights()]
    named = [abs(x) if "variance" in y.path else x for x, y in zip(found, model.weights, strict=True)]
    model.set_weights(named)
    return named


def weighted(model: Any) -> Iterator[Any]:
    """Yield the layers that have weights, those of models within it too."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from weighted(layer)
        elif layer.weights:
            yield layer


@pytest.mark.parametrize("make", MODELS)
def test_a_model_of_keras_is_the_line_that_predicts_what_it_does(
    keras: Any, tmp_path: Path, make: Callable[[Any], Any]
) -> None:
    model = make(keras)
    arrays = with_any_weights(model)
    width, line = MODELS[make]
    model.save(tmp_path / "model.keras")
    (tmp_path / "model.json").write_text(model.to_json())

    imported = read(tmp_path / "model.keras")
    network = built(imported)

    assert (imported.width, str(imported.line)) == (width, line)
    assert read(tmp_path / "model.json") == imported
    assert imported.input_shape == model.input_shape[1:]
    assert imported.classes == model.output_shape[-1]
    assert network.parameters == sum(math.prod(x.shape) for x in model.trainable_weights)
    assert network.statistics == sum(math.prod(x.shape) for x in model.non_trainable_weights)
    assert network.weight_shapes == tuple(x.shape for x in arrays)
    images = np.random.default_rng(1).random((5, *imported.input_shape), dtype=np.float32)
    expected = model.predict(images, verbose=0)
    assert np.ptp(expected, axis=1).min() > 1e-3
    np.testing.assert_allclose(network.predict(arrays, images), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("make", [lenet5, vgg, separable, residual])
def test_what_leaves_each_layer_with_weights_has_the_shape_it_has_in_keras(
    keras: Any, make: Callable[[Any], Any]
) -> None:
    model = make(keras)
    network = built(from_config(json.loads(model.to_json())))
    assert [x.leaving for x in network.steps() if x.named] == [x.output.shape[1:] for x in weighted(model)]


@pytest.mark.parametrize("make", MODELS)
def test_what_is_read_can_be_made_thinner(keras: Any, make: Callable[[Any], Any]) -> None:
    imported = from_config(json.loads(make(keras).to_json()))
    counts = [built(imported, n).parameters for n in range(1, imported.width + 1)]
    assert len(counts) >= 8
    assert all(np.diff(counts) > 0)


def test_what_is_trained_otherwise_is_noted_once_for_all_layers(keras: Any) -> None:
    layers = keras.layers
    plain = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(2, "softmax")]
    )
    assert from_config(json.loads(plain.to_json())).notes == ()
    many = [
        x
        for rate in range(6)
        for x in (
            layers.Conv2D(9, 3, padding="same", kernel_regularizer="l2", kernel_initializer="he_normal"),
            layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
            layers.LeakyReLU(0.1 * rate, name=f"leaky_{rate}"),
        )
    ]
    frozen = layers.Conv2D(3, 1, kernel_constraint="max_norm")
    frozen.trainable = False
    model = keras.Sequential(
        [keras.Input((8, 8, 1)), layers.Rescaling(1 / 255), *many, frozen, layers.Flatten(), layers.Dense(3)]
    )
    imported = from_config(json.loads(model.to_json()))
    network = built(imported)
    assert network.parameters + network.statistics == model.count_params()
    assert len(imported.notes) == 9
    slope = next(x for x in imported.notes if "slope" in x)
    assert "0.3" in slope and "'leaky_1'" in slope and "'leaky_2'" not in slope and " 2 more" in slope
    assert all(x.endswith(".") and "\n" not in x and len(x) < 200 for x in imported.notes)
    assert any("0.9:" in x for x in imported.notes) and any("1e-05" in x for x in imported.notes)


def test_a_shared_layer_with_an_activation_behind_one_of_its_uses_is_everywhere_the_same() -> None:
    shared = graph(
        ("one", "Conv2D", CONV, ["image"]), ("two", "Conv2D", SAME, ["one", "relu"]), ("relu", "ReLU", {}, ["two"]),
        (*FLAT, ["two:1"]), (*LAST, ["flat"]),
    )  # fmt: skip
    assert line(shared) == "conv3(n, linear) conv3(n, same, as a, linear) relu conv3(n, same, as a, linear) flatten"


def test_an_activation_is_the_layers_own_only_where_that_is_the_same() -> None:
    assert line(model(("Conv2D", CONV), RELU, FLATTEN, HEAD)) == "conv3(n) flatten"
    assert line(model(("Conv2D", CONV), ("BatchNormalization", {}), RELU, FLATTEN, HEAD)) == (
        "conv3(n, linear) batchnorm relu flatten"
    )
    assert line(model(("Conv2D", CONV | {"activation": "relu"}), ("ELU", {}), FLATTEN, HEAD)) == "conv3(n) elu flatten"
    assert line(model(("Conv2D", CONV), ("Dropout", {"rate": 0}), ("Activation", {"activation": "linear"}), RELU,
                      FLATTEN, HEAD)) == "conv3(n) flatten"  # fmt: skip
    assert line(model(("Conv2D", CONV), ("Dropout", {"rate": 1 / 3}), RELU, FLATTEN, HEAD)) == (
        "conv3(n, linear) dropout0.333333 relu flatten"
    )
    read_before = graph(
        ("one", "Conv2D", CONV, ["image"]), ("relu", "ReLU", {}, ["one"]), ("two", "Conv2D", SAME, ["relu"]),
        ("add", "Add", {}, ["two one"]), (*FLAT, ["add"]), (*LAST, ["flat"]),
    )  # fmt: skip
    assert line(read_before) == "conv3(n, linear) residual[relu conv3(n, same, linear)] flatten"
    leaky = {"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}
    imported = from_config(model(("Conv2D", CONV | {"activation": leaky}), FLATTEN, HEAD))
    assert str(imported.line) == "conv3(n, leaky) flatten" and "0.1" in imported.notes[0]


def test_images_without_channels_are_read_where_they_are_flattened_first() -> None:
    imported = from_config(model(FLATTEN, *dense(128), HEAD, shape=[None, 28, 28]))
    assert (imported.input_shape, str(imported.line), imported.width) == ((28, 28, 1), "flatten dense(n)", 128)
    with pytest.raises(ArgumentError):
        from_config(model(("BatchNormalization", {}), FLATTEN, HEAD, shape=[None, 28, 28]))


def test_a_layer_in_two_models_of_one_file_is_shared(keras: Any, tmp_path: Path) -> None:
    conv = keras.layers.Conv2D(8, 3, padding="same")
    inner = keras.Sequential([keras.Input((28, 28, 8)), conv])
    inputs = keras.Input((28, 28, 8))
    outputs = keras.layers.Dense(3, activation="softmax")(keras.layers.Flatten()(inner(conv(inputs))))
    mine = keras.Model(inputs, outputs)
    mine.save(tmp_path / "model.keras")
    assert built(read(tmp_path / "model.keras")).parameters == mine.count_params()
    # Keras itself loses it in JSON
    again = keras.models.model_from_json(mine.to_json())
    assert built(from_config(json.loads(mine.to_json()))).parameters == again.count_params()
