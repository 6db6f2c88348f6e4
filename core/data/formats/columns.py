"""Columns of a table as labels and pixels: which is which, and in which type they are kept."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data.formats import found
from core.data.formats.found import refused
from core.data.formats.streams import check_room, shown
from core.data.formats.tree import UNFIT
from core.networks.layers import Array, Shape

LABELS = ("label", "class", "target", "y", "digit")
_NUMBERS = ("id", "idx", "index", "")  # names of columns that only count the rows
_LONGEST = 64  # characters of a label
_WHOLE = re.compile(r"\s*[+-]?\d{1,15}(\.0*)?\s*")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*", re.IGNORECASE)
_NAME_IT = "Name the column of labels (command line: --label COLUMN)."
_UNLABELLED = "A table without labels, such as Kaggle's test.csv, teaches nothing: take train.csv, or name the column."


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns of a table are what.

    Attributes:
        label: the place of the labels, from 0.
        pixels: the places of the pixels in their order, which may be another than that of the columns.
        notes: a sentence on each choice.
    """

    label: int
    pixels: tuple[int, ...]
    notes: tuple[str, ...]


class Labels:
    """Labels of a column as they come, a few bytes each."""

    __slots__ = ("_codes", "_count", "_places", "empty", "rows")

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        self._codes: list[Array] = []
        self.rows = 0
        self.empty = False

    def add(self, values: Sequence[str | None], codes: Array) -> None:
        """Append rows: the distinct texts among them, and for each row which one it has, -1 for none."""
        self.rows += len(codes)
        self.empty = self.empty or bool((codes < 0).any())
        if self.many:  # no labels; no need to know more of them
            self._codes.clear()
            return
        places = [self._places.setdefault(str(x).strip(), len(self._places)) for x in values]
        if len(codes) and not self.empty:
            self._codes.append(np.array(places, np.int32)[codes].astype(np.int16, casting="unsafe"))

    @property
    def many(self) -> bool:
        """Whether there are more distinct ones than there may be classes."""
        return len(self._places) > found.MAX_CLASSES

    def likely(self) -> bool:
        """Return whether these look like labels: whole numbers or words, more than one and not too many."""
        whole = all(_WHOLE.fullmatch(x) or not _NUMBER.fullmatch(x) for x in self._places)
        return whole and 1 < len(self._places) <= found.MAX_CLASSES and not self.empty

    def array(self, path: Path, column: str) -> Array:
        """Return whole numbers as int64 and anything else as text.

        Raises:
            DatasetError: if there are too many, or a label is missing or unfit as a name.
        """
        what = f"a label in every row of {column}"
        if self.empty:
            raise refused(path, what, "an empty cell", f"Fill it, or leave its row out. {_NAME_IT}")
        if self.many:
            limit = f"at most {found.MAX_CLASSES} classes in {column}"
            raise refused(path, limit, "more different values", _NAME_IT)
        values = list(self._places)
        for value in values:
            if len(value) > _LONGEST or UNFIT.search(value):
                raise refused(path, f"labels of at most {_LONGEST} plain characters", shown(value), _NAME_IT)
        codes = np.concatenate(self._codes)
        self._codes.clear()
        if all(map(_WHOLE.fullmatch, values)):
            return np.array([int(float(x)) for x in values])[codes]
        check_room(path, len(codes) * 4 * max(map(len, values)))
        return np.array(values)[codes]


class Pixels:
    """Rows of pixels in the narrowest of uint8, int32 and float32 that holds them all."""

    __slots__ = ("_done", "_path", "_x")

    def __init__(self, path: Path, rows: int, shape: Shape) -> None:
        check_room(path, rows * int(np.prod(shape, dtype=object)))
        self._path, self._done = path, 0
        self._x: Array = np.empty((rows, *shape), np.uint8)

    def add(self, chunk: Array) -> None:
        """Append rows.

        Raises:
            DatasetError: if they hold numbers that are none of a pixel.
        """
        if chunk.size == 0:
            return
        if self._done + len(chunk) > len(self._x):
            raise refused(self._path, f"{len(self._x):,} rows", "more, as it changed", "Try again.")
        self._widen(self._needed(chunk))
        self._x[self._done : self._done + len(chunk)] = chunk
        self._done += len(chunk)

    def array(self) -> Array:
        """Return the rows.

        Raises:
            DatasetError: if some are missing.
        """
        if self._done < len(self._x):
            raise refused(self._path, f"{len(self._x):,} rows", f"{self._done:,}", "Try again.")
        return self._x

    def _needed(self, chunk: Array) -> type[np.generic]:
        low, high = chunk.min(), chunk.max()
        if chunk.dtype.kind == "f":
            if np.isnan(low) or np.isnan(high):
                raise refused(self._path, "a number in every cell", "an empty one", "Fill it, or leave its row out.")
            if max(-low, high) > np.finfo(np.float32).max:
                raise refused(self._path, "finite pixels", "infinity, or more", "Bring them to 0 to 255.")
            return np.float32
        if low >= 0 and high <= 255:
            return np.uint8
        ends = np.iinfo(np.int32)
        if low < ends.min or high > ends.max:
            received = f"whole numbers from {int(low):,} to {int(high):,}"
            raise refused(self._path, "pixels of at most 32 bits", received, "Leave out columns that are no pixels.")
        return np.int32

    def _widen(self, needed: type[np.generic]) -> None:
        # float32 holds all that uint8 does, and it is what networks take of larger whole numbers anyway
        if np.dtype(needed).itemsize > self._x.itemsize or (needed is np.float32 and self._x.dtype != np.float32):
            check_room(self._path, self._x.size * np.dtype(needed).itemsize)
            wider = np.empty(self._x.shape, needed)
            wider[: self._done] = self._x[: self._done]
            self._x = wider


def is_number(text: str) -> bool:
    """Return whether a cell holds a plain number."""
    return _NUMBER.fullmatch(text) is not None


def named_label(path: Path, names: Sequence[str], many: int, wanted: str | None) -> tuple[int, str] | None:
    """Return the place of the labels, from 0, and the note on it, as far as names tell; None where they do not.

    Args:
        path: of the table, for sentences.
        names: of the columns; none where it has no header.
        many: how many columns there are.
        wanted: the name or the place from 1 that the user gave.

    Raises:
        DatasetError: if there is no such column, or the names say that there are no labels.
    """
    if wanted is not None:
        return _wanted(path, names, many, wanted), ""
    lower = [x.strip().lower() for x in names]
    for name in LABELS:
        if name in lower:
            place = lower.index(name)
            return place, f"The column {shown(names[place])} is the label."
    places = [i for i, x in enumerate(lower) if not counts_rows(x)]
    # pixel0, pixel1, … are alike but for their digits; a single name unlike all others is the label's
    kinds = [re.sub(r"\d+", "#", lower[i]) for i in places]
    odd = [i for i, x in zip(places, kinds, strict=True) if kinds.count(x) == 1] if len(set(kinds)) == 2 else []
    if len(odd) == 1 and len(kinds) > 3:
        return odd[0], f"The column {shown(names[odd[0]])} is the label, as its name is unlike the others."
    if len(set(kinds)) == 1 and len(kinds) > 3 and kinds[0] != "#":
        alike = f"columns {shown(names[places[0]])} to {shown(names[places[-1]])} only"
        raise refused(path, "a column of labels", alike, _UNLABELLED)
    return None


def likely_label(path: Path, first: Labels, last: Labels, many: int) -> tuple[int, str]:
    """Return the place of the labels among columns whose names say nothing, and the note on it.

    Raises:
        DatasetError: if neither the first nor the last looks like labels.
    """
    squares = {i * i * c for i in range(1, 1 + int(many**0.5)) for c in (1, 3)}
    unlabelled = many in squares and many - 1 not in squares
    if first.likely() and not unlabelled:
        return 0, "The first column is the label."
    if last.likely() and not unlabelled:
        return many - 1, "The last column is the label."
    raise refused(path, "a column of labels, first or last", f"{many:,} columns that look like pixels", _UNLABELLED)


def divided(names: Sequence[str], many: int, label: int, note: str) -> Columns:
    """Return the columns but for those that only count the rows."""
    left = [i for i, x in enumerate(names) if i != label and counts_rows(x)]
    notes = [note] if note else []
    notes += [f"The column {shown(names[i]) or 'without a name'} was left out, as it counts the rows." for i in left]
    pixels = tuple(i for i in range(many) if i != label and i not in left)
    if (ordered := _numbered(names, pixels)) != pixels:
        notes.append(
            f"The columns of pixels were put in the order of their numbers, from {shown(names[ordered[0]])} to "
            f"{shown(names[ordered[-1]])}."
        )
    return Columns(label, ordered, tuple(notes))


def _numbered(names: Sequence[str], places: tuple[int, ...]) -> tuple[int, ...]:
    """Return columns in the order of the numbers in their names, which may be sorted as text; as they are if unlike."""
    named = [names[i].strip().lower() for i in places] if names else []
    keys = [tuple(map(int, re.findall(r"\d{1,18}", x))) for x in named]
    kinds = {re.sub(r"\d{1,18}", "#", x) for x in named}
    if len(kinds) != 1 or not all(keys) or len(set(keys)) < len(keys):
        return places
    return tuple(place for _, place in sorted(zip(keys, places, strict=True)))


def column_text(names: Iterable[str], place: int) -> str:
    """Return how a column is called in sentences."""
    named = list(names)
    return f"column {shown(named[place])}" if named else f"column {place + 1}"


def _wanted(path: Path, names: Sequence[str], many: int, wanted: str) -> int:
    for known, asked in ((list(names), wanted), ([x.strip().lower() for x in names], wanted.strip().lower())):
        if asked in known:
            return known.index(asked)
    if wanted.isascii() and wanted.isdigit() and len(wanted) < 9 and 1 <= int(wanted) <= many:
        return int(wanted) - 1
    columns = f"one of its columns, {shown(', '.join(names))}" if names else f"a column from 1 to {many:,}"
    raise refused(path, f"{columns}, as the label", shown(wanted), _NAME_IT)


def counts_rows(name: str) -> bool:
    """Return whether a column of this name only counts the rows."""
    lower = name.strip().lower()
    return lower in _NUMBERS or lower.startswith("unnamed")
