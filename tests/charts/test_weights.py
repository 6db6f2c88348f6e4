from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from core.charts import pixels
from core.charts import weights as charts
from core.charts.mosaic import Grid
from core.export import charts as export
from core.networks.families import family
from core.networks.layers import Array
from tests.rendered import words

LINE = (
    "conv3x2(n, nobias) depthwise3(multiplier2) separable3(n, nobias) batchnorm residual[conv1(n) batchnorm] "
    "globalavg dense(n)"
)


def looked(line: str, n: int) -> tuple[Any, list[Array]]:
    network = family(line).build(n)
    rng = np.random.default_rng(0)
    return network, [np.abs(rng.normal(size=shape)).astype(np.float32) for _, shape in network.arrays]


def grids(line: str, n: int) -> list[Grid]:
    return pixels.grids(*looked(line, n))


def first(grid: Grid) -> str:
    return charts.words(grid)[0]


def test_words_say_what_each_kind_has() -> None:
    conv, depthwise, kernels, product, norm, *_, dense = grids(LINE, 4)[:7] + grids("conv3(n) maxpool2 flatten", 1)
    assert first(conv) == "4 filters on 1 channel, 3×2, no bias"
    assert first(depthwise) == "2 kernels for each of 4 channels, 3×3"
    assert first(kernels) == "one kernel for each of 8 channels, 3×3, no bias"
    assert first(product) == "4 filters on 8 channels, no bias"
    assert first(norm) == "gamma above and beta below, of 4 channels"
    assert first(dense) == "10 units on 1 channel, 13×13"
    mean, variance = norm.statistics[0][1], norm.statistics[1][1]
    assert charts.words(norm)[1:] == [
        f"moving mean {mean.min():.2f} to {mean.max():.2f}: kept, not trained",
        f"moving variance {variance.min():.2f} to {variance.max():.2f}: kept, not trained",
    ]


def test_words_say_how_often_weights_are_used() -> None:
    once, shared, *_ = grids("conv3(n) shared5[conv3(n, same)] globalavg", 2)
    assert len(charts.words(once)) == 1 and charts.words(shared)[1:] == ["used 5 times"]


def test_a_batch_norm_connects_its_rows_with_channels() -> None:
    grid = grids(LINE, 4)[4]
    table = charts.cells(grid, 4)
    assert set(table["from"]) == {"gamma", "beta"} and set(table["to"]) == {f"channel {i}" for i in range(1, 5)}
    beta = table[(table["from"] == "beta") & (table["to"] == "channel 3")]
    assert list(beta["weight"]) == [grid.tiles[1, 2, 0, 0]] and list(beta["y"]) == [1]
    assert words(charts.rectangles(grid, 1.0)) == ["gamma", "beta"]


@pytest.mark.parametrize("n", [1, 4, 40])
def test_rectangles_fill_their_room_and_no_more(n: int) -> None:
    for grid in grids(LINE, n):
        if grid.count > charts.FEW:
            continue
        chart = charts.rectangles(grid, 1.0)
        assert chart.height <= charts.ROOM[0] and chart.width <= charts.ROOM[1]
        assert charts.alone(chart).height == chart.height + charts.STREAMLITS
        table = max(chart.to_dict()["datasets"].values(), key=len)
        assert len(table) == grid.count
        scales = chart.to_dict()["layer"][0]["encoding"]
        left, right = scales["x"]["scale"]["domain"]
        top, bottom = scales["y"]["scale"]["domain"]
        assert chart.width / (right - left) == pytest.approx(chart.height / (bottom - top)), "weights are square"


@pytest.mark.parametrize("n", [2, 48])
def test_all_layers_are_one_chart_to_take_away(n: int) -> None:
    network, weights = looked(LINE, n)
    found = pixels.grids(network, weights)
    colours = export.theme("light")["chartCategoricalColors"]
    said = words(charts.poster(found, 3.0, "a network", colours))
    for grid in found:
        assert f"{grid.label}: {grid.count:,} weights" in said
    image = np.random.default_rng(1).random(network.input_shape)
    assert set(pixels.layer_labels(network)) < set(words(charts.walk(network, weights, image, "a network")))
