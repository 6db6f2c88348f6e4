"""Test images to show to the networks: all of a set, or one by chance."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from core.data import datasets, npz
from core.data.images import scaled
from core.errors import DatasetError
from core.networks.layers import Array
from core.settings import Settings

FALLBACKS = {"mnist": datasets.EMBEDDED}  # sets of the same kind of images, for when the file is not at hand


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A test image.

    Attributes:
        image: float32 ``(height, width, channels)``, scaled as for training.
        label: its class.
        dataset: the image set it was taken from.
        index: its place among the test images, from 0.
    """

    image: Array
    label: int
    dataset: str
    index: int


def source(settings: Settings, name: str) -> str | None:
    """Return the set that a sample for ``name`` comes from: itself, the one in its place, or None if none is here."""
    return FALLBACKS.get(name) if datasets.fetchable(settings, name) else name


def draw(settings: Settings, name: str, chance: np.random.Generator) -> Sample:
    """Return a test image by chance.

    Raises:
        DatasetError: if none is at hand, or the file is malformed.
    """
    found = source(settings, name)
    if found is None:
        raise DatasetError(datasets.missing(settings, name))
    pixels, labels = tests(datasets.find(settings, found).path)
    index = int(chance.integers(len(labels)))
    return Sample(scaled(pixels[index]), int(labels[index]), found, index)


def tests(path: Path) -> tuple[Array, Array]:
    """Return all test images as they lie in a file, and their labels; read once per process, and not to be changed.

    Raises:
        DatasetError: if the file is malformed.
    """
    return _tests(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _tests(path: Path, mtime_ns: int) -> tuple[Array, Array]:
    found = npz.read_test(path)
    for x in found:
        x.flags.writeable = False
    return found
