"""What a network takes for what: its answers to many images, counted, and compared with another network's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.networks.layers import Array
from core.networks.network import Network

ROOM = 8_000_000  # numbers that the largest product of a batch may hold: 32 MB


def probabilities(network: Network, weights: Sequence[Array], images: Array) -> Array:
    """Return class probabilities ``(images, classes)`` as float32, computed in batches that stay small in memory.

    Args:
        network: the network.
        weights: its weights.
        images: ``(images, height, width, channels)``.

    Raises:
        ArgumentError: if weights or images do not have the network's shapes.
    """
    size = batch_size(network)
    found = np.empty((len(images), *network.output_shape), np.float32)
    for start in range(0, len(images), size):
        found[start : start + size] = network.predict(weights, images[start : start + size])
    return found


def batch_size(network: Network) -> int:
    """Return how many images to take at a time: caches like few, Python likes many."""
    largest = max(layer.numbers(entering) for layer, entering, _ in network.walk())
    return max(1, min(500, ROOM // largest))


def matrix(labels: Array, answers: Array, classes: int) -> Array:
    """Return how many images of each class (row) got each answer (column), ``(classes, classes)``."""
    return np.bincount(labels.astype(np.int64) * classes + answers, minlength=classes**2).reshape(classes, classes)


def accuracy(counts: Array) -> float:
    """Return the share of the images of a confusion matrix that got the right answer; NaN if it has none."""
    return float(np.trace(counts) / counts.sum()) if counts.sum() else math.nan


def by_class(counts: Array) -> Array:
    """Return the share of each class's images that got the right answer, NaN for a class without images."""
    images = counts.sum(axis=1)
    return np.divide(np.diagonal(counts), images, out=np.full(len(counts), math.nan), where=images > 0)


def balanced(counts: Array) -> float:
    """Return the balanced accuracy: the mean of :func:`by_class` over the classes that have images; NaN if none has.

    Whoever gives every image the same answer gets 1 / classes, however common the class is.
    """
    shares = by_class(counts)
    return float(np.nanmean(shares)) if counts.sum() else math.nan


@dataclass(frozen=True, slots=True)
class Difference:
    """How many images two networks read rightly: both, only the first, only the second, or neither."""

    both: int
    first: int
    second: int
    neither: int


def difference(labels: Array, first: Array, second: Array) -> Difference:
    """Count what two networks read; ``first`` and ``second`` are their answers ``(images,)``."""
    a, b = first == labels, second == labels
    return Difference(int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum()), int((~a & ~b).sum()))


def lost(labels: Array, first: Array, second: Array) -> Array:
    """Return the places of the images that the first reads and the second does not, its surest mistakes first.

    Args:
        labels: ``(images,)``.
        first: probabilities of one network ``(images, classes)``.
        second: probabilities of the other.
    """
    only = np.flatnonzero((first.argmax(axis=1) == labels) & (second.argmax(axis=1) != labels))
    return only[np.argsort(-second[only].max(axis=1), kind="stable")]


def mistakes(labels: Array, given: Array) -> Array:
    """Return the places of the images that a network misreads, its surest mistakes first."""
    wrong = np.flatnonzero(given.argmax(axis=1) != labels)
    return wrong[np.argsort(-given[wrong].max(axis=1), kind="stable")]
