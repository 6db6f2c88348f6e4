"""Random networks of every kind of layer against Keras: counts, shapes, predictions, source."""

from __future__ import annotations

import gc
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.export.keras_file import keras_model
from core.networks.layers import STATISTICS, Add, Shape
from core.networks.line import Line
from core.networks.network import Network
from tests.layer_kinds import kinds
from tests.networks import stacks

SHAPES: list[tuple[Shape, int]] = [((28, 28, 1), 10), ((13, 10, 3), 4), ((8, 9, 2), 7)]
EXAMPLES = 8  # of each of the three shapes for each of the 14 kinds: 336


def step_by_step(keras: Any, network: Network) -> tuple[Any, list[Any]]:
    """Return Keras's model that gives every layer's output, and its layer at each place, shared ones several times."""
    inputs = keras.Input(network.input_shape)
    passed: list[Any] = [inputs]
    at: list[Any] = []
    for index, layer in enumerate(network.layers):
        kind, given = layer.keras()
        same = [at[i] for i, x in enumerate(network.layers[:index]) if layer.tie and x.tie == layer.tie]
        at.append(same[0] if same else getattr(keras.layers, kind)(**given))
        entering = [passed[-1], passed[index - layer.over]] if isinstance(layer, Add) else passed[-1]
        passed.append(at[-1](entering))
    return keras.Model(inputs, passed[1:]), at


def sizes(arrays: Any) -> int:
    return sum(math.prod(x.shape) for x in arrays)


def check(keras: Any, network: Network) -> None:
    model, at = step_by_step(keras, network)
    rows, steps = network.summary(), list(network.steps())
    assert [x.output_shape for x in rows] == [tuple(x.shape[1:]) for x in model.outputs]
    first = {id(layer): place for place, layer in reversed(list(enumerate(at)))}
    for place, (row, layer) in enumerate(zip(rows, at, strict=True)):
        counted = place == first[id(layer)]
        assert row.parameters == (sizes(layer.trainable_weights) if counted else 0)
        assert row.statistics == (sizes(layer.non_trainable_weights) if counted else 0)
        assert steps[place].owner == first[id(layer)]
    assert network.parameters == sizes(model.trainable_weights)
    assert network.statistics == sizes(model.non_trainable_weights)
    kept = [name for name, _ in network.arrays if name in STATISTICS]
    assert len(kept) == len(model.non_trainable_weights)
    weights = stacks.weights_of(network)
    images = np.random.default_rng(2).random((3, *network.input_shape), np.float32)
    assert [x.shape for x in model.get_weights()] == list(network.weight_shapes)
    model.set_weights(weights)
    for ours, theirs in zip(network.activations(weights, images), model(images, training=False), strict=True):
        np.testing.assert_allclose(ours, np.asarray(theirs), rtol=1e-4, atol=1e-4)


def check_source(network: Network) -> None:
    made: dict[str, Any] = {}
    exec(compile(network.source(), "source", "exec"), made)  # its last line holds Keras's count against ours
    weights = stacks.weights_of(network)
    images = np.random.default_rng(3).random((3, *network.input_shape), np.float32)
    expected = network.predict(weights, images)
    for model in (made["model"], keras_model(network)):
        assert model.count_params() == network.parameters + network.statistics
        model.set_weights(weights)
        np.testing.assert_allclose(np.asarray(model(images, training=False)), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("kind", [*stacks.PARTS, *stacks.ENDS])
@pytest.mark.parametrize(("shape", "classes"), SHAPES, ids=["28x28x1", "13x10x3", "8x9x2"])
def test_counts_shapes_and_predictions_of_random_networks_are_keras_s(
    keras: Any, shape: Shape, classes: int, kind: str
) -> None:
    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(stacks.lines(shape, classes, kind), st.integers(0, 3))
    def tried(line: Line, turn: int) -> None:
        network = Network(shape, line.layers(1, classes, True))
        held = {x.kind for x in network.layers} | {"shared" for x in network.steps() if not x.own}
        assert kind in held
        keras.utils.clear_session()
        check(keras, network)
        if turn == 0:
            check_source(network)

    gc.freeze()  # Keras collects all garbage before each, and what other tests of a worker left would be searched too
    try:
        tried()
    finally:
        gc.unfreeze()


def test_every_kind_of_layer_is_tried() -> None:
    assert {*stacks.PARTS, *stacks.ENDS} == {x.__name__ for x in kinds()} | {"shared"}


@pytest.mark.parametrize(
    "text",
    [
        "conv3(4, linear) batchnorm relu residual[conv3(4, same, linear) batchnorm relu conv3(4, same, linear)] relu"
        " flatten",
        "conv3(3, same) residual[depthwise3(same) residual[conv1(3)] batchnorm] maxpool2 globalavg dense(5) batchnorm",
        "conv3(4, same, leaky) maxpool2 shared4[separable3(4, same, leaky) batchnorm] globalavg",
        "conv3(4, same) 3x[depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear) conv1(4, nobias)]"
        " conv1(classes, linear) globalavg softmax",
        "flatten dense(6) shared3[dense(6, tanh)] batchnorm",
    ],
)
def test_source_is_the_same_network(keras: Any, text: str) -> None:
    check_source(Network((12, 12, 3), Line.of(text).layers(1, 5, True)))
