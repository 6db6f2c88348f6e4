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
from core.data.formats.idx import is_idx, read_idx
from core.errors import DatasetError
from tests.data.formats.hostile import damaged, outcome

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 5, 4), np.uint8)


def idx(array: Any, shape: tuple[int, ...] | None = None) -> bytes:
    """Return an array as the description of the format has it, with another shape in the header if one is given."""
    shape = array.shape if shape is None else shape
    big = array.astype(array.dtype.newbyteorder(">"))
    return struct.pack(f">HBB{len(shape)}I", 0, CODES[array.dtype.str[1:]], len(shape), *shape) + big.tobytes()


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("shape", [(7,), (7, 20), (7, 5, 4), (7, 5, 2, 2)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_every_type_and_number_of_axes(tmp_path: Path, kind: str, shape: tuple[int, ...], pack: Any) -> None:
    array = (np.arange(np.prod(shape)) * 1.25 - 3).astype(kind).reshape(shape)
    path = tmp_path / "train-images-idx3-ubyte"  # whatever it is called
    path.write_bytes(pack(idx(array)))
    read = read_idx(path)
    assert is_idx(path) and read.dtype == array.dtype and read.dtype.isnative and read.flags.writeable
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_file_that_is_cut_off_says_so(tmp_path: Path, pack: Any) -> None:
    whole = pack(idx(IMAGES))
    path = tmp_path / "a"
    for end in (1, 3, 9, 16, len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(DatasetError, match=r"is cut off.*Delete it or fetch it again"):
            read_idx(path)


@pytest.mark.parametrize("shape", [(7, 5, 3), (7, 5, 5), (2**32 - 1,) * 3, (2**32 - 1,), (0, 2**32 - 1, 2**32 - 1)])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_headers_that_lie_are_refused(tmp_path: Path, shape: tuple[int, ...], pack: Any) -> None:
    path = tmp_path / "a"
    path.write_bytes(pack(idx(IMAGES, shape)))
    assert isinstance(outcome(lambda: read_idx(path), path), str)


@pytest.mark.parametrize("first", ["00000703", "00000800", "00000805", "00010803", "89504e47"])
def test_other_files_are_refused_by_their_first_bytes(tmp_path: Path, first: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    for content in (bytes.fromhex(first) + bytes(60), gzip.compress(bytes.fromhex(first) + bytes(60))):
        path.write_bytes(content)
        assert not is_idx(path)
        with pytest.raises(DatasetError, match="IDX"):
            read_idx(path)


def test_what_is_no_file_is_no_idx(tmp_path: Path) -> None:
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08\x00 broken")
    for path in (tmp_path, tmp_path / "none", tmp_path / "broken.gz"):
        assert not is_idx(path)
        with pytest.raises(DatasetError):
            read_idx(path)


def test_bombs_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(idx(np.zeros((100, 10), "u1")) + bytes(2**25)))
    assert isinstance(outcome(lambda: read_idx(path), path), str)
    path.write_bytes(gzip.compress(idx(np.zeros((100, 10), "u1"))))
    assert read_idx(path, room=1000).shape == (100, 10)
    monkeypatch.setattr(found, "MAX_BYTES", 999)
    with pytest.raises(DatasetError, match="at most"):
        read_idx(path)


def test_damaged_compression_is_noticed(tmp_path: Path) -> None:
    content = bytearray(gzip.compress(idx(IMAGES)))
    content[-6] ^= 1  # of the checksum
    (tmp_path / "a.gz").write_bytes(content)
    with pytest.raises(DatasetError, match="cannot be read"):
        read_idx(tmp_path / "a.gz")


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_any_bytes_give_an_array_or_a_sentence(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    content = data.draw(damaged(idx(IMAGES), 20) | damaged(idx(IMAGES.astype("i4")), 20))
    path = tmp_path_factory.getbasetemp() / "fuzz-idx"
    for some in (content, gzip.compress(content), data.draw(damaged(gzip.compress(idx(IMAGES)), 16))):
        path.write_bytes(some)
        read = outcome(lambda: read_idx(path), path)
        assert is_idx(path) or not isinstance(read, np.ndarray)
