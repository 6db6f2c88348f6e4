"""Read so many bytes and no more, of files that may lie, break off or go on."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from core.data.formats import found
from core.data.formats.found import Part, Told, refused, short, unreadable
from core.errors import DatasetError, printable
from core.networks.layers import Array, Shape

CHUNK = 2**17  # bytes read at a time
AGAIN = "Delete it or fetch it again."


def cut_off(path: Path) -> DatasetError:
    """Return the error for a file that ends before its contents do."""
    return DatasetError(f"The file {path} is cut off: it ends before its contents do. {AGAIN}")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Raise a DatasetError for whatever is raised inside: a file that ends too early is told by EOFError."""
    try:
        yield
    except DatasetError:
        raise
    except EOFError:
        raise cut_off(path) from None
    except MemoryError:
        raise unreadable(path, "it does not fit into memory", "Use fewer or smaller images.") from None
    except Exception as e:  # libraries raise errors of many kinds on damaged bytes
        seen = isinstance(e, OSError) and e.strerror
        raise unreadable(path, short(e), "Check its name and its permissions." if seen else AGAIN) from None


class Ended(EOFError):
    """Bytes end before as many have come as were promised."""


class Meter:
    """Tells how much of so many bytes has been read, at most a hundred times."""

    __slots__ = ("_done", "_next", "_told", "_total", "_what")

    def __init__(self, told: Told, total: int, what: str) -> None:
        self._told, self._total, self._what = told, max(total, 1), what
        self._done, self._next = 0, 0.0

    def __call__(self, count: int) -> None:
        self._done += count
        share = min(self._done / self._total, 1.0)
        if share >= self._next:
            self._told(share, self._what)
            self._next = min(share + 0.01, 1.0)


def take(read: Callable[[int], bytes], count: int, meter: Meter | None = None) -> bytearray:
    """Return ``count`` bytes; room is made as they come, not as they are promised.

    Raises:
        Ended: if there are fewer.
    """
    data = bytearray()
    while len(data) < count:
        some = read(min(CHUNK, count - len(data)))
        if not some:
            raise Ended(f"{len(data):,} bytes of {count:,}")
        data += some
        if meter is not None:
            meter(len(some))
    return data


def check_room(path: Path, needed: int, room: int | None = None) -> None:
    """Refuse arrays of more bytes than there may be; ``room`` is what others left of it."""
    if needed > (found.MAX_BYTES if room is None else room):
        limit = f"{found.MAX_BYTES / 2**30:.3g} GiB of arrays"
        raise refused(path, f"at most {limit}", f"{needed / 2**30:.3g} GiB", "Use fewer or smaller images.")


def ordered(data: bytearray, dtype: np.dtype[np.generic], shape: Shape, columns_first: bool) -> Array:
    """Return an array over bytes, which are not copied."""
    flat = np.frombuffer(data, dtype)
    return flat.reshape(shape[::-1]).T if columns_first else flat.reshape(shape)


def paired(path: Path, x: Array, y: Array, names: tuple[str, str]) -> Part:
    """Return images with their labels, once their shapes can belong together.

    Raises:
        DatasetError: if they cannot.
    """
    if x.dtype.kind not in "biuf" or x.ndim not in (2, 3, 4) or x.size == 0:
        what = f"images as numbers of two to four axes in {names[0]}"
        raise refused(path, what, f"{x.dtype} {x.shape}", "Write an array of shape (images, height, width).")
    if y.dtype.kind not in "biufUS" or y.ndim not in (1, 2) or y.size == 0:
        raise refused(path, f"a label an image in {names[1]}", f"{y.dtype} {y.shape}", "Write one label an image.")
    if y.shape == (1, len(x)):
        y = y.reshape(-1)
    if len(x) != len(y):
        what = f"as many labels in {names[1]} as images in {names[0]}"
        raise refused(path, what, f"{len(y):,} and {len(x):,}", "Check that the two belong together.")
    return Part(x, y)


def fitting(names: tuple[str, ...], y: Array) -> tuple[str, ...]:
    """Return names in the places of the labels 0, 1, …, or none where they do not fit the labels."""
    if y.dtype.kind not in "biuf" or not names or len(names) > found.MAX_CLASSES:
        return ()
    if y.ndim == 2 and y.shape[1] > 1:
        return names if y.shape[1] == len(names) else ()
    low, high = float(y.min()), float(y.max())
    if low >= 0 and high < len(names):
        return names
    return ("", *names) if low >= 1 and high == len(names) else ()


def signs(table: Array, y: Array) -> tuple[str, ...]:
    """Return the names of labels by a table of whole numbers, a label and the code of its sign a row.

    Labels that do not count from 0 or 1, and codes that are no signs, give none.
    """
    if (
        table.dtype.kind not in "iuf"
        or not ((table >= 0) & (table < 128)).all()
        or table.ndim != 2
        or table.shape[1] < 2
        or not 0 < len(table) <= found.MAX_CLASSES
    ):
        return ()
    labels, codes = table[:, 0].astype(np.int64), table[:, 1].astype(np.int64)
    if labels[0] not in (0, 1) or (np.diff(labels) != 1).any() or (codes <= 32).any() or (codes == 127).any():
        return ()
    if y.dtype.kind not in "iuf" or not (y.min() >= labels[0] and y.max() <= labels[-1]):
        return ()
    return ("",) * int(labels[0]) + tuple(chr(x) for x in codes)


def shown(name: str) -> str:
    """Return a name from a file as it can stand in a sentence."""
    return printable(name, 60)


def file_size(path: Path) -> int:
    """Return a file's size in bytes."""
    return os.stat(path).st_size
