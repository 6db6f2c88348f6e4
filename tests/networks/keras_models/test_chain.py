"""Models of both forms of the file as chains: graphs, models within models, how layers are called."""

from __future__ import annotations

import pytest

from core.errors import ArgumentError
from core.networks.keras_models.read import from_config
from tests.keras_configs import (
    BATCHNORM,
    CONV,
    FLAT,
    FLATTEN,
    HEAD,
    LAST,
    OLD_CONV,
    SAME,
    Config,
    graph,
    layer,
    line,
    model,
    sentence,
)


@pytest.mark.parametrize("listed", [True, False])
def test_a_sequential_of_keras_2_is_read(listed: bool) -> None:
    layers = [
        {"class_name": "Conv2D", "config": {"name": "conv2d", "trainable": True, "dtype": "float32"} | OLD_CONV},
        {"class_name": "LeakyReLU", "config": {"name": "leaky", "alpha": 0.20000000298023224}},
        {
            "class_name": "BatchNormalization",
            "config": {"name": "norm", "axis": [3], "momentum": 0.99, "epsilon": 1e-3},
        },
        {"class_name": "MaxPooling2D", "config": {"name": "pool", "pool_size": [2, 2], "strides": None}},
        {"class_name": "Flatten", "config": {"name": "flat", "data_format": "channels_last"}},
        {"class_name": "Dense", "config": {"name": "dense", "units": 10, "activation": "softmax", "use_bias": True}},
    ]
    inner = layers if listed else {"name": "sequential_1", "layers": layers}
    imported = from_config({"class_name": "Sequential", "config": inner, "keras_version": "2.2.4", "backend": "x"})
    assert str(imported.line) == "conv3(n) leaky batchnorm maxpool2 flatten"
    assert (imported.input_shape, imported.classes, imported.width, imported.notes) == ((28, 28, 1), 10, 8, ())


@pytest.mark.parametrize("old", [False, True])
def test_graphs_of_both_forms_are_read(old: bool) -> None:
    inner = {"layers": [layer("Conv2D", SAME), layer("ReLU", {})]}
    start = 1 if old else 0  # Keras 2 counts the uses of a model within a model from 1
    config = graph(
        ("one", "Conv2D", CONV, ["image"]),
        ("two", "Conv2D", SAME, ["one", "two"]),
        ("add", "Add", {}, ["one two:1"]),
        ("inner", "Sequential", inner, ["add", f"inner:{start}"]),
        ("sum", "Add", {}, [f"inner:{start + 1} add"]),
        ("flat", "Flatten", {}, ["sum"]),
        ("last", *HEAD, ["flat"]),
        old=old,
    )
    assert line(config) == (
        "conv3(n, linear) residual[conv3(n, same, as a, linear) conv3(n, same, as a, linear)] "
        "residual[conv3(n, same, as b) conv3(n, same, as b)] flatten"
    )


@pytest.mark.parametrize("output", [0, 1, 2])
def test_a_model_within_a_model_may_come_last_whatever_its_use_is_called(output: int) -> None:
    config = graph(("flat", "Flatten", {}, ["image"]), ("head", "Sequential", {"layers": [layer(*HEAD)]}, ["flat"]))
    config["config"]["output_layers"] = ["head", output, 0]
    assert line(config) == "flatten"


def test_how_a_layer_is_called_is_noted_or_refused() -> None:
    for training, old in ((False, False), (False, True), (True, False), (True, True)):
        config = graph((BATCHNORM, BATCHNORM, {}, ["image"]), (*FLAT, [BATCHNORM]), (*LAST, ["flat"]), old=old)
        node = config["config"]["layers"][1]["inbound_nodes"][0]
        (node[0][3] if old else node["kwargs"])["training"] = training
        if training:
            with pytest.raises(ArgumentError, match="training=True"):
                from_config(config)
        else:
            assert "training=False" in from_config(config).notes[0]


def test_models_within_models_end() -> None:
    inner: Config = {"layers": [layer("ReLU", {})]}
    for depth in range(40):
        inner = {"layers": [layer("Sequential", inner, f"a{depth}"), layer("Sequential", inner, f"b{depth}")]}
    with pytest.raises(ArgumentError) as error:
        from_config(model(("Sequential", inner), FLATTEN, HEAD))
    assert "64 layers" in sentence(error.value)
    deep: Config = {}
    for _ in range(100_000):
        deep = {"layers": [{"class_name": "Sequential", "config": deep}]}
    with pytest.raises(ArgumentError) as error:
        from_config({"class_name": "Sequential", "config": deep})
    sentence(error.value)
