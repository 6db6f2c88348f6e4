"""Weights and activations as small pictures: arrays of numbers laid out side by side, and such arrays as PNG files."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from core.errors import invalid
from core.networks.layers import Array, Conv2D, Dense, Flatten, Layer, Shape
from core.networks.network import Network

MARGIN = 3  # pixels around a picture on a page, whose corners are round
GAP = 1  # empty cells between two pictures; between columns of single numbers there is none
INPUT = "Input"


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """One layer's weights as pictures: a row for what enters, a column for each filter or unit.

    A convolution's pictures are its kernels. A dense layer after a Flatten shows what each unit looks for in each map
    that was flattened; any other dense layer has a column of numbers for each unit.

    Attributes:
        label: the layer's name for people, told from its namesakes by a number.
        tiles: ``(rows, columns, height, width)``.
        bias: ``(columns,)``.
        entering: what a row is: ``'channel'``, or ``'input'`` where the rows of a picture are the inputs.
        leaving: what a column is: ``'filter'`` or ``'unit'``.
    """

    label: str
    tiles: Array
    bias: Array
    entering: str
    leaving: str

    @property
    def count(self) -> int:
        """The number of weights, biases included."""
        return self.tiles.size + self.bias.size

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a column in cells: its pictures one below the other, then its bias."""
        rows, _, height, width = self.tiles.shape
        return rows * (height + GAP) + 1, width

    def part(self, first: int, last: int) -> Grid:
        """Return the columns from ``first`` to before ``last`` alone."""
        return Grid(self.label, self.tiles[:, first:last], self.bias[first:last], self.entering, self.leaving)

    def layout(self, across: int) -> Array:
        """Return where each weight lies: the mosaic of :meth:`numbers`, with -1 where there is none.

        Args:
            across: how many columns stand side by side before the next begin below.
        """
        rows, columns, height, width = self.tiles.shape
        tiles = np.arange(self.tiles.size).reshape(self.tiles.shape)
        tall, wide = self.block
        blocks = np.full((columns, tall, wide), -1)
        for row in range(rows):
            top = row * (height + GAP)
            blocks[:, top : top + height] = tiles[row]
        blocks[:, -1, (width - 1) // 2] = self.tiles.size + np.arange(columns)
        return mosaic(blocks, across, -1)

    def numbers(self) -> Array:
        """Return all weights in one row, those of the pictures first, then the biases."""
        return np.concatenate([self.tiles.ravel(), self.bias])

    def mosaic(self, across: int) -> Array:
        """Return the weights as one picture, NaN where there is none; see :meth:`layout`."""
        where = self.layout(across)
        return np.where(where >= 0, self.numbers()[where], np.nan)


def grids(network: Network, weights: Sequence[Array]) -> list[Grid]:
    """Return the pictures of every layer that has weights; each weight is in exactly one of them.

    Raises:
        ArgumentError: if there is no picture of a kind of layer that has weights.
    """
    found, rest = [], list(weights)
    flattened: Shape | None = None  # of the maps whose numbers enter the layer, if it is known
    for (layer, entering, _), label in zip(network.walk(), layer_labels(network), strict=True):
        used = len(layer.weight_shapes(entering))
        mine, rest = rest[:used], rest[used:]
        if mine:
            if type(layer) not in _GRIDS:
                known = ", ".join(sorted(x.kind for x in _GRIDS))
                raise invalid("layer to draw", f"weights of one of the kinds {known}", layer.kind)
            found.append(_GRIDS[type(layer)](label, mine, flattened))
            flattened = None
        elif isinstance(layer, Flatten) and len(entering) == 3:
            flattened = entering
    return found


def _kernels(label: str, weights: Sequence[Array], flattened: Shape | None) -> Grid:
    kernel, bias = weights
    return Grid(label, kernel.transpose(2, 3, 0, 1), bias, "channel", "filter")


def _units(label: str, weights: Sequence[Array], flattened: Shape | None) -> Grid:
    kernel, bias = weights
    if flattened is None:
        return Grid(label, kernel.T[np.newaxis, :, :, np.newaxis], bias, "input", "unit")
    return Grid(label, kernel.reshape(*flattened, len(bias)).transpose(2, 3, 0, 1), bias, "channel", "unit")


_GRIDS: dict[type[Layer], Callable[[str, Sequence[Array], Shape | None], Grid]] = {Conv2D: _kernels, Dense: _units}


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


def mosaic(tiles: Array, across: int, empty: float) -> Array:
    """Return pictures ``(pictures, height, width)`` as one, ``across`` side by side, with ``empty`` between them."""
    count, height, width = tiles.shape
    across = min(across, count)
    gap = gap_of(width)
    down = math.ceil(count / across)
    below = gap if height > 1 else 0
    found = np.full((down * (height + below) - below, across * (width + gap) - gap), empty, tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = index // across * (height + below), index % across * (width + gap)
        found[top : top + height, left : left + width] = tile
    return found


def gap_of(width: int) -> int:
    """Return how many empty cells stand between pictures of that width."""
    return GAP if width > 1 else 0


def fit(count: int, height: int, width: int, room: tuple[int, int], largest: int) -> tuple[int, int]:
    """Return how many pictures stand side by side and how many pixels a cell gets, as large as the room allows.

    Args:
        count: the number of pictures.
        height: of one, in cells.
        width: of one, in cells.
        room: height and width to fill, in pixels.
        largest: the most pixels that a cell may get; the fewest are 1, and then the height of the room may not do.
    """
    gap = gap_of(width)
    for scale in range(largest, 0, -1):
        across = (room[1] // scale + gap) // (width + gap)
        if across and math.ceil(count / across) * (height + gap) * scale <= room[0]:
            return _even(count, across), scale
    return _even(count, max(1, (room[1] + gap) // (width + gap))), 1


def _even(count: int, across: int) -> int:
    """Return how many side by side leave the fewest places empty in as many lines as ``across`` needs."""
    return math.ceil(count / math.ceil(count / across))


def grey(values: Array) -> Array:
    """Return values as bytes of grey and opacity: black for zero, white for the largest; NaN is transparent."""
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
