from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from core.charts import pixels
from core.charts import weights as weights_charts
from core.errors import ArgumentError
from core.export.keras_file import keras_model
from core.networks.families import FAMILIES, family
from core.networks.layers import Array
from core.networks.network import Network
from core.results import trained
from core.results.collect import Results, finished
from core.results.trained import Trained
from core.runs import reference

SHIPPED = reference.store()
KEPT = trained.networks(Results(reference.DATASET, finished(SHIPPED.runs()), None))


def numbered(network: Network) -> list[Array]:
    """Return weights that are all different."""
    sizes = [int(np.prod(x)) for x in network.weight_shapes]
    starts = np.cumsum([0, *sizes])
    return [
        np.arange(start, start + size, dtype=np.float64).reshape(shape) + 1
        for start, size, shape in zip(starts, sizes, network.weight_shapes, strict=False)
    ]


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("shape", [(28, 28, 1), (33, 30, 3)])
@pytest.mark.parametrize("key", FAMILIES)
def test_the_pictures_hold_every_weight_once(key: str, shape: tuple[int, int, int], dropout: bool) -> None:
    network = family(key).build(3, shape, 7, dropout)
    weights = numbered(network)
    found = pixels.grids(network, weights)
    seen: list[float] = []
    for grid in found:
        for across in (1, 2, 100):
            picture = grid.mosaic(across)
            assert np.isfinite(picture).sum() == grid.count
        seen += list(picture[np.isfinite(picture)])
        table = weights_charts.cells(grid)
        assert sorted(table["weight"]) == sorted(picture[np.isfinite(picture)])
        assert not table.duplicated(["x", "y"]).any()
    assert sorted(seen) == [*range(1, network.parameters + 1)]


def test_a_kernel_and_its_bias_lie_where_they_should() -> None:
    network = family("deep_cnn").build(2)
    weights = numbered(network)
    grid = pixels.grids(network, weights)[1]
    picture = grid.mosaic(2)
    kernel, bias = weights[2], weights[3]
    for channel in range(2):
        for filters in range(2):
            top, left = 4 * channel, 4 * filters
            assert (picture[top : top + 3, left : left + 3] == kernel[:, :, channel, filters]).all()
    assert [picture[8, 1], picture[8, 5]] == list(bias)
    rows = weights_charts.cells(grid).query("not bias")
    row = rows[(rows["from"] == "channel 2") & (rows["to"] == "filter 1") & (rows["place"] == "row 3, column 2")]
    assert list(row["weight"]) == [kernel[2, 1, 1, 0]]


def test_a_unit_is_shown_as_what_it_looks_for_in_each_map() -> None:
    network = family("deep_cnn").build(2)
    weights = numbered(network)
    grid = pixels.grids(network, weights)[-1]
    unit = weights[-2][:, 6].reshape(4, 4, 4)  # as Flatten lays them: rows, columns, channels
    for channel in range(4):
        assert (grid.tiles[channel, 6] == unit[..., channel]).all()


@pytest.mark.parametrize("chosen", KEPT, ids=lambda x: f"{x.run.family}-{x.run.width}")
def test_the_maps_of_a_digit_are_keras_layer_outputs(keras: Any, digits: tuple[Array, Array], chosen: Trained) -> None:
    weights = trained.read(reference.store(), chosen)
    model = keras_model(chosen.network)
    model.set_weights(weights)
    oracle = keras.Model(model.inputs, [x.output for x in model.layers])
    image = digits[0][:1]
    ours, theirs = chosen.network.activations(weights, image), oracle.predict(image, verbose=0)
    assert len(ours) == len(theirs) == len(chosen.network.layers)
    for name, x, y in zip(pixels.layer_labels(chosen.network), ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4, err_msg=name)
        tiles = pixels.maps(x[0])
        assert tiles.size == y[0].size
        if y.ndim == 4:
            for index, tile in enumerate(tiles):
                np.testing.assert_allclose(tile, y[0, ..., index], rtol=1e-4, atol=1e-4)


def test_all_five_reference_networks_are_kept() -> None:
    assert {(x.run.family, x.run.width) for x in KEPT} == {(key, n) for key, x in FAMILIES.items() for n in x.kept}


def test_pictures_have_hard_edges_and_clear_corners() -> None:
    values = np.array([[-1.0, 0.0], [0.25, np.nan]])
    made = pixels.coloured(values, 1.0, "#0000FF", "#FF8000")
    found = np.asarray(Image.open(io.BytesIO(pixels.png(made, 5, margin=3))))
    assert found.shape == (16, 16, 4)
    assert (found[3:8, 3:8] == (0, 0, 255, 255)).all()
    assert (found[8:13, 3:8] == (255, 128, 0, 128)).all()
    assert (found[3:13, 8:13, 3][:5] == 0).all() and (found[:3, :, 3] == 0).all()


def test_grey_is_black_at_zero_and_white_at_the_largest() -> None:
    made = pixels.grey(np.array([[0.0, 2.0, 4.0, np.nan]]))
    assert made.tolist() == [[[0, 255], [128, 255], [255, 255], [0, 0]]]
    assert pixels.grey(np.zeros((2, 2)))[..., 0].max() == 0


@pytest.mark.parametrize(
    ("count", "height", "width"), [(1, 28, 28), (32, 30, 28), (64, 26, 26), (512, 30, 28), (784, 1, 1)]
)
def test_pictures_fit_their_room(count: int, height: int, width: int) -> None:
    across, size = pixels.fit(count, height, width, (520, 1080), 8)
    picture = pixels.mosaic(np.zeros((count, height, width)), across, np.nan)
    assert picture.shape[1] * size <= 1080
    assert picture.shape[0] * size <= 520 or size == 1
    assert np.isfinite(picture).sum() == count * height * width


def test_only_images_and_rows_have_maps() -> None:
    with pytest.raises(ArgumentError):
        pixels.maps(np.zeros((2, 2)))
