from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import settings
from core.data import datasets
from core.data.images import Facts
from core.errors import DatasetError, FeatherweightError
from core.networks.families import FAMILIES
from core.recipe import Protocol
from core.results import analysis, collect
from core.results.collect import Results
from core.runs.run import Cell, Epoch, Origin, RunState
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
    state: RunState = RunState.DONE,
    weights: bytes | None = None,
    protocol: Protocol = Protocol.ARTICLE,
    **counts: Any,
) -> None:
    what = Cell(data, fingerprint, "mlp", 4, replace(FAMILIES["mlp"].recipe, protocol=protocol), seed)
    images = {"train_images": 60000, "test_images": 10000} | counts
    run = store.begin(what, parameters=642, multiply_adds=600, device="CPU", versions={}, **images)
    store.add_epoch(run, Epoch(1, 1.0, 0.5, 0.9, accuracy, 2.0))
    store.end(run, state, seconds=2.0, weights=weights)


def shown(found: Results) -> list[tuple[str, float | None]]:
    return [(x.origin, x.test_accuracy) for x in found.runs]


def test_own_results_stand_beside_the_shipped_ones(loaded: Settings, own: Store, shipped: Store) -> None:
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    train(own, "mine", fingerprint, 0.8, seed=1, state=RunState.FAILED)
    train(own, "mnist_5k", "f", 0.7)
    train(shipped, "mine", "another", 0.6)
    train(shipped, "mnist", "another", 0.5)
    found = collect.results(loaded, own, shipped, "mine")
    assert shown(found) == [("own", 0.9), ("reference", 0.6)]
    assert found.name == "mine" and len(analysis.points(found.runs)) == 2
    assert shown(collect.results(loaded, own, None, "mine")) == [("own", 0.9)]


def test_own_runs_on_a_file_that_has_changed_do_not_count_and_shipped_ones_do(
    loaded: Settings, own: Store, shipped: Store
) -> None:
    before = bring(loaded, "mnist", 20)
    train(own, "mnist", before, 0.9)
    train(shipped, "mnist", "another", 0.6)
    assert shown(collect.results(loaded, own, shipped, "mnist")) == [("own", 0.9), ("reference", 0.6)]
    after = bring(loaded, "mnist", 24)
    assert before != after
    found = collect.results(loaded, own, shipped, "mnist")
    assert shown(found) == [("reference", 0.6)]
    assert collect.results(loaded, own, None, "mnist").runs == ()
    train(own, "mnist", before, 0.7, seed=1, protocol=Protocol.HELD_OUT)
    train(own, "mnist", before, 0.6, seed=2, state=RunState.STOPPED)
    gone = collect.results(loaded, own, None, "mnist")
    assert [x.test_accuracy for x in gone.outdated] == [0.9, 0.7]
    assert [x.test_accuracy for x in gone.only(Protocol.ARTICLE).outdated] == [0.9]
    assert found.outdated == gone.outdated[:1] and collect.results(loaded, own, shipped, "fashion_mnist").outdated == ()
    train(own, "mnist", after, 0.8)
    assert shown(collect.results(loaded, own, shipped, "mnist")) == [("own", 0.8), ("reference", 0.6)]


def test_stopped_runs_stand_apart_with_their_weights(loaded: Settings, own: Store, shipped: Store) -> None:
    before = bring(loaded, "mine", 20)
    train(own, "mine", before, 0.5, state=RunState.STOPPED, weights=b"of a file that has changed since")
    after = bring(loaded, "mine", 24)
    train(own, "mine", after, 0.9)
    train(own, "mine", after, 0.8, seed=1, state=RunState.STOPPED, weights=b"kept")
    train(own, "mine", after, 0.7, seed=2, state=RunState.STOPPED)
    train(own, "mine", after, 0.6, seed=3, state=RunState.INTERRUPTED)
    found = collect.results(loaded, own, shipped, "mine")
    assert shown(found) == [("own", 0.9)] and [x.test_accuracy for x in found.stopped] == [0.8]


def test_facts_are_those_of_the_images_at_hand(loaded: Settings, own: Store) -> None:
    fingerprint = bring(loaded, "mine")
    found = collect.results(loaded, own, None, "mine")
    assert found.dataset and found.dataset.name == "mine"
    assert found.facts == Facts((12, 12, 1), 4, 20, 8, fingerprint, (), (5, 5, 5, 5), (2, 2, 2, 2))
    assert found.facts_of(fingerprint) == found.facts and found.facts.commonest == 0.25
    assert found.facts_of("other") == Facts((12, 12, 1), 4, 20, 8, "other"), "their classes were not counted"


def test_classes_are_called_as_the_file_says_or_as_their_maker_does(loaded: Settings, own: Store) -> None:
    bring(loaded, "mine")
    assert collect.results(loaded, own, None, "mine").labels == list("0123")
    with np.load(loaded.data / "mine.npz") as file:
        np.savez(loaded.data / "mine.npz", **file, class_names=np.array(["a", "b", "c", "d"]))
    assert collect.results(loaded, own, None, "mine").labels == list("abcd")
    away = collect.results(loaded, own, None, "fashion_mnist")
    assert away.dataset is None and away.labels[::9] == ["T-shirt/top", "Ankle boot"]


def test_results_are_shown_without_the_images(loaded: Settings, own: Store, shipped: Store) -> None:
    train(own, "mnist", "f", 0.9)
    train(shipped, "mnist", "g", 0.6)
    assert datasets.fetchable(loaded, "mnist")
    found = collect.results(loaded, own, shipped, "mnist")
    assert found.dataset is None and shown(found) == [("own", 0.9), ("reference", 0.6)]
    assert found.facts == Facts((28, 28, 1), 10, 60000, 10000, "f")
    assert [type(x) for x in (found.facts.train, found.facts.test, found.facts.fingerprint)] == [int, int, str]
    assert collect.results(loaded, own, shipped, "fashion_mnist").runs == ()


def test_nothing_trained_yet(loaded: Settings, own: Store, shipped: Store) -> None:
    bring(loaded, "mine")
    for store in (None, shipped):
        found = collect.results(loaded, own, store, "mine")
        assert found.runs == found.only(Protocol.ARTICLE).runs == ()
        assert collect.names(own, store) == []
    train(shipped, "mine", "another", 0.6)
    assert shown(collect.results(loaded, own, shipped, "mine")) == [("reference", 0.6)]


def test_a_file_that_is_malformed_or_gone_is_told_in_a_sentence(loaded: Settings, own: Store) -> None:
    (loaded.data / "broken.npz").write_bytes(b"nothing")
    with pytest.raises(DatasetError):
        collect.results(loaded, own, None, "broken")
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    (loaded.data / "mine.npz").unlink()
    with pytest.raises(FeatherweightError, match="mine"):
        collect.results(loaded, own, None, "mine")


def test_image_sets_with_finished_runs_own_ones_last(own: Store, shipped: Store) -> None:
    train(own, "mine", "f", 0.9)
    train(own, "other", "f", 0.9)
    train(own, "mine", "f", 0.9, seed=1)
    train(own, "failed", "f", 0.9, state=RunState.FAILED)
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
    assert collect.default(loaded, own, shipped) == "mnist", "nobody chose another"
    assert collect.default(loaded, own, None) == "shapes", "the user's latest"
    assert collect.default(loaded, own, shipped, "shapes") == "shapes", "the wanted one"
    assert collect.default(loaded, own, shipped, "fashion_mnist") == "mnist", "the wanted one has none"
    assert collect.default(loaded, own, None, "fashion_mnist") == "shapes"
    bring(loaded, "shapes", 24)
    assert collect.default(loaded, own, shipped, "shapes") == "shapes", "and that the file has changed is said"
    assert collect.default(loaded, own, shipped) == "mnist", "nobody chose it"
    assert collect.default(loaded, own, None) == "mnist_5k"
    (loaded.data / "shapes.npz").write_bytes(b"no zip")
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, None) == "mnist_5k"
    assert collect.default(loaded, own, shipped, "shapes") == "shapes", "and what is wrong with it is said"
    (loaded.data / "shapes.npz").unlink()
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, None) == "mnist_5k"


def test_a_first_run_on_the_embedded_digits_does_not_displace_the_reference_answer(
    loaded: Settings, own: Store, shipped: Store
) -> None:
    train(shipped, "mnist", "f", 0.9)
    train(own, "mnist_5k", datasets.find(loaded, "mnist_5k").facts.fingerprint, 0.8)
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, shipped, "mnist_5k") == "mnist_5k", "somebody chose it"
    assert collect.default(loaded, own, None) == "mnist_5k", "without the reference results it is all there is"


def test_without_the_reference_results_the_usual_set_comes_before_the_latest(loaded: Settings, own: Store) -> None:
    usual, latest = bring(loaded, "mnist"), bring(loaded, "shapes", 24)
    train(own, "mnist", usual, 0.9)
    train(own, "shapes", latest, 0.9)
    assert collect.default(loaded, own, None) == "mnist"
    bring(loaded, "mnist", 28)
    assert collect.default(loaded, own, None) == "shapes", "the usual set's file has changed"
    other = bring(loaded, "other", 32)
    train(own, "other", other, 0.9)
    assert collect.default(loaded, own, None) == "other"


def test_what_is_shown_by_default_has_the_weights_or_the_stopped_runs_it_takes(
    loaded: Settings, own: Store, shipped: Store
) -> None:
    train(shipped, "mnist", "f", 0.9, weights=b"kept")
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9)
    train(own, "mine", fingerprint, 0.9, seed=1, state=RunState.STOPPED)
    assert collect.default(loaded, own, shipped, "mine") == "mine"
    assert collect.default(loaded, own, shipped, "mine", with_weights=True) == "mnist"
    other = bring(loaded, "other", 24)
    train(own, "other", other, 0.9, state=RunState.STOPPED, weights=b"kept")
    assert collect.default(loaded, own, shipped, "other") == "mnist"
    assert collect.default(loaded, own, None, "other") == "mine"
    assert collect.default(loaded, own, shipped, "other", with_stopped=True) == "other"
    assert collect.default(loaded, own, shipped, "other", with_weights=True) == "mnist"


def test_what_is_shown_by_default_has_the_protocol_asked_for(loaded: Settings, own: Store, shipped: Store) -> None:
    train(shipped, "mnist", "f", 0.9)
    fingerprint = bring(loaded, "mine")
    train(own, "mine", fingerprint, 0.9, protocol=Protocol.HELD_OUT)
    assert collect.default(loaded, own, shipped) == "mnist"
    assert collect.default(loaded, own, shipped, protocol=Protocol.ARTICLE) == "mnist"
    assert collect.default(loaded, own, shipped, protocol=Protocol.HELD_OUT) == "mine"


def test_an_image_set_of_both_is_named_once(own: Store, shipped: Store) -> None:
    train(own, "mnist", "f", 0.9)
    train(shipped, "mnist", "f", 0.9)
    assert collect.names(own, shipped) == ["mnist"]


def test_own_results_on_the_other_digits_stand_beside(loaded: Settings, own: Store, shipped: Store) -> None:
    digits, fingerprint = datasets.find(loaded, "mnist_5k").facts.fingerprint, bring(loaded, "mine")
    train(shipped, "mnist", "f", 0.6)
    train(own, "mine", fingerprint, 0.5)
    train(own, "fashion_mnist", "f", 0.4)
    train(own, "mnist_5k", digits, 0.1, seed=5, state=RunState.FAILED)
    assert [collect.beside(loaded, own, x) for x in ("mnist", "mnist_5k")] == [[], []], "empty ones are left out"
    train(own, "mnist_5k", digits, 0.8)
    train(own, "mnist_5k", "of a file that has changed since", 0.3)
    train(own, "mnist", "f", 0.9)

    def told(name: str) -> list[tuple[str, list[tuple[str, float | None]]]]:
        return [(x.name, shown(x)) for x in collect.beside(loaded, own, name)]

    assert told("mnist") == [("mnist_5k", [("own", 0.8)])]
    assert told("mnist_5k") == [("mnist", [("own", 0.9)])]
    assert told("mine") == told("fashion_mnist") == [], "images of another kind"


def test_digits_that_cannot_be_read_stand_beside_nothing(loaded: Settings, own: Store) -> None:
    train(own, "mnist", bring(loaded, "mnist"), 0.9)
    assert [x.name for x in collect.beside(loaded, own, "mnist_5k")] == ["mnist"]
    (loaded.data / "mnist.npz").write_bytes(b"no zip")
    assert collect.beside(loaded, own, "mnist_5k") == []
    bring(loaded, "mnist", 24)
    assert collect.beside(loaded, own, "mnist_5k") == [], "the file has changed"
