"""A sweep: families, widths and seeds as cells to train, and the grid that shows how far they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import pandas as pd

from core.data import datasets
from core.data.datasets import Dataset
from core.errors import FeatherweightError, invalid
from core.networks.families import FAMILIES, family
from core.recipe import MAX_SEED, Recipe, seed_number
from core.runner.progress import Progress
from core.runs.costs import Plan
from core.runs.run import Cell
from core.settings import Settings

MAX_CELLS = 500
# Thirty passes over 4,000 images are a third of the updates of the article's twelve over 60,000; Adam makes up for it.
SMALL_RECIPE = Recipe("adam", 0.003, 30, 64)


def cells(
    dataset: Dataset,
    widths: Mapping[str, Iterable[object]],
    seeds: Sequence[int],
    recipe: Recipe | Mapping[str, Recipe] | None = None,
    protocol: str | None = None,
) -> list[Cell]:
    """Return the cells of a sweep, small networks first and the seeds of one network together.

    Args:
        dataset: what to train on.
        widths: per family key, the widths.
        seeds: the seeds of every network.
        recipe: how to train, for all families or by key; None is each family's own, the article's.
        protocol: one of ``PROTOCOLS`` in place of the recipe's own.

    Raises:
        ArgumentError: for an unknown family, a width or seed out of bounds, images too small, or too many cells.
    """
    made = []
    for key, wanted in widths.items():
        chosen = family(key)
        for n in sorted({chosen.width(x) for x in wanted}):
            used = recipe[key] if isinstance(recipe, Mapping) else recipe or chosen.recipe
            used = replace(used, protocol=protocol) if protocol else used
            chosen.build(n, dataset.facts.input_shape, dataset.facts.classes, used.dropout)
            made += [Cell(dataset.name, dataset.facts.fingerprint, key, n, used, seed_number(s)) for s in seeds]
    if len(made) > MAX_CELLS:
        raise invalid("sweep", f"at most {MAX_CELLS} cells (families × widths × seeds)", len(made))
    return made


def small(dataset: Dataset) -> list[Cell]:
    """Return a sweep that shows the shape of the answer in a minute or two on a few thousand images."""
    return cells(dataset, {key: x.small for key, x in FAMILIES.items()}, [0], SMALL_RECIPE)


def seeds(first: int, count: int) -> list[int]:
    """Return ``count`` seeds from ``first`` on.

    Raises:
        ArgumentError: if the last one is out of bounds.
    """
    seed_number(first)
    if first + count - 1 > MAX_SEED:
        raise invalid("seed", f"at most {MAX_SEED - count + 1:,} as the first of {count}", first)
    return list(range(first, first + count))


def plans(settings: Settings, wanted: Iterable[Cell]) -> list[Plan]:
    """Return what is needed to estimate the cells' cost; those whose data set has gone are left out."""
    found: dict[str, Dataset] = {}
    planned = []
    for cell in wanted:
        try:
            if cell.dataset not in found:
                found[cell.dataset] = datasets.find(settings, cell.dataset)
        except FeatherweightError:
            continue
        facts = found[cell.dataset].facts
        made = family(cell.family).build(cell.width, facts.input_shape, facts.classes)
        planned.append(Plan(cell, made.multiply_adds, facts.train))
    return planned


def states(wanted: Sequence[Cell], stored: Mapping[Cell, str], progress: Progress) -> dict[Cell, str]:
    """Return the state of each cell, from the store and from what the runner is doing."""
    queued = set(progress.queue)

    def state(cell: Cell) -> str:
        if cell == progress.current:
            return "running"
        if cell in queued:
            return "queued"
        return stored.get(cell, "new")

    return {cell: state(cell) for cell in wanted}


def grid(
    wanted: Sequence[Cell], now: Mapping[Cell, str], accuracies: Mapping[Cell, float], progress: Progress
) -> pd.DataFrame:
    """Return a table with a row per network and a column per seed, each entry a state in words.

    Args:
        wanted: the cells.
        now: their states, from :func:`states`.
        accuracies: the test accuracy, a share, of cells that have one.
        progress: for the epoch of the running one, and its held-out accuracy if it has one.
    """

    def words(cell: Cell) -> str:
        match now[cell]:
            case "done":
                return f"✓ {accuracies[cell]:.2%}" if cell in accuracies else "✓ done"
            case "running" if cell != progress.current:  # another process trains it
                return "▶ running"
            case "running":
                held_out = progress.epochs[-1].held_out_accuracy if progress.epochs else None
                accuracy = "" if held_out is None else f", held-out {held_out:.2%}"
                return f"▶ epoch {progress.epoch} of {cell.recipe.epochs}{accuracy}"
            case "queued":
                return "… queued"
            case "failed":
                return "✗ failed"
            case "new":
                return "○ new"
            case other:
                return f"◼ {other}"

    several_sets = len({x.dataset for x in wanted}) > 1
    several_recipes = len({(x.family, x.recipe) for x in wanted}) > len({x.family for x in wanted})
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for cell in wanted:
        row: dict[str, object] = {"Family": family(cell.family).title, "Width n": cell.width}
        if several_sets:
            row["Data set"] = datasets.title(cell.dataset)
        if several_recipes:
            row["Recipe"] = str(cell.recipe)
        rows.setdefault(tuple(row.values()), row)[f"Seed {cell.seed}"] = words(cell)
    return pd.DataFrame(rows.values()).fillna("")


def parse_numbers(text: str, what: str) -> list[int]:
    """Return the whole numbers in text like ``1,2,8-16``, in order and once each.

    Raises:
        ArgumentError: if it is not such a list, or longer than 500.
    """
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        bounds = [first, last] if dash else [first]
        if not all(x.strip().isascii() and x.strip().isdigit() and len(x.strip()) < 11 for x in bounds):
            raise invalid(what, "whole numbers and ranges like 1,2,8-16", text)
        low, high = int(bounds[0]), int(bounds[-1])
        if low > high or high - low >= MAX_CELLS:
            raise invalid(what, f"ranges that ascend and hold at most {MAX_CELLS} numbers", text)
        found.update(dict.fromkeys(range(low, high + 1)))
    if len(found) > MAX_CELLS:
        raise invalid(what, f"at most {MAX_CELLS} numbers", text)
    return list(found)
