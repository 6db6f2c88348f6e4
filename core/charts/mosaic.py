"""Arrays of numbers laid out side by side: several as one picture, and all weights of a layer."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from core.networks.layers import Array

GAP = 1  # empty cells between two pictures; between single numbers there is none
LINE = 2  # between columns one below the other, if they are of several pictures, which are apart by less


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """A layer's weights, or a part of them, as pictures: a row for what enters, a column for each filter or unit.

    Weights without a place in an image are pictures of one cell, side by side as a matrix. A depthwise layer mixes no
    channels: it has one row, and each column reads one channel.

    Attributes:
        label: the layer's name for people, told from its namesakes by a number.
        tiles: ``(rows, columns, height, width)``.
        bias: ``(columns,)``, or empty.
        entering: what a row is: ``'channel'`` or ``'input'``; of the layer's own, where ``names`` says what rows are.
        leaving: what a column is: ``'filter'``, ``'unit'``, ``'channel'`` or ``'number'``.
        names: of the rows, where each has its own.
        multiplier: columns for each channel of a depthwise layer; 0 where each column reads all rows.
        uses: how many layers of the network have these weights.
        statistics: what the layer keeps beside them and does not train, by name.
    """

    label: str
    tiles: Array
    bias: Array
    entering: str
    leaving: str
    names: tuple[str, ...] = ()
    multiplier: int = 0
    uses: int = 1
    statistics: tuple[tuple[str, Array], ...] = ()

    @property
    def count(self) -> int:
        """The number of weights, biases included."""
        return self.tiles.size + self.bias.size

    @property
    def columns(self) -> int:
        """The number of columns."""
        return self.tiles.shape[1]

    @property
    def single(self) -> bool:
        """Whether its pictures are of one cell each."""
        return self.tiles.shape[2:] == (1, 1)

    @property
    def gaps(self) -> tuple[int, int]:
        """Empty cells between columns that stand one below the other, and side by side."""
        several = self.bias.size or len(self.tiles) > 1
        return LINE if several else GAP, 0 if self.single else GAP

    @property
    def block(self) -> tuple[int, int]:
        """Height and width of a column in cells: its pictures one below the other, then its bias."""
        rows, _, height, width = self.tiles.shape
        return rows * height + (rows - 1) * self.gaps[1] + (GAP + 1 if self.bias.size else 0), width

    def part(self, first: int, last: int) -> Grid:
        """Return the columns from ``first`` to before ``last`` alone."""
        return replace(self, tiles=self.tiles[:, first:last], bias=self.bias[first:last])

    def fit(self, room: tuple[int, int], largest: int) -> tuple[int, int]:
        """Return how many columns stand side by side and the pixels of a cell; see :func:`fit`."""
        return fit(self.columns, self.block, self.gaps, room, largest)

    def layout(self, across: int) -> Array:
        """Return where each weight lies: the mosaic of :meth:`numbers`, with -1 where there is none.

        Args:
            across: how many columns stand side by side before the next begin below.
        """
        rows, columns, height, width = self.tiles.shape
        tiles = np.arange(self.tiles.size).reshape(self.tiles.shape)
        blocks = np.full((columns, *self.block), -1)
        for row in range(rows):
            top = row * (height + self.gaps[1])
            blocks[:, top : top + height] = tiles[row]
        if self.bias.size:
            blocks[:, -1, (width - 1) // 2] = self.tiles.size + np.arange(columns)
        return mosaic(blocks, across, -1, self.gaps)

    def numbers(self) -> Array:
        """Return all weights in one row, those of the pictures first, then the biases."""
        return np.concatenate([self.tiles.ravel(), self.bias])

    def mosaic(self, across: int) -> Array:
        """Return the weights as one picture, NaN where there is none; see :meth:`layout`."""
        where = self.layout(across)
        return np.where(where >= 0, self.numbers()[where], np.nan)


def gaps_of(height: int, width: int) -> tuple[int, int]:
    """Return how many empty cells stand below and beside pictures of that size."""
    return (0, 0) if height == width == 1 else (GAP, GAP)


def mosaic(tiles: Array, across: int, empty: float, gaps: tuple[int, int]) -> Array:
    """Return pictures ``(pictures, height, width)`` as one.

    Args:
        tiles: the pictures.
        across: how many stand side by side.
        empty: the number between them.
        gaps: cells between those one below the other, and side by side.
    """
    count, height, width = tiles.shape
    across = min(across, count)
    below, beside = gaps
    down = math.ceil(count / across)
    found = np.full((down * (height + below) - below, across * (width + beside) - beside), empty, tiles.dtype)
    for index, tile in enumerate(tiles):
        top, left = index // across * (height + below), index % across * (width + beside)
        found[top : top + height, left : left + width] = tile
    return found


def fit(
    count: int, size: tuple[int, int], gaps: tuple[int, int], room: tuple[int, int], largest: int
) -> tuple[int, int]:
    """Return how many pictures stand side by side and how many pixels a cell gets, as large as the room allows.

    Args:
        count: the number of pictures.
        size: height and width of one, in cells.
        gaps: cells between those one below the other, and side by side.
        room: height and width to fill, in pixels.
        largest: the most pixels that a cell may get; the fewest are 1, and then the height of the room may not do.
    """
    (height, width), (below, beside) = size, gaps
    for scale in range(largest, 0, -1):
        across = (room[1] // scale + beside) // (width + beside)
        if across and (math.ceil(count / across) * (height + below) - below) * scale <= room[0]:
            return _even(count, across), scale
    return _even(count, max(1, (room[1] + beside) // (width + beside))), 1


def _even(count: int, across: int) -> int:
    """Return how many side by side leave the fewest places empty in as many lines as ``across`` needs."""
    return math.ceil(count / math.ceil(count / across))
