"""Weights and activations as small pictures: which a layer has, and pictures as PNG files."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from PIL import Image

from core.charts.mosaic import Grid
from core.errors import invalid
from core.networks.layers import (
    STATISTICS,
    Array,
    BatchNormalization,
    Conv2D,
    Dense,
    DepthwiseConv2D,
    Flatten,
    Layer,
    SeparableConv2D,
    Shape,
)
from core.networks.network import Network
from core.networks.step import Step

Named = Mapping[str, Array]  # a layer's arrays by their names

MARGIN = 3  # pixels around a picture on a page, whose corners are round
INPUT = "Input"
NONE: Array = np.zeros(0, np.float32)  # the biases of a layer without


def grids(network: Network, weights: Sequence[Array]) -> list[Grid]:
    """Return the pictures of every layer that has weights; each trained one is in exactly one of them.

    Layers that share their weights are drawn once, at the first place.

    Args:
        network: the network.
        weights: arrays in the order of its :attr:`~Network.arrays`.

    Raises:
        ArgumentError: if there is no picture of a kind of layer that has weights.
    """
    found = []
    uses = Counter(x.owner for x in network.steps())
    flattened: Shape | None = None  # of the maps whose numbers enter the layer, if it is known
    for step, label in zip(network.steps(), layer_labels(network), strict=True):
        if step.named and step.own:
            if type(step.layer) not in _GRIDS:
                known = ", ".join(sorted(x.kind for x in _GRIDS))
                raise invalid("layer to draw", f"weights of one of the kinds {known}", step.layer.kind)
            arrays = weights[step.first : step.first + len(step.named)]
            named = {name: array for (name, _), array in zip(step.named, arrays, strict=True)}
            drawn = _GRIDS[type(step.layer)](label, step, named, flattened)
            found += [replace(x, uses=uses[step.index]) for x in drawn]
        if isinstance(step.layer, Dense):
            flattened = None
        elif isinstance(step.layer, Flatten) and len(step.entering) == 3:
            flattened = step.entering
    return found


def _convolution(label: str, step: Step, arrays: Named, flattened: Shape | None) -> list[Grid]:
    return [Grid(label, arrays["kernel"].transpose(2, 3, 0, 1), arrays.get("bias", NONE), "channel", "filter")]


def _depthwise(label: str, step: Step, arrays: Named, flattened: Shape | None) -> list[Grid]:
    return [_channelwise(label, arrays["kernel"], arrays.get("bias", NONE))]


def _separable(label: str, step: Step, arrays: Named, flattened: Shape | None) -> list[Grid]:
    product = arrays["pointwise_kernel"].transpose(2, 3, 0, 1)
    return [
        _channelwise(f"{label}, depthwise", arrays["depthwise_kernel"], NONE),
        Grid(f"{label}, pointwise", product, arrays.get("bias", NONE), "channel", "filter"),
    ]


def _channelwise(label: str, kernel: Array, bias: Array) -> Grid:
    """Return a kernel ``(height, width, channels, multiplier)`` whose kernels of one channel leave side by side."""
    height, width, channels, multiplier = kernel.shape
    tiles = kernel.transpose(2, 3, 0, 1).reshape(1, channels * multiplier, height, width)
    return Grid(label, tiles, bias, "channel", "channel", multiplier=multiplier)


def _units(label: str, step: Step, arrays: Named, flattened: Shape | None) -> list[Grid]:
    kernel, bias = arrays["kernel"], arrays.get("bias", NONE)
    if flattened is None:
        return [Grid(label, kernel[..., np.newaxis, np.newaxis], bias, "input", "unit")]
    return [Grid(label, kernel.reshape(*flattened, -1).transpose(2, 3, 0, 1), bias, "channel", "unit")]


def _norm(label: str, step: Step, arrays: Named, flattened: Shape | None) -> list[Grid]:
    names = tuple(x for x in arrays if x not in STATISTICS)
    both = np.stack([arrays[x] for x in names])
    if flattened is None:
        tiles = both[..., np.newaxis, np.newaxis]
    else:
        tiles = both.reshape(len(names), *flattened).transpose(0, 3, 1, 2)
    kept = tuple((x, arrays[x]) for x in STATISTICS)
    each = "number" if flattened is None and len(step.entering) == 1 else "channel"
    return [Grid(label, tiles, NONE, each, each, names, statistics=kept)]


_GRIDS: dict[type[Layer], Callable[[str, Step, Named, Shape | None], list[Grid]]] = {
    Conv2D: _convolution,
    DepthwiseConv2D: _depthwise,
    SeparableConv2D: _separable,
    Dense: _units,
    BatchNormalization: _norm,
}


def layer_labels(network: Network) -> list[str]:
    """Return a name for each layer, with a number where several are called the same: ``'Conv 3×3 (2)'``."""
    plain = [x.label() for x in network.layers]
    return [
        f"{label} ({plain[: index + 1].count(label)})" if plain.count(label) > 1 else label
        for index, label in enumerate(plain)
    ]


def maps(activation: Array) -> Array:
    """Return a layer's output for one image as pictures ``(maps, height, width)``; a row of numbers is one cell each.

    Raises:
        ArgumentError: if it has neither the shape of an image nor that of a row.
    """
    if activation.ndim == 1:
        return activation[:, np.newaxis, np.newaxis]
    if activation.ndim == 3:
        return activation.transpose(2, 0, 1)
    raise invalid("activation", "an array of one or three axes", activation.shape)


def grey(values: Array) -> Array:
    """Return values as bytes of grey and opacity.

    Black is zero, or the smallest value where some are negative; white is the largest; NaN is transparent.
    """
    low, high = min(0.0, float(np.nanmin(values))), float(np.nanmax(values))
    share = (np.nan_to_num(values, nan=low) - low) / ((high - low) or 1.0)
    return np.dstack([np.rint(255 * share), np.where(np.isnan(values), 0, 255)]).astype(np.uint8)


def coloured(values: Array, limit: float, negative: str, positive: str) -> Array:
    """Return weights as bytes of red, green, blue and opacity: zero and NaN are transparent, ``limit`` is opaque.

    Opacity follows the square root of the size, so that small weights are seen beside the largest, and shows zero as
    the page's own background, in light and in dark.
    """
    size = np.sqrt(np.clip(np.abs(np.nan_to_num(values)) / (limit or 1.0), 0, 1))
    tones = np.array([rgb(negative), rgb(positive)])[(np.nan_to_num(values) > 0).astype(int)]
    return np.dstack([tones, np.rint(255 * size)]).astype(np.uint8)


def photograph(image: Array) -> Array:
    """Return an image of the data set ``(height, width, channels)``, pixels from 0 to 1, as bytes."""
    found = np.rint(255 * np.clip(image, 0, 1)).astype(np.uint8)
    return found[..., 0] if found.shape[-1] == 1 else found


def png(picture: Array, scale: int = 1, margin: int = 0) -> bytes:
    """Return a picture as PNG.

    Args:
        picture: bytes of grey, grey and opacity, colours, or colours and opacity.
        scale: pixels a cell.
        margin: transparent pixels around it; pages round the corners of pictures.
    """
    picture = picture.repeat(scale, 0).repeat(scale, 1)
    if margin:
        picture = picture[..., np.newaxis] if picture.ndim == 2 else picture
        if picture.shape[2] % 2:
            picture = np.concatenate([picture, np.full_like(picture[..., :1], 255)], axis=2)
        picture = np.pad(picture, ((margin, margin), (margin, margin), (0, 0)))
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    return file.getvalue()


def rgb(colour: str) -> Array:
    """Return red, green and blue of ``#rrggbb``, from 0 to 255."""
    return np.frombuffer(bytes.fromhex(colour.removeprefix("#")), np.uint8).astype(float)
