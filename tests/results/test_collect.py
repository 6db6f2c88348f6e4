from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import settings
from core.data import datasets
from core.data.npz import Facts
from core.errors import DatasetError, FeatherweightError
from core.networks.families import FAMILIES
from core.results import analysis, collect
from core.runs.run import Cell, Epoch, Origin
from core.runs.store import Store
from core.settings import Settings


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    environment = {"FEATHERWEIGHT_HOME": str(tmp_path / "home"), "FEATHERWEIGHT_DATA": str(tmp_path / "data")}
    return settings.load(os.environ | environment)


@pytest.fixture
def own(loaded: Settings) -> Store:
    return Store(loaded.store)


@pytest.fixture
def shipped(tmp_path: Path) -> Store:
    return Store(tmp_path / "reference.sqlite3", origin=Origin.REFERENCE)


def bring(loaded: Settings, name: str, count: int = 20) -> str:
    """Put an image set of 12x12 pixels and four classes into the data folder and return its fingerprint."""
    x = np.random.default_rng(count).integers(0, 256, (count, 12, 12)).astype(np.uint8)
    y = (np.arange(count) % 4).astype(np.uint8)
    np.savez(loaded.data / f"{name}.npz", x_train=x, y_train=y, x_test=x[:8], y_test=y[:8])
    return datasets.find(loaded, name).facts.fingerprint


def train(
    store: Store,
    data: str,
    fingerprint: str,
    accuracy: float,
    *,
    seed: int = 0,
    state: str = "done",
    weights: bytes | None = None,
    **counts: Any,
) -> None:
    what = Cell(data, fingerprint, "mlp", 4, FAMILIES["mlp"].recipe, seed)
    images = {"train_images": 60000, "test_images": 10000} | counts
    run = store.begin(what, parameters=642, multiply_adds=600, device="CPU", versions={}, **images)
    store.add_epoch(run, Epoch(1, 1.0, 0.5, 0.9, accuracy, 2.0))
    store.end(run, state, seconds=2.0, weights=weights)


def shown(found: collect.Results) -> list[tuple[str, float]]:
    return [(x["origin"], x["test_accuracy"]) for _, x in found.runs.iterrows()]


def test_own_results_stand_beside_the_shipped_ones(loaded: Settings, own: Store, shipped: Store) -> None:
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    train(own, "mine", fingerprint, 0.8, seed=1, state="failed")
    train(own, "mnist_5k", "f", 0.7)
    train(shipped, "mine", "another", 0.6)
    train(shipped, "mnist", "another", 0.5)
    found = collect.find(loaded, own, shipped, "mine")
    assert shown(found) == [("own", 0.9), ("reference", 0.6)]
    assert list(found.runs.index) == [0, 1] and found.name == "mine"
    assert "choosing" in found.runs and len(analysis.points(found.runs)) == 2
    assert shown(collect.find(loaded, own, None, "mine")) == [("own", 0.9)]


def test_own_runs_on_a_file_that_has_changed_do_not_count_and_shipped_ones_do(
    loaded: Settings, own: Store, shipped: Store
) -> None:
    before = bring(loaded, "mnist", 20)
    train(own, "mnist", before, 0.9)
    train(shipped, "mnist", "another", 0.6)
    assert shown(collect.find(loaded, own, shipped, "mnist")) == [("own", 0.9), ("reference", 0.6)]
    after = bring(loaded, "mnist", 24)
    assert before != after
    found = collect.find(loaded, own, shipped, "mnist")
    assert shown(found) == [("reference", 0.6)]
    assert collect.find(loaded, own, None, "mnist").runs.empty
    train(own, "mnist", after, 0.8)
    assert shown(collect.find(loaded, own, shipped, "mnist")) == [("own", 0.8), ("reference", 0.6)]


def test_stopped_runs_stand_apart_with_their_weights(loaded: Settings, own: Store, shipped: Store) -> None:
    before = bring(loaded, "mine", 20)
    train(own, "mine", before, 0.5, state="stopped", weights=b"of a file that has changed since")
    after = bring(loaded, "mine", 24)
    train(own, "mine", after, 0.9)
    train(own, "mine", after, 0.8, seed=1, state="stopped", weights=b"kept")
    train(own, "mine", after, 0.7, seed=2, state="stopped")
    train(own, "mine", after, 0.6, seed=3, state="interrupted")
    found = collect.find(loaded, own, shipped, "mine")
    assert shown(found) == [("own", 0.9)] and list(found.stopped["test_accuracy"]) == [0.8]


def test_facts_are_those_of_the_images_at_hand(loaded: Settings, own: Store) -> None:
    fingerprint = bring(loaded, "mine")
    found = collect.find(loaded, own, None, "mine")
    assert found.dataset and found.dataset.name == "mine"
    assert found.facts == Facts((12, 12, 1), 4, 20, 8, fingerprint)


def test_results_are_shown_without_the_images(loaded: Settings, own: Store, shipped: Store) -> None:
    train(own, "mnist", "f", 0.9)
    train(shipped, "mnist", "g", 0.6)
    assert datasets.fetchable(loaded, "mnist")
    found = collect.find(loaded, own, shipped, "mnist")
    assert found.dataset is None and shown(found) == [("own", 0.9), ("reference", 0.6)]
    assert found.facts == Facts((28, 28, 1), 10, 60000, 10000, "f")
    assert [type(x) for x in (found.facts.train, found.facts.test, found.facts.fingerprint)] == [int, int, str]
    assert collect.find(loaded, own, shipped, "fashion_mnist").runs.empty


def test_nothing_trained_yet(loaded: Settings, own: Store, shipped: Store) -> None:
    bring(loaded, "mine")
    for store in (None, shipped):
        found = collect.find(loaded, own, store, "mine")
        assert found.runs.empty and {"origin", "protocol", "choosing", "title"} <= set(found.runs.columns)
        assert collect.names(own, store) == []
    train(shipped, "mine", "another", 0.6)
    assert shown(collect.find(loaded, own, shipped, "mine")) == [("reference", 0.6)]


def test_a_file_that_is_malformed_or_gone_is_told_in_a_sentence(loaded: Settings, own: Store) -> None:
    (loaded.data / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError):
        collect.find(loaded, own, None, "broken")
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    (loaded.data / "mine.npz").unlink()
    with pytest.raises(FeatherweightError, match="mine"):
        collect.find(loaded, own, None, "mine")


def test_image_sets_with_finished_runs_own_ones_last(own: Store, shipped: Store) -> None:
    train(own, "mine", "f", 0.9)
    train(own, "other", "f", 0.9)
    train(own, "mine", "f", 0.9, seed=1)
    train(own, "failed", "f", 0.9, state="failed")
    train(shipped, "mnist", "f", 0.9)
    assert own.datasets() == ["other", "mine"], "that of the latest run last"
    assert collect.names(own, shipped) == ["mnist", "other", "mine"], "the latest last"
    assert collect.names(own, None) == ["other", "mine"]


def test_what_is_shown_by_default_is_there_and_has_results(loaded: Settings, own: Store, shipped: Store) -> None:
    assert collect.default(loaded, own, shipped) == "mnist_5k", "the usual one, where nothing has any"
    train(shipped, "mnist", "f", 0.9)
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, None) == "mnist_5k"
    fingerprint = bring(loaded, "shapes")
    train(own, "shapes", fingerprint, 0.9)
    assert collect.default(loaded, own, shipped) == "shapes", "the user's latest"
    assert collect.default(loaded, own, shipped, "mnist") == "mnist", "the wanted one"
    assert collect.default(loaded, own, shipped, "fashion_mnist") == "shapes"
    bring(loaded, "shapes", 24)
    assert collect.default(loaded, own, shipped) == "mnist", "the file has changed"
    (loaded.data / "shapes.npz").write_bytes(b"no zip")
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, shipped, "shapes") == "shapes", "and what is wrong with it is said"
    (loaded.data / "shapes.npz").unlink()
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, None) == "mnist_5k"


def test_what_is_shown_by_default_has_the_weights_or_the_stopped_runs_it_takes(
    loaded: Settings, own: Store, shipped: Store
) -> None:
    train(shipped, "mnist", "f", 0.9, weights=b"kept")
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    train(own, "mine", fingerprint, 0.9, seed=1, state="stopped")
    assert collect.default(loaded, own, shipped, "mine") == "mine"
    assert collect.default(loaded, own, shipped, "mine", with_weights=True) == "mnist"
    other = bring(loaded, "other", 24)
    train(own, "other", other, 0.9, state="stopped", weights=b"kept")
    assert collect.default(loaded, own, shipped, "other") == "mine"
    assert collect.default(loaded, own, shipped, "other", with_stopped=True) == "other"
    assert collect.default(loaded, own, shipped, "other", with_weights=True) == "mnist"


def test_an_image_set_of_both_is_named_once(own: Store, shipped: Store) -> None:
    train(own, "mnist", "f", 0.9)
    train(shipped, "mnist", "f", 0.9)
    assert collect.names(own, shipped) == ["mnist"]
