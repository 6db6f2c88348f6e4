"""Pictures of any size and colour in one array."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from PIL import Image

from core.data.formats.found import Colour, Fit, Options, Told, refused, silent, unreadable
from core.data.formats.pace import count, paced
from core.data.formats.pictures import (
    BRIGHT,
    CLEAR,
    DIM,
    MARKS,
    decode_marked,
    opened,
    resized,
    stored_grey,
    upright_size,
)
from core.data.formats.streams import check_room
from core.errors import DatasetError
from core.networks.layers import Array

_HEADERS = 0.2  # of the time goes to the first look at every picture


@dataclass(frozen=True, slots=True)
class Source:
    """A picture that can be opened again and again.

    Attributes:
        name: for sentences, such as ``cats/7.png``.
        read: returns its file's bytes; may raise DatasetError.
    """

    name: str
    read: Callable[[], bytes]


class Sources(Protocol):
    """Pictures that can be gone through twice in the same order."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Source]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Pictures in one array.

    Attributes:
        x: uint8 ``(pictures, height, width)`` or ``(pictures, height, width, 3)``.
        kept: a bool for each source, False where it could not be read.
        notes: a sentence on each thing that was left out or changed.
    """

    x: Array
    kept: Array
    notes: tuple[str, ...]


def stack(sources: Sources, options: Options, path: Path, told: Told = silent) -> Stack:
    """Return pictures of any size and colour in one array, at the cost of that array and one picture.

    They are gone through twice: once for sizes and kinds, from their headers, and once for their pixels. Those that
    cannot be read are left out.

    Args:
        sources: at least one.
        options: its size, fit and colour.
        path: of the whole, for sentences.
        told: of the progress.

    Raises:
        DatasetError: if no picture can be read, they differ in size and none was chosen, or they are too many.
    """
    plan = _plan(sources, options, path, paced(told, 0, _HEADERS))
    many = len(sources)
    check_room(path, many * plan.height * plan.width * plan.most)
    filled = _fill(sources, plan, options, paced(told, _HEADERS, 1))
    if filled.seen[CLEAR] and filled.kept.any() and not filled.rows.array().any():
        filled = _fill(sources, plan, options, paced(told, _HEADERS, 1), ink=True)
    rows, kept, seen, first = filled.rows, filled.kept, filled.seen, filled.first
    if not kept.any():
        raise _all_damaged(path, many, first)
    if seen[DIM] and not seen[BRIGHT]:
        brighter = "Save them with 8 bits a channel."
        raise refused(path, "pictures of 16 bits that use them", "values up to 255 of 65,535 only", brighter)
    notes = [*plan.notes, *(f"{count(seen[x], 'picture')} {x}." for x in MARKS if seen[x]), *rows.notes()]
    if first is not None:
        notes.append(f"Left out as damaged: {count(int((~kept).sum()), 'picture')}. The first: {first}")
    return Stack(rows.array(), kept, tuple(notes))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the headers say of the array: its size, the most channels it may need, and a note on the size."""

    height: int
    width: int
    most: int
    notes: tuple[str, ...]


def _plan(sources: Sources, options: Options, path: Path, tell: Told) -> _Plan:
    sizes: Counter[tuple[int, int]] = Counter()
    colour = options.colour is Colour.COLOUR
    first: DatasetError | None = None
    many = len(sources)
    for i, source in enumerate(sources):
        tell(i / many, f"looking at picture {i + 1:,} of {many:,}")
        try:
            with opened(source.read(), source.name) as image:
                sizes[upright_size(image)] += 1
                colour = colour or not stored_grey(image)
        except DatasetError as e:
            first = first or e
    if not sizes:
        raise _all_damaged(path, many, first)
    most = 3 if colour and options.colour is not Colour.GREY else 1
    in_order = [f"{w}×{h}" for w, h in sorted(sizes, key=lambda x: (x[0] * x[1], x))]
    several = f"{len(in_order):,} sizes, from {in_order[0]} to {in_order[-1]}"
    if options.size is None:
        if len(sizes) > 1:
            do = "Choose a size, for example 28 (command line: --size 28)."
            raise refused(path, "pictures of one size", several, do)
        width, height = next(iter(sizes))
        return _Plan(height, width, most, ())
    size = options.size
    if set(sizes) == {(size, size)}:
        return _Plan(size, size, most, ())
    came = in_order[0] if len(sizes) == 1 else several
    how = ", by their middle square" if options.fit is Fit.CROP else ", whole, with bars of black if not square"
    if all(width == height for width, height in sizes):
        how = ""
    return _Plan(size, size, most, (f"The pictures came in {came} and were brought to {size}×{size}{how}.",))


class _Rows:
    """Pictures of one size in one buffer, with one channel each until the first that needs three comes.

    Room for three is asked for at once where a header speaks of colour; the system gives no memory to what is never
    written. So a grey set stored in colour costs a third, and a colourful one is decoded once.
    """

    def __init__(self, many: int, plan: _Plan, colour: Colour) -> None:
        self._shape = (plan.height, plan.width)
        self._pixels = plan.height * plan.width
        self._flat = np.empty(many * self._pixels * plan.most, np.uint8)
        self._colour = colour
        self._channels = 3 if colour is Colour.COLOUR else 1
        self._done = 0
        self._stored = 0  # in colour
        self._colourful = 0

    def add(self, image: Array) -> None:
        """Append a picture of the planned size."""
        if image.ndim == 3:
            self._stored += 1
            if self._colour is Colour.GREY:
                image = np.asarray(Image.fromarray(image).convert("L"))
            elif (image[..., :1] == image[..., 1:]).all():
                image = image[..., 0]
            else:
                self._colourful += 1
                self._widen()
        slot = self._slot(self._done, self._channels)
        slot[...] = image if image.ndim == slot.ndim else image[..., np.newaxis]
        self._done += 1

    def array(self) -> Array:
        """Return what was added."""
        channels = (3,) if self._channels == 3 else ()
        return self._flat[: self._done * self._pixels * self._channels].reshape(self._done, *self._shape, *channels)

    def notes(self) -> list[str]:
        """Return what became of colours."""
        if self._colour is Colour.GREY:
            return [f"{count(self._stored, 'picture')} in colour became grey by brightness."] if self._stored else []
        if self._channels == 1:
            grey = "stored in colour with three equal channels, of which one was kept"
            return [f"{count(self._stored, 'picture')} {grey}."] if self._stored else []
        plain = self._done - self._colourful
        why = "as the others have colour" if self._colourful else "as colour was asked for"
        return [f"{count(plain, 'grey picture')} got three equal channels, {why}."] if plain else []

    def _slot(self, i: int, channels: int) -> Array:
        size = self._pixels * channels
        shape = (*self._shape, channels) if channels == 3 else self._shape
        return self._flat[i * size : (i + 1) * size].reshape(shape)

    def _widen(self) -> None:
        if self._channels == 3:
            return
        for i in reversed(range(self._done)):  # from the end, so that none is overwritten before it has moved
            self._slot(i, 3)[...] = self._slot(i, 1)[..., np.newaxis].copy()
        self._channels = 3


@dataclass(frozen=True, slots=True, eq=False)
class _Filled:
    """Pictures once decoded: their rows, which were kept, what was done to how many, and the first error."""

    rows: _Rows
    kept: Array
    seen: Counter[str]
    first: DatasetError | None


def _fill(sources: Sources, plan: _Plan, options: Options, tell: Told, ink: bool = False) -> _Filled:
    many = len(sources)
    rows = _Rows(many, plan, options.colour)
    kept = np.zeros(many, bool)
    seen: Counter[str] = Counter()
    first: DatasetError | None = None
    for i, source in enumerate(sources):
        tell(i / many, f"decoding picture {i + 1:,} of {many:,}")
        try:
            image, marks = decode_marked(source.read(), source.name, ink)
            if options.size is not None:
                image = resized(image, options.size, options.fit)
            if image.shape[:2] != (plan.height, plan.width):
                raise unreadable(Path(source.name), "it changed while it was read", "Try again.")
        except DatasetError as e:
            first = first or e
            continue
        rows.add(image)
        kept[i] = True
        seen.update(marks)
    return _Filled(rows, kept, seen, first)


def _all_damaged(path: Path, many: int, first: DatasetError | None) -> DatasetError:
    return refused(path, "pictures", f"{count(many, 'picture')}, of which none can be read", str(first or ""))
