"""A set of labelled images in memory, and the checks on the ``.npz`` file it comes from."""

from __future__ import annotations

import hashlib
import math
import zipfile
import zlib
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from lzma import LZMAError
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import DatasetError
from core.networks.layers import Array, Shape, shape_text

MEMBERS = ("x_train", "y_train", "x_test", "y_test")
MIN_CLASSES, MAX_CLASSES = 2, 100
MAX_BYTES = 4 * 2**30
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
HELD_OUT = 6  # one in so many training images: 10,000 of MNIST's 60,000


@dataclass(frozen=True, slots=True, eq=False)
class Images:
    """Training and test images with their labels.

    Attributes:
        x_train: float32 ``(images, height, width, channels)``; uint8 pixels divided by 255, floats as they were.
        y_train: int32 ``(images,)``, labels from 0 to ``classes - 1``.
        x_test: like ``x_train``.
        y_test: like ``y_train``.
        classes: one more than the largest training label.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    classes: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a file without keeping its images.

    Attributes:
        input_shape: ``(height, width, channels)`` of one image.
        classes: number of classes.
        train: number of training images.
        test: number of test images.
        fingerprint: 16 hex digits that follow from the contents alone.
    """

    input_shape: Shape
    classes: int
    train: int
    test: int
    fingerprint: str


def read(path: Path) -> Images:
    """Read and check an image set; pickled contents are refused.

    Raises:
        DatasetError: one sentence on the first thing found wrong.
    """
    x_train, y_train, x_test, y_test = _checked(path, unpack=MEMBERS)
    return Images(scaled(x_train), y_train, scaled(x_test), y_test, int(y_train.max()) + 1)


def read_test(path: Path) -> tuple[Array, Array]:
    """Return only the test images, as they lie in the file, and their labels; training images of bytes stay packed.

    Raises:
        DatasetError: as :func:`read` does.
    """
    *_, x_test, y_test = _checked(path, unpack=("x_test",))
    return x_test, y_test


def scaled(x: Array) -> Array:
    """Return images as networks take them: float32, uint8 pixels divided by 255, floats as they were."""
    if x.dtype == np.uint8:
        return x.astype(np.float32) / np.float32(255)
    return x.astype(np.float32)


def hold_out(data: Images) -> Images:
    """Return the training images as a set of their own, with a sixth of them, held out, in the test images' place.

    Of every class the share is a sixth, to one image; a class with a single image keeps it for training. Which images
    are held out follows from the training labels alone: it is the same for every seed and on every machine.

    Raises:
        DatasetError: if every class has a single image.
    """
    # RandomState, because NumPy promises never to change its numbers
    shuffled = np.random.RandomState(0).permutation(len(data.y_train))
    by_class = shuffled[np.argsort(data.y_train[shuffled], kind="stable")]
    shared = by_class[np.bincount(data.y_train)[data.y_train[by_class]] > 1]
    if len(shared) == 0:
        raise DatasetError("No training image can be held out, because no class has two. Use the article's protocol.")
    held = np.sort(shared[::HELD_OUT])
    kept = np.delete(np.arange(len(data.y_train)), held)
    return Images(data.x_train[kept], data.y_train[kept], data.x_train[held], data.y_train[held], data.classes)


def facts(path: Path) -> Facts:
    """Return what :func:`read` would find, remembered until the file changes.

    Bytes are not unpacked for it, so that no page waits for a large set; floats are, to know that they are finite.

    Raises:
        DatasetError: as :func:`read` does.
    """
    try:
        stat = path.stat()
    except OSError as e:
        raise DatasetError(f"The file {path} cannot be read ({e.strerror}).") from None
    return _facts(path, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=64)
def _facts(path: Path, mtime_ns: int, size: int) -> Facts:
    x_train, y_train, x_test, _ = _checked(path, unpack=())
    return Facts(x_train.shape[1:], int(y_train.max()) + 1, len(x_train), len(x_test), _fingerprint(path))


def _checked(path: Path, unpack: Collection[str]) -> tuple[Array, Array, Array, Array]:
    """Return the four arrays, found well; images of bytes not in ``unpack`` are stand-ins of the right shape."""
    arrays = _arrays(path, unpack)
    x_train, x_test = (_pixels(path, name, arrays[name]) for name in ("x_train", "x_test"))
    y_train, y_test = (_labels(path, name, arrays[name]) for name in ("y_train", "y_test"))
    for part, x, y in (("train", x_train, y_train), ("test", x_test, y_test)):
        if len(x) != len(y):
            raise _wrong(path, f"as many labels as images in y_{part} and x_{part}", f"{len(y):,} and {len(x):,}")
    if x_train.shape[1:] != x_test.shape[1:]:
        sizes = f"{_size(x_train.shape[1:])} and {_size(x_test.shape[1:])}"
        raise _wrong(path, "images of one shape in x_train and x_test", sizes)
    classes = int(y_train.max()) + 1
    if classes < MIN_CLASSES:
        raise _wrong(path, f"{MIN_CLASSES} to {MAX_CLASSES} classes in y_train", "only the label 0")
    if int(y_test.max()) >= classes:
        raise _wrong(path, f"labels up to {classes - 1} in y_test, as in y_train", f"the label {int(y_test.max())}")
    return x_train, y_train, x_test, y_test


def _fingerprint(path: Path) -> str:
    # A .npz is a zip file, which keeps a CRC-32 of each member's contents: no need to read them again.
    with zipfile.ZipFile(path) as file:
        known = sorted((x.filename, x.CRC, x.file_size) for x in file.infolist() if x.filename[:-4] in MEMBERS)
    return hashlib.sha256(repr(known).encode()).hexdigest()[:16]


def _arrays(path: Path, unpack: Collection[str]) -> dict[str, Array]:
    """Return the four arrays of a file, refusing what is no such file before much of it is read."""
    try:
        with zipfile.ZipFile(path) as file:
            sizes = {
                x.filename.removesuffix(".npy"): x.file_size for x in file.infolist() if x.filename.endswith(".npy")
            }
            missing = [name for name in MEMBERS if name not in sizes]
            if missing:
                raise _wrong(path, f"the arrays {', '.join(MEMBERS)}", f"no {' and no '.join(missing)}")
            size = sum(sizes[name] for name in MEMBERS)
            if size > MAX_BYTES:
                raise _wrong(path, f"at most {MAX_BYTES / 2**30:.0f} GiB of arrays", f"{size / 2**30:.1f} GiB")
            headers = {x: _header(file, x, sizes[x]) for x in MEMBERS}
        with np.load(path, allow_pickle=False) as file:
            return {
                name: np.broadcast_to(np.uint8(0), shape)
                if name.startswith("x_") and name not in unpack and dtype == np.uint8
                else file[name]
                for name, (shape, dtype) in headers.items()
            }
    except DatasetError:
        raise
    except (OSError, zipfile.BadZipFile, zlib.error, LZMAError, EOFError, NotImplementedError, RuntimeError) as e:
        why = getattr(e, "strerror", None) or _short(e)
        raise DatasetError(f"The file {path} cannot be read as .npz ({why}). Write it with numpy.savez.") from None
    except MemoryError:
        raise DatasetError(f"The file {path} does not fit into memory. Use fewer or smaller images.") from None
    except Exception as e:
        # mostly ValueError, but a header is read by Python's own parser, which has errors of its own
        if "pickle" in str(e).lower():
            raise _wrong(path, "plain arrays of numbers", "pickled Python objects, which are not opened") from None
        raise _wrong(path, "arrays written by numpy.savez", f"something else ({_short(e)})") from None


def _header(file: zipfile.ZipFile, name: str, size: int) -> tuple[Shape, np.dtype[Any]]:
    """Return shape and type of an array from the first lines of its member.

    NumPy makes room for all that they promise before it reads on, so they must promise what the member holds.
    """
    with file.open(f"{name}.npy") as member:
        version = np.lib.format.read_magic(member)
        if version not in _HEADERS:
            raise ValueError(f"{name} in version {version[0]}.{version[1]} of the format")
        shape, _, dtype = _HEADERS[version](member)
        promised, held = math.prod(shape) * dtype.itemsize, size - member.tell()
    if promised != held and not dtype.hasobject:
        raise ValueError(f"{name} holds {held:,} bytes and promises {promised:,}")
    return shape, dtype


def _short(error: Exception) -> str:
    """Return what an error of a library says, cut to what fits a sentence."""
    text = " ".join(str(error).split())
    return text if len(text) <= 100 else f"{text[:99]}…"


def _pixels(path: Path, name: str, x: Array) -> Array:
    if x.ndim == 3:
        x = x[..., np.newaxis]
    if x.ndim != 4 or x.shape[3] not in (1, 3):
        raise _wrong(path, f"{name} of shape (images, height, width) or with 1 or 3 channels last", str(x.shape))
    if min(x.shape) == 0:
        raise _wrong(path, f"at least one image with at least one pixel in {name}", f"the shape {x.shape}")
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise _wrong(path, f"uint8 or float pixels in {name}", str(x.dtype))
    if x.dtype != np.uint8:
        with np.errstate(over="ignore"):
            x = x.astype(np.float32)
        if not np.isfinite(x).all():
            raise _wrong(path, f"finite pixels in {name}", "NaN, infinity or numbers beyond float32")
    return x


def _labels(path: Path, name: str, y: Array) -> Array:
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    if y.ndim != 1 or len(y) == 0:
        raise _wrong(path, f"{name} of shape (images,)", str(y.shape))
    if not np.issubdtype(y.dtype, np.integer):
        raise _wrong(path, f"whole numbers in {name}", str(y.dtype))
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= MAX_CLASSES:
        raise _wrong(path, f"labels from 0 to at most {MAX_CLASSES - 1} in {name}", f"{low} to {high}")
    return y.astype(np.int32)


def _size(shape: Shape) -> str:
    return shape_text(shape[:2] if shape[2] == 1 else shape)


def _wrong(path: Path, expected: str, received: str) -> DatasetError:
    return DatasetError(f"The file {path} is not a usable image set. Expected {expected}. Received: {received}.")
