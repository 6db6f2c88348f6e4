from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.formats import found, shards
from core.data.formats.found import Options
from core.data.formats.parquet import read_parquet
from core.data.formats.shards import parquet_parts
from core.errors import DatasetError
from core.networks.layers import Array

PIXELS = np.random.RandomState(0).randint(0, 256, (30, 6, 6), np.uint8)
DIGITS = np.arange(30) % 3
NAMES = ("ankle boot", "bag", "coat")


def png(pixels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def features(**named: Sequence[str]) -> dict[str, str]:
    """Return what Hugging Face's datasets writes into a schema's metadata."""
    kinds: dict[str, Any] = {name: {"names": list(names), "_type": "ClassLabel"} for name, names in named.items()}
    return {"huggingface": json.dumps({"info": {"features": {"image": {"_type": "Image"}, **kinds}}})}


def pictures(x: Array = PIXELS, y: Any = DIGITS, image: str = "image", label: str = "label", **more: Any) -> pa.Table:
    cells = [{"bytes": png(pixels), "path": f"{i}.png"} for i, pixels in enumerate(x)]
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    return pa.table({image: pa.array(cells, kind), label: y, **more})


def written(path: Path, table: pa.Table, **how: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **how)
    return path


@pytest.mark.parametrize("rows", [7, 1000])
def test_hugging_face_sets_come_back_with_their_names(tmp_path: Path, rows: int) -> None:
    table = pictures().replace_schema_metadata(features(label=NAMES))
    got = read_parquet(written(tmp_path / "set.parquet", table, row_group_size=rows), Options())
    assert np.array_equal(got.train.x, PIXELS) and np.array_equal(got.train.y, DIGITS)
    assert got.names == NAMES and got.test is None


def test_pictures_may_be_plain_bytes_and_labels_words(tmp_path: Path) -> None:
    words = [NAMES[i] for i in DIGITS]
    table = pa.table({"img": [png(x) for x in PIXELS], "kind": pa.array(words).dictionary_encode()})
    got = read_parquet(written(tmp_path / "set.parquet", table), Options())
    assert np.array_equal(got.train.x, PIXELS) and got.train.y.tolist() == words and got.names == ()


def test_the_fine_label_is_taken_and_another_if_wanted(tmp_path: Path) -> None:
    coarse = DIGITS % 2
    named = features(fine_label=NAMES, coarse_label=("no", "yes"))
    path = written(
        tmp_path / "set.parquet", pictures(label="fine_label", coarse_label=coarse).replace_schema_metadata(named)
    )
    got = read_parquet(path, Options())
    assert np.array_equal(got.train.y, DIGITS) and got.names == NAMES
    got = read_parquet(path, Options(label="coarse_label"))
    assert np.array_equal(got.train.y, coarse) and got.names == ("no", "yes")


@pytest.mark.parametrize(
    "given", ["data/train-00000-of-00002.parquet", "data/test-00000-of-00001.parquet", "data", "."]
)
def test_a_file_brings_those_that_belong_to_it(tmp_path: Path, given: str) -> None:
    for i in (0, 1):
        part = slice(15 * i, 15 * i + 15)
        written(tmp_path / f"data/train-0000{i}-of-00002.parquet", pictures(PIXELS[part], DIGITS[part]))
    written(tmp_path / "data/test-00000-of-00001.parquet", pictures(PIXELS[::-1], DIGITS[::-1]))
    written(tmp_path / "data/validation-00000-of-00001.parquet", pictures())
    got = read_parquet(tmp_path / given, Options())
    assert got.test is not None
    assert np.array_equal(got.train.x, PIXELS) and np.array_equal(got.train.y, DIGITS)
    assert np.array_equal(got.test.x, PIXELS[::-1]) and np.array_equal(got.test.y, DIGITS[::-1])
    assert any("validation" in x for x in got.notes)


def test_parts_may_be_folders(tmp_path: Path) -> None:
    for name in ("train/0000", "train/0001", "test/0000"):
        written(tmp_path / f"{name}.parquet", pictures())
    got = parquet_parts(tmp_path)
    assert [x.name for x in got.train] == ["0000.parquet", "0001.parquet"]
    assert [x.parent.name for x in got.test] == ["test"]


def test_a_missing_shard_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "train-00001-of-00003.parquet", pictures())
    with pytest.raises(DatasetError, match="all 3 files"):
        read_parquet(path, Options())


def test_two_sets_in_a_folder_are_not_mixed(tmp_path: Path) -> None:
    for name in ("a", "b"):
        written(tmp_path / name / "train-00000-of-00001.parquet", pictures())
    with pytest.raises(DatasetError, match="one set"):
        read_parquet(tmp_path, Options())
    with pytest.raises(DatasetError, match="none"):
        (tmp_path / "empty").mkdir()
        read_parquet(tmp_path / "empty", Options())


def test_hidden_test_labels_leave_the_part_out(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", pictures())
    written(tmp_path / "test.parquet", pictures(y=np.full(30, -1)))
    got = read_parquet(path, Options())
    assert got.test is None and any("not given" in x for x in got.notes)
    with pytest.raises(DatasetError, match="-1"):
        read_parquet(written(tmp_path / "alone.parquet", pictures(y=np.full(30, -1))), Options())


def test_another_file_may_be_the_test_part(tmp_path: Path) -> None:
    path = written(tmp_path / "a.parquet", pictures())
    got = read_parquet(path, Options(test=written(tmp_path / "b.parquet", pictures(PIXELS[:4], DIGITS[:4]))))
    assert got.test is not None and np.array_equal(got.test.x, PIXELS[:4])


def test_a_damaged_picture_takes_its_label_along(tmp_path: Path) -> None:
    table = pa.table({"image": [b"damaged", None, *map(png, PIXELS[2:])], "label": DIGITS})
    got = read_parquet(written(tmp_path / "set.parquet", table), Options())
    assert np.array_equal(got.train.x, PIXELS[2:]) and np.array_equal(got.train.y, DIGITS[2:])
    assert any("2 pictures" in x and "row 1" in x for x in got.notes)


def test_shards_that_say_no_part_are_joined_and_said(tmp_path: Path) -> None:
    for name, part in (("digits-0", slice(0, 15)), ("digits-1", slice(15, 30))):
        written(tmp_path / f"{name}.parquet", pictures(PIXELS[part], DIGITS[part]))
    got = read_parquet(tmp_path, Options())
    assert np.array_equal(got.train.x, PIXELS) and any("digits-0" in x and "digits-1" in x for x in got.notes)


@pytest.mark.parametrize(
    "names",
    [
        ("cats", "digits"),
        ("cifar10", "cifar100"),
        ("cats_train", "dogs_test"),
        ("cats_train", "dogs_train"),
        ("digits-0", "digits-2"),
        ("latest", "contest"),
    ],
)
def test_files_of_several_sets_are_refused(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        written(tmp_path / f"{name}.parquet", pictures())
    with pytest.raises(DatasetError, match="Give one of these files"):
        parquet_parts(tmp_path)
    for name in names:
        assert parquet_parts(tmp_path / f"{name}.parquet").train == (tmp_path / f"{name}.parquet",)


@pytest.mark.parametrize("train", ["mnist_train", "train", "mnist"])
def test_parts_are_told_by_words(tmp_path: Path, train: str) -> None:
    for name in (train, "mnist_test", "mnist_val"):
        written(tmp_path / f"{name}.parquet", pictures())
    got = parquet_parts(tmp_path)
    assert [x.stem for x in got.train] == [train] and [x.stem for x in got.test] == ["mnist_test"]
    notes = read_parquet(tmp_path, Options()).notes
    assert any("mnist_val" in x for x in notes) and any("mnist_test" in x for x in notes)


def test_hashes_after_the_numbers_of_shards_are_no_sets(tmp_path: Path) -> None:
    for name in ("train-00000-of-00002-6b3a2b1c9f", "train-00001-of-00002-aa3a2b1c90", "test-00000-of-00001-12ab34cd"):
        written(tmp_path / f"{name}.parquet", pictures())
    got = parquet_parts(tmp_path)
    assert len(got.train) == 2 and len(got.test) == 1


def test_columns_of_pixels_sorted_as_text_stand_by_number(tmp_path: Path) -> None:
    columns = {f"p{i}": PIXELS.reshape(30, 36)[:, i] for i in sorted(range(36), key=str)}
    got = read_parquet(written(tmp_path / "set.parquet", pa.table({"label": DIGITS, **columns})), Options())
    assert np.array_equal(got.train.x, PIXELS.reshape(30, 36)) and any("p35" in x for x in got.notes)


@pytest.mark.parametrize("kind", [np.uint8, np.int64, np.uint64, np.float64])
def test_columns_of_pixels_are_read_like_a_table(tmp_path: Path, kind: type) -> None:
    x: Array = PIXELS.reshape(30, 36).astype(kind)
    columns = {f"p{i}": x[:, i] for i in range(36)}
    for table in ({"id": range(30), "label": DIGITS, **columns}, {**columns, "kind": DIGITS}):
        got = read_parquet(written(tmp_path / "set.parquet", pa.table(table)), Options())
        assert np.array_equal(got.train.x, x) and np.array_equal(got.train.y, DIGITS)
        assert got.train.x.dtype == (np.float32 if kind is np.float64 else np.uint8)


@pytest.mark.parametrize("fixed", [False, True])
def test_lists_of_numbers_are_images(tmp_path: Path, fixed: bool) -> None:
    kind = pa.list_(pa.list_(pa.uint8(), 6), 6) if fixed else pa.list_(pa.list_(pa.uint8()))
    table = pa.table({"image": pa.array(PIXELS.tolist(), kind), "label": DIGITS})
    got = read_parquet(written(tmp_path / "set.parquet", table), Options())
    assert np.array_equal(got.train.x, PIXELS) and np.array_equal(got.train.y, DIGITS)
    uneven = pa.table({"image": [[1, 2], [1, 2, 3]] * 15, "label": DIGITS})
    with pytest.raises(DatasetError, match="one shape"):
        read_parquet(written(tmp_path / "set.parquet", uneven), Options())


@pytest.mark.parametrize(
    "table",
    [
        {"image": [b"1"]},
        {"image": [b"1"], "a": [1], "b": [2]},
        {"image": pa.array([], pa.binary()), "label": pa.array([], pa.int64())},
        {"image": [png(PIXELS[0])], "label": pa.array([None], pa.int64())},
        {"image": [png(PIXELS[0])], "label": [[1]]},
        {"text": ["a", "b"], "label": [0, 1]},
        {"a": [1, None], "label": [0, 1]},
    ],
)
def test_what_is_no_image_set_is_a_sentence(tmp_path: Path, table: dict[str, Any]) -> None:
    with pytest.raises(DatasetError) as e:
        read_parquet(written(tmp_path / "set.parquet", pa.table(table)), Options())
    assert str(e.value).isprintable()


def test_shards_must_have_the_same_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "train.parquet", pictures())
    written(tmp_path / "test.parquet", pictures(label="kind"))
    with pytest.raises(DatasetError, match=r"train\.parquet"):
        read_parquet(path, Options())


@pytest.mark.parametrize("share", [0.2, 0.9])
def test_a_cut_file_is_cut_off(tmp_path: Path, share: float) -> None:
    path = written(tmp_path / "set.parquet", pictures())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DatasetError, match="cut off"):
        read_parquet(path, Options())


def test_sizes_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "set.parquet", pictures())
    with monkeypatch.context() as patch:
        patch.setattr(found, "MAX_BYTES", 1000)
        with pytest.raises(DatasetError, match="GiB"):
            read_parquet(path, Options())
    monkeypatch.setattr(shards, "MAX_ROWS", 20)
    with pytest.raises(DatasetError, match="at most 20"):
        read_parquet(path, Options())


def sample() -> bytes:
    file = io.BytesIO()
    pq.write_table(
        pictures(PIXELS[:4], DIGITS[:4]).replace_schema_metadata(features(label=NAMES)), file, row_group_size=2
    )
    return file.getvalue()


SAMPLE = sample()


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(1, len(SAMPLE) - 4), st.binary(min_size=1, max_size=3)), max_size=4),
    cut=st.integers(0, 5 * len(SAMPLE)),
)
def test_any_bytes_give_a_set_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], cut: int
) -> None:
    changed = bytearray(SAMPLE)
    for at, new in changes:
        changed[at : at + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "damaged.parquet"
    path.write_bytes(changed[:cut])
    try:
        got = read_parquet(path, Options())
    except DatasetError as e:
        assert len(str(e).splitlines()) == 1
    else:
        assert 0 < len(got.train.x) == len(got.train.y) <= 4
