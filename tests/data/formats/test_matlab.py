from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat, savemat

from core.data.formats import found
from core.data.formats.matlab import load, variables
from core.errors import DatasetError
from tests.data.formats.hostile import outcome

START = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"


def element(kind: int, data: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}II", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name: str, shape: tuple[int, ...], data: bytes, flags: int = 9, order: str = "<") -> bytes:
    """Return a variable as the description of the format has it, ``data`` being an element."""
    inside = element(6, struct.pack(f"{order}II", flags, 0), order)
    inside += element(5, struct.pack(f"{order}{len(shape)}i", *shape), order)
    return element(14, inside + element(1, name.encode(), order) + data, order)


@pytest.mark.parametrize("dtype", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "?"])
@pytest.mark.parametrize("compressed", [False, True])
def test_scipy_reads_the_same(tmp_path: Path, dtype: str, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    rng = np.random.default_rng(0)
    shapes = {"long_name_of_an_array": (3, 4, 5, 2), "one": (1, 1), "few": (3, 1), "row": (1, 9), "none": (0, 3)}
    arrays: dict[str, Any] = {name: rng.integers(0, 100, shape).astype(dtype) for name, shape in shapes.items()}
    savemat(path, {**arrays, "s": {"a": arrays["few"], "t": {"b": arrays["row"]}}}, do_compression=compressed)
    arrays |= {"s.a": arrays["few"], "s.t.b": arrays["row"]}
    held = variables(path)
    assert {name: x.shape for name, x in held.items() if x.dtype is not None} == {k: x.shape for k, x in arrays.items()}
    read, expected = load(path, list(arrays)), loadmat(path)
    for name in shapes:
        np.testing.assert_array_equal(read[name], expected[name])
        assert read[name].dtype == expected[name].dtype and read[name].flags.writeable
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array)


def test_only_what_is_asked_for_is_kept(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"a": np.eye(3), "b": np.eye(2), "text": "text", "sparse": np.array([1, "x"], object)})
    assert set(variables(tmp_path / "a.mat")) == {"a", "b"}
    assert set(load(tmp_path / "a.mat", ["b"])) == {"b"}


def test_numbers_stored_as_smaller_ones_and_in_the_other_order(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.uint8)  # MATLAB stores doubles that are bytes as bytes
    (tmp_path / "a.mat").write_bytes(START + matrix("X", (2, 3), element(2, values.tobytes()), flags=6))
    big = np.arange(6, dtype=">f8")
    start = START[:124] + struct.pack(">H", 0x100) + b"MI"
    (tmp_path / "b.mat").write_bytes(start + matrix("X", (2, 3), element(9, big.tobytes(), ">"), 6, ">"))
    for name in ("a.mat", "b.mat"):
        read = load(tmp_path / name, ["X"])["X"]
        np.testing.assert_array_equal(read, loadmat(tmp_path / name)["X"])
        np.testing.assert_array_equal(read, np.arange(6).reshape(3, 2).T)


@pytest.mark.parametrize(
    "start",
    [
        b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM" + bytes(384) + b"\x89HDF\r\n\x1a\n",
        b"\x89HDF\r\n\x1a\n" + bytes(600),
        b"\0" * 200,
        b"# Created by Octave 8.4.0",
        b"",
    ],
)
def test_other_levels_are_refused_with_the_way_round(tmp_path: Path, start: bytes) -> None:
    (tmp_path / "a.mat").write_bytes(start)
    with pytest.raises(DatasetError, match="-v7"):
        variables(tmp_path / "a.mat")


def test_level_4_is_refused_with_the_way_round(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X": np.eye(3)}, format="4")
    with pytest.raises(DatasetError, match="-v7"):
        variables(tmp_path / "a.mat")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_that_is_cut_off_says_so(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / "a.mat"
    savemat(path, {"X": np.random.default_rng(0).integers(0, 9, (50, 50)), "y": np.eye(50)}, do_compression=compressed)
    whole = path.read_bytes()
    for end in (130, 150, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DatasetError, match=r"is cut off.*Delete it or fetch it again"):
            variables(path)


def test_a_checksum_that_is_wrong_is_noticed(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"X": np.eye(9)}, do_compression=True)
    content = bytearray((tmp_path / "a.mat").read_bytes())
    content[-1] ^= 1
    (tmp_path / "a.mat").write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        load(tmp_path / "a.mat", ["X"])


def nested(depth: int) -> bytes:
    """Return a cell in a cell in a cell ..."""
    before = element(6, struct.pack("<II", 1, 0)) + element(5, struct.pack("<ii", 1, 1)) + element(1, b"")
    sizes = [len(before) * (i + 1) + 8 * i for i in range(depth)]
    return b"".join(struct.pack("<II", 14, size) + before for size in reversed(sizes))


def structures(depth: int) -> bytes:
    """Return a structure in a structure in a structure ..., each the field a."""
    inside = b""
    for i in range(depth):
        fields = struct.pack("<HHI", 5, 4, 8) + element(1, b"a".ljust(8, b"\0"))
        inside = matrix("" if i < depth - 1 else "s", (1, 1), fields + (inside or element(14, b"")), flags=2)
    return inside


PACKED = zlib.compress(matrix("X", (1000, 1000), element(2, bytes(10**6))))
HOSTILE = {
    "numbers beyond the end": matrix("X", (28, 28), struct.pack("<II", 2, 3 * 10**9) + bytes(784)),
    "more than it has": matrix("X", (30000, 30000), element(2, bytes(784))),
    "more than it has and says so": matrix("X", (30000, 30000), struct.pack("<II", 2, 9 * 10**8) + bytes(784)),
    "negative": matrix("X", (-1, -784), element(2, bytes(784))),
    "no dimensions": matrix("X", (), element(2, bytes(1))),
    "no name": matrix("", (1, 1), element(2, bytes(1))),
    "twice": matrix("X", (1, 1), element(2, bytes(1))) * 2,
    "an endless name": matrix("X" * 10**6, (1, 1), element(2, bytes(1))),
    "many fields": matrix("X", (1, 1), struct.pack("<HHI", 5, 4, 1) + element(1, bytes(10**6)), flags=2),
    "many variables": b"".join(matrix(f"X{i}", (1, 1), element(2, bytes(1))) for i in range(2000)),
    "compressed and going on": element(15, zlib.compress(matrix("X", (1, 1), element(2, b"1")) + b"more")),
    "compressed too little": struct.pack("<II", 15, len(PACKED) // 2) + PACKED[: len(PACKED) // 2],
    "compressed twice": element(15, zlib.compress(struct.pack("<II", 15, len(PACKED)) + PACKED))[:-4],
}


@pytest.mark.parametrize("what", HOSTILE)
def test_headers_that_lie_are_refused(tmp_path: Path, what: str) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(START + HOSTILE[what])
    assert isinstance(outcome(lambda: variables(path), path), str)
    assert isinstance(outcome(lambda: load(path, ["X"]).get("X"), path), str)


def test_what_lies_deep_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "a.mat").write_bytes(START + nested(100_000) + matrix("X", (1, 2), element(2, b"\1\2")))
    assert set(variables(tmp_path / "a.mat")) == {"X"}
    (tmp_path / "b.mat").write_bytes(START + structures(2000) + matrix("X", (1, 2), element(2, b"\1\2")))
    held = variables(tmp_path / "b.mat")
    assert "X" in held and len(held) < 10


def test_what_unpacks_to_more_than_there_may_be_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    path.write_bytes(START + struct.pack("<II", 15, len(PACKED)) + PACKED)
    assert variables(path)["X"].shape == (1000, 1000)
    monkeypatch.setattr(found, "MAX_BYTES", 10**6)
    assert "at most" in str(outcome(lambda: variables(path), path))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(-2, 2**31 - 1) | st.integers(1, 9), max_size=5).map(tuple),
    st.integers(0, 0xFFFF),
    st.integers(0, 16),
    st.binary(max_size=64),
    st.integers(0, 2**32 - 1) | st.none(),
    st.booleans(),
)
def test_any_header_gives_arrays_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory,
    shape: tuple[int, ...],
    flags: int,
    kind: int,
    data: bytes,
    length: int | None,
    packed: bool,
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz-matlab.mat"
    tag = struct.pack("<II", kind, len(data) if length is None else length)
    content = matrix("X", shape, tag + data + bytes(-len(data) % 8), flags)
    if packed:
        compressed = zlib.compress(content)
        content = struct.pack("<II", 15, len(compressed)) + compressed
    path.write_bytes(START + content)
    assert isinstance(outcome(lambda: load(path, ["X"]).get("X"), path), np.ndarray | str | None)
