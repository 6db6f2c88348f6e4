from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.formats import found
from core.data.formats.arrays import open_npz, read_npy, read_npz, read_one
from core.data.formats.found import Found, Options
from core.errors import DatasetError
from tests.data.formats.hostile import damaged, outcome

RNG = np.random.default_rng(0)
X, Y = RNG.integers(0, 256, (12, 5, 4), np.uint8), np.arange(12) % 3
X2, Y2 = X[:6] ^ 1, Y[:6]


def whole(path: Path, options: Options | None = None) -> Found:
    return read_npz(path, options or Options())


def refusal(path: Path, options: Options | None = None) -> str:
    with pytest.raises(DatasetError) as caught:
        read_npz(path, options or Options())
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "names",
    [
        ("x_train", "y_train", "x_test", "y_test"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("X_train", "Y_train", "X_test", "Y_test"),
        ("trainX", "trainY", "testX", "testY"),
        ("train/imgs", "train/targets", "t10k/imgs", "t10k/targets"),
    ],
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_training_and_test_images_under_usual_names(tmp_path: Path, names: tuple[str, ...], save: Any) -> None:
    path = tmp_path / "own.NPZ"
    with path.open("wb") as file:
        save(file, **dict(zip(names, (X, Y, X2, Y2), strict=True)))
    read = whole(path)
    assert read.test is not None and not read.notes and not read.names
    for array, expected in zip((read.train.x, read.train.y, read.test.x, read.test.y), (X, Y, X2, Y2), strict=True):
        np.testing.assert_array_equal(array, expected)
        assert array.dtype == expected.dtype


@pytest.mark.parametrize(
    "names", [("X", "y"), ("x", "y"), ("data", "target"), ("images", "labels"), ("Image", "LABEL")]
)
def test_a_test_part_may_be_missing(tmp_path: Path, names: tuple[str, str]) -> None:
    arrays: Any = {names[0]: X, names[1]: Y}
    np.savez(tmp_path / "a.npz", **arrays)
    read = whole(tmp_path / "a.npz")
    assert read.test is None and (read.train.x == X).all() and (read.train.y == Y).all()


def test_labels_may_lie_in_a_row(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", Xtr=X, ytr=Y[None], Xte=X2, yte=Y2[None])
    read = whole(tmp_path / "a.npz")
    assert read.test is not None and (read.train.y == Y).all() and (read.test.y == Y2).all()


def test_validation_images_are_left_out_and_said(tmp_path: Path) -> None:
    parts: Any = {
        f"{part}_{kind}": a for part in ("train", "val", "test") for kind, a in (("images", X), ("labels", Y[:, None]))
    }
    np.savez(tmp_path / "a.npz", **parts)
    read = whole(tmp_path / "a.npz")
    assert read.train.y.shape == (12, 1) and read.test is not None
    assert len(read.notes) == 1 and "val_images" in read.notes[0] and "val_labels" in read.notes[0]


def test_of_two_kinds_of_images_the_squares_are_taken(tmp_path: Path) -> None:
    np.savez(tmp_path / "digits.npz", data=X.reshape(12, -1), target=Y, images=X)
    read = whole(tmp_path / "digits.npz")
    assert read.train.x.shape == X.shape and "data" in read.notes[0]


@pytest.mark.parametrize("dtype", ["?", "<u2", ">i4", "<f2", "<f8", "<i8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_types_and_orders_stay_as_they_are_written(tmp_path: Path, dtype: str, order: Any) -> None:
    x = np.asarray(X.astype(dtype), order=order)
    np.savez(tmp_path / "a.npz", x=x, y=Y.astype("U3"))
    np.save(tmp_path / "a.npy", x)
    for read in (whole(tmp_path / "a.npz").train.x, read_npy(tmp_path / "a.npy")):
        np.testing.assert_array_equal(read, x)
        assert read.dtype == x.dtype


def test_a_single_array_comes_as_it_is(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "kmnist-train-imgs.npz", X)
    assert (read_one(tmp_path / "kmnist-train-imgs.npz") == X).all()


@pytest.mark.parametrize(
    ("names", "labels", "expected"),
    [
        (["a", "b", "c"], Y, ("a", "b", "c")),
        (np.array([b"a", b"b", b"c"]), Y, ("a", "b", "c")),
        (["a", "b", "c"], Y + 1, ("", "a", "b", "c")),
        (["a", "b", "c"], np.eye(3, dtype=np.uint8)[Y], ("a", "b", "c")),
        (["a", "b"], Y, ()),
        ([1, 2, 3], Y, ()),
        (np.array(["a", 2, None], object), Y, ()),
    ],
)
@pytest.mark.parametrize("key", ["class_names", "names", "label_names"])
def test_names_of_classes_that_fit_are_kept(tmp_path: Path, key: str, names: Any, labels: Any, expected: Any) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=labels, **{key: names})
    assert whole(tmp_path / "a.npz").names == expected


def test_test_images_may_come_from_another_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, y_train=Y, x_test=X, y_test=Y)
    np.savez(tmp_path / "b.npz", X=X2, y=Y2)
    np.savez(tmp_path / "c.npz", x_test=X2, y_test=Y2)
    for other in ("b.npz", "c.npz"):
        read = whole(tmp_path / "a.npz", Options(test=tmp_path / other))
        assert read.test is not None and (read.test.x == X2).all() and len(read.train.x) == 12
        assert any(other in note for note in read.notes) and any("x_test" in note for note in read.notes)


def test_unknown_names_are_answered_with_those_that_are_there(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", bilder=X, klassen=Y)
    said = refusal(tmp_path / "a.npz")
    assert "bilder" in said and "klassen" in said and "(12, 5, 4)" in said and "x_train" in said
    np.savez(tmp_path / "b.npz", x_train=X, x_test=X)
    assert "x_test" in refusal(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("x", "y"), [(X, Y[:5]), (X[:0], Y[:0]), (X[0, 0], Y[:4]), (X.astype("c8"), Y), (X.astype("U3"), Y), (X, X)]
)
def test_images_and_labels_that_cannot_belong_together_are_refused(tmp_path: Path, x: Any, y: Any) -> None:
    np.savez(tmp_path / "a.npz", x=x, y=y)
    assert "a.npz is not a usable image set. Expected" in refusal(tmp_path / "a.npz")


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    for objects in (np.array([{"a": 1}] * 12, object), np.zeros(12, [("a", "O"), ("b", "f4")])):
        np.savez(tmp_path / "a.npz", x=X, y=objects)
        np.save(tmp_path / "a.npy", objects)
        assert "pickled" in refusal(tmp_path / "a.npz")
        with pytest.raises(DatasetError, match="pickled"):
            read_npy(tmp_path / "a.npy")


def test_cut_off_files_say_so_and_what_to_do(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    np.save(tmp_path / "a.npy", X)
    data = (tmp_path / "a.npz").read_bytes()
    for end in (10, 300, len(data) - 30):
        (tmp_path / "b.npz").write_bytes(data[:end])
        said = refusal(tmp_path / "b.npz")
        assert said.startswith(f"The file {tmp_path / 'b.npz'} is cut off") and "Delete it or fetch it again" in said
    data = (tmp_path / "a.npy").read_bytes()
    for end in (0, 5, 60, len(data) - 1):
        (tmp_path / "b.npy").write_bytes(data[:end])
        with pytest.raises(DatasetError, match=r"is cut off.*Delete it or fetch it again"):
            read_npy(tmp_path / "b.npy")


def test_damaged_contents_are_noticed_by_their_checksum(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=X, y=Y)
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[data.index(X.tobytes()) + 7] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    assert "CRC" in refusal(tmp_path / "a.npz")


def test_more_than_there_may_be_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    zeros = np.zeros((3000, 28, 28), np.uint8)
    np.savez_compressed(tmp_path / "bomb.npz", x=zeros, y=np.arange(3000) % 2)
    np.save(tmp_path / "big.npy", zeros)
    assert whole(tmp_path / "bomb.npz").train.x.shape == zeros.shape
    monkeypatch.setattr(found, "MAX_BYTES", zeros.nbytes)  # the labels are too many
    said = outcome(lambda: read_npz(tmp_path / "bomb.npz", Options()), tmp_path / "bomb.npz")
    assert isinstance(said, str) and "at most" in said
    assert read_npy(tmp_path / "big.npy").shape == zeros.shape
    with pytest.raises(DatasetError, match="at most"):
        read_npy(tmp_path / "big.npy", room=zeros.nbytes - 1)


def header(text: str) -> bytes:
    written = text.encode("latin-1") + b"\n"
    return b"\x93NUMPY\x01\x00" + len(written).to_bytes(2, "little") + written


@pytest.mark.parametrize(
    "shape", ["(3000000000,)", "(12, 5, 5)", "(12, 5, 3)", "(0, 9)", "(9, 99999999999999999999999)", f"({'1, ' * 999})"]
)
def test_headers_that_lie_are_refused(tmp_path: Path, shape: str) -> None:
    content = header(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}") + X.tobytes()
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        file.writestr("x.npy", content)
        file.writestr("y.npy", content)
    (tmp_path / "a.npy").write_bytes(content)
    assert isinstance(outcome(lambda: read_npz(tmp_path / "a.npz", Options()), tmp_path / "a.npz"), str)
    assert isinstance(outcome(lambda: read_npy(tmp_path / "a.npy"), tmp_path / "a.npy"), str)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_without_bounds_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as file, io.BytesIO() as member:
        np.save(member, np.zeros(2**24, np.uint8))
        file.writestr("x.npy", member.getvalue())
    assert isinstance(outcome(lambda: read_npz(tmp_path / "a.npz", Options()), tmp_path / "a.npz"), str)


def test_a_directory_of_very_many_arrays_takes_no_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
        for i in range(20_000):
            file.writestr(f"{i}.npy", b"")
    assert isinstance(outcome(lambda: read_npz(tmp_path / "a.npz", Options()), tmp_path / "a.npz"), str)


@pytest.mark.parametrize("content", [b"", b"no zip file at all", b"\x80\x04pickle"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    for path in (tmp_path / "a.npz", tmp_path / "none.npz", tmp_path):
        assert f"The file {path} " in refusal(path)


def test_progress_ends_at_one(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x=np.zeros((100, 64, 64)), y=np.arange(100))
    shares: list[float] = []
    read_npz(tmp_path / "a.npz", Options(), lambda share, _: shares.append(share))
    assert shares == sorted(shares) and shares[-1] == 1 and 5 < len(shares) <= 101


def saved(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(x: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, x)
    return file.getvalue()


def numpys(content: bytes) -> Any:
    """Return what NumPy reads, or None where it is stricter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of headers of Python 2
        try:
            return np.load(io.BytesIO(content), allow_pickle=False)
        except Exception:
            return None


PLAIN = saved(x_train=X[:3], y_train=Y[:3], class_names=["a", "b", "c"])


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_npz_gives_a_set_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.npz"
    path.write_bytes(data.draw(damaged(PLAIN, len(PLAIN)) | damaged(PLAIN[::-1], 400).map(lambda x: x[::-1])))
    assert isinstance(outcome(lambda: read_npz(path, Options()), path), Found | str)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_header_gives_an_array_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = data.draw(damaged(npy(X[:3].astype("<i4")), 128) | damaged(npy(np.asfortranarray(X[:3])), 128))
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    path.write_bytes(content)
    read = outcome(lambda: read_npy(path), path)
    if isinstance(read, np.ndarray) and (expected := numpys(content)) is not None:
        np.testing.assert_array_equal(read, expected)
    packed = tmp_path_factory.getbasetemp() / "fuzz.npz"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("x.npy", content)
        file.writestr("y.npy", npy(Y[:3]))
    outcome(lambda: read_npz(packed, Options()), packed)


def test_arrays_are_read_one_by_one_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", x_train=X, report=np.array("text"))
    with open_npz(tmp_path / "a.npz") as file:
        assert list(file.members) == ["x_train", "report"]
        assert file.header("x_train").shape == X.shape and file.header("x_train").dtype == X.dtype
        assert str(file.read("report")) == "text"
