"""Parquet files as Hugging Face writes image sets: pictures in their own formats, or pixels, beside labels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from core.data.formats.columns import LABELS, Columns, Labels, Pixels, column_text, divided, likely_label, named_label
from core.data.formats.found import Found, Options, Part, Told, refused, silent, unreadable
from core.data.formats.pace import paced
from core.data.formats.shards import batches, class_names, parquet_parts, rows, schema
from core.data.formats.stacks import Source, stack
from core.data.formats.streams import shown
from core.networks.layers import Array

_PICTURES = ("image", "img", "picture")
_LABELS = ("fine_label", "labels")  # besides those of any table
_PICTURE_ROWS = 32  # read at a time, as each may be megabytes
_CELLS = 500_000
_WRITE = "Write a column of pictures or of pixels, and one of labels."


@dataclass(frozen=True, slots=True)
class _Form:
    """What the columns of a set are.

    Attributes:
        columns: which are labels and pixels.
        names: of all columns.
        classes: names of the labels 0, 1, …, if they are given.
        picture: the column of pictures in their own formats, if there is one.
    """

    columns: Columns
    names: tuple[str, ...]
    classes: tuple[str, ...]
    picture: str | None

    @property
    def label(self) -> str:
        return self.names[self.columns.label]


@dataclass(frozen=True, slots=True)
class _Pictures:
    """The pictures in a column of some files, read a few at a time."""

    files: tuple[Path, ...]
    column: str

    def __len__(self) -> int:
        return rows(self.files)

    def __iter__(self) -> Iterator[Source]:
        for file in self.files:
            row = 0
            for batch in batches(file, [self.column], _PICTURE_ROWS):
                values = batch.column(0)
                values = values.field("bytes") if pa.types.is_struct(values.type) else values
                for value in values:
                    row += 1
                    name = f"{file.name}, row {row:,}"
                    yield Source(name, partial(_bytes, value, name))


def read_parquet(path: Path, options: Options, told: Told = silent) -> Found:
    """Return the images of a Parquet file with the shards that belong to it, or of a folder of them.

    Args:
        path: a file, such as ``train-00000-of-00002.parquet``, or a folder.
        options: its label, test (likewise a file or folder) and, for pictures, size, fit and colour.
        told: of the progress.

    Raises:
        DatasetError: if they are damaged, or no such set.
    """
    shards = parquet_parts(path)
    train, test, notes = shards.train, shards.test, list(shards.notes)
    if options.test is not None:
        other = parquet_parts(options.test)
        if test:
            notes.append(f"Left out: {shown(test[0].name)}, as other test images were given.")
        test = other.test or other.train
    fields = schema((*train, *test))
    form = _form(path, fields, train, options.label)
    notes += form.columns.notes
    y_train = _labels(path, train, form.label)
    y_test = _labels(path, test, form.label) if test else None
    if y_test is not None and _hidden(y_test, form.classes):
        notes.append("The test part was left out, as its labels are not given.")
        test, y_test = (), None
    if test:
        notes.append(f"The test images are those of {shown(test[0].name)}{' and so on' if test[1:] else ''}.")
    if _hidden(y_train, form.classes):
        do = "Leave out the images without a label."
        raise refused(path, "labels from 0", f"labels from {y_train.min()} to {y_train.max()}", do)
    if form.picture is None:
        what = "a Parquet table of pixels"
        x_train = _pixels(path, train, form, fields, paced(told, 0, 0.8))
        x_test = _pixels(path, test, form, fields, paced(told, 0.8, 1)) if y_test is not None else None
    else:
        what = "pictures in Parquet"
        stacked = stack(_Pictures((*train, *test), form.picture), options, path, told)
        notes += stacked.notes
        kept = stacked.kept
        split = int(kept[: len(y_train)].sum())
        if split == 0:
            raise refused(path, "training pictures", "only damaged ones", "Fetch the set again.")
        x_train, x_test = stacked.x[:split], stacked.x[split:]
        y_test = y_test[kept[len(y_train) :]] if y_test is not None else None
        y_train = y_train[kept[: len(y_train)]]
    held = y_test is not None and len(y_test) > 0
    test_part = Part(x_test, y_test) if held and x_test is not None and y_test is not None else None
    return Found(what, Part(x_train, y_train), test_part, form.classes, tuple(notes))


def _form(path: Path, fields: pa.Schema, train: Sequence[Path], wanted: str | None) -> _Form:
    """Return what the columns are, by their types, the names of features, and names."""
    names = tuple(fields.names)
    if len(set(names)) < len(names):
        raise refused(path, "columns of different names", "two of one name", _WRITE)
    classes = class_names(fields)
    pictures = [x.name for x in fields if _holds_pictures(x.type)]
    pictures.sort(key=lambda x: (x.lower() not in _PICTURES, names.index(x)))
    lists = [x.name for x in fields if _depth(x.type)]
    image = (pictures or lists or [None])[0]
    label = _label(path, fields, image, classes, train, wanted)
    note = f"The column {shown(names[label])} is the label."
    if _depth(fields.field(label).type) or _holds_pictures(fields.field(label).type):
        raise refused(path, "a label in a cell", f"lists in column {shown(names[label])}", _WRITE)
    given = classes.get(names[label], ())
    if image is None:
        columns = divided(names, len(names), label, note)
        return _Form(columns, names, given, None)
    others = [shown(x) for i, x in enumerate(names) if x != image and i != label]
    notes = [note]
    if others:
        notes.append(f"Left out: the columns {shown(', '.join(others))}.")
    return _Form(Columns(label, (names.index(image),), tuple(notes)), names, given, image if pictures else None)


def _label(
    path: Path,
    fields: pa.Schema,
    image: str | None,
    classes: dict[str, tuple[str, ...]],
    train: Sequence[Path],
    wanted: str | None,
) -> int:
    """Return the place of the label: as wanted, as the features say, by its name, or the only one that can be it."""
    names = list(fields.names)
    if wanted is None:
        lower = [x.lower() if x != image else "" for x in names]
        for known in (*classes, *_LABELS, *LABELS):
            if known.lower() in lower:
                return lower.index(known.lower())
    if image is None or wanted is not None:
        if (named := named_label(path, names, len(names), wanted)) is not None:
            return named[0]
        first, last = Labels(), Labels()
        _add_labels(train, names[0], first)
        _add_labels(train, names[-1], last)
        return likely_label(path, first, last, len(names))[0]
    others = [i for i, x in enumerate(fields) if x.name != image and not pa.types.is_nested(x.type)]
    if len(others) != 1:
        received = f"{len(others)} columns beside {shown(image)}"
        do = "Name the column of labels (command line: --label COLUMN)."
        raise refused(path, "a column of labels beside that of images", received, do)
    return others[0]


def _labels(path: Path, files: Sequence[Path], column: str) -> Array:
    labels = Labels()
    _add_labels(files, column, labels)
    if labels.rows == 0:
        raise refused(path, "at least one image", "no row", _WRITE)
    if labels.rows != rows(files):
        raise refused(path, f"{rows(files):,} rows", f"{labels.rows:,} labels", "Fetch the set again.")
    return labels.array(path, column_text([column], 0))


def _add_labels(files: Sequence[Path], column: str, labels: Labels) -> None:
    for file in files:
        for batch in batches(file, [column], 10_000):
            codes, values = pd.factorize(batch.column(0).to_pandas())
            labels.add([str(x) for x in values], codes)


def _pixels(path: Path, files: Sequence[Path], form: _Form, fields: pa.Schema, tell: Told) -> Array:
    """Return images from a column of lists, or from a column for each pixel."""
    columns = [form.names[i] for i in form.columns.pixels]
    for column in columns:
        kind = fields.field(column).type
        while _depth(kind):
            kind = kind.value_type
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
            do = "Leave out columns that are no pixels."
            raise refused(path, "numbers as pixels", f"{kind} in column {shown(column)}", do)
    lists = _depth(fields.field(columns[0]).type) > 0
    total, done = rows(files), 0
    pixels: Pixels | None = None
    for file in files:
        for batch in batches(file, columns, 256 if lists else max(1, _CELLS // len(columns))):
            chunk = _unpacked(path, batch.column(0)) if lists else batch.to_pandas().to_numpy()
            if pixels is None:
                pixels = Pixels(path, total, chunk.shape[1:])
            pixels.add(chunk)
            done += len(chunk)
            tell(done / total, "reading pixels")
    if pixels is None:
        raise refused(path, "at least one image", "no row", _WRITE)
    return pixels.array()


def _unpacked(path: Path, values: pa.Array) -> Array:
    """Return lists of lists of one length each as an array."""
    shape = [len(values)]
    while _depth(values.type):
        lengths = pc.unique(pc.list_value_length(values)).to_pylist()
        if len(lengths) != 1 or not lengths[0] or values.null_count:
            raise refused(path, "images of one shape", f"lists of {lengths[:3]} numbers", _WRITE)
        shape.append(lengths[0])
        values = values.flatten()
    if len(shape) > 4:
        raise refused(path, "images of one to three axes", f"{len(shape) - 1}", _WRITE)
    return values.to_numpy(zero_copy_only=False).reshape(shape)


def _hidden(y: Array, names: tuple[str, ...]) -> bool:
    """Return whether labels stand for none: -1 in test sets whose labels are kept back, or beyond the names."""
    return y.dtype.kind == "i" and bool(y.min() < 0 or (names and y.max() >= len(names)))


def _bytes(value: pa.Scalar, name: str) -> bytes:
    data = value.as_py()
    if not data:
        raise unreadable(Path(name), "it holds no picture", "Write the picture's bytes, not its path alone.")
    return bytes(data)


def _holds_pictures(kind: pa.DataType) -> bool:
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _holds_pictures(kind.field(place).type)
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _depth(kind: pa.DataType) -> int:
    """Return how many lists are around a number."""
    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    return depth
