"""From ink on the pad to a digit as MNIST's were made: cropped, fitted into 20 x 20, centred by mass in 28 x 28."""

from __future__ import annotations

import base64
import binascii

import numpy as np

from core.errors import invalid
from core.networks.families import MNIST_SHAPE
from core.networks.layers import Array

PAD_SIDE = 140  # pixels of the picture that the pad sends: seven for each of a fitted digit's
SIDE = MNIST_SHAPE[0]
BOX = 20  # pixels of a digit's longer side
CENTRE = 14  # the pixel, from 0, that the centre of mass comes to; measured on MNIST's own images
FAINTEST = 32  # of 255: fainter pixels are a stroke's soft edge and do not widen the crop


def ink(sent: object) -> Array:
    """Return the picture that a browser sent as bytes ``(PAD_SIDE, PAD_SIDE)``, 255 where the ink is full.

    Raises:
        ArgumentError: if it is anything but base64 of exactly so many bytes.
    """
    size = PAD_SIDE**2
    expected = f"base64 of {PAD_SIDE}×{PAD_SIDE} bytes"
    if not isinstance(sent, str):
        raise invalid("drawing", expected, sent)
    if len(sent) != 4 * -(-size // 3):  # before any of it is decoded
        raise invalid("drawing", expected, f"{len(sent):,} characters")
    try:
        pixels = base64.b64decode(sent, validate=True)
    except (binascii.Error, ValueError):
        raise invalid("drawing", expected, sent) from None
    if len(pixels) != size:
        raise invalid("drawing", expected, f"{len(pixels):,} bytes")
    return np.frombuffer(pixels, np.uint8).reshape(PAD_SIDE, PAD_SIDE)


def normalized(drawn: Array) -> Array | None:
    """Return ink as the networks know digits, float32 ``(28, 28, 1)`` from 0 to 1, or None where there is none.

    As NIST's digits became MNIST's (LeCun et al., 1998): cropped to the ink; the longer side made 20 pixels, the other
    in proportion, anti-aliased; moved by whole pixels until the centre of mass is in the middle of 28 x 28. A digit
    whose mass lies near its end is moved only as far as all of it stays inside.

    Args:
        drawn: bytes ``(height, width)``, 255 where the ink is full.
    """
    rows, columns = (np.flatnonzero((drawn >= FAINTEST).any(axis)) for axis in (1, 0))
    if len(rows) == 0:
        return None
    crop = drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(np.float64)
    longer = max(crop.shape)
    height, width = (max(1, round(BOX * side / longer)) for side in crop.shape)
    fitted = _shares(height, crop.shape[0]) @ crop @ _shares(width, crop.shape[1]).T
    digit = np.zeros((SIDE, SIDE))
    top, left = (_start(fitted.sum(axis)) for axis in (1, 0))
    digit[top : top + height, left : left + width] = fitted
    # to whole grey levels, as in a file
    return (np.round(digit).astype(np.float32) / np.float32(255))[:, :, None]


def _shares(small: int, large: int) -> Array:
    """Return the matrix that averages ``large`` pixels into ``small``, each weighted by the part of it that is covered.

    It enlarges as well: a new pixel inside an old one takes its value.
    """
    ends = np.arange(small + 1) * (large / small)
    low, high = ends[:-1, None], ends[1:, None]
    pixel = np.arange(large)
    covered = np.clip(np.minimum(high, pixel + 1) - np.maximum(low, pixel), 0, None)
    return covered / covered.sum(axis=1, keepdims=True)


def _start(mass: Array) -> int:
    """Return where along an axis the first pixel goes, given the mass of each row or column."""
    centre = (mass @ np.arange(len(mass))) / mass.sum()
    return min(max(round(CENTRE - centre), 0), SIDE - len(mass))
