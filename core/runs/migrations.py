"""The versions of the store's tables: what takes a file of each version to the next."""

from __future__ import annotations

import sqlite3

from core.errors import ArgumentError
from core.networks.families import family
from core.recipe import Recipe

# Families that came with Featherweight only later, by name and title: somebody's own of that name gets another.
_TAKEN = "name IN ('lean', 'tied')"
_NAME = """
    name || '_own' || CASE
        WHEN EXISTS (SELECT 1 FROM main.families AS other WHERE other.name = families.name || '_own') THEN place
        ELSE ''
    END
"""
_TITLED = "lower(title) IN ('lean cnn', 'tied cnn')"
_TITLE = "title || ' (own)'"

# Each entry takes the file from version i to i + 1; PRAGMA user_version says where it is.
SCRIPTS = (
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
    # What is asked for and not yet trained outlives the process. A run that goes on is of this kind too.
    """
    CREATE TABLE waiting (
        place INTEGER PRIMARY KEY,
        dataset TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        family TEXT NOT NULL,
        width INTEGER NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        UNIQUE (dataset, fingerprint, family, width, recipe, seed)
    );
    INSERT INTO waiting (dataset, fingerprint, family, width, recipe, seed)
        SELECT dataset, fingerprint, family, width, recipe, seed FROM runs WHERE state = 'running' ORDER BY id;
    """,
    # A run is told from others by its layers and no longer by the name of a family; people keep families of their own.
    """
    CREATE TABLE new_runs (
        id INTEGER PRIMARY KEY,
        dataset TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        layers TEXT NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        family TEXT NOT NULL,
        width INTEGER NOT NULL,
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
        UNIQUE (dataset, fingerprint, layers, recipe, seed)
    );
    INSERT INTO new_runs
        SELECT id, dataset, fingerprint, layers_of(family, width, recipe), recipe, seed, family, width, parameters,
            multiply_adds, train_images, test_images, state, started, ended, seconds, device, versions, formulation,
            message
        FROM runs;
    DROP TABLE runs;
    ALTER TABLE new_runs RENAME TO runs;
    CREATE TABLE new_waiting (
        place INTEGER PRIMARY KEY,
        dataset TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        layers TEXT NOT NULL,
        recipe TEXT NOT NULL,
        seed INTEGER NOT NULL,
        family TEXT NOT NULL,
        width INTEGER NOT NULL,
        UNIQUE (dataset, fingerprint, layers, recipe, seed)
    );
    INSERT INTO new_waiting
        SELECT place, dataset, fingerprint, layers_of(family, width, recipe), recipe, seed, family, width FROM waiting;
    DROP TABLE waiting;
    ALTER TABLE new_waiting RENAME TO waiting;
    CREATE TABLE families (
        place INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        title TEXT NOT NULL,
        layers TEXT NOT NULL,
        widths TEXT NOT NULL,
        recipe TEXT NOT NULL,
        added TEXT NOT NULL
    );
    """,
    f"""
    UPDATE families SET name = {_NAME} WHERE {_TAKEN};
    UPDATE families SET title = {_TITLE} WHERE {_TITLED};
    """,
)
VERSION = len(SCRIPTS)
READABLE = 3  # the oldest version that can be shown as it is


def tables(version: int) -> tuple[str, ...]:
    """Return the tables that a file of that version has."""
    if version == 0:
        return ()
    later = ["waiting"] * (version > 3) + ["families"] * (version > 4)
    return ("runs", "epochs", "weights", *later)


def layers_of(key: str, width: int, recipe: str) -> str:
    """Return the layers of a network as ``Family.identity`` writes them, for a row that names its family alone.

    A row that cannot be read keeps what it says, and is explained when it is read.
    """
    try:
        return family(key).identity(width, Recipe.from_json(recipe).dropout)
    except ArgumentError:
        return f"{key} {width}"


def prepare(connection: sqlite3.Connection, version: int) -> None:
    """Give a connection what older files need: to be brought up, or to be read as if they had been.

    Args:
        connection: to the file.
        version: of the file; 0 where that is not known or there is none.
    """
    connection.create_function("layers_of", 3, layers_of, deterministic=True)
    if READABLE <= version < 5:  # names without a schema mean these first
        connection.executescript(
            """
            CREATE TEMP VIEW runs AS SELECT *, layers_of(family, width, recipe) AS layers FROM main.runs;
            CREATE TEMP TABLE families (place, name, title, layers, widths, recipe, added);
            """
        )
    if version == 5:
        connection.executescript(
            f"""
            CREATE TEMP VIEW families AS
                SELECT place, CASE WHEN {_TAKEN} THEN {_NAME} ELSE name END AS name,
                    CASE WHEN {_TITLED} THEN {_TITLE} ELSE title END AS title, layers, widths, recipe, added
                FROM main.families;
            """
        )


def statements(version: int) -> list[str]:
    """Return the statements that take a file of that version to the last one, for one transaction."""
    return [x for script in SCRIPTS[version:] for x in script.split(";") if x.strip()]
