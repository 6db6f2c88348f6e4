from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.data import npz
from core.data.datasets import Dataset
from core.data.images import Facts
from core.errors import StoreError
from core.recipe import ADADELTA, Protocol, Recipe
from core.results import trained
from core.results.collect import Results, finished
from core.results.trained import Trained
from core.runs.run import Cell, Epoch, Origin, RunState
from core.runs.store import Store
from tests.rows import runs, seeds


def results(*rows: dict[str, Any], name: str = "mnist") -> Results:
    return Results(name, finished(runs(*rows)), None)


def found(*rows: dict[str, Any]) -> list[Trained]:
    return trained.networks(results(*rows))


def test_names_say_no_more_than_it_takes_to_tell_runs_apart() -> None:
    other = Recipe("adam", 0.003, 2, 64)
    rows = [
        *seeds("cnn", 2, 0.97, weights="kept"),
        *seeds("cnn", 2, 0.97, weights="kept", recipe=other.to_json()),
        *seeds("cnn", 2, 0.97, weights="kept", fingerprint="ghijklmn"),
        *seeds("deep_cnn", 2, 0.97, weights="kept"),
    ]
    assert [x.name for x in found(*rows)] == [
        "Deep CNN, n = 2: 932 weights, seed 0",
        f"CNN, n = 2: 4,802 weights, seed 0, {ADADELTA}, images f",
        f"CNN, n = 2: 4,802 weights, seed 0, {other}",
        f"CNN, n = 2: 4,802 weights, seed 0, {ADADELTA}, images ghijkl",
    ]


def test_stopped_runs_come_last_and_only_on_request() -> None:
    held_out = replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json()
    stopped = (
        *seeds("deep_cnn", 2, 0.5, state="stopped", epochs=5, weights="kept"),
        *seeds("deep_cnn", 1, 0, state="stopped", epochs=1, weights="kept", recipe=held_out, test_accuracy=None),
    )
    done = finished(runs(*seeds("cnn", 2, 0.97, weights="kept")))
    everything = Results("mnist", done, None, tuple(runs(*stopped)))
    assert [x.name for x in trained.networks(everything)] == ["CNN, n = 2: 4,802 weights, seed 0"]
    assert [x.name for x in trained.networks(everything, with_stopped=True)] == [
        "CNN, n = 2: 4,802 weights, seed 0",
        "Deep CNN, n = 1: 408 weights, seed 0, stopped after 1 of 12 epochs",
        "Deep CNN, n = 2: 932 weights, seed 0, stopped after 5 of 12 epochs",
    ]


def test_an_address_names_a_network_by_all_that_it_says() -> None:
    other = Recipe("adam", 0.003, 2, 64)
    rows = [
        *seeds("cnn", 2, 0.97, 0.97, weights="kept", recipe=other.to_json()),
        *seeds("cnn", 2, 0.97, 0.97, weights="kept"),
        *seeds("cnn", 2, 0.97, weights="kept", origin=Origin.REFERENCE),
    ]
    networks = found(*rows)

    def asked(**told: str) -> tuple[str, int, str] | None:
        one = trained.named(networks, "cnn", "2", **told)
        return (one.run.origin, one.run.seed, str(one.run.recipe)) if one else None

    assert asked() == ("reference", 0, str(ADADELTA))
    assert asked(origin=Origin.OWN, recipe=str(ADADELTA)) == ("own", 0, str(ADADELTA))
    assert asked(origin=Origin.OWN, recipe=str(other), images="f") == ("own", 0, str(other))
    for nothing in ({"origin": "x"}, {"recipe": "x"}, {"images": "x"}, {"origin": "reference", "recipe": str(other)}):
        assert asked(**nothing) is None
    assert trained.named(networks, "CNN", "2")
    assert not trained.named(networks, "cnn", "²") and not trained.named(networks, "mlp", "2")


def test_weights_that_were_dropped_since_are_told_in_a_sentence_that_helps(tmp_path: Path) -> None:
    (chosen,) = found(*seeds("cnn", 2, 0.97, weights="kept"))
    said = r"^The weights of CNN, n = 2: 4,802 weights, seed 0 are no longer kept. Train another seed of it to look ins"
    with pytest.raises(StoreError, match=said):
        trained.read(Store(tmp_path / "runs.sqlite3"), chosen)


def test_networks_beside_are_named_with_their_image_set() -> None:
    shown = results(
        *seeds("cnn", 2, 0.97, weights="kept", origin=Origin.REFERENCE), *seeds("mlp", 4, 0.9, weights="dropped")
    )
    digits = results(
        *seeds("cnn", 2, 0.9, weights="kept", dataset="mnist_5k"),
        *seeds("deep_cnn", 2, 0.9, weights="kept", dataset="mnist_5k"),
        *seeds("deep_cnn", 1, 0.9, dataset="mnist_5k"),
        name="mnist_5k",
    )
    told = trained.networks(shown, [digits])
    assert [(x.name, x.title, x.run.dataset) for x in told] == [
        ("Deep CNN, n = 2: 932 weights, seed 0, MNIST, 5,000 digits", "Deep CNN, n = 2", "mnist_5k"),
        ("CNN, n = 2: 4,802 weights, seed 0, reference", "CNN, n = 2", "mnist"),
        ("CNN, n = 2: 4,802 weights, seed 0, MNIST, 5,000 digits", "CNN, n = 2", "mnist_5k"),
    ]
    assert [x.name for x in trained.networks(shown)] == ["CNN, n = 2: 4,802 weights, seed 0, reference"]
    turned = trained.networks(digits, [shown])
    assert [x.name for x in turned] == [
        "Deep CNN, n = 2: 932 weights, seed 0",
        "CNN, n = 2: 4,802 weights, seed 0, reference, MNIST",
        "CNN, n = 2: 4,802 weights, seed 0",
    ]


def test_stopped_runs_on_the_other_set_follow_too() -> None:
    stopped = runs(*seeds("mlp", 4, 0.5, state="stopped", epochs=3, weights="kept", dataset="mnist_5k"))
    digits = Results("mnist_5k", (), None, tuple(stopped))
    shown = results(*seeds("cnn", 2, 0.97, weights="kept"))
    assert [x.name for x in trained.networks(shown, [digits])] == ["CNN, n = 2: 4,802 weights, seed 0"]
    assert [x.name for x in trained.networks(shown, [digits], with_stopped=True)] == [
        "CNN, n = 2: 4,802 weights, seed 0",
        "MLP, n = 4: 3,210 weights, seed 0, MNIST, 5,000 digits, stopped after 3 of 20 epochs",
    ]


def test_a_network_beside_is_built_for_its_own_images() -> None:
    facts = Facts((12, 12, 1), 4, 20, 8, "f")
    shown = replace(results(), dataset=Dataset("mnist", "MNIST", Path("mnist.npz"), facts))
    digits = results(*seeds("mlp", 4, 0.9, weights="kept", dataset="mnist_5k"), name="mnist_5k")
    (one,) = trained.networks(shown, [digits])
    assert (one.network.input_shape, one.network.output_shape) == ((28, 28, 1), (10,))
    own = replace(results(*seeds("mlp", 4, 0.9, weights="kept")), dataset=shown.dataset)
    (one,) = trained.networks(own)
    assert (one.network.input_shape, one.network.output_shape) == ((12, 12, 1), (4,))
    shipped = replace(results(*seeds("mlp", 4, 0.9, weights="kept", origin="reference")), dataset=shown.dataset)
    (one,) = trained.networks(shipped)
    assert (one.network.input_shape, one.network.output_shape) == ((28, 28, 1), (10,)), "whatever the user's file holds"


def test_a_key_names_origin_and_run() -> None:
    rows = seeds("mlp", 4, 0.9, weights="kept", id=12) + seeds("mlp", 2, 0.9, weights="kept", origin="reference", id=3)
    assert [x.key for x in found(*rows)] == ["reference-3", "own-12"]


def test_a_run_is_named_alone_and_its_answers_are_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.integers(0, 256, (2300, 12, 12)).astype(np.uint8), np.arange(2300) % 4
    np.savez(tmp_path / "mine.npz", x_train=x[:8], y_train=y[:8], x_test=x, y_test=y)
    dataset = Dataset("mine", "mine", tmp_path / "mine.npz", npz.facts(tmp_path / "mine.npz"))
    store = Store(tmp_path / "runs.sqlite3")
    cell = Cell("mine", dataset.facts.fingerprint, "mlp", 4, ADADELTA, 0)
    network = cell.network((12, 12, 1), 4)
    arrays = [rng.normal(size=x).astype(np.float32) for x in network.weight_shapes]
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **{str(i): x for i, x in enumerate(arrays)})
    counts = {"parameters": network.parameters, "multiply_adds": 1, "train_images": 8, "test_images": 2300}
    run = store.begin(cell, **counts, device="CPU", versions={})
    store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, 0.9, 1.0))
    store.end(run, RunState.DONE, seconds=1.0, weights=file.getvalue())
    found = Results("mine", finished(store.runs("mine")), dataset)
    chosen = trained.of_run(found, found.runs[0])
    assert chosen == trained.networks(found)[0]
    answers = network.predict(arrays, x[..., np.newaxis] / np.float32(255)).argmax(axis=1)
    expected = pd.crosstab(y, answers).reindex(index=range(4), columns=range(4), fill_value=0)
    assert trained.confused(store, chosen, dataset).tolist() == expected.to_numpy().tolist()
