from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from core.charts.mosaic import Grid, fit, gaps_of, mosaic
from core.networks.layers import Array


def grid(rows: int, columns: int, height: int, width: int, bias: bool = True) -> Grid:
    """Return a grid whose numbers are 1, 2, 3 and so on."""
    count = rows * columns * height * width
    tiles: Array = np.arange(1.0, count + 1).reshape(rows, columns, height, width)
    return Grid("a layer", tiles, np.arange(count + 1.0, count + 1 + (columns if bias else 0)), "channel", "filter")


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 28, 28), (32, 30, 28), (64, 26, 26), (512, 30, 28), (784, 1, 1), (9, 12, 1)]
)
def test_pictures_fit_their_room(count: int, height: int, width: int) -> None:
    gaps = gaps_of(height, width)
    across, size = fit(count, (height, width), gaps, (520, 1080), 8)
    picture = mosaic(np.zeros((count, height, width)), across, np.nan, gaps)
    assert picture.shape[1] * size <= 1080
    assert picture.shape[0] * size <= 520 or size == 1
    assert np.isfinite(picture).sum() == count * height * width


@pytest.mark.parametrize(("height", "width"), [(1, 3), (3, 1), (2, 3)])
@pytest.mark.parametrize("across", [1, 2, 4])
def test_kernels_of_any_shape_stand_apart(height: int, width: int, across: int) -> None:
    found = grid(1, 4, height, width, bias=False).mosaic(across)
    kernels = [{*x.ravel()} for x in grid(1, 4, height, width).tiles[0]]
    for one in (found, found.T):
        for line in one:
            pairs = pairwise(line)
            assert all(any({a, b} <= x for x in kernels) for a, b in pairs if np.isfinite(a) and np.isfinite(b))


def test_single_numbers_are_a_matrix_with_the_biases_apart() -> None:
    found = grid(2, 3, 1, 1).mosaic(3)
    assert found[[0, 1, 3]].tolist() == [[1, 2, 3], [4, 5, 6], [7, 8, 9]] and np.isnan(found[2]).all()
    assert grid(2, 3, 1, 1, bias=False).mosaic(3).tolist() == [[1, 2, 3], [4, 5, 6]]


def test_columns_below_each_other_are_further_apart_than_the_pictures_of_one() -> None:
    empty = [np.isnan(x).all() for x in grid(2, 2, 2, 2).mosaic(1)]
    assert "".join(" " if x else "#" for x in empty) == "## ## #  ## ## #"
    assert grid(1, 2, 2, 2, bias=False).mosaic(1).shape == (5, 2), "of one picture there is no need"


def test_a_part_is_some_columns_with_their_biases() -> None:
    part = grid(2, 3, 2, 2).part(1, 3)
    assert part.columns == 2 and part.bias.tolist() == [26, 27]
    assert part.tiles.shape == (2, 2, 2, 2) and part.tiles[0, 0, 0, 0] == 5
    assert grid(2, 3, 1, 1, bias=False).part(2, 3).count == 2
