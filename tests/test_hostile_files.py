"""Files that anyone may drop into the data folder: whatever is in them, the answer is an image set or one sentence."""

from __future__ import annotations

import io
import struct
import tracemalloc
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data import npz
from core.errors import DatasetError

MEMBERS = npz.MEMBERS
SMALL = 64 * 2**20  # bytes that reading any of these files may take at once


def packed(**members: bytes) -> bytes:
    """Return a zip file with these members, whatever they hold."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def member(array: Any) -> bytes:
    """Return an array as ``.npy``, pickled where it holds objects."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def header(text: str, body: bytes = b"", version: tuple[int, int] = (1, 0)) -> bytes:
    """Return a ``.npy`` with a header of one's own."""
    raw = text.encode("utf-8", "replace")
    size = struct.pack("<H" if version == (1, 0) else "<I", len(raw) & 0xFFFF)
    return b"\x93NUMPY" + bytes(version) + size + raw + body


GOOD = {
    "x_train": member(np.arange(20 * 6 * 6, dtype=np.uint8).reshape(20, 6, 6)),
    "y_train": member(np.arange(20) % 3),
    "x_test": member(np.linspace(0, 1, 10 * 6 * 6, dtype=np.float32).reshape(10, 6, 6)),
    "y_test": member(np.arange(10) % 3),
}
WHOLE = packed(**GOOD)

numbers = st.sampled_from([0, 1, 2, 3, 6, 10, 20, -1, 2**31, 2**63, 10**30, True, "2", None, 1.5])
shapes = st.lists(numbers, max_size=5).map(tuple) | st.sampled_from(["()", "20", "(20, 6, 6", "(1).real", "[20, 6]"])
kinds = st.sampled_from(
    ["|u1", "<f4", ">f8", "<f2", "<i8", "|b1", "|O", "<U9", "|S3", "|V8", "<M8[s]", "<c16", "|u0", "x", ""]
)
headers = st.builds(
    lambda kind, order, shape, more: f"{{'descr': {kind!r}, 'fortran_order': {order}, 'shape': {shape}{more}}}\n",
    kinds,
    st.sampled_from(["False", "True", "None", "1"]),
    shapes,
    st.sampled_from(["", ", 'more': 1", "}", ", 'descr': [('a', '|O')]"]),
)
kinds_of_array = st.sampled_from(
    [np.uint8, np.float16, np.float64, np.int8, np.uint64, bool, complex, object, "U3", "S3", "M8[s]", "V4", "u1,f4"]
)
arrays = st.builds(
    lambda shape, kind: member(np.zeros(shape, dtype=kind)),
    st.lists(st.integers(0, 4), max_size=5).map(tuple)
    | st.sampled_from([(20, 6, 6), (20,), (20, 1), (10, 6, 6, 3), (10,)]),
    kinds_of_array,
)
contents = (
    arrays
    | st.builds(
        header, headers | st.text(max_size=30), st.binary(max_size=40), st.sampled_from([(1, 0), (2, 0), (3, 0)])
    )
    | st.binary(max_size=40)
)
others = st.dictionaries(st.sampled_from([*MEMBERS, "more", "../x", "x_train.npy"]), contents, max_size=4)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound file in which some bytes are others, some are gone and some come twice."""
    data = bytearray(WHOLE)
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        data[start:end] = draw(st.binary(max_size=4) | st.just(bytes(data[start:end]) * 2))
    return bytes(data)


def tried(path: Path) -> set[str]:
    """Read a file in every way the product does, and return the sentences: it may be read or refused in one."""
    said = set()
    for read in (npz.facts, npz.read, npz.read_test):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy's, on old headers
                read(path)
        except DatasetError as e:
            said.add(str(e))
    return said


def one_sentence(said: str, path: Path) -> bool:
    return str(path) in said and "\n" not in said and len(said) < 400 + len(str(path)) and said.endswith(".")


@settings(max_examples=150)
@given(
    st.binary(max_size=60)
    | st.integers(0, len(WHOLE)).map(lambda x: WHOLE[:x])
    | damaged()
    | others.map(lambda x: packed(**x))
    | others.map(lambda x: packed(**GOOD | x))
)
def test_whatever_is_in_a_file_it_is_a_set_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.npz"
    path.write_bytes(data)
    assert all(one_sentence(x, path) for x in tried(path))


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was opened",)


@pytest.mark.parametrize("name", MEMBERS)
def test_no_pickle_is_opened(tmp_path: Path, name: str) -> None:
    path = tmp_path / "own.npz"
    path.write_bytes(packed(**GOOD | {name: member(np.array([Trap()] * 20, object))}))
    with pytest.raises(DatasetError, match="pickled"):
        npz.read(path)
    assert all(one_sentence(x, path) for x in tried(path))


def bomb(claimed: int) -> bytes:
    """Return images of zeros that unpack to a thousand times what the file takes."""
    text = f"{{'descr': '|u1', 'fortran_order': False, 'shape': ({claimed}, 1000, 1000)}}\n"
    return header(text, bytes(200 * 10**6))


@pytest.mark.parametrize("claimed", [200, 10**9, 10**14])
def test_a_bomb_is_not_unpacked_to_know_what_it_is(tmp_path: Path, claimed: int) -> None:
    path = tmp_path / "bomb.npz"
    path.write_bytes(packed(**GOOD | {"x_train": bomb(claimed)}))
    assert path.stat().st_size < 10**6
    tracemalloc.start()
    try:
        npz.facts(path)
    except DatasetError as e:
        assert "\n" not in str(e)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < SMALL
