"""Every kind of layer has all that the product needs of it; what one lacks is named."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from core.charts import pixels
from core.errors import ArgumentError
from core.networks.layers import (
    ACTIVATIONS,
    Activation,
    Add,
    Array,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
    SeparableConv2D,
    Shape,
)
from core.networks.network import Network
from core.recipe import Recipe
from core.training import formulations, forward, program
from core.training.course import course
from core.training.formulations import BLOCKED, DENSE, KERNELS, TILED
from core.training.program import Formulation
from core.training.tiled.host import host
from tests.layer_kinds import kinds

IMAGE = (7, 6, 2)


def pooled(kind: Callable[..., Layer]) -> list[Layer]:
    """Return poolings of a kind with every option."""
    return [
        kind(), kind(3), kind(2, same=True), kind(3, 2), kind(3, 2, True), kind((3, 2), 2), kind((2, 3), 1, True),
        kind(2, 3), kind(3, 1),
    ]  # fmt: skip


# Layers of each kind, with each option, and what they may be given. A kind that is not here fails by its name.
EXAMPLES: dict[type[Layer], list[tuple[Layer, Shape]]] = {
    Conv2D: [
        (Conv2D(3), IMAGE),
        (Conv2D(3, same=True), IMAGE),
        (Conv2D(3, 5, same=True, bias=False), IMAGE),
        (Conv2D(3, 1), IMAGE),
        (Conv2D(3, 1, stride=2), IMAGE),
        (Conv2D(3, 2), IMAGE),
        (Conv2D(3, 4, "tanh", same=True), IMAGE),
        (Conv2D(3, (3, 1)), IMAGE),
        (Conv2D(3, (2, 5), same=True, stride=2, bias=False), IMAGE),
        (Conv2D(3, 3, stride=2), IMAGE),
        (Conv2D(3, 3, same=True, stride=3), IMAGE),
    ],
    DepthwiseConv2D: [
        (DepthwiseConv2D(), IMAGE),
        (DepthwiseConv2D(same=True, bias=False), IMAGE),
        (DepthwiseConv2D((3, 1), "linear"), IMAGE),
        (DepthwiseConv2D((2, 4), same=True, multiplier=3), IMAGE),
        (DepthwiseConv2D(3, stride=2, multiplier=2, bias=False), IMAGE),
        (DepthwiseConv2D(3, same=True, stride=2), IMAGE),
    ],
    SeparableConv2D: [
        (SeparableConv2D(3), IMAGE),
        (SeparableConv2D(3, same=True, bias=False), IMAGE),
        (SeparableConv2D(3, (1, 3), "leaky", multiplier=2), IMAGE),
        (SeparableConv2D(3, 4, same=True, stride=2, multiplier=2), IMAGE),
        (SeparableConv2D(3, 2, stride=2), IMAGE),
    ],
    MaxPooling2D: [(x, IMAGE) for x in pooled(MaxPooling2D)],
    AveragePooling2D: [(x, IMAGE) for x in pooled(AveragePooling2D)],
    GlobalAveragePooling2D: [(GlobalAveragePooling2D(), IMAGE)],
    GlobalMaxPooling2D: [(GlobalMaxPooling2D(), IMAGE)],
    BatchNormalization: [(BatchNormalization(), IMAGE), (BatchNormalization(), (8,))],
    Activation: [(Activation("leaky"), IMAGE), (Activation("tanh"), (8,))],
    Flatten: [(Flatten(), (3, 4, 2)), (Flatten(), (8,))],
    Dense: [(Dense(5), (8,)), (Dense(5, "sigmoid", bias=False), (8,))],
    Dropout: [(Dropout(0.5), (6, 6, 2)), (Dropout(0.5), (8,))],
    Add: [(Add(1), IMAGE), (Add(1), (8,))],
}


def network_of(layer: Layer, shape: Shape) -> Network:
    """Return a network that can be trained with the layer in its midst."""
    inner = (Activation("tanh"), layer) if isinstance(layer, Add) else (layer,)
    ends = () if len(layer.output_shape(shape)) == 1 else (Flatten(),)
    return Network(shape, (*inner, *ends, Dense(3, "softmax")))


def some_weights(network: Network) -> list[Array]:
    rng = np.random.default_rng(1)
    drawn = [(name, rng.normal(0, 0.5, shape).astype(np.float32)) for name, shape in network.arrays]
    return [abs(x) + np.float32(0.1) if name == "moving_variance" else x for name, x in drawn]


def probabilities(network: Network, weights: list[Array], images: Array, form: Formulation) -> Array:
    rows = tf.constant(images.reshape(len(images), -1))
    placed = forward.pictures(network.input_shape, form, rows)
    logits, _ = forward.logits(form, network, "float32", [tf.constant(x) for x in weights], placed, None)
    return np.asarray(tf.nn.softmax(logits))


def begins_otherwise(network: Network, model: Any) -> bool:
    """Return whether fresh weights differ in kind from Keras's: constants are the same, others of the same spread."""
    try:
        fresh = program.begin(network, 0)
    except ArgumentError:
        return True
    for mine, theirs in zip(fresh, model.get_weights(), strict=True):
        constant = np.ptp(theirs) == 0
        if not np.array_equal(mine, theirs) if constant else not 0.3 < np.std(mine) / np.std(theirs) < 3:
            return True
    return False


def lacking(layer: Layer, shape: Shape, keras: Any) -> list[str]:
    """Return what a layer lacks, or has otherwise than Keras."""
    keras.utils.set_random_seed(0)  # an example has so few weights that their spread is not always near what it should
    network = network_of(layer, shape)
    weights, images = some_weights(network), np.random.default_rng(2).normal(size=(4, *shape)).astype(np.float32)
    found = []
    name, arguments = layer.keras()
    if not hasattr(keras.layers, name):
        return [f"no Keras layer {name}"]
    oracle, given = getattr(keras.layers, name)(**arguments), keras.Input(shape)
    left = oracle([given, given] if isinstance(layer, Add) else given)
    trained = sum(math.prod(x.shape) for x in oracle.trainable_weights)
    if (layer.parameters(shape), layer.statistics(shape)) != (trained, oracle.count_params() - trained):
        found.append("count")
    if layer.output_shape(shape) != left.shape[1:]:
        found.append("shape")
    made: dict[str, Any] = {}
    exec(network.source(), made)
    model = made["model"]
    if [x.shape for x in model.get_weights()] != list(network.weight_shapes):
        return [*found, "Keras source: other weights"]
    if begins_otherwise(network, model):
        found.append("initial weights")
    model.set_weights(weights)
    expected = model.predict(images, verbose=0)
    if not np.allclose(network.predict(weights, images), expected, atol=1e-5):
        found.append("NumPy forward pass")
    if not formulations.takes(DENSE, network):
        found.append("TensorFlow forward pass, images first")
    if not formulations.takes(BLOCKED, network):
        found.append("TensorFlow forward pass, blocks")
    for form in (DENSE, KERNELS, BLOCKED):
        try:
            if not np.allclose(probabilities(network, weights, images, form), expected, atol=1e-5):
                found.append(f"the logits of {form.name}")
        except ArgumentError:  # refused, and named above
            assert not formulations.takes(form, network)
    try:
        drawn = pixels.grids(network, weights)
        if sum(x.count for x in drawn) != network.parameters:
            found.append("a picture of every weight")
    except ArgumentError:
        found.append("picture of its weights")
    return found


@pytest.mark.parametrize(
    ("layer", "shape"), [x for examples in EXAMPLES.values() for x in examples], ids=lambda x: str(x).replace(" ", "")
)
def test_every_layer_trains_on_tiles_as_with_tensorflow_or_says_that_it_does_not(layer: Layer, shape: Shape) -> None:
    entered: Layer = Conv2D(shape[-1], 3, "tanh", same=True) if len(shape) == 3 else Dense(shape[0], "tanh")
    network = Network(shape, (entered, *network_of(layer, shape).layers))  # so that a gradient goes back through it
    if not formulations.takes(TILED, network):
        assert isinstance(layer, BatchNormalization) or host() is None
        return
    if isinstance(layer, Dropout):  # whose random numbers are its own; see tests/training/tiled
        return
    rng = np.random.default_rng(2)
    x = rng.normal(size=(21, math.prod(shape))).astype(np.float32)
    images = (x, rng.integers(0, 3, 21).astype(np.int32), np.arange(21, dtype=np.int32))
    after = []
    for form in (TILED, DENSE):
        recipe = Recipe("sgd", 1.0, 1, 21)
        made = formulations.build(network, recipe, form)
        state, sums = made.epoch(made.begin(some_weights(network)), images, images, course(recipe, images, 1, 1))
        after.append([*made.arrays(state), np.array([float(x) for x in sums])])
    for mine, theirs in zip(*after, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-5)


def test_every_kind_of_layer_has_an_example() -> None:
    assert {x.__name__ for x in kinds()} == {x.__name__ for x in EXAMPLES}


@pytest.mark.parametrize(
    ("layer", "shape"), [x for examples in EXAMPLES.values() for x in examples], ids=lambda x: str(x).replace(" ", "")
)
def test_every_layer_has_all_that_it_needs(layer: Layer, shape: Shape, keras: Any) -> None:
    assert lacking(layer, shape, keras) == []


@dataclass(frozen=True, slots=True)
class Stretched(Layer):
    """A kind that somebody began: it counts and predicts, and nothing else knows it."""

    kind: ClassVar[str] = "PReLU"

    def weight_shapes(self, input_shape: Shape) -> tuple[tuple[str, Shape], ...]:
        return (("alpha", input_shape),)

    def keras(self) -> tuple[str, dict[str, Any]]:
        return self.kind, {}

    def forward(self, x: Array, weights: list[Array]) -> Array:
        return np.where(x > 0, x, weights[0] * x)


def test_what_a_new_kind_lacks_is_named(keras: Any) -> None:
    assert lacking(Stretched(), (4, 4, 2), keras) == [
        "initial weights",
        "TensorFlow forward pass, images first",
        "TensorFlow forward pass, blocks",
        "picture of its weights",
    ]


@pytest.mark.parametrize("form", [DENSE, KERNELS, BLOCKED], ids=lambda x: x.name)
def test_a_network_with_an_unknown_layer_is_refused_and_never_trained_without_it(
    form: Formulation,
) -> None:
    network = network_of(Stretched(), (4, 4, 2))
    with pytest.raises(ArgumentError, match="PReLU"):
        probabilities(network, some_weights(network), np.zeros((2, 4, 4, 2), np.float32), form)


@pytest.mark.parametrize("form", [DENSE, KERNELS, BLOCKED], ids=lambda x: x.name)
@pytest.mark.parametrize(
    "layers",
    [
        (Dense(4, "softmax"), Dense(3, "softmax")),
        (Dense(3),),
        (Dense(3, "linear"),),
        (Dense(3, "softmax"), Dropout(0.5)),
    ],
    ids=["two", "none", "linear", "before the last"],
)
def test_only_a_softmax_at_the_end_is_trained(form: Formulation, layers: tuple[Layer, ...]) -> None:
    network = Network((5,), layers)
    with pytest.raises(ArgumentError, match="softmax"):
        probabilities(network, some_weights(network), np.zeros((2, 5), np.float32), form)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
@pytest.mark.parametrize(
    "make",
    [
        lambda x: (Dense(5, x), (8,)),
        lambda x: (Conv2D(3, 3, x), IMAGE),
        lambda x: (SeparableConv2D(3, 3, x), IMAGE),
        lambda x: (DepthwiseConv2D(3, x), IMAGE),
        lambda x: (Activation(x), IMAGE),
    ],
    ids=["dense", "conv", "separable", "depthwise", "alone"],
)
def test_every_activation_has_all_that_it_needs(
    make: Callable[[str], tuple[Layer, Shape]], activation: str, keras: Any
) -> None:
    assert lacking(*make(activation), keras) == []


@pytest.mark.parametrize("form", [DENSE, KERNELS, BLOCKED], ids=lambda x: x.name)
def test_an_activation_that_only_numpy_has_is_refused(form: Formulation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "sine", np.sin)
    network = network_of(Dense(5, "sine"), (8,))
    with pytest.raises(ArgumentError, match="sine"):
        probabilities(network, some_weights(network), np.zeros((2, 8), np.float32), form)


def test_an_unknown_activation_is_refused() -> None:
    for make in (lambda: Dense(3, "tanhh"), lambda: Conv2D(3, 3, "tanhh"), lambda: Activation("tanhh")):
        with pytest.raises(ArgumentError, match="tanhh"):
            make()


def test_a_kind_without_a_keras_layer_or_a_forward_pass_cannot_be_made() -> None:
    @dataclass(frozen=True, slots=True)
    class Begun(Layer):
        kind: ClassVar[str] = "Begun"

    with pytest.raises(TypeError, match=r"forward.*keras|keras.*forward"):
        Begun()  # type: ignore[abstract]


def test_what_bounds_a_batch_is_what_a_layer_holds() -> None:
    assert Conv2D(3, 5).numbers((9, 8, 2)) == 5 * 4 * 25 * 2
    assert Dense(3).numbers((12,)) == math.prod((12,))
