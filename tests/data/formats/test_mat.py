from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import savemat

from core.data.formats import found
from core.data.formats.found import Found, Options
from core.data.formats.mat import read_mat
from core.errors import DatasetError
from tests.data.formats.hostile import damaged, outcome

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(0, 256, (20, 32, 32, 3), np.uint8)
FLAT = RNG.integers(0, 256, (20, 784), np.uint8)
Y = (np.arange(20) % 10).astype(np.uint8)
NONE = Options()


@pytest.mark.parametrize("compressed", [False, True])
def test_svhn_has_its_images_last_and_calls_0_10(tmp_path: Path, compressed: bool) -> None:
    for name, some in (("train.mat", slice(0, 20)), ("test.mat", slice(5, 20))):
        contents = {"X": np.moveaxis(COLOUR[some], 0, -1), "y": (Y[some] + 1)[:, None]}
        savemat(tmp_path / name, contents, do_compression=compressed)
    read = read_mat(tmp_path / "train.mat", Options(test=tmp_path / "test.mat"))
    np.testing.assert_array_equal(read.train.x, COLOUR)
    np.testing.assert_array_equal(read.train.y, Y + 1)
    assert read.test is not None and (read.test.x == COLOUR[5:]).all() and (read.test.y == Y[5:] + 1).all()
    assert [read.names[label] for label in (1, 9, 10)] == ["1", "9", "0"]
    assert any("test.mat" in note for note in read.notes) and any("0" in note for note in read.notes)


def test_labels_from_0_keep_their_own_names(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X": np.moveaxis(COLOUR, 0, -1), "y": Y[:, None]})
    assert read_mat(tmp_path / "a.mat", NONE).names == ()


ONES = np.eye(10, dtype=np.uint8)[Y]
LAYOUTS = {
    "columns": {"data": FLAT.T, "label": Y[None].astype(float)},
    "DeepLearnToolbox": {"train_x": FLAT, "train_y": ONES, "test_x": FLAT[:5], "test_y": ONES[:5]},
    "rows": {"trainX": FLAT, "trainY": Y[None], "testX": FLAT[:5], "testY": Y[None, :5]},
    "one-hot columns": {"images": FLAT.T, "labels": ONES.T},
    "squares, images last": {"images": np.moveaxis(FLAT.reshape(20, 28, 28), 0, -1), "labels": Y[:, None]},
    "squares, images first": {"x": FLAT.reshape(20, 28, 28), "y": Y[None]},
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_images_come_first_wherever_they_lie(tmp_path: Path, layout: str) -> None:
    savemat(tmp_path / "mnist.mat", LAYOUTS[layout], do_compression=True)
    read = read_mat(tmp_path / "mnist.mat", NONE)
    np.testing.assert_array_equal(read.train.x.reshape(20, 784), FLAT)
    np.testing.assert_array_equal(read.train.y.argmax(1) if read.train.y.ndim == 2 else read.train.y, Y)
    assert (read.test is not None) == (len(LAYOUTS[layout]) == 4)
    assert read.test is None or (len(read.test.x) == 5 and (read.test.x == FLAT[:5]).all())
    assert bool(read.notes) == (read.train.x.ndim == 2)  # flat ones may lie on their side


def test_an_array_of_each_class(tmp_path: Path) -> None:
    contents = {f"train{digit}": FLAT[digit == Y] for digit in range(10)}
    contents |= {f"test{digit}": FLAT[:5][Y[:5] == digit] for digit in range(5)}
    savemat(tmp_path / "mnist_all.mat", contents)
    read = read_mat(tmp_path / "mnist_all.mat", NONE)
    order = np.argsort(Y, kind="stable")
    np.testing.assert_array_equal(read.train.x, FLAT[order])
    np.testing.assert_array_equal(read.train.y, Y[order])
    assert read.test is not None and read.test.y.tolist() == [0, 1, 2, 3, 4] and (read.test.x == FLAT[:5]).all()
    savemat(tmp_path / "odd.mat", {"train0": FLAT[:2], "train1": FLAT[:2, :9]})
    with pytest.raises(DatasetError):
        read_mat(tmp_path / "odd.mat", NONE)


def emnist(labels: Any, codes: Any) -> dict[str, Any]:
    part = {"images": FLAT, "labels": labels[:, None], "writers": np.arange(20.0)[:, None]}
    return {"dataset": {"train": part, "test": part | {"images": FLAT ^ 1}, "mapping": codes}}


def test_emnist_is_a_structure_with_names(tmp_path: Path) -> None:
    codes = np.stack([np.arange(1, 11), np.arange(65, 75), np.arange(97, 107)], 1).astype(float)
    savemat(tmp_path / "emnist-letters.mat", emnist(Y + 1, codes), do_compression=True)
    read = read_mat(tmp_path / "emnist-letters.mat", NONE)
    np.testing.assert_array_equal(read.train.x, FLAT)
    np.testing.assert_array_equal(read.train.y, Y + 1)
    assert read.test is not None and (read.test.x == FLAT ^ 1).all()
    assert read.names == ("", *"ABCDEFGHIJ") and not any("mapping" in note for note in read.notes)
    savemat(tmp_path / "a.mat", emnist(Y + 1, np.stack([codes[:, 0], codes[:, 0] * np.nan], 1)))
    assert read_mat(tmp_path / "a.mat", NONE).names == ()


def test_test_images_of_another_file_take_the_place_of_its_own(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", LAYOUTS["rows"])
    savemat(tmp_path / "b.mat", {f"test{digit}": FLAT[digit : digit + 1] for digit in range(10)})
    read = read_mat(tmp_path / "a.mat", Options(test=tmp_path / "b.mat"))
    assert read.test is not None and read.test.y.tolist() == list(range(10))
    assert any("testX" in note for note in read.notes) and any("b.mat" in note for note in read.notes)


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        ({"bilder": FLAT, "klassen": Y}, r"bilder .*\(20, 784\).*klassen"),
        ({"X": FLAT}, "X "),
        ({"X": FLAT, "y": Y[:7]}, r"\(20, 784\)"),
        ({"X": FLAT[:0], "y": Y[:0]}, "Received"),
        ({"X": FLAT[:1, :1], "y": FLAT}, "Received"),
        ({"X": np.array(["text"]), "y": Y}, "y "),
        ({"X": FLAT.astype(complex), "y": Y}, "y "),
        ({"cells": np.array([1, "a"], object)}, "no arrays"),
        ({}, "no arrays"),
    ],
)
def test_what_is_no_set_is_refused_with_what_is_there(tmp_path: Path, contents: dict[str, Any], words: str) -> None:
    savemat(tmp_path / "a.mat", contents)
    with pytest.raises(DatasetError, match=words):
        read_mat(tmp_path / "a.mat", NONE)


def test_more_than_there_may_be_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.mat"
    savemat(path, {"X": np.zeros((784, 5000), np.uint8), "y": np.arange(5000, dtype="u2")}, do_compression=True)
    assert path.stat().st_size < 50_000 and len(read_mat(path, NONE).train.x) == 5000
    monkeypatch.setattr(found, "MAX_BYTES", 784 * 5000)
    said = outcome(lambda: read_mat(path, NONE), path)
    assert isinstance(said, str) and "at most" in said


def test_progress_ends_at_one(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"x": np.zeros((100, 64, 64)), "y": np.arange(100)})
    shares: list[float] = []
    read_mat(tmp_path / "a.mat", NONE, lambda share, _: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_bytes_give_a_set_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.mat"
    small: dict[str, Any] = {
        "columns": {"X": FLAT[:6, :12], "y": Y[:6]},
        "classes": {"train0": FLAT[:2, :6], "train1": FLAT[:1, :6]},
    }
    small["structure"] = {"d": {"train": {"images": FLAT[:6, :12], "labels": Y[:6]}, "mapping": np.eye(2)}}
    savemat(path, small[data.draw(st.sampled_from(sorted(small)))], do_compression=data.draw(st.booleans()))
    whole = path.read_bytes()
    path.write_bytes(whole[:124] + data.draw(damaged(whole[124:], 400)))
    assert isinstance(outcome(lambda: read_mat(path, NONE), path), Found | str)
