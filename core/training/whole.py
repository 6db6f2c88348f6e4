"""Convolutions and poolings of whole images ``(channels, height, width, images)``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from core.networks.layers import Window

Tensor = Any  # TensorFlow ships no types
TERMS = 72  # of a kernel's gradient that are written out one by one: more are faster and take longer to compile


def padded(x: Tensor, window: Window, filled: float = 0.0) -> Tensor:
    """Return images with the padding around each that a window asks for."""
    around = [[0, 0], *(list(side) for side in window.padding(*x.shape[1:3])), [0, 0]]
    return tf.pad(x, around, constant_values=filled) if np.any(around) else x


def shifted(x: Tensor, window: Window) -> Iterator[Tensor]:
    """Yield, for each pixel of a window in turn, that pixel of every place the window takes on padded images."""
    stride = window.stride
    rows = (x.shape[-3] - window.height) // stride * stride + 1
    columns = (x.shape[-2] - window.width) // stride * stride + 1
    for i in range(window.height):
        for j in range(window.width):
            yield x[..., i : i + rows : stride, j : j + columns : stride, :]


def product(x: Tensor, kernel: Tensor) -> Tensor:
    """Return images after a 1 x 1 convolution by ``kernel`` ``(channels, filters)``: one matrix product."""
    flat = tf.reshape(x, (x.shape[0], -1))
    return tf.reshape(tf.matmul(kernel, flat, transpose_a=True), (kernel.shape[1], *x.shape[1:]))


def convolved(x: Tensor, kernel: Tensor, window: Window) -> Tensor:
    """Return images after a convolution by ``kernel`` ``(height, width, channels, filters)``."""
    patches = tf.concat(list(shifted(padded(x, window), window)), 0)
    return product(patches, tf.reshape(kernel, (-1, kernel.shape[3])))


def by_channel(x: Tensor, kernel: Tensor, window: Window) -> Tensor:
    """Return images after a depthwise convolution by ``kernel`` ``(height, width, channels, multiplier)``."""
    channels, multiplier = kernel.shape[2:]
    factors = tf.reshape(kernel, (-1, channels, multiplier, 1, 1, 1))
    summed = sum(part[:, None] * factors[i] for i, part in enumerate(shifted(padded(x, window), window)))
    return tf.reshape(summed, (channels * multiplier, *summed.shape[2:]))


def by_channel_in_row(x: Tensor, kernel: Tensor, pitch: int) -> Tensor:
    """Return a row of pixels ``(channels, pixels, images)`` after a depthwise convolution of stride 1.

    Each pixel of the kernel reads the same row from another place on, so every sum is one straight loop. That goes for
    the gradients as well, which are written here, as TensorFlow's own add up whole padded rows.
    """
    height, width, channels, multiplier = kernel.shape
    _, pixels, images = x.shape
    places = [i * pitch + j for i in range(height) for j in range(width)]
    reach = places[-1]
    left = pixels - reach

    def part(row: Tensor, start: int, count: int) -> Tensor:
        return row[..., start * images : (start + count) * images]

    def factor(kernel: Tensor, i: int) -> Tensor:
        return kernel[i // width, i % width, :, :, None]

    @tf.custom_gradient
    def filtered(x: Tensor, kernel: Tensor) -> Any:
        row = x[:, None]

        def gradient(g: Tensor) -> tuple[Tensor, Tensor]:
            around = tf.pad(g, [[0, 0], [0, 0], [reach * images, reach * images]])
            of_x = sum(part(around, reach - at, pixels) * factor(kernel, i) for i, at in enumerate(places))
            groups, size = _groups(left, pixels, TERMS // len(places))
            of_kernel = []
            # XLA adds one number after the other along an axis, and whole rows at once; so rows are made of the sums.
            # Where there are too few pixels to the right, some to the left meet a gradient of zero.
            for at in places:
                start = min(at, pixels - groups * size)
                products = part(row, start, groups * size) * part(around, reach + start - at, groups * size)
                of_kernel.append(tf.add_n(tf.split(products, groups, -1)))
            # a product with ones: XLA's own sum along such rows took several times as long
            summed = tf.matmul(tf.reshape(tf.stack(of_kernel), (-1, size * images)), tf.ones((size * images, 1)))
            return tf.reduce_sum(of_x, 1), tf.reshape(summed, kernel.shape)

        return sum(part(row, at, left) * factor(kernel, i) for i, at in enumerate(places)), gradient

    return tf.reshape(filtered(tf.reshape(x, (channels, -1)), kernel), (channels * multiplier, -1, images))


def _groups(least: int, most: int, limit: int) -> tuple[int, int]:
    """Return how many groups, ``limit`` or fewer, of how many pixels each hold from ``least`` to ``most`` pixels."""
    groups = next(x for x in range(max(limit, 1), 0, -1) if -(-least // x) * x <= most)
    return groups, -(-least // groups)


def largest(x: Tensor, window: Window) -> Tensor:
    """Return the largest number of each window."""
    return largest_of(tf.stack(list(shifted(padded(x, window, -np.inf), window))))


@tf.custom_gradient
def largest_of(parts: Tensor) -> Any:
    """Return the largest of images along a first axis; the gradient goes to the first of equal ones, as in Keras.

    A chain of ``tf.maximum`` gives the same numbers, but XLA takes several times as long to compute its gradient.
    """
    count, shape = parts.shape[0], parts.shape[1:]
    # pixels and images in one axis: what reads them shifted then needs no divisions to find them
    best = tf.reshape(tf.reduce_max(tf.reshape(parts, (count, shape[0], -1)), 0), shape)

    def gradient(g: Tensor) -> Tensor:
        given, none = [], tf.zeros_like(g)
        for i in range(count):
            found = parts[i] == best
            given.append(tf.where(found, g, none))
            g = tf.where(found, none, g)
        return tf.stack(given)

    return best, gradient


def averaged(x: Tensor, window: Window) -> Tensor:
    """Return the mean of each window, of as much of it as lies within the image."""
    inside = padded(tf.ones((1, *x.shape[1:3], 1)), window)
    return sum(shifted(padded(x, window), window)) / sum(shifted(inside, window))
