"""How pixels and labels as people have them become what networks take, and the sentence that says so.

The range of the pixels decides, looked at over training and test images together, never the type alone: floats from 0
to 255 are as common as bytes that hold only 0 and 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np

from core.data.formats.tree import natural
from core.errors import ArgumentError, cut
from core.networks.layers import Array

DARKEST = 16  # bytes that never exceed it are levels of their own: 0 and 1, 0 to 15, or 0 to 16
CLIPPED = 1.1  # resizing leaves floats a little beyond white
STANDARD = 16.0  # standardised pixels stay within so many standard deviations
WHITES = (1, 3, 15, 16, 255, 1023, 4095, 16383, 65535)  # what white is of whole numbers: a number of bits, or 16
NAME = 40  # characters of a class's name in a sentence
PART = 2**22  # pixels looked at or converted at a time


@dataclass(frozen=True, slots=True)
class Range:
    """What pixels are seen to be.

    Attributes:
        low: the smallest.
        high: the largest.
        whole: whether all are whole numbers.
        finite: whether none is NaN or infinite.
    """

    low: float
    high: float
    whole: bool = True
    finite: bool = True

    def __or__(self, other: Range) -> Range:
        low, high = min(self.low, other.low), max(self.high, other.high)
        return Range(low, high, self.whole and other.whole, self.finite and other.finite)


def look(parts: Iterable[Array], enough: Callable[[Range], bool] = lambda _: False) -> Range:
    """Return the range of pixels that come in parts, of which only so many are taken as are ``enough``."""
    seen: Range | None = None
    for part in parts:
        for start in range(0, part.size, PART):
            some = part.reshape(-1)[start : start + PART]
            if some.dtype.kind == "f":
                finite = bool(np.isfinite(some).all())
                whole = finite and bool((some == np.trunc(some)).all())
                found = Range(float(some.min()), float(some.max()), whole, finite)
            else:
                found = Range(float(some.min()), float(some.max()))
            seen = found if seen is None else seen | found
            if enough(seen):
                return seen
    assert seen is not None, "no pixels"
    return seen


class Kept(Enum):
    """What pixels are kept as."""

    BYTES = auto()
    FLOATS = auto()


@dataclass(frozen=True, slots=True)
class Scale:
    """How pixels become those that are kept: ``(pixel + shift) / white``, bytes standing for 255ths.

    Attributes:
        kept: as what.
        shift: added first.
        white: what is divided by.
        sentence: what happens, for people; None where nothing does.
    """

    kept: Kept
    shift: float = 0.0
    white: float = 1.0
    sentence: str | None = None

    def span(self, seen: Range) -> tuple[float, float]:
        """Return what is black and what is white of the pixels that are kept."""
        if self.kept is Kept.BYTES:
            return 0, 255
        within = self.white != 1 or (seen.low >= 0 and seen.high <= CLIPPED)
        return (0, 1) if within else (seen.low, seen.high)

    def apply(self, x: Array) -> Array:
        """Return pixels converted: uint8 ``round(255 * value)``, which is exact by choice of the scale, or float32."""
        if self.kept is Kept.BYTES:
            if self.white == 255 and not self.shift:
                return x.astype(np.uint8)
            return ((x.astype(np.int32) + int(self.shift)) * 255 // int(self.white)).astype(np.uint8)
        if self.white == 1 and not self.shift:
            return x.astype(np.float32)
        return ((x.astype(np.float64) + self.shift) / self.white).astype(np.float32)


def scale(dtype: np.dtype[np.generic], seen: Range) -> Scale:
    """Return how pixels of a type and a range are to be taken.

    Raises:
        ArgumentError: if no rule fits; the message says what was expected, what came and what to do.
    """
    if not seen.finite:
        raise ArgumentError(_refusal("NaN or infinity", "Replace them"))
    span = f"from {_number(seen.low)} to {_number(seen.high)}"
    if max(abs(seen.low), abs(seen.high)) > float(np.finfo(np.float32).max):
        raise ArgumentError(_refusal("numbers beyond float32", "Divide them"))
    if not seen.whole and seen.low >= -255 * (CLIPPED - 1) and DARKEST < seen.high <= 255 * CLIPPED:
        return Scale(Kept.FLOATS, white=255, sentence=f"The pixels are fractions {span}: divided by 255.")
    if seen.whole and seen.low >= 0:
        return _levels(dtype, seen, span)
    if seen.whole and seen.low >= -128 and seen.high <= 127 and max(-seen.low, seen.high) > STANDARD:
        return Scale(Kept.BYTES, shift=128, white=255, sentence=f"The pixels go {span}: 128 was added to each.")
    if max(-seen.low, seen.high) > STANDARD:
        raise ArgumentError(_refusal(f"numbers {span}", "Bring them to 0 to 255 or 0 to 1"))
    usual = seen.low >= 0 and seen.high <= 1
    clipped = f"The pixels go {span}, so some are whiter than white: taken as they are."
    standard = f"The pixels go {span}, not from 0 to 1: taken as they are."
    return Scale(
        Kept.FLOATS,
        sentence=None if usual else clipped if seen.low >= 0 and seen.high <= CLIPPED else standard,
    )


def _levels(dtype: np.dtype[np.generic], seen: Range, span: str) -> Scale:
    """Return how whole numbers from 0 are to be taken: white is the largest that so many levels can have."""
    white = next((x for x in WHITES if seen.high <= x), None)
    if white is None:
        raise ArgumentError(_refusal(f"whole numbers {span}", "Bring them to 0 to 255 or 0 to 65,535"))
    kind = "bytes" if dtype == np.uint8 else str(dtype)
    if white == 255:
        said = None if dtype == np.uint8 else f"The pixels are {kind} {span}: taken as bytes, so divided by 255."
        return Scale(Kept.BYTES, white=255, sentence=said)
    if white == 1:
        said = None if dtype.kind == "f" else f"The pixels are {kind} that hold only 0 and 1: taken as they are."
        return Scale(Kept.BYTES, white=1, sentence=said)
    said = f"The pixels are {kind} {span}: divided by {white:,}, not by 255."
    return Scale(Kept.FLOATS if 255 % white else Kept.BYTES, white=white, sentence=said)


def check_alike(parts: Sequence[tuple[np.dtype[np.generic], Range]]) -> None:
    """Refuse training and test pixels of which each alone would be scaled in another way: only one was normalised, say.

    Args:
        parts: type and range of each part.

    Raises:
        ArgumentError: with both ranges; also as :func:`scale` does.
    """
    each = [scale(*x) for x in parts]
    levels = all(x.white <= DARKEST and seen.whole for x, (_, seen) in zip(each, parts, strict=True))
    standard = {x.white == 1 and seen.low < 1 - CLIPPED for x, (_, seen) in zip(each, parts, strict=True)}
    if (len({(x.white, x.shift) for x in each}) > 1 and not levels) or len(standard) > 1:
        spans = " and ".join(f"{dtype} from {_number(x.low)} to {_number(x.high)}" for dtype, x in parts)
        raise ArgumentError(
            f"Expected pixels of one range to train and to test. Received: {spans}. Normalise both alike, or neither."
        )


def untouched(dtype: np.dtype[np.generic], seen: Range) -> bool:
    """Return whether pixels may be kept as they are: bytes up to 255, or floats that are neither levels nor bytes.

    Raises:
        ArgumentError: as :func:`scale` does.
    """
    found = scale(dtype, seen)
    if dtype == np.uint8:
        return found.kept is Kept.BYTES and found.white == 255
    return dtype.kind == "f" and found.white == 1 and not found.shift


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """Labels as networks take them.

    Attributes:
        train: int32 from 0 to the number of classes - 1.
        test: likewise, or None.
        names: of the classes, in order.
        notes: a sentence on each change.
    """

    train: Array
    test: Array | None
    names: tuple[str, ...]
    notes: tuple[str, ...]


def labels(train: Array, test: Array | None, given: tuple[str, ...] = ()) -> Labels:
    """Return labels of any kind as numbers of the classes that occur, under the names that they had.

    Args:
        train: ``(images,)`` or ``(images, 1)`` of whole numbers, text or yes and no, or one-hot rows.
        test: likewise, or None.
        given: names of the labels 0, 1, … that a file gives.

    Raises:
        ArgumentError: if they are none of these, or the test labels hold one that no training image has.
    """
    plain, notes = _plain(train)
    other = None if test is None else _plain(test)[0]
    if other is not None and (plain.dtype.kind == "U") != (other.dtype.kind == "U"):
        raise ArgumentError(
            "Expected labels of one kind. Received: text in one part and numbers in the other. Write both alike."
        )
    occurring = np.unique(plain)
    if other is not None and len(unknown := np.setdiff1d(other, occurring)):
        raise ArgumentError(
            f"Expected test labels that training images have too. Received: {_listed(unknown)} in the test images "
            "alone. Leave those images out, or add training images of them."
        )
    named = plain.dtype.kind == "U" or (bool(given) and int(occurring[0]) >= 0 and int(occurring[-1]) < len(given))
    names = tuple(str(x) if plain.dtype.kind == "U" else given[int(x)] if named else str(x) for x in occurring)
    if len(set(names)) < len(names):
        twice = next(x for x in names if names.count(x) > 1)
        raise ArgumentError(
            f"Expected a name of its own for every class. Received: {cut(twice, NAME)} twice. Give other names."
        )
    if plain.dtype.kind == "U":
        order = sorted(range(len(names)), key=lambda x: natural(names[x]))
        notes += (f"The classes go by their names, in this order: {_listed(np.array([names[x] for x in order]))}.",)
    else:
        order = list(range(len(names)))
        if occurring[-1] - occurring[0] + 1 != len(occurring) or occurring[0] != 0:
            few = len(occurring) <= 12
            which = _listed(occurring) if few else f"{len(occurring)} from {occurring[0]} to {occurring[-1]}"
            notes += (f"The labels that occur are {which}: numbered from 0, and called as before.",)
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order), dtype=np.int32)
    found = place[np.searchsorted(occurring, plain)]
    tested = None if other is None else place[np.searchsorted(occurring, other)]
    return Labels(found, tested, tuple(names[x] for x in order), notes)


def _plain(y: Array) -> tuple[Array, tuple[str, ...]]:
    """Return labels along one axis, as int64 or text, and what was done for it."""
    if y.ndim == 2 and 1 in y.shape and y.shape[0] != 1:
        y = y[:, 0]
    if y.ndim == 2 and y.shape[1] > 1:
        ones = y.dtype.kind in "biuf" and bool(((y == 0) | (y == 1)).all() and (y.sum(axis=1) == 1).all())
        if not ones:
            raise ArgumentError(_unlike(f"the shape {y.shape}"))
        return y.argmax(axis=1), (f"The labels are rows of {y.shape[1]} with a single 1: its place is the label.",)
    if y.ndim != 1:
        raise ArgumentError(_unlike(f"the shape {y.shape}"))
    if y.dtype.kind in "US":
        try:
            return (np.char.decode(y, "utf-8") if y.dtype.kind == "S" else y), ()
        except UnicodeDecodeError:
            raise ArgumentError(_unlike("text that is not UTF-8")) from None
    if y.dtype.kind == "f":
        if not (np.isfinite(y).all() and (y == np.trunc(y)).all() and (np.abs(y) < 2**31).all()):
            raise ArgumentError(_unlike("fractions"))
        return y.astype(np.int64), ("The labels are floats without fractions: taken as whole numbers.",)
    if y.dtype.kind not in "biu":
        raise ArgumentError(_unlike(str(y.dtype)))
    if y.dtype.kind == "u" and len(y) and int(y.max()) >= 2**63:
        raise ArgumentError(_unlike("numbers of more than 18 digits"))
    return y.astype(np.int64), ()


def _unlike(received: str) -> str:
    return (
        "Expected labels as one whole number or name an image, or one-hot rows. "
        f"Received: {received}. Write one label an image."
    )


def _refusal(received: str, do: str) -> str:
    return f"Expected pixels from 0 to 255 or from 0 to 1. Received: {received}. {do} and try again."


def _number(x: float) -> str:
    return f"{x:,.0f}" if x == int(x) else f"{x:,.4g}"


def _listed(values: Array, most: int = 12) -> str:
    shown = ", ".join(cut(str(x), NAME) for x in values[:most])
    return shown if len(values) <= most else f"{shown}, …"
