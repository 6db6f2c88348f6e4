"""The SQLite file under the store: how it is looked over, brought to this version, opened, and set aside."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from itertools import chain, count
from pathlib import Path

from core.errors import ArgumentError, RefusedError, StoreError
from core.runs.lock import Lock
from core.runs.migrations import READABLE, VERSION, prepare, statements, tables

WRITE, READ = "mode=rwc", "mode=ro"
# No lock and no file beside it, for a disk that lets none be made: nothing may write meanwhile.
STILL = "mode=ro&immutable=1"
PATIENCE = 30  # seconds to wait for another connection's transaction
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_UNWRITABLE = (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)


class Database:
    """One SQLite file; every use opens a connection of its own, so any thread and process may use it.

    A file that is refused is left as it is, byte for byte. One of an older version is brought to this one in one
    transaction, with a copy of the file as it was beside it. One that can be read but not written is opened to read.

    Args:
        path: where it is; it is made if it is not there.
        read_only: never write; the file must be there and may be of an older version.

    Attributes:
        problem: why it can only be read although it was to be written, else None.

    Raises:
        RefusedError: if it is damaged, of a newer version or no store.
        StoreError: if it cannot be opened or made.
        TrainingError: if it is of an older version, which still has it open.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self.problem: str | None = None
        self._mode = READ
        self._version = 0  # of a file that is only read; one that is written is brought to the last one first
        version = self._look_over()
        if read_only:
            if version < READABLE:
                raise StoreError(f"The store {path} is not there yet, or of a version too old to show.")
            self._mode = self._reading()
            self._version = version
            return
        self._mode = WRITE
        try:
            self._prepare(version)
        except StoreError as e:
            if version != VERSION or _code(e.__cause__) not in _UNWRITABLE:
                raise
            self._mode = self._reading()
            self.problem = (
                f"The store {path} cannot be written ({e.__cause__}), so results are shown and nothing can be trained. "
                "Free space, or set another FEATHERWEIGHT_HOME."
            )

    @property
    def read_only(self) -> bool:
        """Whether it can only be read."""
        return self._mode != WRITE

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that is kept on success and undone on failure.

        Raises:
            RefusedError: if the file turns out to be damaged.
            StoreError: if it cannot be opened, read or written.
        """
        with self._explained(), closing(self._connect(self._mode)) as connection, connection:
            yield connection

    def anchor(self) -> sqlite3.Connection:
        """Return a connection to be kept open: while there is one, what a full disk holds can still be read.

        SQLite's files beside this one then stay; otherwise each new connection had to find room for them.
        """
        with self._explained():
            connection = self._connect(self._mode, check_same_thread=False)
            connection.execute("SELECT 1 FROM runs LIMIT 1").fetchone()
            return connection

    def check(self) -> None:
        """Read and check the whole file, weights and all; takes seconds where it is large.

        Raises:
            RefusedError: if it is damaged.
        """
        with self.connection() as connection:
            ((said, *_), *_) = connection.execute("PRAGMA integrity_check(1)")
            orphans = connection.execute("PRAGMA foreign_key_check").fetchall()
        if said != "ok" or orphans:
            raise self._refused(_last_line(said) if said != "ok" else f"{len(orphans)} rows belong to no run")

    def _connect(self, mode: str, *, check_same_thread: bool = True) -> sqlite3.Connection:
        uri = f"{self.path.resolve().as_uri()}?{mode}"
        connection = sqlite3.connect(uri, timeout=PATIENCE, uri=True, check_same_thread=check_same_thread)
        connection.execute("PRAGMA foreign_keys = ON")
        # each run counts as kept only once it is on the disk
        connection.execute("PRAGMA synchronous = FULL")
        prepare(connection, self._version)
        return connection

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as e:
            if _code(e) in _DAMAGE:
                raise self._refused(str(e)) from e
            raise StoreError(
                f"The store {self.path} cannot be used ({e}). Free space, or set another FEATHERWEIGHT_HOME."
            ) from e

    def _refused(self, why: str) -> RefusedError:
        return RefusedError(
            self.path,
            f"The store {self.path} cannot be used: it is damaged ({why}). It was left as it is; put a copy in its "
            "place, or set it aside for a fresh one.",
        )

    def _reading(self) -> str:
        """Return how the file can be read."""
        with suppress(sqlite3.Error), closing(self._connect(READ)) as connection:
            connection.execute("PRAGMA user_version").fetchone()
            return READ
        return STILL

    def _look_over(self) -> int:
        """Return the file's version, 0 for none or an empty one, without changing a byte.

        All but the weights, which may be a gigabyte, is read and checked.
        """
        log = self.path.with_name(f"{self.path.name}-wal")
        logged = log.is_file() and log.stat().st_size > 0
        if not self.path.is_file() or not self.path.stat().st_size:
            if logged:
                raise self._refused("it is empty, but what belongs to it is not")
            return 0
        with self._explained():
            # where nobody has it open, to look leaves no trace
            return self._checked(READ if logged else STILL)

    def _checked(self, mode: str) -> int:
        with closing(self._connect(mode)) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            found = {x for (x,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if version > VERSION:
                raise RefusedError(
                    self.path,
                    f"The store {self.path} was written by a newer Featherweight and was left as it is. Update, set "
                    "another FEATHERWEIGHT_HOME, or set it aside for a fresh one.",
                )
            if version == 0 and found:
                raise RefusedError(
                    self.path,
                    f"The file {self.path} cannot be used: it is another program's. It was left as it is; set another "
                    "FEATHERWEIGHT_HOME, or set it aside for a fresh one.",
                )
            for table in tables(version):
                if table not in found:
                    raise self._refused(f"it has no table {table}")
                if table != "weights":
                    ((said, *_), *_) = connection.execute(f"PRAGMA quick_check({table})")
                    if said != "ok":
                        raise self._refused(_last_line(said))
            return int(version)

    def _prepare(self, version: int) -> None:
        """Make the tables, or bring a file of an older version to this one."""
        with self.connection() as connection:
            connection.execute("PRAGMA journal_mode = WAL")
        if version == 0:
            self._bring_up()
        elif version < VERSION:
            with Lock(self.path.parent):
                copy = self._copy(version)
                try:
                    self._bring_up()
                except StoreError:
                    copy.unlink()  # the store is as it was
                    raise

    def _bring_up(self) -> None:
        with self.connection() as connection:
            connection.execute("PRAGMA foreign_keys = OFF")  # or a table made anew would take what belongs to it along
            connection.execute("BEGIN IMMEDIATE")
            (version,) = connection.execute("PRAGMA user_version").fetchone()  # another process may have been quicker
            for statement in statements(version):
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {VERSION}")

    def _copy(self, version: int) -> Path:
        """Write the file as it is beside itself, whole or not at all, and return where."""
        target = unused(self.path, f"version-{version}")
        partial = target.with_name(f".{target.name}.partial")
        try:
            with self.connection() as connection, closing(sqlite3.connect(partial)) as copy:
                connection.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")  # one file, with no log beside it
            partial.replace(target)
        except OSError as e:
            raise StoreError(f"The store {self.path} cannot be copied to {target} ({e.strerror}).") from e
        finally:
            partial.unlink(missing_ok=True)
        return target


def set_aside(path: Path) -> Path:
    """Rename a store that is refused, and what belongs to it, so that a fresh one can be made; return its new name.

    Raises:
        ArgumentError: if nothing is wrong with it.
        StoreError: if it cannot be renamed.
        TrainingError: if another process has it.
    """
    with Lock(path.parent):
        try:
            Database(path, read_only=True).check()
        except RefusedError:
            target = unused(path, "set-aside")
            try:
                # the file itself last: a fresh one must not find an old log
                for ending in ("-wal", "-shm", ""):
                    with suppress(FileNotFoundError):
                        path.with_name(path.name + ending).rename(target.with_name(target.name + ending))
            except OSError as e:
                raise StoreError(f"The store {path} cannot be renamed ({e.strerror}).") from e
            return target
    raise ArgumentError(f"Nothing is wrong with the store {path}, so it was not set aside.")


def unused(path: Path, word: str) -> Path:
    """Return a name beside ``path`` that says ``word`` and that no file has: ``runs-word.sqlite3``, ``runs-word-2``."""
    numbers = chain([""], (f"-{x}" for x in count(2)))
    names = (path.with_name(f"{path.stem}-{word}{x}{path.suffix}") for x in numbers)
    return next(x for x in names if not x.exists())


def _code(e: BaseException | None) -> int:
    """Return SQLite's code for an error, without what it adds to tell kinds apart."""
    return getattr(e, "sqlite_errorcode", 0) & 0xFF


def _last_line(said: str) -> str:
    return said.splitlines()[-1][:120]
