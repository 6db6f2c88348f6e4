"""Images written into a ``.npz`` file part by part, so that no second copy of them lies in memory."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from hashlib import blake2b

import numpy as np

from core.data.formats.found import Told
from core.networks.layers import Array

PART = 2**24  # bytes of pixels written at a time

Change = Callable[[Array], Array]


class Writer:
    """Writes images into a file part by part, and looks at each as it passes.

    Args:
        change: makes of a file's images those that are kept.
        told: is told how far it is.
        total: images that will be written.

    Attributes:
        hashes: of the images written.
    """

    def __init__(self, change: Change, told: Told, total: int) -> None:
        self.hashes: list[bytes] = []
        self._change, self._told, self._total = change, told, total
        self._done, self._edge = 0, 0.0

    @property
    def edge(self) -> float:
        """Mean of the outermost pixels of what was written, from 0 to 1."""
        return self._edge / max(1, self._done)

    def shape(self, x: Array) -> tuple[tuple[int, ...], int]:
        """Return shape of an image and bytes of a pixel as they will be."""
        one = self._change(x[:1])
        return one.shape[1:], one.dtype.itemsize

    def images(self, file: zipfile.ZipFile, name: str, x: Array, places: Array) -> None:
        """Write the images at these places as a member."""
        shape, _ = self.shape(x)
        shape = shape[:2] if shape[2] == 1 else shape  # as MNIST's own file: equal contents, equal fingerprint
        whole = len(places) == len(x)
        size = max(1, PART // max(1, x[0].nbytes))
        with file.open(f"{name}.npy", "w", force_zip64=True) as member:
            dtype = self._change(x[:1]).dtype
            facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
            np.lib.format.write_array_header_1_0(member, {**facts, "shape": (len(places), *shape)})
            for start in range(0, len(places), size):
                some = x[start : start + size] if whole else x[places[start : start + size]]
                made = np.ascontiguousarray(self._change(some))
                member.write(made.data)
                self._look(made)

    def _look(self, made: Array) -> None:
        self.hashes += [blake2b(x.data, digest_size=16).digest() for x in made]
        white = 255 if made.dtype == np.uint8 else 1
        border = [made[:, 0], made[:, -1], made[:, :, 0], made[:, :, -1]]
        self._edge += float(np.mean([x.mean() for x in border])) / white * len(made)
        self._done += len(made)
        self._told(self._done / self._total, "Converting")


def write(file: zipfile.ZipFile, name: str, array: Array) -> None:
    """Write an array as a member of a ``.npz`` file."""
    with file.open(f"{name}.npy", "w") as member:
        np.lib.format.write_array(member, array, allow_pickle=False)
