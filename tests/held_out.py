"""A set as the held-out protocol takes it, with images in place of places."""

from __future__ import annotations

import numpy as np

from core.data.images import Images, held_out


def hold_out(data: Images) -> Images:
    """Return the training images as a set of their own, with those held out in the test images' place."""
    held = held_out(data.y_train)
    kept = np.delete(np.arange(len(data.y_train)), held)
    return Images(data.x_train[kept], data.y_train[kept], data.x_train[held], data.y_train[held], data.classes)
