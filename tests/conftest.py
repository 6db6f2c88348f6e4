"""Keras as oracle, and the article's networks written down a second time, by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import settings

from core.data import datasets
from core.networks.layers import Array, Shape

if sys.platform == "darwin":
    # On Apple Silicon `fit` hangs if TensorFlow 2.21 is imported after pandas or pyarrow, which other tests import.
    import tensorflow  # noqa: F401

# A machine that is busy with something else is no failure.
settings.register_profile("featherweight", deadline=None)
if settings.get_current_profile_name() == "default":  # under CI Hypothesis picks its own, which does not draw at random
    settings.load_profile("featherweight")

# (key, width, input shape, classes, dropout) -> keras.Sequential
Article = Callable[..., Any]


@pytest.fixture(scope="session")
def keras() -> Any:
    """Keras on the CPU: graphics cards may round products to ten bits, too coarse for an oracle."""
    import keras
    import tensorflow as tf

    tf.config.set_visible_devices([], "GPU")
    return keras


@pytest.fixture(scope="session")
def article(keras: Any) -> Article:
    """The article's networks, written here by hand in Keras without looking at core/networks/families.py."""
    layers = keras.layers

    def dense(units: int) -> Any:
        return layers.Dense(units, activation="relu")

    def conv(filters: int) -> Any:
        return layers.Conv2D(filters, (3, 3), activation="relu")

    def pool() -> Any:
        return layers.MaxPooling2D((2, 2))

    def mlp(n: int) -> list[Any]:
        return [layers.Flatten(), dense(n), layers.Dropout(0.2), dense(n), layers.Dropout(0.2)]

    def cnn(n: int) -> list[Any]:
        convolutions = [conv(n), conv(2 * n), pool(), layers.Dropout(0.25)]
        return [*convolutions, layers.Flatten(), dense(4 * n), layers.Dropout(0.5)]

    def deep_cnn(n: int) -> list[Any]:
        first = [conv(n), conv(n), pool(), layers.Dropout(0.25)]
        second = [conv(2 * n), conv(2 * n), pool(), layers.Dropout(0.25)]
        return [*first, *second, layers.Flatten()]

    hidden = {"mlp": mlp, "pooled_mlp": lambda n: [pool(), *mlp(n)], "cnn": cnn, "deep_cnn": deep_cnn}

    def build(key: str, n: int, shape: Shape = (28, 28, 1), classes: int = 10, dropout: bool = False) -> Any:
        kept = [x for x in hidden[key](n) if dropout or not isinstance(x, layers.Dropout)]
        return keras.Sequential([keras.Input(shape), *kept, layers.Dense(classes, activation="softmax")])

    return build


@pytest.fixture(scope="session")
def digits() -> tuple[Array, Array]:
    """The 5,000 real digits in random order: images ``(5000, 28, 28, 1)`` from 0 to 1, and labels."""
    # sorted by digit first, as they once came, so that the random order is the one the tests have always seen
    parts = [(part, digit) for digit in range(10) for part in ("train", "test")]
    with np.load(datasets.PATH) as file:
        arrays = dict(file)
    images, labels = (np.concatenate([arrays[f"{x}_{part}"][digit::10] for part, digit in parts]) for x in "xy")
    order = np.random.default_rng(0).permutation(len(images))
    return (images[order] / 255).astype(np.float32)[..., np.newaxis], labels[order].astype(int)
