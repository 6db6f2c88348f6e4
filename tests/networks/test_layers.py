"""Each layer kind against the Keras layer of that name."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from core.errors import ArgumentError
from core.networks.layer import activate
from core.networks.layers import Array, Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape

CASES: list[tuple[Layer, Shape]] = [
    (Conv2D(4), (28, 28, 1)),
    (Conv2D(1), (3, 3, 1)),
    (Conv2D(5), (7, 10, 3)),
    (Conv2D(3, kernel=1), (4, 5, 6)),
    (Conv2D(2, kernel=5, activation="linear"), (9, 6, 2)),
    (Conv2D(3, kernel=2, activation="softmax"), (5, 5, 2)),
    (MaxPooling2D(), (28, 28, 1)),
    (MaxPooling2D(), (5, 7, 3)),
    (MaxPooling2D(), (2, 3, 1)),
    (MaxPooling2D(3), (11, 10, 2)),
    (Flatten(), (3, 5, 2)),
    (Flatten(), (7,)),
    (Dense(6), (9,)),
    (Dense(1, "linear"), (1,)),
    (Dense(10, "softmax"), (32,)),
    (Dropout(0.25), (4, 3, 2)),
    (Dropout(0.5), (8,)),
]


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=lambda x: str(x).replace(" ", ""))
def test_layer_is_what_keras_makes_of_it(keras: Any, layer: Layer, shape: Shape) -> None:
    kind, arguments = layer.keras()
    oracle = getattr(keras.layers, kind)(**arguments)
    model = keras.Sequential([keras.Input(shape), oracle])
    rng = np.random.default_rng(1)
    # Far from fresh weights, whose zero biases would hide a forgotten bias.
    weights = [rng.normal(size=w.shape).astype(np.float32) for w in oracle.weights]
    oracle.set_weights(weights)
    # Negative numbers too: a pooling or an activation must not take zero for the least one.
    images = rng.normal(size=(4, *shape)).astype(np.float32)

    assert layer.output_shape(shape) == model.output_shape[1:]
    assert layer.parameters(shape) == oracle.count_params()
    assert layer.weight_shapes(shape) == tuple((w.name, tuple(w.shape)) for w in oracle.weights)
    np.testing.assert_allclose(
        layer.forward(images, weights), model.predict(images, verbose=0), rtol=1e-4, atol=1e-5, strict=True
    )


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=lambda x: str(x).replace(" ", ""))
def test_formula_comes_to_the_count(layer: Layer, shape: Shape) -> None:
    formula = layer.formula(shape)
    if layer.parameters(shape):
        assert eval(formula.replace("·", "*")) == layer.parameters(shape)
    else:
        assert formula == ""


class Counted:
    """A number that counts how often it is multiplied."""

    multiplied = 0

    def __mul__(self, other: object) -> Counted:
        Counted.multiplied += 1
        return self

    def __add__(self, other: object) -> Counted:
        return self


@pytest.mark.parametrize(("layer", "shape"), CASES, ids=lambda x: str(x).replace(" ", ""))
def test_multiply_adds_are_the_multiplications_of_a_plain_loop(layer: Layer, shape: Shape) -> None:
    image = np.array([Counted() for _ in range(math.prod(shape))], dtype=object).reshape(shape)
    Counted.multiplied = 0
    if isinstance(layer, Conv2D):
        side = layer.window.height
        kernel = np.array([Counted() for _ in range(side**2 * shape[2])], dtype=object)
        for row in range(shape[0] - side + 1):
            for column in range(shape[1] - side + 1):
                patch = image[row : row + side, column : column + side].ravel()
                for _ in range(layer.filters):
                    patch @ kernel
    elif isinstance(layer, Dense):
        for _ in range(layer.units):
            image @ image
    assert layer.multiply_adds(shape) == Counted.multiplied


def test_labels_are_for_people() -> None:
    labels = [x.label() for x in (Conv2D(8), Conv2D(8, 5), MaxPooling2D(), Flatten(), Dense(3), Dropout(0.2))]
    assert labels == ["Conv 3×3", "Conv 5×5", "Max pool 2×2", "Flatten", "Dense", "Dropout 0.2"]


def test_softmax_of_large_numbers_is_finite_and_relu_cuts_at_zero() -> None:
    x: Array = np.array([[1000.0, 1000.0, -1000.0]])
    np.testing.assert_allclose(activate(x, "softmax"), [[0.5, 0.5, 0.0]])
    np.testing.assert_array_equal(activate(x, "relu"), [[1000.0, 1000.0, 0.0]])
    np.testing.assert_array_equal(activate(x, "linear"), x)


@pytest.mark.parametrize(
    ("layer", "shape", "sentence"),
    [
        (Conv2D(2), (784,), "Conv 3×3 expects height, width and channels, not the shape (784,)."),
        (Conv2D(2), (28, 28), "Conv 3×3 expects height, width and channels, not the shape (28, 28)."),
        (Conv2D(2), (2, 9, 1), "Conv 3×3 needs at least 3×3 pixels and would get 2×9."),
        (Conv2D(2, 5), (9, 4, 1), "Conv 5×5 needs at least 5×5 pixels and would get 9×4."),
        (MaxPooling2D(), (784,), "Max pool 2×2 expects height, width and channels, not the shape (784,)."),
        (MaxPooling2D(), (4, 1, 1), "Max pool 2×2 needs at least 2×2 pixels and would get 4×1."),
        (
            Dense(2),
            (4, 4, 1),
            "Dense expects a row of numbers, not the shape (4, 4, 1); put a Flatten before it.",
        ),
    ],
)
def test_a_shape_that_does_not_fit_is_answered_in_one_sentence(layer: Layer, shape: Shape, sentence: str) -> None:
    with pytest.raises(ArgumentError) as error:
        layer.output_shape(shape)
    assert str(error.value) == sentence
