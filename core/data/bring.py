"""Image sets as people have them become sets to train on: read, converted, reported, and kept if accepted."""

from __future__ import annotations

import json
import os
import time
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import reduce
from operator import itemgetter, or_
from pathlib import Path

import numpy as np

from core.data import conversions, datasets, images, npz, shapes
from core.data.conversions import Kept, Scale
from core.data.formats import read
from core.data.formats.found import MAX_CLASSES, Found, Options, Part, Told, silent
from core.data.report import Report
from core.data.writer import PART, Change, Writer, write
from core.errors import ArgumentError, DatasetError, invalid
from core.networks.layers import Array
from core.settings import Settings

SHOWN = 4  # images of every class in a report
SAMPLE = 200  # images by which rows of pixels are told apart
DRAFT = ".bring-"  # hidden files in the data folder that nobody has accepted yet
FORGOTTEN = 3600  # seconds after which such a file is no longer waited for
WAITING = 4  # such files at most: the oldest go first
LEVEL = 1  # of compression: a higher one takes several times as long to save a tenth


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A set that has been converted and waits to be accepted.

    Attributes:
        path: the file with it, hidden in the data folder.
        report: what is to be known of it.
        samples: up to ``SHOWN`` training images of every class, as networks will see them.
    """

    path: Path
    report: Report
    samples: tuple[Array, ...]


def draft(settings: Settings, path: Path, options: Options | None = None, told: Told = silent) -> Draft:
    """Read a file or folder, convert it and write it down as a draft; the original stays as it is.

    Args:
        settings: where the data folder is.
        path: the file or folder.
        options: how to read and convert it.
        told: is told how far it is.

    Raises:
        DatasetError: one sentence on what was expected, what came and what to do.
    """
    options = options or Options()
    sweep(settings)
    target = settings.data / f"{DRAFT}{uuid.uuid4().hex}.npz"
    try:
        target.touch()
    except OSError as e:
        raise DatasetError(
            f"The data folder {settings.data} cannot be written ({e.strerror}), so nothing can be brought in. Set "
            "FEATHERWEIGHT_DATA to a folder that can."
        ) from None
    try:
        return _draft(path, options, target, told)
    except BaseException as e:  # whoever leaves the page stops it too
        target.unlink(missing_ok=True)
        raise (_explained(path, e) or e) from None


def _explained(path: Path, e: BaseException) -> DatasetError | None:
    """Return the sentence for what else can go wrong than what the readers say."""
    if isinstance(e, ArgumentError):
        return DatasetError(f"The file {path} is not a usable image set. {e}")
    if isinstance(e, MemoryError):
        return DatasetError(f"The file {path} does not fit into memory. Use fewer or smaller images.")
    if isinstance(e, OSError):
        return DatasetError(f"The set from {path} could not be written down ({e.strerror or e}). Make room.")
    return None


def accept(settings: Settings, found: Draft, name: str) -> datasets.Dataset:
    """Keep a draft under a name.

    Raises:
        ArgumentError: if the name cannot be one, or is taken.
        DatasetError: if the draft has gone or the folder cannot be written.
    """
    check_name(settings, name)
    try:
        os.link(found.path, settings.data / f"{name}.npz")  # unlike a renaming, it never takes another's place
        found.path.unlink()
    except FileExistsError:
        raise _taken(name) from None
    except FileNotFoundError:
        raise DatasetError("What was looked at is no longer there. Look at the file again.") from None
    except OSError:  # a file system without links
        try:
            os.replace(found.path, settings.data / f"{name}.npz")
        except OSError as e:
            raise DatasetError(f"The folder {settings.data} cannot be written ({e.strerror}).") from None
    return datasets.find(settings, name)


def discard(found: Draft) -> None:
    """Forget a draft."""
    found.path.unlink(missing_ok=True)


def check_name(settings: Settings, name: str) -> None:
    """Raise ``ArgumentError`` unless a new set may be called so."""
    expected = "letters, digits, spaces, dots, dashes and underscores, at most 60, beginning with a letter or digit"
    plain = name.replace("-", "").replace("_", "").replace(" ", "").replace(".", "")
    if not (plain.isalnum() and name[0].isalnum() and name == name.strip() and len(name) <= 60):
        raise invalid("name of an image set", expected, name)
    if name in datasets.TITLES or os.path.lexists(settings.data / f"{name}.npz"):
        raise _taken(name)


def suggested(settings: Settings, path: Path) -> str:
    """Return a name for what a file holds that no set has yet."""
    stem = path.name
    while (shorter := Path(stem).stem) != stem:
        stem = shorter
    plain = "".join(x if x.isalnum() or x in "-_" else "-" for x in stem).strip("-_")[:50] or "images"
    names = (plain, *(f"{plain}-{x}" for x in range(2, 10_000)))
    return next(x for x in names if x not in datasets.TITLES and not os.path.lexists(settings.data / f"{x}.npz"))


def _taken(name: str) -> ArgumentError:
    return ArgumentError(f"An image set called {name} is there already. Choose another name.")


def sweep(settings: Settings) -> None:
    """Delete drafts that were left behind: those of an hour ago, and the oldest of more than a few."""
    ages = []
    for left in settings.data.glob(f"{DRAFT}*"):
        with suppress(OSError):
            ages.append((time.time() - left.stat().st_mtime, left))
    for place, (age, left) in enumerate(sorted(ages, key=itemgetter(0))):
        if age > FORGOTTEN or place >= WAITING:
            with suppress(OSError):
                left.unlink()


def _draft(path: Path, options: Options, target: Path, told: Told) -> Draft:
    found = read.read(path, options, told)
    notes = list(found.notes)
    parted = conversions.labels(found.train.y, None if found.test is None else found.test.y, found.names)
    notes += parted.notes
    known = len(parted.names)
    if not npz.MIN_CLASSES <= known <= MAX_CLASSES:
        raise ArgumentError(
            f"Expected {npz.MIN_CLASSES} to {MAX_CLASSES} classes. Received: {known:,}. "
            "Is this the right column or file of labels?"
        )
    change, said = _change(found, options, told)
    notes += said
    train, test = Part(found.train.x, parted.train), None if parted.test is None else Part(_test(found).x, parted.test)
    for part in (train, test):
        if part and len(part.x) != len(part.y):
            raise ArgumentError(
                f"Expected a label an image. Received: {len(part.x):,} images and {len(part.y):,} labels. Give those "
                "that belong together."
            )
    if test is None:
        train_at, test_at = _split(train.y)
        notes.append(
            f"There are no test images: one in {images.HELD_OUT} of every class, {len(test_at):,} in all, was split "
            "off to test."
        )
        test = Part(train.x, train.y)
    else:
        train_at, test_at = np.arange(len(train.y)), np.arange(len(test.y))
    writer = Writer(change, told, len(train_at) + len(test_at))
    shape, pixel_bytes = writer.shape(train.x)
    report = Report(
        source=path.name,
        what=found.what,
        notes=tuple(notes),
        input_shape=shape,
        names=parted.names,
        train_counts=tuple(np.bincount(train.y[train_at], minlength=known).tolist()),
        test_counts=tuple(np.bincount(test.y[test_at], minlength=known).tolist()),
        shared=0,
        edge=0.0,
        pixel_bytes=pixel_bytes,
    )
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as file:
        writer.images(file, "x_train", train.x, train_at)
        seen = set(writer.hashes)
        writer.hashes.clear()
        writer.images(file, "x_test", test.x, test_at)
        for name, labels in (("y_train", train.y[train_at]), ("y_test", test.y[test_at])):
            write(file, name, labels.astype(np.uint8))
        shared = sum(x in seen for x in writer.hashes)
        report = replace(report, shared=shared, edge=writer.edge)
        names = datasets.names_of(npz.fingerprint(file))
        if names and report.names == tuple(str(x) for x in range(known)):
            said_so = "The images are those of Fashion-MNIST: the classes are called as its makers call them."
            report = replace(report, names=names, notes=(*report.notes, said_so))
        write(file, npz.NAMES, np.array(report.names))
        write(file, npz.REPORT, np.array(json.dumps(report.facts(), ensure_ascii=False)))
    places = [train_at[train.y[train_at] == x] for x in range(known)]
    chosen = [x[np.linspace(0, len(x) - 1, min(SHOWN, len(x))).astype(int)] for x in places]
    return Draft(target, report, tuple(change(train.x[x]) for x in chosen))


def _test(found: Found) -> Part:
    assert found.test is not None
    return found.test


def _split(labels: Array) -> tuple[Array, Array]:
    """Return the places of the images to train on and of those to test."""
    try:
        held = images.held_out(labels)
    except DatasetError:
        raise ArgumentError(
            "Expected test images, or two images of some class. Received: one image of every class. Add images."
        ) from None
    return np.delete(np.arange(len(labels)), held), held


def _change(found: Found, options: Options, told: Told) -> tuple[Change, list[str]]:
    """Return what makes networks' images of a file's, and a sentence on each step."""
    arrays = [found.train.x] + ([found.test.x] if found.test else [])
    for x in arrays:
        if x.dtype.kind not in "biuf" or x.size == 0:
            received = "none" if x.size == 0 else str(x.dtype)
            raise ArgumentError(f"Expected pixels as numbers. Received: {received}. Write them as bytes or floats.")
    told(0.0, "Looking at the pixels")
    layout, notes = shapes.layout([x.shape for x in arrays], arrays[0][:SAMPLE])
    # an opaque alpha channel is no pixel: it must not decide on the range
    alpha, said = shapes.alpha(layout, arrays)
    notes += said
    each = [(x.dtype, conversions.look(_parts([x], [layout.apply, *alpha]))) for x in arrays]
    seen = reduce(or_, (x for _, x in each))
    if seen.low == seen.high:
        raise ArgumentError(
            f"Expected images that differ. Received: pixels that are all {seen.low:g}. Give the right array."
        )
    conversions.check_alike(each)
    scale = conversions.scale(np.result_type(*arrays), seen)
    notes += [scale.sentence] if scale.sentence else []
    steps: list[Change] = [layout.apply, *alpha, scale.apply]
    if options.size and scale.kept is Kept.FLOATS:
        steps.append(_as_bytes(scale, seen.low, seen.high))
        notes.append("The pixels were rounded to 256 levels, to change the size of the images.")
    for step, sentence in shapes.wanted(layout, options, scale.span(seen), lambda: _parts(arrays, steps)):
        steps.append(step)
        notes.append(sentence)

    def change(x: Array) -> Array:
        for step in steps:
            x = step(x)
        return x

    return change, notes


def _parts(arrays: list[Array], steps: list[Change]) -> Iterator[Array]:
    for x in arrays:
        size = max(1, PART // max(1, x[0].nbytes))
        for start in range(0, len(x), size):
            part = x[start : start + size]
            for step in steps:
                part = step(part)
            yield part


def _as_bytes(scale: Scale, low: float, high: float) -> Change:
    if scale.white == 1 and (low < 0 or high > conversions.CLIPPED):
        raise ArgumentError(
            f"Expected pixels from 0 to 1 to change the size of images. Received: {low:g} to {high:g}. Leave the size."
        )
    return lambda x: np.round(np.clip(x, 0, 1) * 255).astype(np.uint8)
