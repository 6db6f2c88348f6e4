from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.data.formats import found
from core.data.formats.found import Found, Options
from core.data.formats.tables import read_table
from core.errors import DatasetError
from core.networks.layers import Array

ROWS = 60
PIXELS = np.random.RandomState(0).randint(0, 256, (ROWS, 16), np.uint8)
DIGITS = np.arange(ROWS) % 7
NAMES = [f"pixel{i}" for i in range(16)]


def table(x: Array = PIXELS, y: object = DIGITS, at: int = 0, name: str = "label") -> pd.DataFrame:
    frame = pd.DataFrame(np.asarray(x), columns=NAMES[: np.shape(x)[1]])
    frame.insert(at, name, y)
    return frame


def read(place: Path, text: str | bytes | pd.DataFrame, **options: object) -> Found:
    path = place / "set.csv"
    if isinstance(text, pd.DataFrame):
        text = text.to_csv(index=False)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_table(path, Options(**options))  # type: ignore[arg-type]


def same(got: Found, x: Array = PIXELS, y: object = DIGITS) -> bool:
    return np.array_equal(got.train.x, x) and np.array_equal(got.train.y, np.asarray(y))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("header", [False, True])
def test_a_table_comes_back_however_it_is_written(tmp_path: Path, header: bool, separator: str, packed: bool) -> None:
    text = table().to_csv(index=False, sep=separator, header=header, quoting=1).encode("utf-8-sig")
    got = read(tmp_path, gzip.compress(text) if packed else text)
    assert same(got) and got.train.x.dtype == np.uint8 and got.train.y.dtype.kind == "i"
    assert got.test is None and len(got.notes) == 1


@pytest.mark.parametrize("name", ["label", "Class", "TARGET", "y", "digit"])
@pytest.mark.parametrize("at", [0, 5, 16])
def test_labels_are_found_by_a_usual_name(tmp_path: Path, name: str, at: int) -> None:
    assert same(read(tmp_path, table(at=at, name=name)))


@pytest.mark.parametrize("at", [0, 16])
def test_without_names_labels_are_first_or_last(tmp_path: Path, at: int) -> None:
    x = PIXELS.copy()
    x[:, 0] = 0
    got = read(tmp_path, table(x, at=at).to_csv(index=False, header=False))
    assert same(got, x) and ("first" if at == 0 else "last") in got.notes[0]


def test_sorted_labels_are_seen_to_the_end(tmp_path: Path) -> None:
    y = np.repeat([3, 4], [ROWS - 1, 1])
    assert same(read(tmp_path, table(y=y).to_csv(index=False, header=False)), y=y)


@pytest.mark.parametrize("at", [0, 3, 16])
def test_the_one_unlike_name_is_the_label(tmp_path: Path, at: int) -> None:
    x = PIXELS % 3  # looks like labels in every column
    assert same(read(tmp_path, table(x, at=at, name="species")), x)


@pytest.mark.parametrize("label", ["kind", "KIND", "4"])
def test_labels_are_where_the_user_says(tmp_path: Path, label: str) -> None:
    frame = table(at=3, name="kind").rename(columns={"pixel0": "label"})
    assert same(read(tmp_path, frame, label=label))


@pytest.mark.parametrize("label", ["nosuch", "18", "0", "-1", "1e3", "", "\n"])
def test_a_column_that_is_not_there_is_a_sentence(tmp_path: Path, label: str) -> None:
    with pytest.raises(DatasetError) as e:
        read(tmp_path, table(), label=label)
    assert str(e.value).isprintable()


def test_labels_may_be_words(tmp_path: Path) -> None:
    words = [["ankle boot", "NA", "café"][i] for i in DIGITS % 3]
    for header in (True, False):
        got = read(tmp_path, table(y=words).to_csv(index=False, header=header))
        assert got.train.y.tolist() == words


@pytest.mark.parametrize(
    "names",
    [
        [f"pixel{i}" for i in range(16)],
        [f"{i}x{j}" for i in range(1, 3) for j in range(7, 15)],
        [f"p{i}_{j}" for i in range(2) for j in range(8)],
    ],
)
def test_pixels_stand_in_the_order_of_their_numbers(tmp_path: Path, names: list[str]) -> None:
    ordered = table().set_axis(["label", *names], axis=1)
    assert same(got := read(tmp_path, ordered)) and len(got.notes) == 1
    by_text = ordered[["label", *sorted(names)]]
    assert list(by_text) != list(ordered) or names[0].startswith("p0_")
    got = read(tmp_path, by_text.sample(frac=1, axis=1, random_state=0))
    assert same(got) and any(names[0] in x and names[-1] in x for x in got.notes)


def test_pixels_without_numbers_or_of_one_number_stay(tmp_path: Path) -> None:
    for names in ([f"p{'zyxwvutsrqponmlk'[i]}" for i in range(16)], [f"p{i}" for i in (1, 1, *range(14))][:16]):
        frame = table()
        frame.columns = pd.Index(["label", *names])
        assert same(read(tmp_path, frame.to_csv(index=False)))


@pytest.mark.parametrize("name", ["id", "Index", "Unnamed: 0", ""])
def test_a_column_that_counts_is_left_out_and_said(tmp_path: Path, name: str) -> None:
    frame = table()
    frame.insert(0, name, range(ROWS))
    got = read(tmp_path, frame)
    assert same(got) and any("counts" in x for x in got.notes)


def test_pandas_own_column_names_are_no_image(tmp_path: Path) -> None:
    assert same(read(tmp_path, table().set_axis(range(17), axis=1)))


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (PIXELS / 255, np.float32),
        (PIXELS.astype(int) * 257, np.int32),
        (PIXELS.astype(int) - 128, np.int32),
        (np.vstack([PIXELS[:-1], PIXELS[-1:] / 3]), np.float32),
    ],
)
def test_types_hold_what_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, x: Array, kind: type) -> None:
    monkeypatch.setattr("core.data.formats.tables._CELLS", 17 * 4)
    got = read(tmp_path, table(x))
    assert got.train.x.dtype == kind
    assert np.array_equal(got.train.x, x.astype(kind))


def test_floats_in_the_middle_widen_whole_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.formats.tables._CELLS", 17 * 4)
    x = PIXELS.astype(np.float64)
    x[20], x[40] = 1000, 0.5
    text = "\n".join(",".join([str(y), *(f"{v:g}" for v in row)]) for y, row in zip(DIGITS, x, strict=True))
    assert same(read(tmp_path, text), x.astype(np.float32))


@pytest.mark.parametrize(
    ("cell", "reason"), [("", "empty"), ("abc", "abc"), ("NaN", "NaN"), ("inf", "infinity"), ("1e300", "infinity")]
)
def test_a_cell_that_is_no_pixel_is_a_sentence(tmp_path: Path, cell: str, reason: str) -> None:
    frame = table().astype(object)
    frame.iloc[40, 9] = cell
    with pytest.raises(DatasetError, match=reason):
        read(tmp_path, frame)


@pytest.mark.parametrize("value", [2**31, -(2**40), 2**63, 10**30])
def test_whole_numbers_never_wrap(tmp_path: Path, value: int) -> None:
    frame = table().astype(object)
    frame.iloc[5, 5] = value
    with pytest.raises(DatasetError):
        read(tmp_path, frame)


@pytest.mark.parametrize("row", ["1,2,3", "1," * 17 + "1", "1," * 40 + "1", '"1,2', ",".join("7" * 16) + ","])
@pytest.mark.parametrize("at", [0, 1, 30])
def test_rows_have_one_length(tmp_path: Path, row: str, at: int) -> None:
    lines = table().to_csv(index=False).splitlines()
    lines.insert(at + 1, row)
    with pytest.raises(DatasetError):
        read(tmp_path, "\n".join(lines))


def test_an_empty_label_is_refused(tmp_path: Path) -> None:
    frame = table().astype(object)
    frame.iloc[40, 0] = ""
    with pytest.raises(DatasetError, match="empty"):
        read(tmp_path, frame)


@pytest.mark.parametrize("header", [False, True])
def test_a_table_without_labels_says_what_to_do(tmp_path: Path, header: bool) -> None:
    x = PIXELS.copy()
    x[:, [0, -1]] %= 3  # looks like labels
    text = pd.DataFrame(x, columns=NAMES).to_csv(index=False, header=header)
    with pytest.raises(DatasetError, match=r"train\.csv"):
        read(tmp_path, text)


def test_more_labels_than_classes_may_be_are_refused(tmp_path: Path) -> None:
    x = np.vstack([PIXELS] * 2)
    with pytest.raises(DatasetError, match="100 classes"):
        read(tmp_path, table(x, y=range(120)))


def test_a_second_table_is_the_test_part(tmp_path: Path) -> None:
    other = tmp_path / "test.csv"
    table(PIXELS[:5] / 2, DIGITS[:5]).to_csv(other, index=False)
    got = read(tmp_path, table(), test=other)
    assert got.test is not None
    assert np.array_equal(got.test.x, (PIXELS[:5] / 2).astype(np.float32)) and np.array_equal(got.test.y, DIGITS[:5])
    for wrong in (table(PIXELS[:, :9]), table(name="kind"), table().drop(columns="label")):
        wrong.to_csv(other, index=False)
        with pytest.raises(DatasetError, match=r"test\.csv"):
            read(tmp_path, table(), test=other)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\n\n",
        b"label,a,b\n",
        b"just text",
        b"a\0b,1,2\n" * 5,
        "é,1,2\n".encode("latin-1") * 5,
        "a,1\nb,2".encode("utf-16"),
    ],
)
def test_what_is_no_table_is_a_sentence(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(DatasetError):
        read(tmp_path, text)
    with pytest.raises(DatasetError):
        read_table(tmp_path / "nothing.csv", Options())


def test_a_cut_gzip_file_is_cut_off(tmp_path: Path) -> None:
    data = gzip.compress(table().to_csv(index=False).encode())
    with pytest.raises(DatasetError, match="cut off"):
        read(tmp_path, data[: len(data) // 2])


def test_a_gzip_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_BYTES", 2**20)
    text = b"label,a,b\n" + b"1,0,0\n" * 400_000
    tracemalloc.start()
    try:
        with pytest.raises(DatasetError, match="GiB"):
            read(tmp_path, gzip.compress(text))
        assert tracemalloc.get_traced_memory()[1] < 30 * 2**20
    finally:
        tracemalloc.stop()


def test_memory_stays_near_the_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.data.formats.tables._CELLS", 100_000)
    x = np.random.RandomState(0).randint(0, 256, (12_000, 196), np.uint8)
    path = tmp_path / "big.csv"
    path.write_text("\n".join(f"{i % 10}," + ",".join(map(str, row.tolist())) for i, row in enumerate(x)))
    shares: list[float] = []
    tracemalloc.start()
    try:
        got = read_table(path, Options(), lambda share, _: shares.append(share))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert np.array_equal(got.train.x, x)
    assert peak < 2 * path.stat().st_size
    assert shares and shares == sorted(shares) and shares[-1] <= 1


SAMPLE = table(PIXELS[:12, :4], DIGITS[:12]).to_csv(index=False).encode()


@settings(max_examples=80, deadline=None)
@given(
    changes=st.lists(st.tuples(st.integers(0, len(SAMPLE)), st.binary(min_size=1, max_size=3)), max_size=3),
    cells=st.lists(st.text('0123456789.,;"\r\n-eE+ a', max_size=20), max_size=4),
    packed=st.booleans(),
    cut=st.integers(0, 400),
)
def test_any_bytes_give_a_table_or_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]], cells: list[str], packed: bool, cut: int
) -> None:
    changed = bytearray(SAMPLE + "\n".join(cells).encode())
    for at, new in changes:
        changed[at : at + len(new)] = new
    data = gzip.compress(changed) if packed else bytes(changed)
    if packed and cut % 2:
        data = data[:10] + bytes([cut % 256]) + data[11:]
    tracemalloc.start()
    try:
        got = read(tmp_path_factory.getbasetemp(), data if cut % 3 else data[:cut])
    except DatasetError as e:
        assert len(str(e).splitlines()) == 1
    else:
        assert got.train.x.ndim == 2 and len(got.train.x) == len(got.train.y) > 0
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12 * 2**20
