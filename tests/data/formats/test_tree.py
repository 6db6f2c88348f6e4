from __future__ import annotations

import io
import os
import stat
import tracemalloc
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.formats import found, tree
from core.data.formats.tree import natural, open_tree
from core.errors import DatasetError

FILES = {"b/10.txt": b"ten", "b/2.txt": b"two", "a/x/1.txt": b"", "top.txt": b"top" * 1000}


def zipped(path: Path, members: Iterable[tuple[str | zipfile.ZipInfo, bytes]], **how: int) -> Path:
    with zipfile.ZipFile(path, "w", **how) as file:  # type: ignore[call-overload]
        for name, data in members:
            file.writestr(name, data)
    return path


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize("kind", ["folder", "stored", "deflated"])
def test_a_folder_and_a_zip_file_are_the_same(tmp_path: Path, kind: str) -> None:
    litter = {"__MACOSX/b/._2.txt": b"?", "b/.DS_Store": b"?", "b/Thumbs.db": b"?", ".git/config": b"?"}
    if kind == "folder":
        path = laid(tmp_path / "set", FILES | litter)
    else:
        how = zipfile.ZIP_STORED if kind == "stored" else zipfile.ZIP_DEFLATED
        path = zipped(tmp_path / "set.zip", (FILES | litter).items(), compression=how)
    with open_tree(path) as got:
        assert list(got.files) == ["a/x/1.txt", "b/2.txt", "b/10.txt", "top.txt"]
        assert {name: got.read(name) for name in got.files} == FILES
        assert got.files == {name: len(data) for name, data in FILES.items()}
        assert got.folders == {"a", "a/x", "b"}
        assert got.notes == ()


def test_natural_order_counts() -> None:
    names = ["10", "2", "a10", "a9", "b", "1", "01", "img2.png", "img10.png", "A", "", "9" * 40]
    assert sorted(names, key=natural)[:4] == ["", "01", "1", "2"]
    assert sorted(["img10", "img9", "img"], key=natural) == ["img", "img9", "img10"]


def test_links_out_of_a_folder_or_to_nothing_are_left_out(tmp_path: Path) -> None:
    folder = laid(tmp_path / "set", {"a/1.txt": b"1"})
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.txt").write_bytes(b"s")
    (folder / "a" / "inside.txt").symlink_to(folder / "a" / "1.txt")
    (folder / "a" / "out.txt").symlink_to(tmp_path / "secret" / "s.txt")
    (folder / "a" / "dangling.txt").symlink_to(folder / "nothing")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "a" / "circle").symlink_to(folder)
    (folder / "linked").symlink_to(folder / "a")
    os.mkfifo(folder / "pipe")
    with open_tree(folder) as got:
        assert set(got.files) == {"a/1.txt", "a/inside.txt", "linked/1.txt", "linked/inside.txt"}
        assert got.read("a/inside.txt") == b"1"
        assert any("nothing" in x for x in got.notes) and any("pipe" in x for x in got.notes)


def test_names_that_are_no_text_are_left_out(tmp_path: Path) -> None:
    folder = laid(tmp_path / "set", {"a/1.txt": b"1", "a/new\nline.txt": b"2"})
    with open_tree(folder) as got:
        assert list(got.files) == ["a/1.txt"]
        assert len(got.notes) == 1 and got.notes[0].isprintable()


def test_a_file_that_changes_meanwhile_is_a_sentence(tmp_path: Path) -> None:
    folder = laid(tmp_path / "set", {"a.txt": b"1", "b.txt": b"2"})
    with open_tree(folder) as got:
        (folder / "a.txt").write_bytes(b"longer")
        (folder / "b.txt").unlink()
        for name in got.files:
            with pytest.raises(DatasetError):
                got.read(name)


@pytest.mark.parametrize(
    "name", ["../x.png", "a/../../x.png", "/etc/x.png", "C:/x.png", "c:x.png", "a\\x.png", "a//x.png", "a/\nx.png"]
)
def test_names_that_leave_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "set.zip", [("a/1.png", b"1"), (name, b"2")])
    with pytest.raises(DatasetError) as e, open_tree(path):
        pass
    assert str(e.value).isprintable()


def test_links_in_a_zip_file_are_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("a/link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = zipped(tmp_path / "set.zip", [(link, b"/etc/passwd")])
    with pytest.raises(DatasetError, match=r"a/link\.png"), open_tree(path):
        pass


@pytest.mark.parametrize("how", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compression_is_refused(tmp_path: Path, how: int) -> None:
    path = zipped(tmp_path / "set.zip", [("a.png", b"1" * 100)], compression=how)
    with pytest.raises(DatasetError, match="deflate"), open_tree(path):
        pass


def test_an_encrypted_zip_file_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "set.zip", [("a.png", b"1")])
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1  # the first flag of its entry in the directory
    path.write_bytes(data)
    with pytest.raises(DatasetError, match="password"), open_tree(path):
        pass


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_a_cut_zip_file_is_cut_off(tmp_path: Path, share: float) -> None:
    path = zipped(tmp_path / "set.zip", FILES.items())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DatasetError, match=r"cut off.*Delete it or fetch it again"), open_tree(path):
        pass


@pytest.mark.parametrize("data", [b"", b"nothing", b"PK\x05\x06" + bytes(17)])
def test_what_is_no_zip_file_is_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "set.zip").write_bytes(data)
    for path in (tmp_path / "set.zip", tmp_path / "nothing.zip"):
        with pytest.raises(DatasetError), open_tree(path):
            pass


def test_bombs_are_refused_before_they_are_unpacked(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "set.zip", [("a.png", bytes(40 * 2**20))], compression=zipfile.ZIP_DEFLATED, compresslevel=9
    )
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="thousandth"), open_tree(path):
            pass
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_sizes_and_numbers_have_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = zipped(tmp_path / "set.zip", FILES.items())
    with monkeypatch.context() as patch:
        patch.setattr(found, "MAX_BYTES", 1000)
        with pytest.raises(DatasetError, match="GiB"), open_tree(path):
            pass
    monkeypatch.setattr(tree, "MAX_MEMBERS", 3)
    for place in (path, laid(tmp_path / "set", FILES)):
        with pytest.raises(DatasetError, match="at most 3 files"), open_tree(place):
            pass


@pytest.mark.parametrize("by", [-1, 1, 5_000_000])
def test_a_member_of_another_size_than_promised_is_damaged(tmp_path: Path, by: int) -> None:
    path = zipped(tmp_path / "set.zip", [("a.png", b"0123456789" * 10)], compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    at = data.index(b"PK\x01\x02") + 24  # its size once unpacked
    data[at : at + 4] = (100 + by).to_bytes(4, "little")
    path.write_bytes(data)
    with open_tree(path) as got, pytest.raises(DatasetError, match=r"a\.png"):
        got.read("a.png")


def sample() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as members:
        for name, data in FILES.items():
            members.writestr(name, data)
    return file.getvalue()


SAMPLE = sample()


@settings(max_examples=300, deadline=None)
@given(changes=st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.binary(min_size=1, max_size=4))), cut=st.integers())
def test_damaged_bytes_give_files_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], cut: int
) -> None:
    changed = bytearray(SAMPLE)
    for at, new in changes:
        changed[at : at + len(new)] = new
    path = tmp_path_factory.getbasetemp() / "damaged.zip"
    path.write_bytes(changed[: cut % len(SAMPLE)] if cut % 3 == 0 else changed)
    tracemalloc.start()
    try:
        with open_tree(path) as got:
            for name, size in got.files.items():
                try:
                    assert len(got.read(name)) == size
                except DatasetError as e:
                    assert len(str(e).splitlines()) == 1
    except DatasetError as e:
        assert len(str(e).splitlines()) == 1
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 2**20
