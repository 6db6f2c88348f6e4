"""Images along the last axis: whole, in blocks of 2 x 2 pixels, or as one row of pixels; from one to the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import tensorflow as tf

from core.networks.layers import Shape

Tensor = Any  # TensorFlow ships no types


@dataclass(frozen=True, slots=True)
class Laid:
    """Activations with images along the last axis.

    Whole images are ``(channels, height, width, images)``, and what is no image is ``(units, images)``.

    A block is 2 x 2 pixels: ``(4 * channels, ceil(height / 2), ceil(width / 2), images)``, with its upper left pixels'
    channels first, then the upper right ones', lower left ones' and lower right ones'. Where a side is odd, half of the
    last blocks is filled with numbers that nobody reads.

    A row of pixels is ``(channels, pixels, images)``, line by line from the first pixel to the last. From one line to
    the next it is ``pitch`` pixels, which may be more than the width: nobody reads those between.

    Attributes:
        x: the activations.
        shape: of one image.
        layout: which of these.
        pitch: of a row of pixels.
    """

    x: Tensor
    shape: Shape
    layout: Literal["whole", "blocks", "row"] = "whole"
    pitch: int = 0

    def whole(self) -> Tensor:
        """Return whole images, or what is none as it is."""
        if self.layout == "whole":
            return self.x
        height, width, channels = self.shape
        if self.layout == "row":
            x = tf.pad(self.x, [[0, 0], [0, self.pitch - width], [0, 0]])
            return tf.reshape(x, (channels, height, self.pitch, -1))[:, :, :width]
        _, rows, columns, images = self.x.shape
        x = tf.transpose(tf.reshape(self.x, (2, 2, channels, rows, columns, images)), (2, 3, 0, 4, 1, 5))
        return tf.reshape(x, (channels, 2 * rows, 2 * columns, images))[:, :height, :width]

    def blocks(self) -> Tensor:
        """Return images in blocks."""
        return self.x if self.layout == "blocks" else into_blocks(self.whole())

    def row(self) -> Laid:
        """Return images as a row of pixels."""
        if self.layout == "row":
            return self
        return as_row(self.whole(), self.shape)

    def with_(self, x: Tensor) -> Laid:
        """Return other numbers that lie the same way."""
        return replace(self, x=x)

    def spread(self, by_channel: Tensor) -> Tensor:
        """Return one number for each channel so that it lies beside the activations."""
        tiled = tf.tile(by_channel, [4]) if self.layout == "blocks" else by_channel
        return tf.reshape(tiled, (-1, *[1] * (len(self.x.shape) - 1)))

    def mean(self, t: Tensor, real: Tensor) -> Tensor:
        """Return the mean of each channel of ``t``, which lies as this does, over the images that count.

        ``real`` is ``(images,)``, 1 for an image that counts, else 0.
        """
        if len(self.shape) == 1:
            by_image = t
        elif self.layout == "blocks":
            height, width, channels = self.shape
            by_block = tf.reshape(tf.reduce_sum(self._within(t), (1, 2)), (4, channels, -1))
            by_image = tf.reduce_sum(by_block, 0) / (height * width)
        else:
            by_image = tf.reduce_mean(self.with_(t).whole(), (1, 2))
        return tf.linalg.matvec(by_image, real / tf.reduce_sum(real))

    def _within(self, t: Tensor) -> Tensor:
        """Return blocks with zeros where the image ends before the block does."""
        height, width, channels = self.shape
        if height % 2 == 0 and width % 2 == 0:
            return t
        inside = into_blocks(tf.ones((channels, height, width, 1)))
        return tf.where(inside > 0, t, tf.zeros_like(t))


def as_row(x: Tensor, shape: Shape) -> Laid:
    """Return whole images, which may have padding around ``shape``, as a row of pixels."""
    return Laid(tf.reshape(x, (x.shape[0], -1, x.shape[-1])), shape, "row", x.shape[2])


def into_blocks(x: Tensor) -> Tensor:
    """Return images ``(channels, height, width, images)`` in blocks."""
    channels, height, width, images = x.shape
    rows, columns = -(-height // 2), -(-width // 2)
    x = tf.pad(x, [[0, 0], [0, height % 2], [0, width % 2], [0, 0]])
    x = tf.reshape(x, (channels, rows, 2, columns, 2, images))
    return tf.reshape(tf.transpose(x, (2, 4, 0, 1, 3, 5)), (4 * channels, rows, columns, images))
