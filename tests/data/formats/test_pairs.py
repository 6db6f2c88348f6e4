from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.formats import found
from core.data.formats.found import Found, Options
from core.data.formats.pairs import pair_in, read_pair, read_part
from core.errors import DatasetError
from tests.data.formats.hostile import damaged, outcome

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (12, 5, 4), np.uint8), (np.arange(12) % 3).astype(np.uint8)
X2, Y2 = X[:6] ^ 1, Y[:6]


def write(path: Path, array: Any) -> None:
    """Write an array in the format that the name says."""
    idx = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()
    match path.suffix:
        case ".npy":
            np.save(path, array)
        case ".npz":
            np.savez_compressed(path, array)
        case ".gz":
            path.write_bytes(gzip.compress(idx))
        case _:
            path.write_bytes(idx)


def written(folder: Path, *names: str) -> list[Path]:
    folder.mkdir(exist_ok=True)
    for name, array in zip(names, (X, Y, X2, Y2), strict=False):
        write(folder / name, array)
    return [folder / name for name in names]


def read_pairs(folder: Path, options: Options) -> Found | None:
    first = pair_in(folder)
    return read_pair(first, options) if first else None


def check(read: Found | None, test: bool = True) -> None:
    assert read is not None
    np.testing.assert_array_equal(read.train.x, X)
    np.testing.assert_array_equal(read.train.y, Y)
    assert (read.test is not None) == test
    if read.test is not None:
        np.testing.assert_array_equal(read.test.x, X2)
        np.testing.assert_array_equal(read.test.y, Y2)


SETS = {
    "MNIST": [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")],
    "Kaggle": [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images.idx3", "labels.idx1")],
    "EMNIST": [
        f"emnist-letters-{part}-{kind}-ubyte.gz"
        for part in ("train", "test")
        for kind in ("images-idx3", "labels-idx1")
    ],
    "KMNIST": [f"kmnist-{part}-{kind}.npz" for part in ("train", "test") for kind in ("imgs", "labels")],
    "NumPy": ["X_train.npy", "y_train.npy", "X_test.npy", "y_test.npy"],
    "words": ["TrainX.npy", "TrainY.npy", "TestX.npy", "TestY.npy"],
    "mixed": ["my_data_train_images.npy", "my-data-train-labels.npz", "my-data-test-images.gz", "my-data-test-labels"],
}


@pytest.mark.parametrize("names", SETS.values(), ids=SETS)
def test_any_file_of_a_set_and_its_folder_give_the_set(tmp_path: Path, names: list[str]) -> None:
    paths = written(tmp_path / "a", *names)
    for path in paths:
        check(read_pair(path, Options()))
    read = read_pairs(tmp_path / "a", Options())
    check(read)
    assert read is not None and not read.names
    # EMNIST's lie on their side
    assert len(read.notes) == ("emnist" in names[0])
    turned = read_pairs(tmp_path / "a", Options(transpose=True))
    assert turned is not None and not turned.notes


@pytest.mark.parametrize("names", [("X.npy", "y.npy"), ("images.npy", "targets.npy"), ("train-image", "train-label")])
def test_a_test_part_may_be_missing(tmp_path: Path, names: tuple[str, str]) -> None:
    path, _ = written(tmp_path, *names)
    for read in (read_pair(path, Options()), read_pairs(tmp_path, Options())):
        check(read, test=False)
        assert read is not None and read.test is None


def test_test_images_may_be_another_pair(tmp_path: Path) -> None:
    path, *_ = written(tmp_path / "a", *SETS["KMNIST"][:2])
    written(tmp_path / "b", "X.npy", "y.npy")
    write(tmp_path / "b" / "X.npy", X2)
    write(tmp_path / "b" / "y.npy", Y2)
    check(read_pair(path, Options(test=tmp_path / "b" / "y.npy")))
    paths = written(tmp_path / "c", "X.npy", "y.npy", "X_test.npy", "y_test.npy")
    read = read_pair(paths[0], Options(test=tmp_path / "b" / "X.npy"))
    check(read)
    assert "X_test.npy" in read.notes[0] and "y_test.npy" in read.notes[0]


def test_a_pair_alone_is_read_whatever_its_part(tmp_path: Path) -> None:
    _, _, images, labels = written(tmp_path, *SETS["MNIST"])
    for path in (images, labels):
        read = read_part(path)
        assert (read.train.x == X2).all() and (read.train.y == Y2).all() and read.test is None


def test_validation_images_and_doubles_are_left_out_and_said(tmp_path: Path) -> None:
    names = SETS["MNIST"]
    written(tmp_path, *(f"{name}.gz" for name in names))
    written(tmp_path, *names)
    written(tmp_path, "val-images.npy", "val-labels.npy")
    read = read_pairs(tmp_path, Options())
    check(read)
    assert read is not None and len(read.notes) == 1
    assert all(name in read.notes[0] for name in ("val-images.npy", "val-labels.npy", "train-images-idx3-ubyte.gz"))


@pytest.mark.parametrize(
    ("there", "missing"),
    [
        ("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"),
        ("train-labels-idx1-ubyte", "train-images-idx3-ubyte"),
        ("X_train.npy", "y_train.npy"),
        ("kmnist-train-imgs.npz", "kmnist-train-labels.npz"),
    ],
)
def test_what_is_missing_is_named(tmp_path: Path, there: str, missing: str) -> None:
    write(tmp_path / there, X)
    with pytest.raises(DatasetError) as caught:
        read_pair(tmp_path / there, Options())
    assert there in str(caught.value) and missing in str(caught.value)


def test_half_a_test_part_and_a_test_part_alone_are_refused(tmp_path: Path) -> None:
    names = SETS["MNIST"]
    written(tmp_path / "a", *names[:3])
    with pytest.raises(DatasetError, match="t10k-labels-idx1-ubyte"):
        read_pairs(tmp_path / "a", Options())
    written(tmp_path / "b", *names[2:])
    with pytest.raises(DatasetError, match="training images"):
        read_pair(tmp_path / "b" / names[2], Options())


def test_several_sets_in_a_folder_are_named(tmp_path: Path) -> None:
    written(tmp_path, *SETS["EMNIST"])
    written(tmp_path, *(x.replace("letters", "digits") for x in SETS["EMNIST"]))
    with pytest.raises(DatasetError) as caught:
        read_pairs(tmp_path, Options())
    assert "emnist-letters-train" in str(caught.value) and "emnist-digits-train" in str(caught.value)
    check(read_pair(tmp_path / SETS["EMNIST"][0], Options()))


def test_a_whole_set_is_taken_before_images_without_labels(tmp_path: Path) -> None:
    written(tmp_path, *SETS["MNIST"])
    np.save(tmp_path / "mean-image.npy", X[0])
    read = read_pairs(tmp_path, Options())
    check(read)
    assert read is not None and read.train.x.shape == X.shape


def test_folders_of_other_things_hold_no_set(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "images").mkdir()
    (tmp_path / "labels.csv").write_text("label\n1\n")
    (tmp_path / "images.zip").write_bytes(b"PK")
    write(tmp_path / "image-1.idx", X)
    (tmp_path / "image-1.idx").rename(tmp_path / "image-1.png")
    np.savez(tmp_path / "data.npz", x_train=X, y_train=Y)
    np.save(tmp_path / "other.npy", X)
    assert read_pairs(tmp_path, Options()) is None
    with pytest.raises(DatasetError):
        read_pairs(tmp_path / "none", Options())


def test_idx_is_told_by_its_bytes_whatever_the_suffix(tmp_path: Path) -> None:
    for name, array in (("train-images", X), ("train-labels", Y)):
        write(tmp_path / name, array)
        (tmp_path / name).rename(tmp_path / f"{name}.dat")
    read = read_pair(tmp_path / "train-labels.dat", Options())
    check(read, test=False)
    assert "IDX" in read.what


def test_names_that_say_nothing_and_files_that_are_not_there_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "something.npy", X)
    (tmp_path / "images.txt").write_text("none")
    for name in ("something.npy", "images.txt", "X_train.npy"):
        with pytest.raises(DatasetError):
            read_pair(tmp_path / name, Options())


def mapping(labels: range, codes: str) -> str:
    return "\n".join(f"{label} {ord(code)} {ord(code.lower())}" for label, code in zip(labels, codes, strict=True))


@pytest.mark.parametrize(
    ("lines", "first", "expected"),
    [
        (mapping(range(3), "ABC"), 0, ("A", "B", "C")),
        (mapping(range(1, 4), "XYZ"), 1, ("", "X", "Y", "Z")),
        (mapping(range(3), "XYZ"), 1, ()),
        (mapping(range(2, 5), "XYZ"), 2, ()),
        ("0 1\n1 2\n2 3", 0, ()),
        ("0\n1\n2", 0, ()),
        ("0 65\n1 66 67\n2 99999999999999999999999", 0, ()),
        ("naïve", 0, ()),
    ],
)
def test_emnists_list_of_signs_gives_names(tmp_path: Path, lines: str, first: int, expected: tuple[str, ...]) -> None:
    path, *_ = written(tmp_path, *SETS["EMNIST"][:2])
    write(tmp_path / SETS["EMNIST"][1], Y + np.uint8(first))
    (tmp_path / "emnist-letters-mapping.txt").write_text(lines, "utf-8")
    assert read_pair(path, Options()).names == expected


def test_all_files_together_have_no_more_than_there_may_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = written(tmp_path, *SETS["mixed"])
    size = X.nbytes + Y.nbytes + X2.nbytes + Y2.nbytes
    monkeypatch.setattr(found, "MAX_BYTES", size)
    check(read_pair(paths[0], Options()))
    monkeypatch.setattr(found, "MAX_BYTES", size - 1)
    with pytest.raises(DatasetError, match="at most"):
        read_pair(paths[0], Options())


def test_progress_rises_to_one(tmp_path: Path) -> None:
    paths = written(tmp_path, *SETS["MNIST"])
    write(paths[0], np.zeros((12, 400, 400), np.uint8))
    write(paths[2], np.zeros((6, 400, 400), np.uint8))
    shares: list[float] = []
    read_pair(paths[1], Options(), lambda share, _: shares.append(share))
    assert shares == sorted(shares) and 0.9 < shares[-1] <= 1


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_files_give_a_set_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.getbasetemp() / "fuzz-pairs"
    paths = written(folder, *data.draw(st.sampled_from([SETS["MNIST"], SETS["KMNIST"], SETS["NumPy"]])))
    path = data.draw(st.sampled_from(paths))
    path.write_bytes(data.draw(damaged(path.read_bytes(), 128)))
    assert isinstance(outcome(lambda: read_pair(path, Options()), *paths), Found | str)
    assert isinstance(outcome(lambda: read_pairs(folder, Options()), *paths), Found | str | None)
    for path in paths:
        path.unlink()
