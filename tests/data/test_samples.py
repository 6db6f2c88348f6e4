from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core import settings
from core.data import datasets, npz, samples
from core.data.images import scaled
from core.errors import DatasetError
from core.networks.layers import Array
from core.settings import Settings


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return settings.load({"FEATHERWEIGHT_HOME": str(tmp_path)})


def bring(own: Settings, name: str, *shape: int, kind: type = np.uint8) -> Path:
    draw = np.random.default_rng(0)
    x: Array = draw.integers(0, 256, (30, *shape)).astype(np.uint8)
    x = x if kind is np.uint8 else (x / 255).astype(kind)
    y = np.arange(30) % 10
    path = own.data / f"{name}.npz"
    np.savez(path, x_train=x[:10], y_train=y[:10], x_test=x[10:], y_test=y[10:])
    return path


@pytest.mark.parametrize(("shape", "kind"), [((28, 28), np.uint8), ((32, 40, 3), np.uint8), ((8, 8, 1), np.float32)])
def test_every_test_image_comes_up_with_its_own_label(own: Settings, shape: tuple[int, ...], kind: type) -> None:
    data = npz.read(bring(own, "mine", *shape, kind=kind))
    chance = np.random.default_rng(0)
    seen = set()
    for _ in range(300):
        found = samples.draw(own, "mine", chance)
        assert found.dataset == "mine" and found.label == data.y_test[found.index]
        assert np.array_equal(found.image, scaled(data.x_test[found.index])) and found.image.dtype == np.float32
        seen.add(found.index)
    assert seen == set(range(20))


def test_a_changed_file_is_read_again(own: Settings) -> None:
    bring(own, "mine", 8, 8)
    assert samples.draw(own, "mine", np.random.default_rng(0)).image.shape == (8, 8, 1)
    bring(own, "mine", 9, 9)
    assert samples.draw(own, "mine", np.random.default_rng(0)).image.shape == (9, 9, 1)


def test_mnist_has_the_embedded_digits_in_its_place(own: Settings) -> None:
    assert samples.source(own, "mnist") == datasets.EMBEDDED
    found = samples.draw(own, "mnist", np.random.default_rng(0))
    assert found.dataset == datasets.EMBEDDED and found.image.shape == (28, 28, 1)
    bring(own, "mnist", 28, 28)
    assert samples.draw(own, "mnist", np.random.default_rng(0)).dataset == "mnist"


def test_fashion_has_nothing_in_its_place(own: Settings) -> None:
    assert samples.source(own, "fashion_mnist") is None
    with pytest.raises(DatasetError, match=f"^Fashion-MNIST .* fashion_mnist.npz .* {own.data}"):
        samples.draw(own, "fashion_mnist", np.random.default_rng(0))
