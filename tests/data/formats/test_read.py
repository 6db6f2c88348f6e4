from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from scipy.io import savemat

from core.data.formats.found import Found, Options
from core.data.formats.read import kind, read
from core.errors import DatasetError
from core.networks.layers import Array

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (12, 4, 4), np.uint8), np.arange(12) % 3
X2, Y2 = X[:6] ^ 1, Y[:6]
NONE = Options()
Save = Callable[[Path, Array, Array], None]


def save_npz(path: Path, x: Array, y: Array) -> None:
    np.savez(path, x=x, y=y)


def save_mat(path: Path, x: Array, y: Array) -> None:
    savemat(path, {"X": np.moveaxis(x, 0, -1), "y": y[:, None]})


def frame(x: Array, y: Array | None) -> pd.DataFrame:
    table = pd.DataFrame(x.reshape(len(x), -1), columns=[f"pixel{i}" for i in range(16)])
    if y is not None:
        table.insert(0, "label", y)
    return table


def save_csv(path: Path, x: Array, y: Array | None) -> None:
    frame(x, y).to_csv(path, index=False)


def save_parquet(path: Path, x: Array, y: Array) -> None:
    pq.write_table(pa.Table.from_pandas(frame(x, y), preserve_index=False), path)


def save_folder(path: Path, x: Array, y: Array) -> None:
    for i, (image, label) in enumerate(zip(x, y, strict=True)):
        (path / str(label)).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path / str(label) / f"{i}.png")


SAVES: dict[str, Save] = {"npz": save_npz, "mat": save_mat, "csv": save_csv, "parquet": save_parquet}


def check(got: Found, test: bool = True) -> None:
    assert np.array_equal(got.train.x.reshape(-1, 4, 4), X) and np.array_equal(got.train.y.reshape(-1), Y)
    assert (got.test is not None) == test
    if got.test is not None:
        assert np.array_equal(got.test.x.reshape(-1, 4, 4), X2) and np.array_equal(got.test.y.reshape(-1), Y2)


def said(got: Found, *names: str) -> bool:
    return any(all(name in note for name in names) for note in got.notes)


@pytest.mark.parametrize("end", SAVES)
@pytest.mark.parametrize(
    ("train", "test"), [("train", "test"), ("mnist_train", "mnist_test"), ("train_32x32", "test_32x32")]
)
def test_what_is_called_test_is_the_test_part(tmp_path: Path, end: str, train: str, test: str) -> None:
    SAVES[end](tmp_path / f"{train}.{end}", X, Y)
    SAVES[end](tmp_path / f"{test}.{end}", X2, Y2)
    SAVES[end](tmp_path / f"other_{test}.{end}", X, Y)
    check(read(tmp_path / f"{train}.{end}", NONE))
    (tmp_path / f"other_{test}.{end}").unlink()
    got = read(tmp_path, NONE)
    check(got)
    assert said(got, f"{test}.{end}")


@pytest.mark.parametrize("end", SAVES)
def test_a_word_within_another_says_no_part(tmp_path: Path, end: str) -> None:
    SAVES[end](tmp_path / f"latest.{end}", X, Y)
    check(read(tmp_path, NONE), test=False)
    SAVES[end](tmp_path / f"contest.{end}", X2, Y2)
    with pytest.raises(DatasetError, match="Give one of these files"):
        read(tmp_path, NONE)
    check(read(tmp_path / f"latest.{end}", NONE), test=False)


@pytest.mark.parametrize("end", SAVES)
def test_a_test_file_beside_one_that_says_no_part(tmp_path: Path, end: str) -> None:
    SAVES[end](tmp_path / f"digits.{end}", X, Y)
    SAVES[end](tmp_path / f"test.{end}", X2, Y2)
    check(read(tmp_path, NONE))
    (tmp_path / f"test.{end}").rename(tmp_path / f"cats_test.{end}")
    with pytest.raises(DatasetError, match="cats_test"):
        read(tmp_path, NONE)


def test_svhns_third_part_is_left_out_and_said(tmp_path: Path) -> None:
    for part, x, y in (("train", X, Y), ("test", X2, Y2), ("extra", X, Y)):
        save_mat(tmp_path / f"{part}_32x32.mat", x, y)
    got = read(tmp_path, NONE)
    check(got)
    assert said(got, "extra_32x32.mat")


@pytest.mark.parametrize(("header", "counted"), [(True, False), (True, True), (False, False)])  # counted by its name
def test_kaggles_table_without_labels_is_left_out_unless_given(tmp_path: Path, header: bool, counted: bool) -> None:
    frame(X, Y).to_csv(tmp_path / "train.csv", index=False, header=header)
    test = frame(X2, None)
    if counted:
        test.insert(0, "id", range(6))
    test.to_csv(tmp_path / "test.csv", index=False, header=header)
    for path in (tmp_path, tmp_path / "train.csv"):
        got = read(path, NONE)
        check(got, test=False)
        assert said(got, "test.csv", "no labels")
    (tmp_path / "sample_submission.csv").write_text("ImageId,Label\n1,0\n2,0\n")
    assert said(read(tmp_path, NONE), "sample_submission.csv")
    with pytest.raises(DatasetError, match=r"test\.csv"):
        read(tmp_path / "train.csv", Options(test=tmp_path / "test.csv"))


@pytest.mark.parametrize("end", ["npz", "mat", "zip", "folder", "npy"])
def test_a_column_of_labels_is_refused_where_there_are_none(tmp_path: Path, end: str) -> None:
    path = tmp_path / f"set.{end}"
    if end == "npy":
        path = tmp_path / "X.npy"
        np.save(path, X)
        np.save(tmp_path / "y.npy", Y)
    elif end in SAVES:
        SAVES[end](path, X, Y)
    else:
        save_folder(path if end == "folder" else tmp_path / "x", X, Y)
    if end == "zip":
        with zipfile.ZipFile(path, "w") as file:
            for picture in (tmp_path / "x").rglob("*.png"):
                file.write(picture, picture.relative_to(tmp_path / "x"))
    assert len(read(path, NONE).train.y) == 12
    with pytest.raises(DatasetError, match="digit"):
        read(path, Options(label="digit"))


@pytest.mark.parametrize("end", SAVES)
@pytest.mark.parametrize("test", [*SAVES, "pair"])
def test_test_images_may_come_in_another_format(tmp_path: Path, end: str, test: str) -> None:
    train = tmp_path / f"a.{end}"
    SAVES[end](train, X, Y)
    other = tmp_path / f"b.{test}"
    if test == "pair":
        other = tmp_path / "t10k-images.npy"
        np.save(other, X2)
        np.save(tmp_path / "t10k-labels.npy", Y2)
    else:
        SAVES[test](other, X2, Y2)
    got = read(train, Options(test=other))
    check(got)
    assert said(got, other.name)


def test_pictures_may_be_tested_by_arrays_and_arrays_by_pictures(tmp_path: Path) -> None:
    save_folder(tmp_path / "pictures", X, Y)
    save_npz(tmp_path / "a.npz", X, Y)
    got = read(tmp_path / "pictures", Options(test=tmp_path / "a.npz"))
    assert got.test is not None and np.array_equal(got.test.x, X)
    got = read(tmp_path / "a.npz", Options(test=tmp_path / "pictures"))
    order = np.argsort(Y, kind="stable")
    assert (
        got.test is not None
        and np.array_equal(got.test.x, X[order])
        and got.test.y.tolist() == list(map(str, Y[order]))
    )


def test_test_images_in_another_format_take_the_column_of_labels(tmp_path: Path) -> None:
    save_npz(tmp_path / "a.npz", X, Y)
    frame(X2, Y2).rename(columns={"label": "pixel99"}).to_csv(tmp_path / "b.csv", index=False)
    got = read(tmp_path / "a.npz", Options(test=tmp_path / "b.csv", label="pixel99"))
    check(got)
    assert got.test is not None and len(got.test.y) == len(Y2)


def test_classes_of_both_formats_must_be_the_same(tmp_path: Path) -> None:
    for name, names in (("a", ["cat", "dog", "eel"]), ("b", ["cat", "eel", "dog"])):
        np.savez(tmp_path / f"{name}.npz", x=X, y=Y, class_names=names)
    table = pa.table({"image": X.tolist(), "label": Y})
    features = b'{"info": {"features": {"label": {"names": ["cat", "dog", "eel"], "_type": "ClassLabel"}}}}'
    pq.write_table(table.replace_schema_metadata({"huggingface": features}), tmp_path / "c.parquet")
    assert read(tmp_path / "a.npz", Options(test=tmp_path / "c.parquet")).names == ("cat", "dog", "eel")
    with pytest.raises(DatasetError, match="cat, dog, eel"):
        read(tmp_path / "b.npz", Options(test=tmp_path / "c.parquet"))


@pytest.mark.parametrize("name", ["set.txt", "set.data", "set", "set.csv.gz", "set.tsv.gz"])
def test_what_is_listed_as_a_table_is_read_as_one(tmp_path: Path, name: str) -> None:
    text = frame(X, Y).to_csv(index=False, sep="\t" if ".tsv" in name else ",").encode()
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    assert kind(tmp_path / name) == "a table"
    check(read(tmp_path / name, NONE), test=False)


@pytest.mark.parametrize("name", ["x.npy.gz", "x.npz.gz", "x.zip.gz", "readme.txt", "empty.txt", "x.tar"])
def test_what_is_not_listed_is_not_read(tmp_path: Path, name: str) -> None:
    np.save(tmp_path / "x.npy", X)
    packed = gzip.compress((tmp_path / "x.npy").read_bytes())
    content = {"readme.txt": b"Some digits, as they are.\n", "empty.txt": b""}
    (tmp_path / name).write_bytes(content.get(name, packed))
    assert kind(tmp_path / name) is None
    with pytest.raises(DatasetError):
        read(tmp_path / name, NONE)
