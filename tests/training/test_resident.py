"""Images where the device reads them: as bytes, and once."""

from __future__ import annotations

import io
import weakref
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from core.data import npz
from core.data.images import Images, scaled
from core.errors import DatasetError
from core.networks.layers import (
    Array,
    AveragePooling2D,
    Flatten,
    GlobalAveragePooling2D,
    GlobalMaxPooling2D,
    Layer,
    MaxPooling2D,
)
from core.recipe import Protocol
from core.training import forward, resident
from core.training.__main__ import Conversation
from core.training.device import device

HEADS: list[tuple[tuple[Layer, ...], bool]] = [
    ((), True),
    ((Flatten(),), True),
    ((MaxPooling2D(), Flatten()), True),
    ((MaxPooling2D(3, 1, same=True), MaxPooling2D((2, 3), 2)), True),
    ((MaxPooling2D(2), GlobalMaxPooling2D()), True),
    ((AveragePooling2D(2), Flatten()), False),
    ((MaxPooling2D(2), AveragePooling2D(3, 2, same=True)), False),
    ((GlobalAveragePooling2D(),), False),
]


@pytest.fixture
def pixels() -> Array:
    return np.random.default_rng(0).integers(0, 256, (resident.PART + 5, 9, 8, 3), dtype=np.uint8)


def images(x: Array) -> Images:
    y = (np.arange(len(x)) % 2).astype(np.int32)
    return Images(resident.aligned(x), y, resident.aligned(x[:7]), y[:7], 2)


@pytest.mark.parametrize("jit", [True, False])
def test_bytes_become_the_floats_of_numpy_to_the_last_bit(jit: bool) -> None:
    levels = np.tile(np.arange(256, dtype=np.uint8), 33)
    got = tf.function(forward.scaled, jit_compile=jit)(tf.constant(levels))
    np.testing.assert_array_equal(got, levels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize(("head", "kept"), HEADS, ids=range(len(HEADS)))
def test_rows_are_what_leaves_the_head_and_stay_bytes_where_they_can(
    pixels: Array, head: tuple[Layer, ...], kept: bool
) -> None:
    expected = scaled(pixels)
    of_floats = resident.rows(head, expected)
    for layer in head:
        expected = layer.forward(expected, [])
    expected = expected.reshape(len(pixels), -1)
    got = resident.rows(head, pixels)
    assert (got.dtype == np.uint8) == kept and of_floats.dtype == np.float32
    np.testing.assert_array_equal(scaled(got), expected)
    np.testing.assert_array_equal(of_floats, expected)


@pytest.mark.parametrize("x", [np.zeros((3, 4), np.uint8)[:, 1:], np.zeros((3, 4), np.float32, order="F")])
def test_an_array_that_lies_otherwise_is_copied_once(x: Array) -> None:
    got = resident.aligned(x)
    assert got.ctypes.data % 64 == 0 and got.flags.c_contiguous and got.dtype == x.dtype
    np.testing.assert_array_equal(got, x)
    assert resident.aligned(got) is got


@pytest.mark.skipif(device().gpu, reason="a GPU has memory of its own")
@pytest.mark.parametrize("protocol", Protocol)
def test_what_is_aligned_is_trained_where_it_lies(pixels: Array, protocol: Protocol) -> None:
    data = images(pixels)
    placed = resident.place((Flatten(),), data, protocol)
    for (x, _, _), original in zip(placed, (data.x_train, None, data.x_test), strict=True):
        assert original is None or np.shares_memory(np.asarray(memoryview(x)), original)
    if protocol is Protocol.HELD_OUT:
        assert placed[0][0] is placed[1][0]
        assert sorted(np.concatenate([meant for *_, meant in placed[:2]])) == list(range(len(pixels)))


def test_a_set_is_let_go_before_another_is_read(pixels: Array, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.arange(len(pixels)) % 2
    for name in ("one", "two"):
        np.savez(tmp_path / f"{name}.npz", x_train=pixels, y_train=y, x_test=pixels, y_test=y)
    conversation = Conversation(io.StringIO())
    data = conversation._data(tmp_path / "one.npz")
    assert conversation._data(tmp_path / "one.npz") is data
    placed = resident.place((), data, Protocol.ARTICLE)
    assert data.x_train.base is not None
    held, there = weakref.ref(data.x_train.base), []
    del data, placed
    read = npz.read

    def noting(path: Path) -> Images:
        there.append(held())
        return read(path)

    monkeypatch.setattr(npz, "read", noting)
    conversation._data(tmp_path / "two.npz")
    assert there == [None]
    (tmp_path / "two.npz").unlink()
    with pytest.raises(DatasetError, match="cannot be read"):
        conversation._data(tmp_path / "two.npz")
