from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core import ROOT
from core.data import npz
from core.data.images import scaled
from core.errors import DatasetError
from core.networks.families import family
from core.networks.layers import Array
from core.networks.network import Network
from core.results import confusion, trained
from core.results.collect import Results, finished
from core.results.trained import Trained
from core.runs import reference

SHARED = ROOT.parent / "shared" / "data" / "mnist.npz"
LABELS = np.array([0, 0, 1, 1, 2, 2])
SAID = np.array([0, 1, 1, 1, 0, 2])
SHIPPED = reference.store()
KEPT = trained.networks(Results(reference.DATASET, finished(SHIPPED.runs(reference.DATASET)), None))


def test_a_matrix_by_hand() -> None:
    counts = confusion.matrix(LABELS, SAID, 4)
    assert counts.tolist() == [[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]
    assert confusion.accuracy(counts) == pytest.approx(4 / 6)
    np.testing.assert_array_equal(confusion.by_class(counts), [0.5, 1, 0.5, math.nan])
    assert math.isnan(confusion.accuracy(np.zeros((2, 2), int)))


def test_a_matrix_counts_as_a_loop_does() -> None:
    rng = np.random.default_rng(3)
    labels, said = rng.integers(0, 7, 900), rng.integers(0, 7, 900)
    counted = [[0] * 7 for _ in range(7)]
    for label, answer in zip(labels, said, strict=True):
        counted[label][answer] += 1
    assert confusion.matrix(labels, said, 7).tolist() == counted


def test_balanced_accuracy_is_the_mean_over_the_classes() -> None:
    rng = np.random.default_rng(5)
    labels, said = rng.choice(4, 500, p=[0.9, 0.05, 0.03, 0.02]), rng.integers(0, 4, 500)
    table = pd.DataFrame({"label": labels, "right": labels == said})
    expected = table.groupby("label")["right"].mean().mean()
    assert confusion.balanced(confusion.matrix(labels, said, 4)) == pytest.approx(expected, rel=1e-12)
    assert confusion.balanced(confusion.matrix(labels, said, 6)) == pytest.approx(expected), "classes without images"
    always = confusion.matrix(labels, np.zeros(500, int), 4)
    assert confusion.accuracy(always) > 0.85 and confusion.balanced(always) == 0.25
    assert math.isnan(confusion.balanced(np.zeros((2, 2), int)))


def one_hot(said: list[int], sure: list[float]) -> Array:
    found = np.zeros((len(said), 3))
    for index, (answer, share) in enumerate(zip(said, sure, strict=True)):
        found[index] = (1 - share) / 2
        found[index, answer] = share
    return found


def test_what_only_one_reads_comes_surest_mistake_first() -> None:
    large = one_hot([0, 0, 1, 1, 2, 0], [0.9] * 6)
    small = one_hot([1, 2, 1, 0, 2, 2], [0.6, 0.9, 0.9, 0.7, 0.8, 0.5])
    assert confusion.lost(LABELS, large, small).tolist() == [1, 3, 0]
    parts = confusion.difference(LABELS, large.argmax(axis=1), small.argmax(axis=1))
    assert (parts.both, parts.first, parts.second, parts.neither) == (2, 3, 1, 0)
    assert confusion.mistakes(LABELS, small).tolist() == [1, 3, 0]


def test_batches_do_not_matter(digits: tuple[Array, Array], monkeypatch: pytest.MonkeyPatch) -> None:
    network = family("cnn").build(1)
    weights = [np.random.default_rng(0).normal(size=x).astype(np.float32) for x in network.weight_shapes]
    whole = network.predict(weights, digits[0][:25])
    monkeypatch.setattr(confusion, "batch_size", lambda _: 10)
    taken: list[int] = []
    predict = Network.predict

    def spy(self: Network, arrays: Sequence[Array], x: Array) -> Array:
        taken.append(len(x))
        return predict(self, arrays, x)

    monkeypatch.setattr(Network, "predict", spy)
    np.testing.assert_allclose(confusion.probabilities(network, weights, digits[0][:25]), whole, atol=1e-6)
    assert taken == [10, 10, 5]


def test_batches_are_small_where_a_network_is_wide() -> None:
    sizes = [confusion.batch_size(family("deep_cnn").build(n)) for n in (1, 8, 128)]
    assert sizes[0] == 500 > sizes[1] > sizes[2] >= 1


@pytest.mark.skipif(not SHARED.is_file(), reason="the copy of MNIST that the reference runs were trained on")
@pytest.mark.parametrize("chosen", KEPT, ids=lambda x: f"{x.run.family}-{x.run.width}")
def test_the_matrix_gives_the_stored_accuracy(chosen: Trained) -> None:
    shown, labels = npz.read_test(SHARED)
    given = confusion.probabilities(chosen.network, trained.read(SHIPPED, chosen), scaled(shown))
    counts = confusion.matrix(labels, given.argmax(axis=1), 10)
    assert counts.sum() == 10_000
    assert confusion.accuracy(counts) == pytest.approx(chosen.run.test_accuracy, abs=1.01e-4)  # one image


def test_test_images_are_those_of_the_whole_set(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (20, 6, 5)).astype(np.uint8)
    y = np.arange(20) % 4
    np.savez(tmp_path / "set.npz", x_train=x, y_train=y, x_test=x[:9], y_test=y[:9])
    whole = npz.read(tmp_path / "set.npz")
    shown, labels = npz.read_test(tmp_path / "set.npz")
    np.testing.assert_array_equal(shown, whole.x_test, strict=True)
    np.testing.assert_array_equal(labels, whole.y_test, strict=True)
    with pytest.raises(DatasetError):
        npz.read_test(tmp_path / "none.npz")
