"""Every kind of layer has all that the product needs of it; what one lacks is named."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pytest
import tensorflow as tf

from core.charts import pixels
from core.errors import ArgumentError
from core.networks.layers import ACTIVATIONS, Array, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.networks.network import Network
from core.training import epoch, forward
from core.training.forward import BLOCKED, DENSE, KERNELS

# A layer of each kind, and what it may be given. A kind that is not here fails by its name.
EXAMPLES: dict[type[Layer], tuple[Layer, Shape]] = {
    Conv2D: (Conv2D(3), (7, 6, 2)),
    MaxPooling2D: (MaxPooling2D(), (7, 6, 2)),
    Flatten: (Flatten(), (3, 4, 2)),
    Dense: (Dense(5), (8,)),
    Dropout: (Dropout(0.5), (6, 6, 2)),
}


def kinds(of: type[Layer] = Layer) -> list[type[Layer]]:
    """Return every kind of layer that the product has."""
    found = [x for kind in of.__subclasses__() for x in (kind, *kinds(kind))]
    # a dataclass with slots is made twice; the first is nobody's
    return [x for x in found if getattr(sys.modules[x.__module__], x.__name__, None) is x and "core" in x.__module__]


def network_of(layer: Layer, shape: Shape) -> Network:
    """Return a network that can be trained with the layer in its midst."""
    ends = () if len(layer.output_shape(shape)) == 1 else (Flatten(),)
    return Network(shape, (layer, *ends, Dense(3, "softmax")))


def some_weights(network: Network) -> list[Array]:
    rng = np.random.default_rng(1)
    return [rng.normal(0, 0.5, shape).astype(np.float32) for shape in network.weight_shapes]


def probabilities(network: Network, weights: list[Array], images: Array, form: forward.Formulation) -> Array:
    rows = tf.constant(images.reshape(len(images), -1))
    placed = forward.pictures(network.input_shape, form, rows)
    logits = forward.logits(form, network, "float32", [tf.constant(x) for x in weights], placed, None)
    return np.asarray(tf.nn.softmax(logits))


def begins_otherwise(network: Network, model: Any) -> bool:
    """Return whether fresh weights differ in kind from Keras's: constants are the same, others of the same spread."""
    try:
        fresh = [x.numpy() for x in epoch.begin(network, "sgd", 0).weights]
    except ArgumentError:
        return True
    for mine, theirs in zip(fresh, model.get_weights(), strict=True):
        constant = np.ptp(theirs) == 0
        if not np.array_equal(mine, theirs) if constant else not 0.3 < np.std(mine) / np.std(theirs) < 3:
            return True
    return False


def lacking(layer: Layer, shape: Shape, keras: Any) -> list[str]:
    """Return what a layer lacks, or has otherwise than Keras."""
    network = network_of(layer, shape)
    weights, images = some_weights(network), np.random.default_rng(2).normal(size=(4, *shape)).astype(np.float32)
    found = []
    name, arguments = layer.keras()
    if not hasattr(keras.layers, name):
        return [f"no Keras layer {name}"]
    oracle = keras.Sequential([keras.Input(shape), getattr(keras.layers, name)(**arguments)])
    if layer.parameters(shape) != oracle.count_params():
        found.append("count")
    if layer.output_shape(shape) != oracle.output_shape[1:]:
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
    if not forward.takes(DENSE, network):
        found.append("TensorFlow forward pass, images first")
    if not forward.takes(BLOCKED, network):
        found.append("TensorFlow forward pass, blocks")
    for form in (DENSE, KERNELS, BLOCKED):
        try:
            if not np.allclose(probabilities(network, weights, images, form), expected, atol=1e-5):
                found.append(f"the logits of {form.name}")
        except ArgumentError:  # refused, and named above
            assert not forward.takes(form, network)
    try:
        drawn = pixels.grids(network, weights)
        if sum(x.count for x in drawn) != network.parameters:
            found.append("a picture of every weight")
    except ArgumentError:
        found.append("picture of its weights")
    return found


@pytest.mark.parametrize("kind", kinds(), ids=lambda x: x.__name__)
def test_every_kind_of_layer_has_all_that_it_needs(kind: type[Layer], keras: Any) -> None:
    assert kind in EXAMPLES, f"{kind.__name__}: add an example of it to this test"
    layer, shape = EXAMPLES[kind]
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
    form: forward.Formulation,
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
def test_only_a_softmax_at_the_end_is_trained(form: forward.Formulation, layers: tuple[Layer, ...]) -> None:
    network = Network((5,), layers)
    with pytest.raises(ArgumentError, match="softmax"):
        probabilities(network, some_weights(network), np.zeros((2, 5), np.float32), form)


@pytest.mark.parametrize("activation", sorted(set(ACTIVATIONS) - {"softmax"}))
@pytest.mark.parametrize("make", [lambda x: (Dense(5, x), (8,)), lambda x: (Conv2D(3, 3, x), (7, 6, 2))])
def test_every_activation_has_all_that_it_needs(
    make: Callable[[str], tuple[Layer, Shape]], activation: str, keras: Any
) -> None:
    assert lacking(*make(activation), keras) == []


@pytest.mark.parametrize("form", [DENSE, KERNELS, BLOCKED], ids=lambda x: x.name)
def test_an_activation_that_only_numpy_has_is_refused(
    form: forward.Formulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(ACTIVATIONS, "tanh", np.tanh)
    network = network_of(Dense(5, "tanh"), (8,))
    with pytest.raises(ArgumentError, match="tanh"):
        probabilities(network, some_weights(network), np.zeros((2, 8), np.float32), form)


def test_an_unknown_activation_is_refused() -> None:
    for make in (lambda: Dense(3, "tanhh"), lambda: Conv2D(3, 3, "tanhh")):
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
