"""Layouts with images along the last axis: each holds the same images, and convolutions over it are TensorFlow's."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from core.networks.layers import Array, Window
from core.training import whole
from core.training.layouts import Laid, as_row, into_blocks


def drawn(*shape: int) -> Array:
    return np.random.default_rng(4).normal(size=shape).astype(np.float32)


def laid(x: Array) -> list[Laid]:
    channels, height, width, _ = x.shape
    shape = (height, width, channels)
    wide = np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 0)), constant_values=9)
    cut = tf.reshape(wide, (channels, -1, x.shape[-1]))[:, :-2]  # a row ends with its last pixel
    return [
        Laid(tf.constant(x), shape),
        Laid(into_blocks(tf.constant(x)), shape, "blocks"),
        as_row(tf.constant(x), shape),
        Laid(cut, shape, "row", width + 2),
    ]


@pytest.mark.parametrize("sides", [(4, 6), (5, 7), (5, 6), (1, 1)])
def test_every_layout_holds_the_same_images(sides: tuple[int, int]) -> None:
    x = drawn(3, *sides, 2)
    for one in laid(x):
        np.testing.assert_array_equal(one.whole(), x)
        np.testing.assert_array_equal(Laid(one.blocks(), one.shape, "blocks").whole(), x)
        np.testing.assert_array_equal(one.row().whole(), x)


@pytest.mark.parametrize("sides", [(4, 6), (5, 7)])
def test_the_mean_of_a_channel_is_that_of_the_images_that_count(sides: tuple[int, int]) -> None:
    x = drawn(3, *sides, 4)
    real = tf.constant([1.0, 0, 1, 1])
    for one in laid(x):
        np.testing.assert_allclose(one.mean(one.x, real), x[..., [0, 2, 3]].mean((1, 2, 3)), rtol=1e-5)


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (1, 3), (3, 1), (2, 4), (7, 6)], ids=str)
@pytest.mark.parametrize("multiplier", [1, 3])
def test_a_depthwise_convolution_of_a_row_and_its_gradients_are_tensorflows(
    kernel: tuple[int, int], multiplier: int
) -> None:
    weights = tf.constant(drawn(*kernel, 2, multiplier))
    whole_images = drawn(2, 7, 6, 5)
    x = tf.constant(whole_images.transpose(3, 1, 2, 0))
    with tf.GradientTape() as tape:
        tape.watch((x, weights))
        expected = tf.nn.depthwise_conv2d(x, weights, [1, 1, 1, 1], "VALID")
        total = tf.reduce_sum(tf.sin(expected))
    of_x, of_weights = tape.gradient(total, (x, weights))
    given = tf.constant(whole_images)
    for one in (as_row(given, (7, 6, 2)), laid(whole_images)[-1]):
        with tf.GradientTape() as tape:
            tape.watch((one.x, weights))
            height, width = expected.shape[1:3]
            row = whole.by_channel_in_row(one.x, weights, one.pitch)
            got = Laid(row, (height, width, 2 * multiplier), "row", one.pitch).whole()
            total = tf.reduce_sum(tf.sin(got))
        np.testing.assert_allclose(got, tf.transpose(expected, (3, 1, 2, 0)), atol=1e-5)
        row_of_x, row_of_weights = tape.gradient(total, (one.x, weights))
        np.testing.assert_allclose(row_of_weights, of_weights, atol=1e-4)
        back = Laid(row_of_x, (7, 6, 2), "row", one.pitch).whole()
        np.testing.assert_allclose(back, tf.transpose(of_x, (3, 1, 2, 0)), atol=1e-5)


@pytest.mark.parametrize(("size", "stride", "same"), [(2, 2, False), (3, 2, False), (3, 1, True), (2, 3, True)])
def test_on_a_tie_the_gradient_of_max_pooling_goes_to_the_first(size: int, stride: int, same: bool) -> None:
    images = np.random.default_rng(5).integers(-2, 1, (2, 6, 5, 3)).astype(np.float32)
    x = tf.constant(images.transpose(3, 1, 2, 0))
    with tf.GradientTape() as tape:
        tape.watch(x)
        expected = tf.nn.max_pool2d(x, size, stride, "SAME" if same else "VALID")
        weights = drawn(*expected.shape)
        total = tf.reduce_sum(expected * weights)
    of_x = tape.gradient(total, x)
    given = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(given)
        got = whole.largest(given, Window(size, size, stride, same))
        total = tf.reduce_sum(got * weights.transpose(3, 1, 2, 0))
    np.testing.assert_array_equal(got, tf.transpose(expected, (3, 1, 2, 0)))
    np.testing.assert_allclose(tape.gradient(total, given), tf.transpose(of_x, (3, 1, 2, 0)), atol=1e-6)
