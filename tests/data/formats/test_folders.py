from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.formats.folders import data_files, is_pickle, read_folder
from core.data.formats.found import Colour, Found, Options
from core.data.formats.tree import open_tree
from core.errors import DatasetError
from core.networks.layers import Array


def png(pixels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def flat(value: int, side: int = 6) -> bytes:
    """Return a picture all of one grey."""
    return png(np.full((side, side), value, np.uint8))


def read(place: Path, files: dict[str, bytes], kind: str = "folder", **options: object) -> Found | None:
    path = place / ("set.zip" if kind == "zip" else "set")
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for name, data in files.items():
                file.writestr(name, data)
    else:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
    with open_tree(path) as tree:
        return read_folder(tree, path, Options(**options))  # type: ignore[arg-type]


def found(place: Path, files: dict[str, bytes], kind: str = "folder", **options: object) -> Found:
    got = read(place, files, kind, **options)
    assert got is not None
    return got


def values(x: Array) -> list[int]:
    return [int(v) for v in x[:, 0, 0]]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_pictures_come_back_exactly_in_natural_order(tmp_path: Path, kind: str) -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (20, 8, 6), np.uint8)
    names = [f"{label}/{i}.png" for label in ("2", "10") for i in range(1, 11)]
    files = dict(zip(names, map(png, pixels), strict=True))
    got = found(tmp_path, dict(sorted(files.items())), kind)
    assert np.array_equal(got.train.x, pixels)
    assert got.train.y.tolist() == ["2"] * 10 + ["10"] * 10
    assert got.test is None and got.notes == ()


@pytest.mark.parametrize("around", ["", "dataset/", "a/b/"])
@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("Training", "Testing")])
def test_parts_are_told_apart_whatever_lies_around(tmp_path: Path, around: str, train: str, test: str) -> None:
    files = {f"{train}/cat/1.png": flat(1), f"{train}/dog/1.png": flat(2), f"{test}/cat/7.png": flat(3)}
    got = found(tmp_path, {around + name: data for name, data in files.items()}, "zip")
    assert got.test is not None
    assert values(got.train.x) == [1, 2] and got.train.y.tolist() == ["cat", "dog"]
    assert values(got.test.x) == [3] and got.test.y.tolist() == ["cat"]


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_a_validation_part_is_left_out_and_said(tmp_path: Path, name: str) -> None:
    files = {"train/cat/1.png": flat(1), "train/dog/1.png": flat(2), f"{name}/cat/1.png": flat(3)}
    got = found(tmp_path, files)
    assert values(got.train.x) == [1, 2] and got.test is None
    assert len(got.notes) == 1 and "1 picture of a validation part" in got.notes[0]


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    got = found(tmp_path, {"train/1.png": flat(1), "plane/1.png": flat(2)})
    assert got.train.y.tolist() == ["plane", "train"]


def test_both_parts_get_one_size_and_colour(tmp_path: Path) -> None:
    colour = np.zeros((9, 9, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    files = {"train/a/1.png": flat(1), "train/b/1.png": flat(2), "test/a/1.png": png(colour)}
    with pytest.raises(DatasetError, match="--size 28"):
        read(tmp_path, files)
    got = found(tmp_path, {}, size=6)
    assert got.test is not None
    assert got.train.x.shape == (2, 6, 6, 3) and got.test.x.shape == (1, 6, 6, 3)
    assert (got.test.x == [10, 20, 30]).all()
    assert found(tmp_path, {}, size=6, colour=Colour.GREY).train.x.shape == (2, 6, 6)


@pytest.mark.parametrize("files", [["1.png", "2.png"], ["cat/1.png"], ["train/1.png", "train/2.png"], ["test/a/1.png"]])
def test_other_layouts_are_refused_with_the_right_one(tmp_path: Path, files: list[str]) -> None:
    with pytest.raises(DatasetError, match=r"cats/1\.png.*train/"):
        read(tmp_path, {x: flat(1) for x in files})


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    files = {
        "a/1.png": flat(1),
        "a/2.png": b"damaged",
        "b/1.png": flat(2),
        "b/notes.txt": b"",
        "c/x.txt": b"",
        "d/1.png": b"",
    }
    (tmp_path / "set" / "e").mkdir(parents=True)
    got = found(tmp_path, files)
    assert got.train.y.tolist() == ["a", "b"]
    notes = "\n".join(got.notes)
    assert "2 pictures" in notes and "a/2.png" in notes  # damaged
    assert "2 other files" in notes
    assert "without a picture: c, e" in notes
    assert "damaged: d" in notes


def test_folders_within_a_class_count_to_it(tmp_path: Path) -> None:
    got = found(tmp_path, {"a/x/1.png": flat(1), "a/y/1.png": flat(2), "b/1.png": flat(3)})
    assert got.train.y.tolist() == ["a", "a", "b"] and "2 pictures" in got.notes[0]


@pytest.mark.parametrize("inside", ["", "test/"])
def test_test_pictures_may_lie_elsewhere(tmp_path: Path, inside: str) -> None:
    other = tmp_path / "other" / inside / "a"
    other.mkdir(parents=True)
    (other / "1.png").write_bytes(flat(9))
    got = found(tmp_path, {"a/1.png": flat(1), "b/1.png": flat(2)}, test=tmp_path / "other")
    assert got.test is not None
    assert values(got.test.x) == [9] and got.test.y.tolist() == ["a"]


def test_too_many_classes_are_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="at most 100 classes"):
        read(tmp_path, {f"{i}/1.png": b"" for i in range(101)}, "zip")


def test_names_of_classes_are_one_whatever_the_system_wrote(tmp_path: Path) -> None:
    files = {"train/caf\u00e9/1.png": flat(1), "train/b/1.png": flat(2), "test/cafe\u0301/1.png": flat(3)}
    got = found(tmp_path, files, "zip")
    assert got.test is not None and set(got.test.y) <= set(got.train.y)


def test_without_pictures_it_is_for_another_reader(tmp_path: Path) -> None:
    assert read(tmp_path, {"x.npz": b"", "deep/train.CSV.gz": b"", "t10k-images-idx3-ubyte": b"", "a.txt": b""}) is None
    with open_tree(tmp_path / "set") as tree:
        assert set(data_files(tree)) == {"x.npz", "deep/train.CSV.gz", "t10k-images-idx3-ubyte"}


def test_pickles_are_named_and_never_opened(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"pickle.*numpy\.savez"):
        read(tmp_path, {"cifar/data_batch_1": b"\x80\x02}q\x01.", "cifar/batches.meta": b"\x80\x02}q\x01."})
    assert is_pickle("x", b"\x80\x04\x95") and is_pickle("a/set.PKL", b"") and not is_pickle("1.png", b"\x89PNG")


def test_progress_is_told(tmp_path: Path) -> None:
    files = {f"{label}/{i}.png": flat(i) for label in "ab" for i in range(50)}
    found(tmp_path, files)
    shares: list[float] = []
    with open_tree(tmp_path / "set") as tree:
        read_folder(tree, tmp_path, Options(), lambda share, _: shares.append(share))
    assert shares and shares == sorted(shares) and shares[0] >= 0 and shares[-1] <= 1
