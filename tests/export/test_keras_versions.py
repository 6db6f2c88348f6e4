"""Files and script of a bundle in the oldest Keras 3 that is promised, in one between and in this one."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.export import script
from core.export.keras_file import save
from core.export.keras_versions import READ_BY
from core.networks.families import of_line
from core.networks.keras_models.read import read
from core.networks.network import Network
from core.recipe import Recipe
from core.runs.run import Cell
from tests import old_keras
from tests.layer_kinds import kinds
from tests.networks.stacks import weights_of

# Keras does so itself as it saves.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
SHAPE = (12, 11, 1)
# Every kind of layer and every activation, as a list and as a graph with layers that are used again further down.
LINES = {
    "listed": (
        "conv3(3, leaky) separable3(4, same, gelu, multiplier2) batchnorm swish depthwise3(nobias, elu) maxpool2(same) "
        "dropout0.25 avgpool2 flatten dense(5, tanh) dropout0.5"
    ),
    "graph": (
        "conv3x2(4, same, sigmoid) batchnorm residual[depthwise3(same, as a, linear) leaky residual[conv1(4)]] "
        "shared2[separable3(4, same, elu) conv1(4, gelu)] depthwise3(same, as a, linear) maxpool2(stride1) globalmax"
    ),
    "pooled": "conv3(4, stride2) conv1(classes, linear) globalavg softmax",
}
PROGRAM = """
import runpy, sys, keras, numpy as np
images = np.load("images.npy")
for name in sys.argv[1:]:
    model = keras.models.load_model(f"{name}.keras")
    np.save(f"{name}-{keras.__version__}.npy", model.predict(images, verbose=0))
print(keras.__version__)
sys.argv[1:] = ["set.npz"]
runpy.run_path("reproduce.py")
"""


def networks() -> dict[str, Network]:
    return {name: of_line(line).build(1, SHAPE, 3, dropout=True) for name, line in LINES.items()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, keras: Any) -> Path:
    """A folder with a file of each network, images, and a script with a set to train on."""
    folder, rng = tmp_path_factory.mktemp("files"), np.random.default_rng(2)
    np.save(folder / "images.npy", rng.normal(size=(5, *SHAPE)).astype(np.float32))
    cell = Cell("set", "f", LINES["graph"], 1, Recipe("adam", 0.003, 1, 16, precision="bfloat16"), 3)
    (folder / "reproduce.py").write_text(script.source(cell, networks()["graph"], {}), "utf-8")
    x, y = rng.random((30, *SHAPE), np.float32), np.arange(30) % 3
    np.savez(folder / "set.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    for name, network in networks().items():
        save(network, weights_of(network), folder / f"{name}.keras")
    return folder


def check(folder: Path, version: str) -> None:
    """Hold a version's predictions against NumPy's."""
    images = np.load(folder / "images.npy")
    for name, network in networks().items():
        theirs = np.load(folder / f"{name}-{version}.npy")
        assert np.ptp(theirs) > 0.1, "a network that says the same of everything shows nothing"
        np.testing.assert_allclose(theirs, network.predict(weights_of(network), images), atol=1e-5, err_msg=name)


def test_the_networks_hold_every_kind_of_layer() -> None:
    assert {type(x) for network in networks().values() for x in network.layers} == set(kinds())
    assert [x.sequential for x in networks().values()] == [True, False, True]


@pytest.mark.parametrize("version", [old_keras.OLDEST, old_keras.BETWEEN])
def test_an_earlier_keras_reads_the_files_predicts_the_same_and_runs_the_script(
    version: str, files: Path, pytestconfig: pytest.Config
) -> None:
    said = old_keras.run(old_keras.installed(version, pytestconfig), "-c", PROGRAM, *LINES, cwd=files).splitlines()
    assert said[0] == version
    check(files, version)
    assert said[-1].startswith(f"{networks()['graph'].parameters} weights, test accuracy ")


def test_this_keras_reads_them_too_and_is_one_of_those_named(files: Path, keras: Any) -> None:
    assert {keras.__version__, old_keras.OLDEST, old_keras.BETWEEN} <= set(READ_BY)
    for name, network in networks().items():
        model = keras.models.load_model(files / f"{name}.keras")
        assert model.count_params() == network.parameters + network.statistics
        np.save(files / f"{name}-{keras.__version__}.npy", model.predict(np.load(files / "images.npy"), verbose=0))
    check(files, keras.__version__)


def test_a_file_says_nothing_that_a_machine_could_read_otherwise(files: Path) -> None:
    for name, network in networks().items():
        with zipfile.ZipFile(files / f"{name}.keras") as file:
            assert sorted(file.namelist()) == ["config.json", "metadata.json", "model.weights.h5"]
            layers = json.loads(file.read("config.json"))["config"]["layers"]
        said = {x["config"].get("data_format") for x in layers if "Conv2D" in x["class_name"]}
        assert said == {"channels_last"} and {x["config"]["dtype"] for x in layers} == {"float32"}
        # and this product reads its own files again
        assert read(files / f"{name}.keras").input_shape == network.input_shape
