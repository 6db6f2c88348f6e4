"""A set of labelled images in memory, and the checks on the ``.npz`` file it comes from."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, reduce
from operator import or_
from pathlib import Path
from typing import Any

import numpy as np

from core.data import conversions
from core.data.conversions import DARKEST, Range
from core.data.formats.arrays import Npz, open_npz
from core.data.formats.found import MAX_CLASSES
from core.data.formats.streams import check_room, shown
from core.data.images import Facts, Images
from core.errors import ArgumentError, DatasetError, UnconvertedError
from core.networks.layers import Array, Shape, shape_text

MEMBERS = ("x_train", "y_train", "x_test", "y_test")
NAMES, REPORT = "class_names", "report"  # what a set that was brought in says besides, as arrays of text
MIN_CLASSES = 2


def read(path: Path) -> Images:
    """Read and check an image set; pickled contents are refused.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    x_train, y_train, x_test, y_test = _checked(path, unpack=MEMBERS)
    return Images(_kept(x_train), y_train, _kept(x_test), y_test, int(y_train.max()) + 1)


def read_test(path: Path) -> tuple[Array, Array]:
    """Return only the test images, as they lie in the file, and their labels; training images of bytes stay packed.

    Raises:
        DatasetError: as :func:`read` does.
    """
    *_, x_test, y_test = _checked(path, unpack=("x_test",))
    return x_test, y_test


def facts(path: Path) -> Facts:
    """Return what :func:`read` would find, remembered until the file changes.

    Of bytes it takes the first that are bright to know their range, so no page waits for a large set; of floats all.

    Raises:
        DatasetError: as :func:`read` does.
    """
    try:
        stat = path.stat()
    except OSError as e:
        raise DatasetError(f"The file {path} cannot be read ({e.strerror}).") from None
    found = _facts(path, stat.st_mtime_ns, stat.st_size)
    if isinstance(found, UnconvertedError):
        raise UnconvertedError(found.path, str(found))
    return found


@lru_cache(maxsize=64)
def _facts(path: Path, mtime_ns: int, size: int) -> Facts | UnconvertedError:
    """Return the facts, or why they would be wrong: to know that of floats takes all of them, and pages ask often."""
    try:
        return _told(path)
    except UnconvertedError as e:
        return e


def _told(path: Path) -> Facts:
    x_train, y_train, x_test, y_test = _checked(path, unpack=())
    classes = int(y_train.max()) + 1
    train_counts, test_counts = (tuple(np.bincount(y, minlength=classes).tolist()) for y in (y_train, y_test))
    with zipfile.ZipFile(path) as file:
        mark = fingerprint(file)
    return Facts(
        x_train.shape[1:],
        classes,
        len(x_train),
        len(x_test),
        mark,
        _names(path, classes),
        train_counts,
        test_counts,
        1 if x_train.dtype == np.uint8 else 4,
    )


def report(path: Path) -> dict[str, Any] | None:
    """Return what was said when a set was brought in; None of one that lay in the data folder as it is.

    Raises:
        DatasetError: if the file cannot be read.
    """
    text = _text(path, REPORT)
    try:
        found = json.loads(str(text)) if text is not None else None
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _names(path: Path, classes: int) -> tuple[str, ...]:
    """Return the names of the classes that a file gives, if it gives each one of its own."""
    text = _text(path, NAMES)
    found = tuple(str(x) for x in text) if text is not None and text.ndim == 1 else ()
    fit = len(found) == classes == len(set(found)) and all(x.strip() and x.isprintable() for x in found)
    return found if fit else ()


def _text(path: Path, name: str) -> Array | None:
    """Return an array of text from a file, or None where there is none that can be read."""
    with suppress(DatasetError), open_npz(path) as file:
        if name in file.members:
            found = file.read(name)
            return found if found.dtype.kind == "U" else None
    return None


def _checked(path: Path, unpack: Collection[str]) -> tuple[Array, Array, Array, Array]:
    """Return the four arrays, found well; images not in ``unpack`` are stand-ins of the right shape and type."""
    arrays, seen = _arrays(path, unpack)
    x_train, x_test = (_shaped(path, name, arrays[name]) for name in ("x_train", "x_test"))
    if x_train.shape[1:] != x_test.shape[1:]:
        sizes = f"{_size(x_train.shape[1:])} and {_size(x_test.shape[1:])}"
        raise _wrong(path, "images of one shape in x_train and x_test", sizes)
    _check_pixels(path, x_train, x_test, seen)
    y_train, y_test = (_labels(path, name, arrays[name]) for name in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise _wrong(path, f"as many labels as images in y_{part} and x_{part}", f"{len(y):,} and {len(x):,}")
    occurring = np.unique(y_train)
    classes = len(occurring)
    if not MIN_CLASSES <= classes <= MAX_CLASSES:
        received = "only one" if classes == 1 else f"{classes:,}"
        raise _wrong(path, f"{MIN_CLASSES} to {MAX_CLASSES} classes in y_train", received)
    if int(occurring[-1]) != classes - 1 or int(occurring[0]) != 0:
        raise _wrong(
            path,
            f"the labels 0 to {classes - 1} in y_train, which holds {classes} classes",
            f"labels from {occurring[0]:,} to {occurring[-1]:,}",
        )
    unknown = np.setdiff1d(y_test, occurring)
    if len(unknown):
        raise _wrong(path, f"labels up to {classes - 1} in y_test, as in y_train", f"the label {unknown[-1]:,}")
    return x_train, y_train.astype(np.int32), x_test, y_test.astype(np.int32)


def fingerprint(file: zipfile.ZipFile) -> str:
    """Return 16 hex digits that follow from the four arrays of an open ``.npz`` file alone."""
    # A .npz is a zip file, which keeps a CRC-32 of each member's contents: no need to read them again.
    known = sorted((x.filename, x.CRC, x.file_size) for x in file.infolist() if x.filename[:-4] in MEMBERS)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def _arrays(path: Path, unpack: Collection[str]) -> tuple[dict[str, Array], list[Range]]:
    """Return the four arrays of a file, and the ranges of its training and test pixels, as far as there are any.

    What is no such file is refused before much of it is read.
    """
    with open_npz(path) as file:
        missing = [name for name in MEMBERS if name not in file.members]
        if missing:
            there = ", ".join(shown(x) for x in sorted(file.members)[:8])
            received = f"no {' and no '.join(missing)}{f', but {there}' if there else ''}"
            raise _wrong(path, f"the arrays {', '.join(MEMBERS)}", received)
        headers = {x: file.header(x) for x in MEMBERS}
        for name, header in headers.items():
            if header.dtype is None:
                what = "pickled Python objects, which are not opened" if header.pickled else str(header)
                raise _wrong(path, f"plain arrays of numbers in {name}", what)
        check_room(path, sum(x.bytes for x in headers.values()))
        arrays = {
            name: np.broadcast_to(np.zeros((), header.dtype), header.shape)
            if name.startswith("x_") and name not in unpack
            else file.read(name)
            for name, header in headers.items()
        }
        return arrays, _ranges(file, {x: arrays[x] for x in ("x_train", "x_test")}, unpack)


def cut_off(path: Path) -> bool:
    """Return whether a file begins as a ``.npz`` does and has lost its end, as of a download that broke off."""
    try:
        with path.open("rb") as file:
            return file.read(2) == b"PK" and not zipfile.is_zipfile(file)
    except OSError:
        return False


def _ranges(file: Npz, parts: Mapping[str, Array], loaded: Collection[str]) -> list[Range]:
    """Return the range of each part's pixels; bytes are read until one is seen that is brighter than any level."""
    return [
        conversions.look([x] if name in loaded else file.parts(name), _bright if x.dtype == np.uint8 else _never)
        for name, x in parts.items()
        if x.size and x.dtype.kind in "biuf"
    ]


def _bright(seen: Range) -> bool:
    return seen.high > DARKEST


def _never(seen: Range) -> bool:
    return False


def _shaped(path: Path, name: str, x: Array) -> Array:
    if x.ndim == 3:
        x = x[..., np.newaxis]
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        raise _wrong(path, f"{name} of shape (images, height, width) or with 1 or 3 channels last", str(x.shape))
    if min(x.shape) == 0:
        raise _wrong(path, f"at least one image with at least one pixel in {name}", f"the shape {x.shape}")
    if x.dtype != np.uint8 and x.dtype.kind != "f":
        raise _wrong(path, f"uint8 or float pixels in {name}", str(x.dtype))
    return x


def _check_pixels(path: Path, x_train: Array, x_test: Array, seen: Sequence[Range]) -> None:
    if (x_train.dtype == np.uint8) != (x_test.dtype == np.uint8):
        raise _wrong(path, "pixels of one type in x_train and x_test", f"{x_train.dtype} and {x_test.dtype}")
    together = reduce(or_, seen)
    try:
        conversions.check_alike([(x_train.dtype, x) for x in seen])
        well = conversions.untouched(x_train.dtype, together)
    except ArgumentError as e:
        raise UnconvertedError(path, f"The file {path} is not a usable image set as it lies. {e}") from None
    if not well:
        expected = "bytes from 0 to 255 or floats from 0 to 1"
        kind = "bytes" if x_train.dtype == np.uint8 else "floats"
        raise _wrong(path, expected, f"{kind} from {together.low:,.6g} to {together.high:,.6g}")


def _kept(x: Array) -> Array:
    return x if x.dtype == np.uint8 else x.astype(np.float32, copy=False)


def _labels(path: Path, name: str, y: Array) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) == 0:
        raise _wrong(path, f"{name} of shape (images,)", str(y.shape))
    if not np.issubdtype(y.dtype, np.integer):
        raise _wrong(path, f"whole numbers in {name}", str(y.dtype))
    return y


def _size(shape: Shape) -> str:
    return shape_text(shape[:2] if shape[2] == 1 else shape)


def _wrong(path: Path, expected: str, received: str) -> UnconvertedError:
    return UnconvertedError(
        path,
        f"The file {path} is not a usable image set as it lies. Expected {expected}. Received: {received}. "
        "Look at what can be made of it, and bring it in.",
    )
