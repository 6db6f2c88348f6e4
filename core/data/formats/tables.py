"""Tables of text: a row an image, with a column of labels among those of pixels (CSV, also packed by gzip)."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pandas as pd

from core.data.formats import found
from core.data.formats.columns import (
    LABELS,
    Columns,
    Labels,
    Pixels,
    column_text,
    counts_rows,
    divided,
    is_number,
    likely_label,
    named_label,
)
from core.data.formats.found import Found, Options, Part, Told, refused, short, silent, unreadable
from core.data.formats.pace import paced
from core.data.formats.streams import explained, file_size, shown
from core.networks.layers import Array

_HEAD = 2 * 2**20  # bytes in which the first two rows must end
_MAX_COLUMNS = 200_000  # 256 x 256 pixels in colour and some more
_CELLS = 1_500_000  # read at a time: pandas takes 80 MB for them; with fewer it takes twice the time
_SEPARATORS = (",", ";", "\t")
_NO_PIXELS = "Leave out columns that are no pixels, or name that of the labels (command line: --label COLUMN)."
_SAVE = "Save it anew as CSV in UTF-8, a row an image."


@dataclass(frozen=True, slots=True)
class _Form:
    """How a table is written.

    Attributes:
        separator: between two cells.
        names: of the columns; none where the first row is an image already.
        many: how many columns it has.
    """

    separator: str
    names: tuple[str, ...]
    many: int


class _Bounded(io.RawIOBase):
    """A file's text, unpacked where gzip packed it, up to so many bytes; tells of the progress in the file."""

    def __init__(self, path: Path, file: IO[bytes], told: Told, what: str) -> None:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        self._path, self._file, self._told, self._what = path, file, told, what
        self._text = gzip.GzipFile(fileobj=file) if packed else file
        self._size = max(file_size(path), 1)
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._text.read(len(buffer))
        self.count += len(data)
        if self.count > found.MAX_BYTES:
            limit = f"at most {found.MAX_BYTES / 2**30:.3g} GiB of text"
            raise refused(self._path, limit, "more once unpacked", "Use fewer images.")
        buffer[: len(data)] = data
        self._told(self._file.tell() / self._size, self._what)
        return len(data)


def read_table(path: Path, options: Options, told: Told = silent) -> Found:
    """Return the images of a table, one a row; x is ``(images, pixels)``.

    Cells are separated by comma, semicolon or tab, and the first row may name the columns. The labels stand where
    the user says, in a column of a usual name, or else in the first or the last; the others are pixels in their order.

    Args:
        path: of the table, plain or packed by gzip.
        options: its label, and its test, which is another table with the same columns.
        told: of the progress.

    Raises:
        DatasetError: if it is no such table.
    """
    ends = (0.5, 1.0) if options.test else (1.0, 1.0)
    form = _form(path, options.label)
    train, columns = _part(path, form, None, options.label, (told, 0.0, ends[0]))
    notes = columns.notes
    test = None
    if options.test is not None:
        other = _form(options.test, options.label)
        wrong = f"{other.many:,} columns"
        if other.many == form.many and form.names and other.names and form.names != other.names:
            i = next(i for i in range(form.many) if form.names[i] != other.names[i])
            wrong = f"column {i + 1} called {shown(other.names[i])}, not {shown(form.names[i])}"
        elif other.many == form.many:
            wrong = ""
        if wrong:
            same = f"the {form.many:,} columns of {path.name}"
            raise refused(options.test, same, wrong, "Give a table of test images with their labels.")
        test, _ = _part(options.test, other, columns, None, (told, *ends))
        notes = (*notes, f"The test images are those of {shown(options.test.name)}.")
    return Found("a table", train, test, notes=notes)


def unlabelled(path: Path, train: Path, label: str | None) -> bool:
    """Return whether a table has the columns of that of the training images but for the labels, as Kaggle's test.csv.

    Raises:
        DatasetError: if one of the two is no table.
    """
    form, other = _form(train, label), _form(path, label)
    if not form.names or not other.names:
        return bool(form.names) == bool(other.names) and other.many == form.many - 1
    columns, others = ([x for x in each.names if not counts_rows(x)] for each in (form, other))
    return len(others) == len(columns) - 1 and any(
        others == columns[:i] + columns[i + 1 :] for i in range(len(columns))
    )


def _part(
    path: Path, form: _Form, columns: Columns | None, wanted: str | None, told: tuple[Told, float, float]
) -> tuple[Part, Columns]:
    """Return the images of one table and which columns are what, if that is not known yet."""
    tell, start, end = told
    middle = (start + end) / 2
    place = columns.label if columns else None
    note = ""
    if columns is None and (named := named_label(path, form.names, form.many, wanted)):
        place, note = named
    candidates = (place,) if place is not None else (0, form.many - 1)
    labels, size = _labels(path, form, candidates, paced(tell, start, middle))
    if labels[0].rows == 0:
        raise refused(path, "at least one image", "no row", _SAVE)
    if place is None:
        place, note = likely_label(path, labels[0], labels[-1], form.many)
    if columns is None:
        columns = divided(form.names, form.many, place, note)
    y = labels[candidates.index(place)].array(path, column_text(form.names, place))
    if 2 * len(y) * form.many > size + 1:  # a cell has a digit at least and what separates it from the next
        raise refused(path, f"{form.many:,} cells in every row", "shorter rows or empty cells", _SAVE)
    return Part(_pixels(path, form, columns, len(y), paced(tell, middle, end)), y), columns


def _labels(path: Path, form: _Form, places: Sequence[int], tell: Told) -> tuple[list[Labels], int]:
    """Return the columns that are labels or may be, and how many bytes of text there are."""
    kept = [Labels() for _ in places]
    with _chunks(path, form, tell, "looking for labels", sorted(set(places))) as (chunks, text):
        for chunk in chunks:
            for place, labels in zip(places, kept, strict=True):
                codes, values = pd.factorize(chunk[place])
                labels.add(list(values), codes)
        return kept, text.count


def _pixels(path: Path, form: _Form, columns: Columns, rows: int, tell: Told) -> Array:
    pixels = Pixels(path, rows, (len(columns.pixels),))
    others = sorted(set(range(form.many)) - set(columns.pixels))
    with _chunks(path, form, tell, "reading pixels", None, others) as (chunks, _):
        for chunk in chunks:
            chunk = chunk.drop(columns=others)
            if list(columns.pixels) != list(chunk.columns):
                chunk = chunk[list(columns.pixels)]
            for name, kind in chunk.dtypes.items():
                if kind.kind not in "if":  # u: some are beyond int64
                    text = (str(x) for x in chunk[name])
                    cell = next((x for x in text if not is_number(x)), "a whole number beyond 64 bits")
                    where = column_text(form.names, int(name))
                    raise refused(path, "numbers as pixels", f"{shown(cell)} in {where}", _NO_PIXELS)
            pixels.add(chunk.to_numpy())
    return pixels.array()


@contextmanager
def _chunks(
    path: Path, form: _Form, tell: Told, what: str, only: Sequence[int] | None, text_in: Sequence[int] = ()
) -> Iterator[tuple[Iterator[pd.DataFrame], _Bounded]]:
    """Yield the rows of a table, some at a time, and the stream that they come from."""
    with explained(path), path.open("rb") as file:
        text = _Bounded(path, file, tell, what)
        try:
            with pd.read_csv(
                io.BufferedReader(text, 2**18),
                sep=form.separator,
                header=0 if form.names else None,
                names=list(range(form.many)),
                index_col=False,
                usecols=only,
                dtype=dict.fromkeys(only if only is not None else text_in, str),
                chunksize=max(1, _CELLS // form.many),
                keep_default_na=False,
                na_values=[""],
                encoding="utf-8-sig",
                low_memory=False,
            ) as chunks:
                yield chunks, text
        except UnicodeDecodeError:
            raise unreadable(path, "it is not text in UTF-8", _SAVE) from None
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as e:
            why = short(e).removeprefix("Error tokenizing data. C error: ")
            raise refused(path, "a table with rows of one length", why, _SAVE) from None


def _form(path: Path, label: str | None) -> _Form:
    """Return how a table is written, from its first two rows."""
    with explained(path), path.open("rb") as file:
        head = io.BufferedReader(_Bounded(path, file, silent, ""), 2**18).read(_HEAD)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        raise unreadable(path, "it is not text in UTF-8", _SAVE) from None
    if "\0" in text:
        raise unreadable(path, "it is not text", _SAVE)
    try:
        separator = max(_SEPARATORS, key=lambda x: len(next(_rows(text, x), ())))
        rows = _rows(text, separator)
        first, second = next(rows, []), next(rows, [])
    except csv.Error as e:
        raise refused(path, "a table of short cells", short(e), _SAVE) from None
    many = len(first)
    if not 2 <= many <= _MAX_COLUMNS:
        expected = f"2 to {_MAX_COLUMNS:,} columns, separated by comma, semicolon or tab"
        raise refused(path, expected, f"{many:,}", _SAVE)
    if len(head) == _HEAD and not second:
        raise refused(path, f"rows of at most {_HEAD / 2**21:.0f} MiB", "longer ones", _SAVE)
    if second and len(second) != many:
        raise refused(path, "rows of one length", f"{many:,} and {len(second):,} cells", _SAVE)
    return _Form(separator, tuple(first) if _is_header(first, second, label) else (), many)


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    """Return the rows of a table that are not empty."""
    return (row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if row)


def _is_header(first: list[str], second: list[str], label: str | None) -> bool:
    """Return whether the first row names the columns."""
    lower = {x.strip().lower() for x in first}
    if lower & set(LABELS) or (label is not None and not is_number(label) and label.strip().lower() in lower):
        return True
    if any(is_number(y) and not is_number(x) for x, y in zip(first, second, strict=False)):
        return True
    # 0, 1, 2, … as pandas names columns
    counted = [x for x in first if x.isdecimal()]
    start = counted[0] if counted else ""
    return start in ("0", "1") and len(counted) > 4 and counted == [str(i + int(start)) for i in range(len(counted))]
