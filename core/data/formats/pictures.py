"""A picture as an array of bytes: looked at before it is decoded, decoded, and brought to another size."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from core.data.formats.found import Fit, refused, short, unreadable
from core.errors import DatasetError
from core.networks.layers import Array

PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
MAX_SIDE = 10_000
MAX_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
# A block of 8 x 8 takes a bit at least; where bytes are missing libjpeg makes up grey, others say so.
_JPEG_PIXELS = 8 * 64  # a byte
_GREY_MODES = {"1", "L", "LA", "La"}
_MEND = "Leave it out, or save it anew as PNG."

# The orientations of EXIF, and what turns each upright (JEITA CP-3451, tag 0x0112)
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What may befall a picture while it is decoded, each noted once for all pictures
DEEP = "of 16 bits a channel, brought to 8"
FRAMES = "of several frames, of which the first was taken"
CLEAR = "with transparent parts, which became black"
CMYK = "turned from CMYK to RGB"
INK = "in black on a transparent ground, of which the ink became white and the ground black"
MARKS = (DEEP, CLEAR, INK, CMYK, FRAMES)
DIM, BRIGHT = "dim", "bright"  # of 16 bits: whether any value is above what 8 bits hold


def decode(data: bytes, name: str) -> Array:
    """Return a picture upright as uint8 ``(height, width)``, or ``(height, width, 3)`` where it is stored in colour.

    Raises:
        DatasetError: naming the picture, if it is damaged, too large or of an unknown format.
    """
    return decode_marked(data, name)[0]


def resized(image: Array, size: int, fit: Fit) -> Array:
    """Return a picture as ``(size, size)`` or ``(size, size, 3)``.

    New pixels are averages over the area they cover (Pillow's BOX), as :mod:`core.data.drawing` makes digits: nothing
    is skipped, and unlike with LANCZOS a black ground stays 0 and no stroke gets a halo. Enlarging repeats pixels.
    """
    height, width = image.shape[:2]
    if height == width == size:
        return image
    picture = Image.fromarray(image)
    if fit is Fit.CROP:
        side = min(height, width)
        left, top = (width - side) // 2, (height - side) // 2
        box = (left, top, left + side, top + side)
        return np.asarray(picture.resize((size, size), Image.Resampling.BOX, box))
    longer = max(height, width)
    high, wide = (max(1, round(side * size / longer)) for side in (height, width))
    top, left = (size - high) // 2, (size - wide) // 2
    square = np.zeros((size, size, *image.shape[2:]), np.uint8)
    square[top : top + high, left : left + wide] = picture.resize((wide, high), Image.Resampling.BOX)
    return square


@contextmanager
def opened(data: bytes, name: str) -> Iterator[Image.Image]:
    """Yield a picture of bearable size, not decoded yet; whatever goes wrong inside becomes a sentence."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Pillow, on odd headers and on sizes, which are looked at below
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                if max(image.size) > MAX_SIDE or image.width * image.height > MAX_PIXELS:
                    raise _too_large(Path(name), f"{image.width:,}×{image.height:,}")
                if image.format == "JPEG" and image.width * image.height > _JPEG_PIXELS * len(data):
                    raise ValueError(f"{len(data):,} bytes cannot hold its {image.width:,}×{image.height:,} pixels")
                yield image
    except DatasetError:
        raise
    except Image.DecompressionBombError:
        raise _too_large(Path(name), "more") from None
    except UnidentifiedImageError:
        raise unreadable(Path(name), "it is not a whole PNG, JPEG, BMP, GIF, TIFF, WebP or PPM", _MEND) from None
    except MemoryError:
        raise unreadable(Path(name), "it does not fit into memory", "Use smaller pictures.") from None
    except Exception as e:  # decoders raise errors of many kinds on damaged bytes
        raise unreadable(Path(name), short(e), _MEND) from None


def decode_marked(data: bytes, name: str, ink: bool = False) -> tuple[Array, set[str]]:
    """Return a picture as :func:`decode` does, and what was done to it, of MARKS, DIM and BRIGHT.

    With ``ink``, how opaque it is takes the place of its colours: black ink on nothing becomes white on black.
    """
    with opened(data, name) as image:
        marks = set()
        if image.mode.startswith("I") or ";16" in str(
            getattr(image, "tile", "")
        ):  # Pillow itself cuts 16 bits of colour to 8
            marks.add(DEEP)
        if getattr(image, "is_animated", False):
            marks.add(FRAMES)
        turn = None if image.format == "TIFF" else _UPRIGHT.get(_orientation(image))
        image.load()
        upright = image if turn is None else image.transpose(turn)
        if upright.mode.startswith("I"):
            pixels = np.asarray(upright)
            low, high = int(pixels.min()), int(pixels.max())
            if low < 0 or high > 65_535:
                raise ValueError(f"its values run from {low:,} to {high:,}, which is more than 16 bits")
            if high > 0:
                marks.add(BRIGHT if high > 255 else DIM)
            return ((pixels.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8), marks
        if upright.mode == "F":
            raise ValueError("it holds floating-point numbers")
        if upright.mode == "CMYK":
            marks.add(CMYK)
        if ink:
            marks.add(INK)
            return np.asarray(upright.convert("RGBA").getchannel("A")), marks
        plain, clear = _opaque(upright)
        if clear:
            marks.add(CLEAR)
        return np.asarray(plain), marks


def _opaque(image: Image.Image) -> tuple[Image.Image, bool]:
    """Return a picture in grey or RGB on black, and whether black can be seen through it."""
    kind = "L" if image.mode in _GREY_MODES else "RGB"
    if not image.has_transparency_data:
        return (image if image.mode == kind else image.convert(kind)), False  # convert() would copy it
    layered = image.convert(f"{kind}A")
    plain, alpha = layered.convert(kind), layered.getchannel("A")
    if alpha.getextrema() == (255, 255):
        return plain, False
    return Image.composite(plain, Image.new(plain.mode, plain.size), alpha), True


def stored_grey(image: Image.Image) -> bool:
    """Return whether a picture, not decoded yet, has a single channel."""
    return image.mode in _GREY_MODES or image.mode.startswith("I")


def _orientation(image: Image.Image) -> int:
    """Return the orientation that stands in front of the pixels, from 1; unreadable EXIF says nothing."""
    if "exif" not in image.info:
        return 1
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # as of any damaged bytes; the pixels may well be whole
        return 1


def upright_size(image: Image.Image) -> tuple[int, int]:
    """Return width and height once turned upright; of TIFF, Pillow gives them so."""
    width, height = image.size
    return (height, width) if image.format != "TIFF" and _orientation(image) >= 5 else (width, height)


def _too_large(path: Path, received: str) -> DatasetError:
    expected = f"a picture of at most {MAX_SIDE:,} pixels a side and {MAX_PIXELS:,} in all"
    return refused(path, expected, received, "Make it smaller.")
