"""Runs, their epochs and their weights in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import StoreError
from core.runs import Cell, Epoch

if TYPE_CHECKING:
    import pandas as pd

# Each entry takes the file from version i to i + 1; PRAGMA user_version says where it is.
_MIGRATIONS = (
    """
    CREATE TABLE runs (
        id INTEGER PRIMARY KEY,
        dataset TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        family TEXT NOT NULL,
        width INTEGER NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        parameters INTEGER NOT NULL,
        multiply_adds INTEGER NOT NULL,
        train_images INTEGER NOT NULL,
        test_images INTEGER NOT NULL,
        state TEXT NOT NULL,
        started TEXT NOT NULL,
        ended TEXT,
        seconds REAL,
        device TEXT,
        versions TEXT,
        formulation TEXT,
        message TEXT,
        UNIQUE (dataset, fingerprint, family, width, recipe, seed)
    );
    CREATE TABLE epochs (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        loss REAL NOT NULL,
        accuracy REAL NOT NULL,
        test_loss REAL NOT NULL,
        test_accuracy REAL NOT NULL,
        seconds REAL NOT NULL,
        PRIMARY KEY (run, epoch)
    ) WITHOUT ROWID;
    CREATE TABLE weights (
        run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        npz BLOB NOT NULL
    );
    """,
    # Runs that hold images out measure the test images only once. SQLite cannot drop NOT NULL: the table is made anew.
    """
    CREATE TABLE new_epochs (
        run INTEGER NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
        epoch INTEGER NOT NULL,
        loss REAL NOT NULL,
        accuracy REAL NOT NULL,
        test_loss REAL,
        test_accuracy REAL,
        seconds REAL NOT NULL,
        held_out_loss REAL,
        held_out_accuracy REAL,
        PRIMARY KEY (run, epoch)
    ) WITHOUT ROWID;
    INSERT INTO new_epochs
        SELECT run, epoch, loss, accuracy, test_loss, test_accuracy, seconds, NULL, NULL FROM epochs;
    DROP TABLE epochs;
    ALTER TABLE new_epochs RENAME TO epochs;
    """,
    # Weights that went to make room leave a row that says when.
    """
    CREATE TABLE new_weights (
        run INTEGER PRIMARY KEY REFERENCES runs (id) ON DELETE CASCADE,
        npz BLOB,
        dropped TEXT,
        CHECK ((npz IS NULL) = (dropped IS NOT NULL))
    );
    INSERT INTO new_weights SELECT run, npz, NULL FROM weights;
    DROP TABLE weights;
    ALTER TABLE new_weights RENAME TO weights;
    """,
)
_EPOCH = ", ".join(x.name for x in fields(Epoch))

# A run's accuracy and loss are those of its last epoch, as in the article; its fastest epoch is free of compiling.
_RUNS = """
    SELECT runs.*, :origin AS origin,
        last.epoch AS epochs, last.accuracy, last.loss, last.test_accuracy, last.test_loss,
        last.held_out_accuracy, last.held_out_loss,
        (SELECT MIN(seconds) FROM epochs WHERE run = runs.id) AS epoch_seconds,
        CASE WHEN dropped IS NOT NULL THEN 'dropped' WHEN weights.run IS NOT NULL THEN 'kept' END AS weights
    FROM runs
    LEFT JOIN epochs AS last
        ON last.run = runs.id AND last.epoch = (SELECT MAX(epoch) FROM epochs WHERE run = runs.id)
    LEFT JOIN weights ON weights.run = runs.id
"""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the weights in a store take.

    Attributes:
        kept: runs whose weights are kept.
        dropped: runs whose weights went to make room.
        size: bytes of those kept.
    """

    kept: int
    dropped: int
    size: int


class Store:
    """One SQLite file; every call opens a connection of its own, so any thread and process may use it.

    Args:
        path: where it is; it is made if it is not there.
        origin: what its runs say of where they come from.
        read_only: open a file that is there and must not change, on a disk that need not be writable.
        room: bytes that the weights of all runs may take together; the oldest go first. None sets no bound.

    Raises:
        StoreError: from every method, if the file cannot be opened, read or written.
    """

    def __init__(self, path: Path, *, origin: str = "own", read_only: bool = False, room: int | None = None) -> None:
        self.path = path
        self.origin = origin
        self.read_only = read_only
        self.room = room
        with self._connection() as connection:
            if not read_only:
                connection.execute("PRAGMA journal_mode = WAL")
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version > len(_MIGRATIONS):
                raise StoreError(
                    f"The store {path} was written by a newer Featherweight. Update, or set another FEATHERWEIGHT_HOME."
                )
            for number, script in enumerate(_MIGRATIONS[version:], start=version + 1):
                connection.executescript(f"BEGIN; {script} PRAGMA user_version = {number}; COMMIT;")

    def begin(
        self,
        cell: Cell,
        *,
        parameters: int,
        multiply_adds: int,
        train_images: int,
        test_images: int,
        device: str,
        versions: dict[str, str],
    ) -> int:
        """Record that a run starts, in place of an unfinished run of the same cell, and return its id.

        ``train_images`` counts the whole set, held-out images included: estimates of cost compare whole sets.
        """
        row = {
            **cell.columns,
            "parameters": parameters,
            "multiply_adds": multiply_adds,
            "train_images": train_images,
            "test_images": test_images,
            "state": "running",
            "started": _now(),
            "device": device,
            "versions": json.dumps(versions, sort_keys=True),
        }
        names, marks = ", ".join(row), ", ".join(f":{x}" for x in row)
        with self._connection() as connection:
            # a finished run of this cell violates the unique index: finished runs are never overwritten
            identity = " AND ".join(f"{x} = :{x}" for x in cell.columns)
            connection.execute(f"DELETE FROM runs WHERE {identity} AND state != 'done'", cell.columns)
            return int(connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", row).lastrowid or 0)

    def add_epoch(self, run: int, epoch: Epoch) -> None:
        """Record an epoch of a running run."""
        row = (run, *astuple(epoch))
        with self._connection() as connection:
            connection.execute(f"INSERT INTO epochs (run, {_EPOCH}) VALUES ({', '.join('?' * len(row))})", row)

    def end(
        self,
        run: int,
        state: str,
        *,
        seconds: float,
        formulation: str | None = None,
        message: str | None = None,
        weights: bytes | None = None,
    ) -> None:
        """Record how a run ended and was computed, and its weights (bytes of a ``.npz``), in one transaction."""
        with self._connection() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, ended = ?, seconds = ?, formulation = ?, message = ? WHERE id = ?",
                (state, _now(), seconds, formulation, message, run),
            )
            if weights is not None:
                connection.execute("INSERT OR REPLACE INTO weights VALUES (?, ?, NULL)", (run, weights))
                self._make_room(connection)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop the weights of the oldest runs, not the runs, until the rest fits; SQLite uses their pages again."""
        if self.room is None:
            return
        kept = connection.execute("SELECT run, LENGTH(npz) FROM weights WHERE npz IS NOT NULL ORDER BY run").fetchall()
        excess = sum(size for _, size in kept) - self.room
        for run, size in kept:
            if excess <= 0:
                break
            connection.execute("UPDATE weights SET npz = NULL, dropped = ? WHERE run = ?", (_now(), run))
            excess -= size

    def interrupt(self) -> int:
        """Mark runs that a process left behind as interrupted and return how many; only for the store's one runner."""
        with self._connection() as connection:
            return connection.execute(
                "UPDATE runs SET state = 'interrupted', ended = ? WHERE state = 'running'", (_now(),)
            ).rowcount

    def datasets(self, with_weights: bool = False) -> list[str]:
        """Return the image sets with finished runs, or with such whose weights are kept, the latest run's last."""
        only = "AND id IN (SELECT run FROM weights WHERE npz IS NOT NULL)" if with_weights else ""
        query = f"SELECT dataset FROM runs WHERE state = 'done' {only} GROUP BY dataset ORDER BY MAX(id)"
        with self._connection() as connection:
            return [row[0] for row in connection.execute(query)]

    def runs(self, dataset: str | None = None) -> pd.DataFrame:
        """Return one row per run, oldest first, with the figures of its last epoch."""
        names, rows = self._select("" if dataset is None else "WHERE dataset = :dataset", {"dataset": dataset})
        import pandas as pd  # takes half a second, and Explore's first count needs none of it

        return pd.DataFrame(rows, columns=names)

    def rows(self, dataset: str | None = None) -> list[dict[str, Any]]:
        """Return what :meth:`runs` does as plain values, ready for JSON."""
        names, rows = self._select("" if dataset is None else "WHERE dataset = :dataset", {"dataset": dataset})
        return [_plain(dict(zip(names, row, strict=True))) for row in rows]

    def run(self, cell: Cell) -> dict[str, Any] | None:
        """Return the row of a cell, or None if it has never been run."""
        identity = " AND ".join(f"{x} = :{x}" for x in cell.columns)
        names, rows = self._select(f"WHERE {identity}", cell.columns)
        return _plain(dict(zip(names, rows[0], strict=True))) if rows else None

    def _select(self, where: str, values: dict[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
        with self._connection() as connection:
            cursor = connection.execute(f"{_RUNS} {where} ORDER BY runs.id", values | {"origin": self.origin})
            return [x[0] for x in cursor.description], cursor.fetchall()

    def states(self, cells: list[Cell]) -> dict[Cell, str]:
        """Return the state of each cell that has been run."""
        wanted = {tuple(x.columns.values()): x for x in cells}
        with self._connection() as connection:
            rows = connection.execute("SELECT dataset, fingerprint, family, width, recipe, seed, state FROM runs")
            return {wanted[row[:6]]: row[6] for row in rows if row[:6] in wanted}

    def epochs(self, run: int) -> list[Epoch]:
        """Return the epochs of a run in order."""
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {_EPOCH} FROM epochs WHERE run = ? ORDER BY epoch", (run,))
            return [Epoch(*row) for row in rows]

    def weights(self, run: int) -> bytes | None:
        """Return the bytes of the ``.npz`` with a run's weights, or None if none are kept."""
        with self._connection() as connection:
            row = connection.execute("SELECT npz FROM weights WHERE run = ?", (run,)).fetchone()
            return row[0] if row else None

    def usage(self) -> Usage:
        """Return how much the weights of all runs take."""
        with self._connection() as connection:
            row = connection.execute("SELECT COUNT(npz), COUNT(dropped), TOTAL(LENGTH(npz)) FROM weights").fetchone()
            return Usage(row[0], row[1], int(row[2]))

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection in a transaction that is kept on success and undone on failure."""
        try:
            # immutable: no lock and no file beside it, so it can lie on a disk that is read-only itself
            mode = "mode=ro&immutable=1" if self.read_only else "mode=rwc"
            connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?{mode}", timeout=30, uri=True)
            try:
                connection.execute("PRAGMA foreign_keys = ON")
                # each run counts as kept only once it is on the disk
                connection.execute("PRAGMA synchronous = FULL")
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as e:
            other = "Free space, or set another FEATHERWEIGHT_HOME"
            remedy = "Install Featherweight again" if self.read_only else other
            raise StoreError(f"The store {self.path} cannot be used ({e}). {remedy}.") from e


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with its JSON columns opened."""
    return row | {"recipe": json.loads(row["recipe"]), "versions": json.loads(row["versions"] or "{}")}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
