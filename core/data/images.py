"""Labelled images in memory: what a set holds, what is known of it, and how some are held out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import DatasetError
from core.networks.layers import Array, Shape

UNEQUAL = 1.5  # times what it would have of equally common classes, the commonest makes an accuracy say little
HELD_OUT = 6  # one in so many training images: 10,000 of MNIST's 60,000


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Training and test images with their labels.

    Attributes:
        x_train: ``(images, height, width, channels)``, uint8 or float32; :func:`scaled` is what networks take.
        y_train: int32 ``(images,)``, labels from 0 to ``classes - 1``, each of which occurs.
        x_test: like ``x_train``.
        y_test: likewise; some may not occur.
        classes: the number of classes.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file without keeping its images.

    Attributes:
        input_shape: ``(height, width, channels)`` of one image.
        classes: number of classes.
        train: number of training images.
        test: number of test images.
        fingerprint: 16 hex digits that follow from the contents alone.
        names: of the classes, where the file gives them.
        train_counts: training images of each class, where they were counted.
        test_counts: test images of each class, likewise.
        pixel_bytes: bytes of a pixel: 1, or 4 for floats.
    """

    input_shape: Shape
    classes: int
    train: int
    test: int
    fingerprint: str
    names: tuple[str, ...] = ()
    train_counts: tuple[int, ...] = ()
    test_counts: tuple[int, ...] = ()
    pixel_bytes: int = 1

    @property
    def commonest(self) -> float:
        """The share of the test images that whoever always says the commonest class reads.

        Of classes that were not counted it is taken that they are equally common.
        """
        return max(self.test_counts) / self.test if self.test_counts else 1 / self.classes

    @property
    def unequal(self) -> bool:
        """Whether accuracy alone says little of the test images, see :func:`unequal`."""
        return unequal(self.test_counts)


def unequal(counts: Sequence[int]) -> bool:
    """Return whether images are so unevenly spread over their classes that accuracy alone says little.

    Of few images two standard errors are granted to chance.

    Args:
        counts: images of each class; empty where they were not counted.
    """
    if not counts:
        return False
    share = max(counts) / sum(counts)
    return share - 2 * math.sqrt(share * (1 - share) / sum(counts)) > UNEQUAL / len(counts)


def scaled(x: Array) -> Array:
    """Return images as networks take them: float32, uint8 pixels divided by 255, floats as they were."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255)
    return x.astype(np.float32)


def held_out(labels: Array) -> Array:
    """Return the places of the images that are held out, in order: of every class one in ``HELD_OUT``, to one image.

    A class with a single image keeps it for training. Which they are follows from the labels alone: it is the same for
    every seed and on every machine.

    Args:
        labels: of all images, from 0.

    Raises:
        DatasetError: if every class has a single image.
    """
    # RandomState, because NumPy promises never to change its numbers
    shuffled = np.random.RandomState(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    shared = by_class[np.bincount(labels)[labels[by_class]] > 1]
    if len(shared) == 0:
        raise DatasetError("No training image can be held out, because no class has two. Use the article's protocol.")
    return np.sort(shared[::HELD_OUT])
