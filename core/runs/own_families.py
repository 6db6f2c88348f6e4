"""The families that people name and keep, in the store."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from core.errors import ArgumentError, StoreError, invalid
from core.networks import families
from core.networks.families import Families, Family
from core.networks.line import Line
from core.recipe import Recipe
from core.runs.database import Database
from core.runs.run import RUNS_KEPT, Cell, Run

MOST = 100  # families; each is drawn on every page


@dataclass(frozen=True, slots=True)
class OwnFamilies:
    """The families of a store; any thread and process may use it.

    Attributes:
        database: where they are.
    """

    database: Database

    def all(self) -> Families:
        """Return the families that come with Featherweight and those in the store.

        Raises:
            StoreError: if the store cannot be read, or holds a family that this version does not know how to read.
        """
        with self.database.connection() as connection:
            rows = connection.execute("SELECT name, title, layers, widths, recipe FROM families ORDER BY place")
            return _families(tuple(rows.fetchall()))

    def add(self, family: Family, *, replacing: bool = False) -> None:
        """Keep a family under its name.

        Args:
            family: it; its name and its title are checked here.
            replacing: whether it may take the place of one of that name. Runs of that one stay, under their layers.

        Raises:
            ArgumentError: if the name or the title cannot be had.
            StoreError: if the store cannot be written.
        """
        families.name(family.key)
        row = {
            "name": family.key,
            "title": families.title(family.title),
            "layers": family.layers,
            "widths": json.dumps(family.widths),
            "recipe": family.recipe.to_json(),
            "added": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        others = self.all().own
        if not replacing and any(x.key == family.key for x in others):
            raise _taken(family.key)
        _check_title(row["title"], family.key, others)
        if len(others) >= MOST and all(x.key != family.key for x in others):
            raise invalid("family", f"at most {MOST} families of your own; remove one first", family.key)
        columns = ", ".join(row)
        with self.database.connection() as connection:
            if replacing:
                connection.execute("DELETE FROM families WHERE name = ?", (family.key,))
            done = connection.execute(
                f"INSERT OR IGNORE INTO families ({columns}) VALUES ({', '.join(f':{x}' for x in row)})", row
            ).rowcount
        if not done:
            raise _taken(family.key)

    def rename(self, name: str, new: str, title: str) -> None:
        """Give a family another name and title; its runs go with it.

        Raises:
            ArgumentError: if there is no such family, or the new name or title cannot be had.
            StoreError: if the store cannot be written.
        """
        others = [x for x in self._except(name) if x.key != name]
        families.name(new)
        if any(x.key == new for x in others):
            raise invalid("name of a family", "one that is not taken", new)
        title = families.title(title)
        _check_title(title, new, others)
        with self.database.connection() as connection:
            connection.execute("UPDATE families SET name = ?, title = ? WHERE name = ?", (new, title, name))

    def remove(self, name: str) -> None:
        """Forget a family; its runs stay, under their layers.

        Raises:
            ArgumentError: if there is no such family of one's own.
            StoreError: if the store cannot be written.
        """
        with self.database.connection() as connection:  # without reading it: it may be one that cannot be read
            gone = connection.execute("DELETE FROM families WHERE name = ?", (name,)).rowcount
        if not gone:
            self._except(name)

    def _except(self, name: str) -> list[Family]:
        """Return all of the store but one, which must be there."""
        own = self.all().own
        if name not in (x.key for x in own):
            kept = ", ".join(x.key for x in own) or "none so far"
            raise invalid("family", f"one of your own: {kept}", name)
        return [x for x in own if x.key != name]


@lru_cache(maxsize=RUNS_KEPT)
def labelled(run: Run, known: Families) -> tuple[Run, ...]:
    """Return a run as one of every family that has its network; of none, as it is."""
    if not known.own and run.cell.chosen.built_in:
        return (run,)  # nobody has families of their own that could share it
    found = known.holding(run.layers, run.recipe.dropout)
    return tuple(replace(run, cell=run.cell.under(x, n)) for x, n in found) or (run,)


def named(cell: Cell, known: Families) -> Cell:
    """Return a cell under the name of the family whose line it was asked for by, where somebody named that."""
    found = next((x for x in known.own if x.layers == cell.family), None)
    return replace(cell, named=found) if found else cell


def _taken(name: str) -> ArgumentError:
    return invalid("name of a family", "one that is not taken; remove that family first", name)


def _check_title(title: str, name: str, others: list[Family] | tuple[Family, ...]) -> None:
    if any(x.title.lower() == title.lower() and x.key != name for x in others):
        raise invalid("title of a family", "one that no other family has", title)


@lru_cache(maxsize=16)
def _families(rows: tuple[tuple[Any, ...], ...]) -> Families:
    found = []
    for name, title, layers, widths, recipe in rows:
        try:
            line = Line.of(layers)
            found.append(families.own(name, title, line, tuple(json.loads(widths)), Recipe.from_json(recipe)))
        except (ArgumentError, ValueError, TypeError) as e:
            raise StoreError(
                f"The family {name!r} in the store cannot be read ({e}). Update Featherweight, or set another "
                "FEATHERWEIGHT_HOME."
            ) from None
    return Families(tuple(found))
