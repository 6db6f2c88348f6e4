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
from core.networks.layers import STATISTICS, Array, Shape
from core.networks.network import Network
from core.results import trained
from core.results.collect import Results, finished
from core.results.trained import Trained
from core.runs import reference

SHIPPED = reference.store()
KEPT = trained.networks(Results(reference.DATASET, finished(SHIPPED.runs(reference.DATASET)), None))


# Lines with every kind of layer that has weights.
LINES = {
    "separable": "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg",
    "tied": "conv3(n, same) 2x[depthwise3x1(as a, nobias) depthwise1x3(as b, nobias) conv1(n, nobias)] conv1(n) "
    "globalmax",
    "residual": "conv3(n, linear) batchnorm residual[conv3(n, same) batchnorm] maxpool2 flatten dense(2n) dropout0.25",
    "odd": "conv5x3(n, nobias) depthwise3(multiplier2) separable3(2n, multiplier2, nobias) flatten batchnorm "
    "dropout0.5 dense(n, nobias) batchnorm dense(n, tanh)",
    "shared": "conv3(n, same) shared3[batchnorm separable3(n, same, multiplier2)] globalavg dense(n)",
}


def numbered(network: Network) -> list[Array]:
    """Return weights that are all different, from 1; what is kept and not trained is negative."""
    found, start = [], 1
    for name, shape in network.arrays:
        size = int(np.prod(shape))
        if name in STATISTICS:
            found.append(np.full(shape, -1.0))
        else:
            found.append(np.arange(start, start + size, dtype=np.float64).reshape(shape))
            start += size
    return found


def drawn(line: str, n: int = 3, shape: Shape = (28, 28, 1), dropout: bool = True) -> tuple[Network, list[Array]]:
    network = family(line).build(n, shape, 7, dropout)
    return network, numbered(network)


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("shape", [(28, 28, 1), (33, 30, 3)])
@pytest.mark.parametrize("line", [*FAMILIES, *LINES.values()], ids=[*FAMILIES, *LINES])
def test_the_pictures_hold_every_weight_once(line: str, shape: Shape, dropout: bool) -> None:
    network, weights = drawn(line, 3, shape, dropout)
    found = pixels.grids(network, weights)
    seen: list[float] = []
    for grid in found:
        for across in (1, 2, 100):
            picture = grid.mosaic(across)
            assert np.isfinite(picture).sum() == grid.count
            table = weights_charts.cells(grid, across)
            assert sorted(table["weight"]) == sorted(picture[np.isfinite(picture)])
            assert not table.duplicated(["x", "y"]).any()
        seen += list(picture[np.isfinite(picture)])
    assert sorted(seen) == [*range(1, network.parameters + 1)]
    assert sum(x.count for x in found) == network.parameters
    assert len({x.label for x in found}) == len(found), "each picture has a name of its own"


def test_every_kind_with_weights_is_among_them() -> None:
    layers = [x for line in LINES.values() for x in drawn(line)[0].steps()]
    assert {type(x.layer) for x in layers if x.named} == set(pixels._GRIDS)


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
    rows = weights_charts.cells(grid, 2).query("not bias")
    row = rows[(rows["from"] == "channel 2") & (rows["to"] == "filter 1") & (rows["place"] == "row 3, column 2")]
    assert list(row["weight"]) == [kernel[2, 1, 1, 0]]


def test_a_unit_is_shown_as_what_it_looks_for_in_each_map() -> None:
    network = family("deep_cnn").build(2)
    weights = numbered(network)
    grid = pixels.grids(network, weights)[-1]
    unit = weights[-2][:, 6].reshape(4, 4, 4)  # as Flatten lays them: rows, columns, channels
    for channel in range(4):
        assert (grid.tiles[channel, 6] == unit[..., channel]).all()


@pytest.mark.parametrize("between", ["", "dropout0.5", "relu", "batchnorm", "batchnorm relu dropout0.5", "flatten"])
def test_flattened_maps_are_shown_through_what_keeps_their_places(between: str) -> None:
    network, weights = drawn(f"conv3(n) maxpool4 flatten {between} dense(n) dense(n)")
    *norms, hidden, second, last = pixels.grids(network, weights)[1:]
    at = next(i for i, (_, shape) in enumerate(network.arrays) if shape == (108, 3))
    for channel in range(3):
        assert (hidden.tiles[channel, 1] == weights[at][:, 1].reshape(6, 6, 3)[..., channel]).all()
    for grid in norms:
        assert (grid.tiles[1, 2] == weights[3].reshape(6, 6, 3)[..., 2]).all(), "beta of the third map"
    assert second.tiles.shape == (3, 3, 1, 1) and last.tiles.shape == (3, 7, 1, 1)


def test_after_a_global_pooling_units_read_numbers() -> None:
    network, weights = drawn("conv3(n) globalavg dense(5)")
    grid = pixels.grids(network, weights)[1]
    assert grid.tiles.shape == (3, 5, 1, 1) and grid.entering == "input"
    assert (grid.tiles[..., 0, 0] == weights[2]).all() and (grid.bias == weights[3]).all()


def test_a_depthwise_layer_is_a_row_of_kernels_and_each_channel_keeps_its_own() -> None:
    network, weights = drawn("conv3(n) depthwise5x3(multiplier2) globalavg")
    grid = pixels.grids(network, weights)[1]
    assert grid.tiles.shape == (1, 6, 5, 3)
    for channel in range(3):
        for kernel in range(2):
            assert (grid.tiles[0, 2 * channel + kernel] == weights[2][:, :, channel, kernel]).all()
    table = weights_charts.cells(grid, 6)
    fifth = table[table["to"] == "channel 5"]
    assert set(fifth[~fifth["bias"]]["from"]) == {"channel 3"} and len(fifth) == 16
    assert list(fifth[fifth["bias"]]["weight"]) == [weights[3][4]]


def test_what_leaves_a_depthwise_layer_is_made_by_the_kernel_below_its_number() -> None:
    """The forward pass, which Keras checks, numbers channels as the pictures do."""
    network, weights = drawn("depthwise3(multiplier2, linear) globalavg dense(n)", shape=(3, 3, 2))
    grid, image = pixels.grids(network, weights)[0], np.random.default_rng(0).normal(size=(1, 3, 3, 2))
    given = network.activations(weights, image)[0][0, 0, 0]
    for leaving in range(4):
        expected = (grid.tiles[0, leaving] * image[0, ..., leaving // grid.multiplier]).sum() + grid.bias[leaving]
        assert given[leaving] == pytest.approx(expected)


def test_a_separable_layer_is_its_kernels_and_its_product() -> None:
    network, weights = drawn("conv3(n) separable3(4, multiplier2) globalavg")
    depthwise, pointwise = pixels.grids(network, weights)[1:3]
    assert depthwise.tiles.shape == (1, 6, 3, 3) and depthwise.bias.size == 0
    assert (depthwise.tiles[0, 3] == weights[2][:, :, 1, 1]).all()
    assert (pointwise.tiles[..., 0, 0] == weights[3][0, 0]).all() and (pointwise.bias == weights[4]).all()
    assert depthwise.label != pointwise.label


def test_a_batch_norm_is_gamma_and_beta_and_what_it_keeps_is_no_weight() -> None:
    network, weights = drawn("conv3(n) batchnorm globalavg")
    grid = pixels.grids(network, weights)[1]
    assert grid.names == ("gamma", "beta") and grid.count == 6 == grid.mosaic(3).size
    assert (grid.mosaic(3) == [weights[2], weights[3]]).all()
    assert [name for name, _ in grid.statistics] == list(STATISTICS)
    assert (grid.statistics[0][1] == weights[4]).all() and (grid.statistics[1][1] == weights[5]).all()


def test_shared_weights_are_drawn_once_where_they_come_first() -> None:
    network, weights = drawn(LINES["tied"])
    found = {x.label: x for x in pixels.grids(network, weights)}
    assert [x for x in found.values() if x.uses == 2] == [found["Depthwise 3×1 (1)"], found["Depthwise 1×3 (1)"]]
    assert {x.uses for x in found.values()} == {1, 2} and "Depthwise 3×1 (2)" not in found
    assert (found["Conv 1×1 (3)"].tiles[..., 0, 0] == weights[6][0, 0]).all(), "those after it keep theirs"


@pytest.mark.parametrize("line", LINES.values(), ids=LINES)
def test_every_output_has_maps(line: str) -> None:
    network, weights = drawn(f"{line} dense(classes, linear) softmax")
    for output in network.activations([np.abs(x) for x in weights], np.ones((1, 28, 28, 1))):
        tiles = pixels.maps(output[0])
        assert tiles.ndim == 3 and tiles.size == output.size
    assert pixels.layer_labels(network)[-1] == "Softmax"


@pytest.mark.parametrize("chosen", KEPT, ids=lambda x: f"{x.run.family}-{x.run.width}")
def test_the_maps_of_a_digit_are_keras_layer_outputs(keras: Any, digits: tuple[Array, Array], chosen: Trained) -> None:
    weights = trained.read(reference.store(), chosen)
    model = keras_model(chosen.network)
    model.set_weights(weights)
    image = digits[0][:1]
    listed = (x for x in model.layers if not isinstance(x, keras.layers.InputLayer))  # one that is used again once
    made, passed, theirs = dict[int, Any](), image, []
    for step in chosen.network.steps():
        layer = made.setdefault(step.index, next(listed)) if step.own else made[step.owner]
        passed = np.asarray(layer(passed))
        theirs.append(passed)
    ours = chosen.network.activations(weights, image)
    assert len(ours) == len(theirs) == len(chosen.network.layers)
    for name, x, y in zip(pixels.layer_labels(chosen.network), ours, theirs, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-4, err_msg=name)
        tiles = pixels.maps(x[0])
        assert tiles.size == y[0].size
        if y.ndim == 4:
            for index, tile in enumerate(tiles):
                np.testing.assert_allclose(tile, y[0, ..., index], rtol=1e-4, atol=1e-4)


def test_all_reference_networks_are_kept() -> None:
    usual = {(key, n) for key, x in FAMILIES.items() for n in x.kept}
    assert {(x.run.family, x.run.width) for x in KEPT} == usual | reference.OTHERS_KEPT


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


def test_only_images_and_rows_have_maps() -> None:
    with pytest.raises(ArgumentError):
        pixels.maps(np.zeros((2, 2)))
