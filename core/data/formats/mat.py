"""Image sets in MATLAB's ``.mat`` files: SVHN, EMNIST, MNIST in its variants, and arrays under the usual names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.data.formats.found import Found, Options, Part, Told, refused, silent
from core.data.formats.matlab import Variable, load, variables
from core.data.formats.roles import USUAL, choose, elsewhere
from core.data.formats.streams import Meter, check_room, paired, shown, signs
from core.networks.layers import Array

_TABLE = "mapping"
_SVHN = (32, 32, 3)
_TEN = "The label 10 is the digit 0, as SVHN writes it, and is called so."
_LYING = "Each image is a row of pixels, in MATLAB's order perhaps: if they lie on their side, have them transposed."


@dataclass(frozen=True, slots=True)
class _Place:
    """Which arrays of a file are the images and the labels of a part.

    Attributes:
        x: the array of images, or one of each class, called by its digit.
        y: the array of labels; None where the arrays are called by their digits.
    """

    x: tuple[str, ...]
    y: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """All arrays."""
        return self.x if self.y is None else (*self.x, self.y)


@dataclass(frozen=True, slots=True)
class _Contents:
    """What a file holds.

    Attributes:
        path: of the file.
        held: all arrays of it.
        train: the training images.
        test: the test images, if it has any.
        notes: a sentence on what is left out.
    """

    path: Path
    held: Mapping[str, Variable]
    train: _Place
    test: _Place | None
    notes: tuple[str, ...] = ()

    @property
    def places(self) -> tuple[_Place, ...]:
        """All parts."""
        return (self.train,) if self.test is None else (self.train, self.test)

    @property
    def bytes(self) -> int:
        """Bytes of all arrays of all parts."""
        return sum(self.held[name].bytes for place in self.places for name in place.names)


def read_mat(path: Path, options: Options, told: Told = silent) -> Found:
    """Return the image set of a ``.mat`` file.

    Args:
        path: of the file.
        options: of which ``test`` may be another ``.mat`` file, whose test images are taken, or all if it does not
            tell them apart.
        told: how much of it has been read.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    files = [_contents(path)]
    if options.test is not None:
        other = _contents(options.test, as_test=True)
        own = files[0].test.names if files[0].test else ()
        notes = elsewhere(files[0].notes, own, other.path.name, other.train.names)
        files = [replace(files[0], test=None, notes=notes), other]
    size = sum(file.bytes for file in files)
    check_room(path, size)
    meter = Meter(told, size, f"Reading {path.name}")
    parts: list[Part] = []
    for file in files:
        arrays = load(file.path, [name for place in file.places for name in place.names], meter)
        parts += [_part(file.path, place, arrays) for place in file.places]
    train, *rest = parts
    notes, names = files[0].notes, _mapped(files[0], train.y)
    if files[0].train.y is not None:
        if train.x.shape[1:] == _SVHN and train.y.max() == 10 and train.y.min() >= 1:
            names, notes = tuple(map(str, (*range(10), 0))), (*notes, _TEN)
        if train.x.ndim == 2 and not options.transpose:
            notes = (*notes, _LYING)
    return Found("a .mat file", train, rest[0] if rest else None, names, notes)


def _contents(path: Path, as_test: bool = False) -> _Contents:
    """Return what a file holds; of one that is given for its test images these are its ``train``."""
    held = variables(path)
    places = {}
    for part in ("train", "test"):
        digits = sorted(x for x in held if re.fullmatch(rf"{part}\d", x))
        if len(digits) > 1:
            places[part] = _Place(tuple(digits), None)
    if as_test and "test" in places:
        return _Contents(path, held, places["test"], None)
    if "train" in places:
        return _Contents(path, held, places["train"], None if as_test else places.get("test"))
    # the table of names is read for itself
    chosen = choose([x for x, array in held.items() if array.dtype and x.split(".")[-1] != _TABLE], as_test)
    if chosen is not None:
        pairs = [None if pair is None else _Place(pair[:1], pair[1]) for pair in (chosen.train, chosen.test)]
        assert pairs[0] is not None, "the training images are never missing"
        return _Contents(path, held, pairs[0], pairs[1], chosen.notes)
    few = ", ".join(f"{shown(name)} ({array})" for name, array in list(held.items())[:8])
    there = f"{few}{' and others' if len(held) > 8 else ''}" if held else "no arrays of numbers"
    raise refused(path, "images and labels under usual names", there, f"Call them {USUAL}, or train0 to train9.")


def _part(path: Path, place: _Place, arrays: dict[str, Array]) -> Part:
    """Return images and labels with the images first, which MATLAB has last as often; the arrays are used up."""
    if place.y is not None:
        x, y = _upright(path, place, arrays.pop(place.x[0]), arrays.pop(place.y))
        return paired(path, x, y, (shown(place.x[0]), shown(place.y)))
    shapes = [arrays[name].shape for name in place.x]
    if any(len(shape) != 2 or shape[1] != shapes[0][1] for shape in shapes):
        raise refused(path, f"an image a row in {place.x[0]} and the like", f"{shapes[0]} and others", "Check them.")
    labels = np.array([int(name[-1]) for name in place.x], np.uint8)
    y = np.repeat(labels, [shape[0] for shape in shapes])
    # one after the other, so that no more than all arrays and this one are there at once
    x = np.empty((len(y), shapes[0][1]), np.result_type(*(arrays[name] for name in place.x)))
    start = 0
    for name in place.x:
        array = arrays.pop(name)
        x[start : start + len(array)] = array
        start += len(array)
    return paired(path, x, y, (place.x[0], place.x[0]))


def _upright(path: Path, place: _Place, x: Array, y: Array) -> tuple[Array, Array]:
    """Return images and labels, both with the images along the first axis."""
    if 1 in y.shape:
        y = y.reshape(-1)
    elif y.ndim == 2 and len(y) not in (x.shape[0], x.shape[-1]):
        y = y.T
    # of images in rows and columns MATLAB's own order is to have them last; rows of pixels mostly come first
    ends = (0, -1) if x.ndim == 2 else (-1, 0)
    axis = next((end for end in ends if x.shape[end] == len(y)), None)
    if axis is None:
        expected = f"as many labels in {shown(place.names[-1])} as images in {shown(place.names[0])}"
        raise refused(path, expected, f"{y.shape} and {x.shape}", "Check that the two belong together.")
    return np.moveaxis(x, axis, 0), y


def _mapped(file: _Contents, y: Array) -> tuple[str, ...]:
    """Return the names of labels by EMNIST's table of them."""
    name = next((x for x in file.held if x.split(".")[-1] == _TABLE), None)
    if name is None or file.held[name].bytes > 2**14 or file.held[name].dtype is None:
        return ()
    return signs(load(file.path, [name])[name], y)
