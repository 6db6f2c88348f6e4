"""Runs, their epochs and their weights in one SQLite file."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.errors import ArgumentError, StoreError
from core.networks.families import Families
from core.runs.database import Database
from core.runs.own_families import OwnFamilies, named
from core.runs.rows import CELL, EPOCH, IDENTITY, RUNS, SAME, cell_of, run_of
from core.runs.run import Cell, Epoch, Origin, Run, RunState


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
    """One SQLite file with everything that was trained; any thread and process may use it, and one at a time trains.

    Args:
        path: where it is; it is made if it is not there.
        origin: what its runs say of where they come from.
        read_only: open a file that is there and never write it; its disk need not be writable.
        room: bytes that the weights of all runs may take together; those of runs that are not finished go first, then
            the oldest. None sets no bound.

    Raises:
        RefusedError: if the file is damaged, of a newer version or another program's; it is left as it is.
        StoreError: from every method, if the file cannot be opened, read or written.
    """

    def __init__(
        self, path: Path, *, origin: Origin = Origin.OWN, read_only: bool = False, room: int | None = None
    ) -> None:
        self.path = path
        self.origin = origin
        self.room = room
        self.database = Database(path, read_only=read_only)
        self.families = OwnFamilies(self.database)

    def begin(
        self,
        cell: Cell,
        *,
        parameters: int,
        multiply_adds: int,
        train_images: int,
        test_images: int,
        device: str,
        versions: Mapping[str, str],
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
            "state": RunState.RUNNING,
            "started": _now(),
            "device": device,
            "versions": json.dumps(dict(versions), sort_keys=True),
        }
        names, marks = ", ".join(row), ", ".join(f":{x}" for x in row)
        with self._connection() as connection:
            # a finished run of this cell violates the unique index: finished runs are never overwritten
            connection.execute(f"DELETE FROM runs WHERE {SAME} AND state != 'done'", cell.columns)
            return int(connection.execute(f"INSERT INTO runs ({names}) VALUES ({marks})", row).lastrowid or 0)

    def add_epoch(self, run: int, epoch: Epoch) -> None:
        """Record an epoch of a running run."""
        row = (run, *astuple(epoch))
        with self._connection() as connection:
            connection.execute(f"INSERT INTO epochs (run, {EPOCH}) VALUES ({', '.join('?' * len(row))})", row)

    def end(
        self,
        run: int,
        state: RunState,
        *,
        seconds: float | None,
        formulation: str | None = None,
        message: str | None = None,
        weights: bytes | None = None,
        waits: bool = False,
    ) -> None:
        """Record how a run ended and was computed, and its weights (bytes of a ``.npz``), in one transaction.

        ``waits`` says that its cell is still to be trained, and is not to be forgotten.
        """
        with self._connection() as connection:
            connection.execute(
                "UPDATE runs SET state = ?, ended = ?, seconds = ?, formulation = ?, message = ? WHERE id = ?",
                (state, _now(), seconds, formulation, message, run),
            )
            if not waits:
                connection.execute(
                    f"DELETE FROM waiting WHERE ({IDENTITY}) = (SELECT {IDENTITY} FROM runs WHERE id = ?)", (run,)
                )
            if weights is not None:
                connection.execute("INSERT OR REPLACE INTO weights VALUES (?, ?, NULL)", (run, weights))
                self._make_room(connection)

    def _make_room(self, connection: sqlite3.Connection) -> None:
        """Drop weights, not the runs, until the rest fits; SQLite uses their pages again.

        Those of runs that are not finished go first, as such runs start anew without them, then the oldest.
        """
        if self.room is None:
            return
        query = """
            SELECT run, LENGTH(npz) FROM weights JOIN runs ON runs.id = run WHERE npz IS NOT NULL
            ORDER BY state = 'done', run
        """
        kept = connection.execute(query).fetchall()
        excess = sum(size for _, size in kept) - self.room
        for run, size in kept:
            if excess <= 0:
                break
            connection.execute("UPDATE weights SET npz = NULL, dropped = ? WHERE run = ?", (_now(), run))
            excess -= size

    def copy(self, cells: Iterable[tuple[Cell, bool]], path: Path) -> None:
        """Write the runs of cells into a new store, in their order, with their epochs and where it is asked, weights.

        Args:
            cells: each with whether its weights are to be copied; all must have a run here.
            path: where no file is yet.

        Raises:
            StoreError: if either file cannot be read or written.
        """
        Store(path)  # makes the tables
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("ATTACH DATABASE ? AS source", (str(self.path),))
                connection.execute("BEGIN")
                for cell, with_weights in cells:
                    _copy(connection, cell, with_weights)
                connection.execute("COMMIT")
                connection.execute("DETACH DATABASE source")
                connection.execute("PRAGMA journal_mode = DELETE")  # a file to be read only cannot keep a log beside it
                connection.execute("VACUUM")
        except (sqlite3.Error, OSError) as e:
            raise StoreError(f"Runs cannot be copied to {path} ({e}).") from e

    def interrupt(self) -> int:
        """Mark runs that a process left behind as interrupted and return how many; only for the store's one runner."""
        with self._connection() as connection:
            return connection.execute(
                "UPDATE runs SET state = 'interrupted', ended = ? WHERE state = 'running'", (_now(),)
            ).rowcount

    def keep_waiting(self, cells: Iterable[Cell]) -> None:
        """Remember cells that are to be trained, behind those that wait already."""
        marks = ", ".join(f":{x}" for x in CELL.split(", "))
        with self._connection() as connection:
            connection.executemany(
                f"INSERT OR IGNORE INTO waiting ({CELL}) VALUES ({marks})", [x.columns for x in cells]
            )

    def forget_waiting(self, cells: Iterable[Cell]) -> None:
        """Forget cells that were to be trained."""
        with self._connection() as connection:
            connection.executemany(f"DELETE FROM waiting WHERE {SAME}", [x.columns for x in cells])

    def waiting(self) -> list[Cell]:
        """Return the cells that are to be trained, or whose run goes on, in order."""
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {CELL} FROM waiting ORDER BY place").fetchall()
        with self._explained("A run that waits"):
            known = self.families.all()
            return [named(cell_of(row), known) for row in rows]

    def datasets(self, with_weights: bool = False) -> list[str]:
        """Return the image sets with finished runs, or with such whose weights are kept, the latest run's last."""
        only = "AND id IN (SELECT run FROM weights WHERE npz IS NOT NULL)" if with_weights else ""
        query = f"SELECT dataset FROM runs WHERE state = 'done' {only} GROUP BY dataset ORDER BY MAX(id)"
        with self._connection() as connection:
            return [row[0] for row in connection.execute(query)]

    def runs(self, dataset: str | None = None) -> list[Run]:
        """Return every run, or those on an image set, oldest first."""
        where = "" if dataset is None else "WHERE dataset = :dataset"
        with self._connection() as connection:
            rows = connection.execute(f"{RUNS} {where} ORDER BY runs.id", {"dataset": dataset}).fetchall()
        known = self.families.all()
        return [self._run(x, known) for x in rows]

    def run(self, id: int) -> Run | None:
        """Return the run of that id, or None if there is none."""
        with self._connection() as connection:
            row = connection.execute(f"{RUNS} WHERE runs.id = ?", (id,)).fetchone()
        return self._run(row, self.families.all()) if row else None

    def runs_of(self, cells: Iterable[Cell]) -> dict[Cell, Run]:
        """Return the run of each cell that has one, by the index: a store of any size answers as quickly."""
        with self._connection() as connection:
            rows = {x: connection.execute(f"{RUNS} WHERE {SAME}", x.columns).fetchone() for x in cells}
        known = self.families.all()
        return {cell: self._run(row, known) for cell, row in rows.items() if row}

    def _run(self, row: tuple[Any, ...], known: Families) -> Run:
        with self._explained(f"The run {row[0]}"):
            return run_of(self.origin, row, known)

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Say in a sentence that a row is none of this version's."""
        try:
            yield
        except (ArgumentError, ValueError, TypeError, AttributeError) as e:
            raise StoreError(
                f"{what} in the store {self.path} cannot be read ({e}). Update Featherweight, or set another "
                "FEATHERWEIGHT_HOME."
            ) from None

    def epochs(self, run: int) -> list[Epoch]:
        """Return the epochs of a run in order."""
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {EPOCH} FROM epochs WHERE run = ? ORDER BY epoch", (run,))
            return [Epoch(*row) for row in rows]

    def weights(self, run: int) -> bytes | None:
        """Return the bytes of the ``.npz`` with a run's weights, or None if none are kept."""
        with self._connection() as connection:
            row = connection.execute("SELECT npz FROM weights WHERE run = ?", (run,)).fetchone()
            return row[0] if row else None

    def counts(self) -> dict[str, int]:
        """Return how many runs there are of each state."""
        with self._connection() as connection:
            return dict(connection.execute("SELECT state, COUNT(*) FROM runs GROUP BY state ORDER BY state"))

    def usage(self) -> Usage:
        """Return how much the weights of all runs take."""
        with self._connection() as connection:
            row = connection.execute("SELECT COUNT(npz), COUNT(dropped), TOTAL(LENGTH(npz)) FROM weights").fetchone()
            return Usage(row[0], row[1], int(row[2]))

    def _connection(self) -> AbstractContextManager[sqlite3.Connection]:
        return self.database.connection()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _copy(connection: sqlite3.Connection, cell: Cell, with_weights: bool) -> None:
    """Copy the run of a cell from the attached ``source``."""
    (old,) = connection.execute(f"SELECT id FROM source.runs WHERE {SAME}", cell.columns).fetchone()
    names = {
        table: [x[1] for x in connection.execute(f"PRAGMA main.table_info({table})")] for table in ("runs", "epochs")
    }
    runs, epochs = (", ".join(x for x in names[table] if x not in ("id", "run")) for table in ("runs", "epochs"))
    new = connection.execute(
        f"INSERT INTO main.runs ({runs}) SELECT {runs} FROM source.runs WHERE id = ?", (old,)
    ).lastrowid
    connection.execute(
        f"INSERT INTO main.epochs (run, {epochs}) SELECT ?, {epochs} FROM source.epochs WHERE run = ?", (new, old)
    )
    if with_weights:
        connection.execute("INSERT INTO main.weights SELECT ?, npz, NULL FROM source.weights WHERE run = ?", (new, old))
