"""A network's weights as the store keeps them: a ``.npz`` with one array after the other, named 0, 1, 2."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np

from core.errors import StoreError
from core.networks.layers import Array
from core.networks.network import Network


def pack(arrays: Sequence[Array]) -> bytes:
    """Return arrays as the bytes that :func:`read` takes."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{str(index): array for index, array in enumerate(arrays)})
    return file.getvalue()


def read(npz: bytes, network: Network) -> list[Array]:
    """Return the arrays in the order of ``network.weight_shapes``; pickled contents are refused.

    Raises:
        StoreError: if they are damaged or another network's.
    """
    try:
        with np.load(io.BytesIO(npz), allow_pickle=False) as file:
            arrays = [file[str(index)] for index in range(len(file.files))]
        shapes = tuple(x.shape for x in arrays)
        sound = all(np.issubdtype(x.dtype, np.floating) for x in arrays)
    # bytes that are no .npz can be refused anywhere on the way; AttributeError: a lone .npy, or no array in a member
    except (OSError, ValueError, KeyError, EOFError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error):
        raise StoreError("The weights kept of this run are damaged. Train another seed of it.") from None
    if not sound or shapes != network.weight_shapes:
        expected = list(network.weight_shapes)
        raise StoreError(
            f"The weights kept of this run are another network's. Expected shapes {expected}. Received: {list(shapes)}."
        )
    return arrays
