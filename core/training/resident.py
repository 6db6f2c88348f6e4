"""The images of a training where the device reads them: bytes stay bytes, and nothing lies in memory twice."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache
from typing import Any

import numpy as np
import tensorflow as tf

from core.data.images import Images, held_out, scaled
from core.networks.layers import Array, Flatten, GlobalMaxPooling2D, Layer, MaxPooling2D
from core.recipe import Protocol
from core.training.device import device

ALIGNED = 64  # bytes: what TensorFlow expects numbers to begin at a multiple of
PART = 256  # images that leading layers are computed of at a time
CHOOSE = (Flatten, GlobalMaxPooling2D, MaxPooling2D)  # layers that only pick pixels: of bytes they make bytes

Resident = tuple[Any, Any, Any]  # tensors: rows of images, their labels, and which of them are meant


def aligned(x: Array) -> Array:
    """Return an array, or a copy of it, that TensorFlow on a processor can read where it lies."""
    if x.flags.c_contiguous and x.flags.writeable and x.ctypes.data % ALIGNED == 0:
        return x
    copy = room(x.shape, x.dtype)
    copy[...] = x
    return copy


def rows(head: Sequence[Layer], x: Array) -> Array:
    """Return images after ``head``, one row each, where TensorFlow can read them.

    Args:
        head: constant layers.
        x: ``(images, height, width, channels)``, uint8 or float32.

    Returns:
        ``(images, numbers)``; uint8 if ``x`` is and ``head`` only picks among pixels, else float32 as networks take it.
    """
    if all(isinstance(layer, Flatten) for layer in head):
        return aligned(x.reshape(len(x), -1))
    kept = x.dtype == np.uint8 and all(isinstance(layer, CHOOSE) for layer in head)
    parts = (x[start : start + PART] for start in range(0, len(x), PART))
    made: Array | None = None
    for index, part in enumerate(parts):
        after = part.astype(np.float32) if kept else scaled(part)  # a pooling pads with minus infinity
        for layer in head:
            after = layer.forward(after, [])
        after = after.reshape(len(after), -1)
        if made is None:
            made = room((len(x), after.shape[1]), x.dtype if kept else after.dtype)
        made[index * PART : index * PART + len(after)] = after
    assert made is not None, "there is an image"
    return made


@lru_cache(maxsize=1)
def place(head: tuple[Layer, ...], data: Images, protocol: Protocol) -> tuple[Resident, Resident, Resident]:
    """Return the images to train on, those to measure after every epoch, and the test images, on the device.

    They are kept until others are asked for or :func:`forget` is called.

    Raises:
        DatasetError: if there are too few images to hold one out, and the protocol asks for it.
    """
    held = None if protocol is Protocol.ARTICLE else held_out(data.y_train)
    test = (_tensor(rows(head, data.x_test)), tf.constant(data.y_test, tf.int32), tf.range(len(data.y_test)))
    x, y = _tensor(rows(head, data.x_train)), tf.constant(data.y_train, tf.int32)
    if held is None:
        return (x, y, tf.range(len(data.y_train))), test, test
    kept = np.delete(np.arange(len(data.y_train)), held)
    return (x, y, tf.constant(kept, tf.int32)), (x, y, tf.constant(held, tf.int32)), test


def forget() -> None:
    """Let go of the images that are kept, before others are read."""
    place.cache_clear()


def trim() -> None:
    """Give back what was needed to compile, where the C library can: an epoch's own memory is not taken from it."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def _tensor(x: Array) -> Any:
    if device().gpu:
        return tf.convert_to_tensor(x)
    # the same memory; convert_to_tensor was measured to take twice as much beside it
    return tf.experimental.dlpack.from_dlpack(x.__dlpack__())


def room(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    """Return zeros that begin where TensorFlow, and vectors, expect it; pages that nobody writes to take no memory."""
    size = int(np.prod(shape)) * dtype.itemsize
    room = np.zeros(size + ALIGNED, np.uint8)
    start = -room.ctypes.data % ALIGNED
    return room[start : start + size].view(dtype).reshape(shape)
