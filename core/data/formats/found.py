"""What a file holds before it is checked, how to read it, and how a reader says no."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from core.errors import DatasetError, printable
from core.networks.layers import Array

MAX_BYTES = 4 * 2**30  # of arrays, once unpacked
MAX_CLASSES = 100

# told (share done from 0 to 1, what is being done) while a file is read
Told = Callable[[float, str], None]


def silent(share: float, what: str) -> None:
    """Tell nobody."""


class Fit(StrEnum):
    """How a picture comes to a square of another size."""

    FIT = "fit"  # all of it, with bars of black
    CROP = "crop"  # its middle, without bars


class Colour(StrEnum):
    """What becomes of colours."""

    AUTO = "auto"  # kept where there are any
    GREY = "grey"
    COLOUR = "colour"


@dataclass(frozen=True, slots=True)
class Options:
    """How to read and convert a file.

    Attributes:
        test: another file with the test images; None takes those that the file itself holds.
        label: the column of labels of a table: its name, or its place counted from 1; None looks for it.
        transpose: exchange rows and columns of every image.
        invert: exchange black and white.
        size: pixels a side that every image is brought to; None leaves them as they are.
        fit: how, where the shape is another.
        colour: what becomes of colours.
    """

    test: Path | None = None
    label: str | None = None
    transpose: bool = False
    invert: bool = False
    size: int | None = None
    fit: Fit = Fit.FIT
    colour: Colour = Colour.AUTO


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Images and their labels as a file has them.

    Attributes:
        x: pixels with the images along the first axis, of any type and of two to four axes.
        y: labels along the first axis: numbers, text or rows of one 1 among zeros.
    """

    x: Array
    y: Array


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a file holds.

    Attributes:
        what: its format for people, as in "Found …": ``an IDX pair``.
        train: the training images.
        test: the test images; None where there are none of their own.
        names: of the labels 0, 1, …, where the file gives them; empty where it does not.
        notes: a sentence on each thing that was left out or changed while reading.
    """

    what: str
    train: Part
    test: Part | None = None
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def refused(path: Path, expected: str, received: str, do: str) -> DatasetError:
    """Return the error for a file: what was expected, what came, and what to do, a sentence of its own."""
    return DatasetError(f"The file {path} is not a usable image set. Expected {expected}. Received: {received}. {do}")


def unreadable(path: Path, why: str, do: str) -> DatasetError:
    """Return the error for a file that cannot be read at all."""
    return DatasetError(f"The file {path} cannot be read ({why}). {do}")


def short(error: Exception) -> str:
    """Return what an error of a library says, cut to what fits a sentence."""
    said = getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__
    return printable(said, 100)
