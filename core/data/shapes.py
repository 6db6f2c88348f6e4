"""From arrays of any usual shape to images ``(images, height, width, channels)``, and what people want of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from core.data.formats.found import Colour, Fit, Options
from core.data.formats.pictures import resized
from core.data.writer import Change
from core.errors import ArgumentError
from core.networks.layers import Array, Shape, shape_text

CHANNELS = (1, 2, 3, 4)  # grey, grey with alpha, colour, colour with alpha
LUMA = np.array([299, 587, 114], np.int64)  # thousandths of red, green and blue: ITU-R BT.601, as Pillow has it


@dataclass(frozen=True, slots=True)
class Layout:
    """How images lie.

    Attributes:
        shape: ``(height, width, channels)``.
        first: whether the channels come before the rows.
    """

    shape: Shape
    first: bool = False

    def apply(self, x: Array) -> Array:
        """Return images as ``(images, height, width, channels)``, a view where that can be."""
        height, width, channels = self.shape
        if self.first:
            return x.reshape(len(x), channels, height, width).transpose(0, 2, 3, 1)
        return x.reshape(len(x), *self.shape)


def layout(shapes: Sequence[Shape], sample: Array) -> tuple[Layout, list[str]]:
    """Return how images of these shapes lie, which must be the same, and a sentence where it is not as usual.

    Args:
        shapes: of whole arrays, images along the first axis.
        sample: some of the images.

    Raises:
        ArgumentError: if it is not to be known.
    """
    each = {x[1:] for x in shapes}
    if len(each) > 1:
        received = " and ".join(map(shape_text, sorted(each)))
        raise ArgumentError(
            f"Expected images of one shape to train and to test. Received: {received}. Bring them to one shape."
        )
    (one,) = each
    if math.prod(one) == 0:
        raise ArgumentError(f"Expected at least one pixel an image. Received: the shape {one}. Give the right array.")
    if len(one) == 1:
        return _rows(one[0], sample)
    if len(one) == 2:
        return Layout((*one, 1)), []
    if len(one) == 3 and one[2] in CHANNELS:
        return Layout(one), []
    if len(one) == 3 and one[0] in CHANNELS:
        return Layout((*one[1:], one[0]), first=True), ["The channels came first: they were moved to the end."]
    raise ArgumentError(
        "Expected images as (height, width), with 1 to 4 channels last or first, or as rows of pixels. "
        f"Received: images of shape {shape_text(one)}. Write them so."
    )


def _rows(pixels: int, sample: Array) -> tuple[Layout, list[str]]:
    """Return how rows of pixels lie: squares of grey, three squares of red, green and blue, or colours side by side.

    Of the last two it is the one in which neighbours differ less, as in pictures they do.
    """
    side = math.isqrt(pixels)
    if side * side == pixels:
        return Layout((side, side, 1)), [f"Rows of {pixels:,} pixels were taken as {side}×{side}."]
    side = math.isqrt(pixels // 3)
    if 3 * side * side == pixels:
        planes, beside = Layout((side, side, 3), first=True), Layout((side, side, 3))
        if _roughness(beside, sample) < _roughness(planes, sample):
            said = f"Rows of {pixels:,} numbers were taken as {side}×{side} pixels, red, green and blue side by side."
            return beside, [said]
        said = f"Rows of {pixels:,} pixels were taken as {side}×{side} of red, then of green, then of blue."
        return planes, [said]
    raise ArgumentError(
        f"Expected rows of as many pixels as a square has, 784 for 28×28. Received: {pixels:,}. Write images as "
        "(images, height, width)."
    )


def _roughness(found: Layout, sample: Array) -> float:
    """Return how much neighbouring pixels differ."""
    return float(np.abs(np.diff(found.apply(sample).astype(np.float64), axis=2)).mean())


def alpha(found: Layout, arrays: Sequence[Array]) -> tuple[list[Change], list[str]]:
    """Return what takes the alpha channel away, if there is one, and a sentence on it."""
    if found.shape[2] not in (2, 4):
        return [], []
    lowest = min(float(found.apply(x)[..., -1].min()) for x in arrays)
    highest = max(float(found.apply(x)[..., -1].max()) for x in arrays)
    if lowest == highest or not highest > 0:
        return [lambda x: x[..., :-1]], ["The last channel says that nothing is see-through: it was left out."]
    return [lambda x: _on_black(x, highest)], ["See-through pixels were laid on black."]


def _on_black(x: Array, opaque: float) -> Array:
    laid = x[..., :-1].astype(np.float64) * x[..., -1:] / opaque
    return laid.astype(x.dtype) if x.dtype.kind == "f" else np.round(laid).astype(x.dtype)


def wanted(
    found: Layout, options: Options, span: tuple[float, float], parts: Callable[[], Iterable[Array]]
) -> Iterator[tuple[Change, str]]:
    """Yield each further step that was asked for, or that loses nothing, with its sentence.

    Args:
        found: how the images lay.
        options: what was asked for.
        span: what is black and what is white.
        parts: gives the images as they are so far.
    """
    coloured = found.shape[2] > 2
    if coloured and options.colour is Colour.GREY:
        yield _grey, "Colours became grey."
    elif coloured and options.colour is Colour.AUTO and all(_equal(x) for x in parts()):
        yield lambda x: x[..., :1], "The colours are all grey: one channel was kept."
    elif not coloured and options.colour is Colour.COLOUR:
        yield lambda x: np.repeat(x, 3, axis=-1), "Grey became three equal channels."
    if options.transpose:
        yield lambda x: x.transpose(0, 2, 1, 3), "Rows and columns were exchanged."
    if options.invert:
        yield partial(_inverted, sum(span)), "Black and white were exchanged."
    size = options.size
    if size and (found.shape[:2] != (size, size)):
        how = "in whole, with bars of black" if options.fit is Fit.FIT else "by their middle"
        square = found.shape[0] == found.shape[1]
        said = f"Images of {shape_text(found.shape[:2])} became {size}×{size}{'' if square else f', {how}'}."
        yield lambda x: np.stack([resized(_bare(y), size, options.fit).reshape(size, size, -1) for y in x]), said


def _bare(image: Array) -> Array:
    return image[..., 0] if image.shape[2] == 1 else image


def _equal(x: Array) -> bool:
    return bool((x[..., :1] == x).all())


def _grey(x: Array) -> Array:
    if x.dtype == np.uint8:
        return np.asarray((x.astype(np.int64) @ LUMA + 500) // 1000, np.uint8)[..., None]
    return (x @ (LUMA / 1000).astype(np.float32))[..., None]


def _inverted(ends: float, x: Array) -> Array:
    """Return pixels mirrored between black and white, which have this sum."""
    return 255 - x if x.dtype == np.uint8 else np.float32(ends) - x
