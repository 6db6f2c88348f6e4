from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import ArgumentError, RefusedError, StoreError, TrainingError
from core.networks.families import FAMILIES
from core.recipe import ADADELTA
from core.runs.database import Database, set_aside
from core.runs.lock import Lock
from core.runs.migrations import SCRIPTS, VERSION, layers_of, prepare
from core.runs.run import Cell, RunState
from core.runs.store import Store
from tests.runs_of import states_of

CELL = Cell("mnist", "f", "cnn", 2, ADADELTA, 0)


def begin(store: Store, seed: int) -> int:
    what = Cell("mnist", "f", "cnn", 2, ADADELTA, seed)
    counts = {"parameters": 1, "multiply_adds": 1, "train_images": 1, "test_images": 1}
    return store.begin(what, **counts, device="CPU", versions={})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A store with so many runs that its tables take several pages, closed in order."""
    store = Store(tmp_path / "runs.sqlite3")
    for seed in range(60):
        begin(store, seed)
    return store.path


def older(path: Path, version: int) -> None:
    """Write a store as an earlier version did, with a finished run and one that went on."""
    with closing(sqlite3.connect(path)) as connection:
        prepare(connection, 0)
        connection.executescript(f"PRAGMA journal_mode = WAL; {''.join(SCRIPTS[:version])}")
        columns = "dataset, fingerprint, family, width, recipe, seed, parameters, multiply_adds, train_images, "
        columns += "test_images, state, started"
        for seed, state in ((0, "done"), (1, "running")):
            values = ("mnist", "f", "cnn", 2, ADADELTA.to_json(), seed, 4802, 1, 1, 1, state, "2026-11-01")
            layers = ((layers_of("cnn", 2, ADADELTA.to_json()),), ", layers") if version > 4 else ((), "")
            every = ", ".join("?" * (12 + len(layers[0])))
            connection.execute(f"INSERT INTO runs ({columns}{layers[1]}) VALUES ({every})", (*values, *layers[0]))
            if version > 3 and state == "running":
                same = f"dataset, fingerprint, family, width, recipe, seed{layers[1]}"
                every = ", ".join("?" * (6 + len(layers[0])))
                connection.execute(f"INSERT INTO waiting ({same}) VALUES ({every})", (*values[:6], *layers[0]))
        connection.execute(f"PRAGMA user_version = {version}")
        connection.commit()


def files(folder: Path) -> dict[str, bytes]:
    return {x.name: x.read_bytes() for x in folder.iterdir()}


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "another file": lambda path: path.write_bytes(b"something else entirely" * 400),
    "half of it": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "no header": lambda path: overwrite(path, 0, bytes(16)),
    "a page of noise": lambda path: overwrite(path, 4096, bytes(range(256)) * 16),
    "a later page of noise": lambda path: overwrite(path, path.stat().st_size - 4096, bytes(range(256)) * 16),
    "nothing but its log": lambda path: (path.write_bytes(b""), Path(f"{path}-wal").write_bytes(bytes(99))),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
@pytest.mark.parametrize("read_only", [False, True])
def test_a_damaged_file_is_refused_in_one_sentence_and_left_untouched(
    path: Path, damage: Callable[[Path], object], read_only: bool
) -> None:
    damage(path)
    before = files(path.parent)
    with pytest.raises(RefusedError) as caught:
        Store(path, read_only=read_only)
    assert str(caught.value).startswith(f"The store {path} cannot be used: it is damaged (")
    assert "\n" not in str(caught.value) and caught.value.path == path
    assert files(path.parent) == before


def test_a_damaged_file_whose_app_was_killed_keeps_its_log(path: Path) -> None:
    store = Store(path)
    anchor = store.database.anchor()
    begin(store, 99)
    copies = files(path.parent)  # as a kill leaves them
    anchor.close()
    for name in ("runs.sqlite3", "runs.sqlite3-wal"):
        (path.parent / name).write_bytes(copies[name])
    overwrite(path, 4096, bytes(path.stat().st_size - 4096))  # all but the pages that the log holds
    before = files(path.parent)
    with pytest.raises(RefusedError):
        Store(path)
    after = files(path.parent)
    assert {x: after[x] for x in before} == before and before["runs.sqlite3-wal"]


def test_a_table_that_is_gone_is_damage_and_another_programs_file_is_none(path: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE waiting")
    with pytest.raises(RefusedError, match="it has no table waiting"):
        Store(path)
    other = tmp_path / "other.sqlite3"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    before = other.read_bytes()
    with pytest.raises(RefusedError, match="it is another program's"):
        Store(other)
    assert other.read_bytes() == before


def test_weights_that_are_damaged_are_found_by_a_whole_check(path: Path) -> None:
    store = Store(path)
    store.end(1, RunState.DONE, seconds=1.0, weights=b"w" * 40_000)
    store.database.check()
    overwrite(path, path.stat().st_size - 8192, b"\xff" * 4)  # a page of the weights says where the next one is
    Store(path)
    with pytest.raises(RefusedError, match="damaged"):
        store.database.check()


def test_a_newer_version_is_refused_and_left_untouched(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = files(path.parent)
    for read_only in (False, True):
        with pytest.raises(RefusedError, match="was written by a newer Featherweight"):
            Store(path, read_only=read_only)
    assert files(path.parent) == before


@pytest.mark.parametrize("version", range(1, VERSION))
def test_an_older_version_is_brought_to_this_one_and_a_copy_is_kept(tmp_path: Path, version: int) -> None:
    path = tmp_path / "runs.sqlite3"
    older(path, version)
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    store = Store(path)
    assert states_of(store, [CELL]) == {CELL: "done"}
    assert [x.seed for x in store.waiting()] == [1], "what it trained is offered again"
    store.database.check()
    copy = tmp_path / f"runs-version-{version}.sqlite3"
    with closing(sqlite3.connect(copy)) as connection:
        assert list(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (version,)
    assert sorted(x.name for x in tmp_path.glob("*.sqlite3*")) == sorted([copy.name, path.name])
    Store(path)
    assert len(list(tmp_path.glob("*.sqlite3*"))) == 2, "there is nothing left to do"


def families_of_before(path: Path) -> None:
    """Write a store of version 5 with families of people's own whose names came with Featherweight only later."""
    older(path, 5)
    with closing(sqlite3.connect(path)) as connection:
        for name, title in (("lean", "Mine"), ("lean_own", "Other"), ("tied", "tied CNN"), ("slim", "Slim")):
            row = (name, title, "flatten dense(n)", "[4, 2]", ADADELTA.to_json(), "2026-11-01")
            columns = "name, title, layers, widths, recipe, added"
            connection.execute(f"INSERT INTO families ({columns}) VALUES (?, ?, ?, ?, ?, ?)", row)
        connection.commit()


@pytest.mark.parametrize("read_only", [False, True], ids=["brought up", "read as it is"])
def test_a_family_whose_name_came_with_featherweight_later_gets_another(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "runs.sqlite3"
    families_of_before(path)
    before = path.read_bytes()
    own = Store(path, read_only=read_only).families.all().own
    names = [("lean_own1", "Mine"), ("lean_own", "Other"), ("tied_own", "tied CNN (own)"), ("slim", "Slim")]
    assert [(x.key, x.title) for x in own] == names and {x.layers for x in own} == {"flatten dense(n)"}
    assert len({x.key for x in Store(path, read_only=read_only).families.all()}) == len(FAMILIES) + 4
    assert (path.read_bytes() == before) is read_only


def test_a_migration_that_fails_on_its_way_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "runs.sqlite3"
    older(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        before = list(connection.iterdump())
    monkeypatch.setattr("core.runs.migrations.SCRIPTS", (*SCRIPTS[:3], f"{SCRIPTS[3]}; INSERT INTO none VALUES (1)"))
    with pytest.raises(StoreError, match="table: none"):
        Store(path)
    with closing(sqlite3.connect(path)) as connection:
        assert list(connection.iterdump()) == before
        assert connection.execute("PRAGMA user_version").fetchone() == (1,)
    assert [x.name for x in tmp_path.glob("*.sqlite3")] == [path.name]


def test_an_older_store_that_another_process_has_open_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    older(path, 3)
    with Lock(tmp_path), pytest.raises(TrainingError, match=f"store in {tmp_path}"):
        Store(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)


def test_an_older_version_can_be_read_where_it_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "runs.sqlite3"
    older(path, 3)
    before = path.read_bytes()
    assert len(Store(path, read_only=True).runs()) == 2 and path.read_bytes() == before
    older(tmp_path / "old.sqlite3", 2)
    with pytest.raises(StoreError, match="too old"):
        Store(tmp_path / "old.sqlite3", read_only=True)


def test_a_store_that_is_refused_is_set_aside_whole_and_a_fresh_one_takes_its_place(path: Path) -> None:
    for number in ("", "-2"):
        content = b"no database" * 1000
        path.write_bytes(content)
        Path(f"{path}-wal").write_bytes(b"log")
        name = set_aside(path)
        assert name.name == f"runs-set-aside{number}.sqlite3" and name.read_bytes() == content
        assert Path(f"{name}-wal").read_bytes() == b"log" and not path.exists() and not Path(f"{path}-wal").exists()
    assert Store(path).runs() == []


def test_a_sound_store_or_one_that_is_in_use_is_not_set_aside(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(ArgumentError, match="Nothing is wrong with the store"):
        set_aside(path)
    assert path.read_bytes() == before
    path.write_bytes(b"no database" * 1000)
    with Lock(path.parent), pytest.raises(TrainingError):
        set_aside(path)
    assert path.is_file()


def test_a_reader_sees_what_the_writer_adds(path: Path) -> None:
    writer = Store(path)
    anchor = writer.database.anchor()
    reader = Database(path, read_only=True)
    assert reader.read_only and not writer.database.read_only
    begin(writer, 99)
    with reader.connection() as connection:
        assert connection.execute("SELECT COUNT(*) FROM runs").fetchone() == (61,)
    anchor.close()
