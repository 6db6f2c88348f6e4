"""Bundles of runs that were really trained, opened by those they are for: Keras, Python, pandas."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core import ROOT
from core.data import datasets, npz
from core.data.images import scaled
from core.errors import ArgumentError, DatasetError, StoreError
from core.export import bundle
from core.networks.families import family
from core.networks.layers import Array
from core.recipe import Initialization, Protocol, Recipe, Schedule
from core.runs import weights
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store
from core.training.train import Trained, train
from tests.held_out import hold_out

VERSIONS = {"tensorflow": "2.21.0", "keras": "3.15.1"}
MEMBERS = {"README.txt", "reproduce.py", "recipe.json", "versions.json", "history.csv", "weights.npz", "model.keras"}
PLAIN = Recipe("adam", 0.003, 4, 16)
CAREFUL = Recipe("rmsprop", 0.002, 1, 64, dropout=True, protocol=Protocol.HELD_OUT)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory, digits: tuple[Array, Array]) -> Path:
    """600 real digits to train and 200 to test, as bytes."""
    path = tmp_path_factory.mktemp("own") / "own.npz"
    x, y = np.rint(digits[0][:800, :, :, 0] * 255).astype(np.uint8), digits[1][:800].astype(np.uint8)
    np.savez(path, x_train=x[:600], y_train=y[:600], x_test=x[600:], y_test=y[600:])
    return path


def trained(store: Store, path: Path, key: str, width: int, recipe: Recipe) -> int:
    """Train a run in this process and store it as the runner does."""
    data, facts = npz.read(path), npz.facts(path)
    network = family(key).build(width, facts.input_shape, facts.classes, recipe.dropout)
    counts = {"train_images": facts.train, "test_images": facts.test}
    counts |= {"parameters": network.parameters, "multiply_adds": network.multiply_adds}
    cell = Cell(path.stem, facts.fingerprint, key, width, recipe, 3)
    run = store.begin(cell, **counts, device="CPU", versions=VERSIONS)
    for event in train(network, recipe, data, 3, lambda: False):
        if isinstance(event, Epoch):
            store.add_epoch(run, event)
        elif isinstance(event, Trained):
            store.end(run, RunState.DONE, seconds=1.0, weights=weights.pack(event.weights))
    return run


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Store:
    """Run 1 is a plain one, run 2 has Dropout and holds images out."""
    made = Store(tmp_path_factory.mktemp("store") / "runs.sqlite3")
    assert [trained(made, own, "deep_cnn", 4, PLAIN), trained(made, own, "mlp", 16, CAREFUL)] == [1, 2]
    return made


@pytest.fixture(scope="module")
def packed(store: Store, own: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The folders that the bundles of both runs were unpacked to."""
    folders = {}
    for run in (1, 2):
        folders[run] = tmp_path_factory.mktemp(f"run{run}")
        with zipfile.ZipFile(io.BytesIO(bundle.pack(store, run, npz.facts(own)))) as file:
            assert file.testzip() is None
            file.extractall(folders[run])
    return folders


def run_script(script: Path, *words: str, folder: Path | None = None) -> str:
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "2"}
    environment.pop("PYTHONPATH", None)  # it must do without this project
    command = [sys.executable, script.name if folder is None else str(script), *words]
    done = subprocess.run(
        command, cwd=folder or script.parent, env=environment, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_members_say_what_the_store_says(packed: dict[int, Path], store: Store) -> None:
    for run, folder in packed.items():
        stored = bundle.finished_run(store, run)
        assert {x.name for x in folder.iterdir()} == MEMBERS
        recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
        assert Recipe(**recipe["recipe"]) == (PLAIN, CAREFUL)[run - 1]
        assert recipe["protocol"] == ("article", "held_out")[run - 1] and recipe["seed"] == 3
        assert recipe["data"]["name"] == "own" and recipe["data"]["fingerprint"] == stored.fingerprint
        assert recipe["data"]["class_names"] == [str(x) for x in range(recipe["data"]["classes"])]
        assert recipe["family"] == stored.family and recipe["width"] == stored.width
        versions = json.loads((folder / "versions.json").read_text("utf-8"))
        assert versions["keras"] == "3.15.1" and versions["device"] == "CPU" and versions["featherweight"]
        history = pd.read_csv(folder / "history.csv")
        assert list(history["epoch"]) == [x.epoch for x in store.epochs(run)]
        assert history["test_accuracy"].iloc[-1] == stored.test_accuracy
        assert (folder / "weights.npz").read_bytes() == store.weights(run)
        assert len((folder / "README.txt").read_text("utf-8").splitlines()) == 4


def test_keras_reads_the_model_and_agrees_with_the_store(
    packed: dict[int, Path], store: Store, own: Path, keras: Any
) -> None:
    data = npz.read(own)
    for run, folder in packed.items():
        stored = bundle.finished_run(store, run)
        model = keras.models.load_model(folder / "model.keras")
        assert model.count_params() == stored.parameters
        dropouts = [x for x in model.layers if isinstance(x, keras.layers.Dropout)]
        assert len(dropouts) == (0, 2)[run - 1]
        theirs = model.predict(scaled(data.x_test), verbose=0)
        network = family(stored.family).build(stored.width, dropout=stored.recipe.dropout)
        ours = network.predict(weights.read((folder / "weights.npz").read_bytes(), network), scaled(data.x_test))
        np.testing.assert_allclose(theirs, ours, atol=1e-5)
        accuracies = [float((x.argmax(1) == data.y_test).mean()) for x in (theirs, ours)]
        assert accuracies == pytest.approx([stored.test_accuracy] * 2, abs=1e-6)
        assert stored.test_accuracy and stored.test_accuracy > 0.15  # trained: a guess reads a tenth


def test_the_script_trains_the_same_network_on_the_same_images(
    packed: dict[int, Path], own: Path, tmp_path: Path
) -> None:
    for run, folder in packed.items():
        copy = tmp_path / str(run) / "reproduce.py"
        copy.parent.mkdir()
        lines = (folder / "reproduce.py").read_text("utf-8")
        copy.write_text(f"{lines}\nnp.savez('used.npz', x=x_train, y=y_train, xw=watched[0], yw=watched[1])\n", "utf-8")
        said = run_script(copy, str(own)).splitlines()[-1]
        counted, accuracy = said.split(" weights, test accuracy ")
        recipe = json.loads((folder / "recipe.json").read_text("utf-8"))
        assert int(counted) == recipe["parameters"] and 0.1 < float(accuracy) <= 1
        data = npz.read(own)
        expected = data if run == 1 else hold_out(data)
        with np.load(copy.parent / "used.npz") as used:
            assert np.array_equal(used["x"], scaled(expected.x_train)) and np.array_equal(used["y"], expected.y_train)
            assert np.array_equal(used["xw"], scaled(expected.x_test)) and np.array_equal(used["yw"], expected.y_test)


def test_a_bundle_of_any_network_agrees_with_numpy_keras_and_its_script(own: Path, tmp_path: Path, keras: Any) -> None:
    line = (
        "conv3(n, linear) batchnorm relu residual[depthwise3(same, as a, linear) batchnorm leaky] maxpool2 "
        "shared2[separable3(n, same, elu)] depthwise3(same, as a, linear) gelu avgpool2 flatten dense(2n, swish) "
        "batchnorm"
    )
    made, facts, data = Store(tmp_path / "runs.sqlite3"), npz.facts(own), npz.read(own)
    run = trained(made, own, line, 4, Recipe("adam", 0.003, 2, 64))
    stored, folder = bundle.finished_run(made, run), tmp_path / "bundle"
    with zipfile.ZipFile(io.BytesIO(bundle.pack(made, run, facts))) as file:
        file.extractall(folder)
    assert json.loads((folder / "recipe.json").read_text("utf-8"))["layers"] == stored.layers
    network = stored.cell.network(facts.input_shape, facts.classes)
    kept = weights.read((folder / "weights.npz").read_bytes(), network)
    ours = network.predict(kept, scaled(data.x_test))
    model = keras.models.load_model(folder / "model.keras")
    assert model.count_params() == network.parameters + network.statistics and network.statistics == 2 * (4 + 4 + 8)
    np.testing.assert_allclose(model.predict(scaled(data.x_test), verbose=0), ours, atol=1e-4)
    assert float((ours.argmax(1) == data.y_test).mean()) == pytest.approx(stored.test_accuracy, abs=0.0051)
    said = run_script(folder / "reproduce.py", str(own)).splitlines()[-1]
    assert said.startswith(f"{network.parameters} weights, test accuracy ")
    written = (folder / "reproduce.py").read_text("utf-8")
    code: dict[str, Any] = {"keras": keras}
    exec(written[written.index("inputs = keras.Input") : written.index("model.compile(")], code)
    code["model"].set_weights(kept)
    np.testing.assert_allclose(code["model"].predict(scaled(data.x_test), verbose=0), ours, atol=1e-4)


def test_a_run_on_the_embedded_digits_takes_them_along(tmp_path: Path) -> None:
    made = Store(tmp_path / "runs.sqlite3")
    facts = npz.facts(datasets.PATH)
    run = trained(made, datasets.PATH, "mlp", 1, Recipe("adam", 0.001, 1, 1000))
    folder, elsewhere = tmp_path / "a bundle", tmp_path / "elsewhere"
    elsewhere.mkdir()
    with zipfile.ZipFile(io.BytesIO(bundle.pack(made, run, facts))) as file:
        file.extractall(folder)
    assert {x.name for x in folder.iterdir()} == MEMBERS | {"mnist_5k.npz"}
    assert (folder / "mnist_5k.npz").read_bytes() == datasets.PATH.read_bytes()
    readme = (folder / "README.txt").read_text("utf-8")
    assert "mnist_5k.npz holds the images, which reproduce.py reads" in readme and "CC BY-SA 3.0" in readme
    copy = folder / "reproduce.py"
    lines = copy.read_text("utf-8")
    assert "pip install tensorflow==2.21.0 keras==3.15.1 numpy\n" in lines
    copy.write_text(f"{lines}\nnp.savez('used.npz', x=x_train, y=y_train, xt=x_test, yt=y_test)\n", "utf-8")
    # the images beside the script, from whichever folder it is run, or those whose path is given
    assert run_script(copy, folder=elsewhere).splitlines()[-1].startswith("807 weights, test accuracy ")
    data = npz.read(datasets.PATH)
    with np.load(elsewhere / "used.npz") as used:
        assert np.array_equal(used["x"], scaled(data.x_train)) and np.array_equal(used["y"], data.y_train)
        assert np.array_equal(used["xt"], scaled(data.x_test)) and np.array_equal(used["yt"], data.y_test)
    (folder / "mnist_5k.npz").rename(elsewhere / "moved.npz")
    assert run_script(copy, "moved.npz", folder=elsewhere).splitlines()[-1].startswith("807 weights, test accuracy ")


SEEN = """
np.savez(
    "seen.npz", x=x_train, y=y_train, xw=watched[0], yw=watched[1], moved=images, done=int(model.optimizer.iterations),
    rate=float(model.optimizer.learning_rate), first=float(rate(1)),
)
"""


def test_the_script_of_a_recipe_with_everything_trains_by_it(tmp_path: Path) -> None:
    recipe = Recipe(
        "adamw", 0.02, 2, 64, protocol=Protocol.HELD_OUT, schedule=Schedule.COSINE, warmup=0.25, beta2=0.99,
        weight_decay=0.01, clip=0.5, label_smoothing=0.1, shift=1, initialization=Initialization.HE,
    )  # fmt: skip
    made, facts, folder = Store(tmp_path / "runs.sqlite3"), npz.facts(datasets.PATH), tmp_path / "bundle"
    run = trained(made, datasets.PATH, "deep_cnn", 4, recipe)
    with zipfile.ZipFile(io.BytesIO(bundle.pack(made, run, facts))) as file:
        file.extractall(folder)
    told = json.loads((folder / "recipe.json").read_text("utf-8"))["recipe"]
    assert Recipe(**told) == recipe and told["schedule"] == "cosine" and told["weight_decay"] == 0.01
    copy = folder / "reproduce.py"
    copy.write_text(copy.read_text("utf-8") + SEEN, "utf-8")
    counted, accuracy = run_script(copy).splitlines()[-1].split(" weights, test accuracy ")
    stored = bundle.finished_run(made, run)
    # two epochs of a few thousand images: two seeds differ by some points
    assert int(counted) == stored.parameters and float(accuracy) == pytest.approx(stored.test_accuracy, abs=0.1)
    assert float(accuracy) > 0.75
    data = hold_out(npz.read(datasets.PATH))
    updates = 2 * -(-len(data.y_train) // 64)
    with np.load(folder / "seen.npz") as seen:
        assert np.array_equal(seen["x"], scaled(data.x_train)) and np.array_equal(seen["xw"], scaled(data.x_test))
        for name, labels in (("y", data.y_train), ("yw", data.y_test)):
            assert np.array_equal(seen[name], np.eye(10, dtype=np.float32)[labels])
        assert seen["done"] == updates and seen["rate"] < 1e-6, "the cosine ends with the last update"
        assert seen["first"] == pytest.approx(0.02 / round(0.25 * updates))
        unmoved = {x.tobytes() for x in seen["x"]}
        assert np.mean([x.tobytes() in unmoved for x in seen["moved"]]) == pytest.approx(1 / 9, abs=0.03)


def test_embedded_digits_are_packed_only_with_runs_on_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Store(tmp_path / "runs.sqlite3")
    facts = npz.facts(datasets.PATH)
    counts = {"parameters": 807, "multiply_adds": 1, "train_images": 1, "test_images": 1}
    run = made.begin(Cell("mnist_5k", "other", "mlp", 1, PLAIN, 0), **counts, device="CPU", versions={})
    made.add_epoch(run, Epoch(1, 0.5, 0.8, 0.4, 0.9, 1.0))
    made.end(run, RunState.DONE, seconds=1.0)
    for claimed in (facts, replace(facts, fingerprint="other")):
        with pytest.raises(DatasetError, match="contents differ"):
            bundle.pack(made, run, claimed)
    monkeypatch.setattr(datasets, "PATH", tmp_path / "gone.npz")
    with pytest.raises(DatasetError, match=r"gone\.npz are missing"):
        bundle.pack(made, run, facts)


def test_nothing_half_is_packed(store: Store, own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = npz.facts(own)
    with pytest.raises(ArgumentError, match=r"Invalid run\. .* Received: 9\."):
        bundle.pack(store, 9, facts)
    with pytest.raises(DatasetError, match="contents differ"):
        bundle.pack(store, 1, replace(facts, fingerprint="other"))
    bare = Store(tmp_path / "runs.sqlite3")
    counts = {"parameters": 6370, "multiply_adds": 1, "train_images": 1, "test_images": 1}
    cell = Cell("own", facts.fingerprint, "mlp", 8, PLAIN, 0)
    run = bare.begin(cell, **counts, device="CPU", versions={})
    with pytest.raises(ArgumentError, match="which is running"):
        bundle.pack(bare, run, facts)
    bare.add_epoch(run, Epoch(1, 0.5, 0.8, 0.4, 0.9, 1.0))
    bare.end(run, RunState.DONE, seconds=1.0)
    with pytest.raises(StoreError, match=r"^The weights of run 1 were not kept, .* Train another seed of it\.$"):
        bundle.pack(bare, run, facts)
    monkeypatch.setattr(bare, "runs", None)  # one run is asked for, and there may be thousands
    bare.end(run, RunState.DONE, seconds=1.0, weights=store.weights(1))
    with pytest.raises(StoreError, match="another network's"):
        bundle.pack(bare, run, facts)


def test_packing_imports_no_framework(store: Store, own: Path) -> None:
    program = """
import sys
from pathlib import Path
from core.data import npz
from core.export import bundle
from core.runs.store import Store
bundle.pack(Store(Path(sys.argv[1])), 2, npz.facts(Path(sys.argv[2])))
print(sorted({x.partition(".")[0] for x in sys.modules} & {"tensorflow", "keras"}))
"""
    command = [sys.executable, "-c", program, str(store.path), str(own)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert done.stdout == "[]\n", done.stderr
