"""A sweep: families, widths and seeds as cells to train, and what of it is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.data import datasets
from core.data.datasets import Dataset
from core.errors import FeatherweightError, invalid
from core.networks.families import FAMILIES, family
from core.recipe import MAX_SEED, Protocol, Recipe, seed_number
from core.runs.costs import Plan
from core.runs.run import Cell, Run, RunState
from core.settings import Settings

MAX_CELLS = 500
# Thirty passes over 4,000 images are a third of the updates of the article's twelve over 60,000; Adam makes up for it.
SMALL_RECIPE = Recipe("adam", 0.003, 30, 64)


def cells(
    dataset: Dataset,
    widths: Mapping[str, Iterable[object]],
    seeds: Sequence[int],
    recipe: Recipe | Mapping[str, Recipe] | None = None,
    protocol: Protocol | None = None,
) -> list[Cell]:
    """Return the cells of a sweep, small networks first and the seeds of one network together.

    Args:
        dataset: what to train on.
        widths: per family key, the widths.
        seeds: the seeds of every network.
        recipe: how to train, for all families or by key; None is each family's own, the article's.
        protocol: in place of the recipe's own.

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
    work: dict[tuple[str, str, int], int] = {}  # the seeds of a network cost the same
    planned = []
    for cell in wanted:
        try:
            if cell.dataset not in found:
                found[cell.dataset] = datasets.find(settings, cell.dataset)
        except FeatherweightError:
            continue
        facts = found[cell.dataset].facts
        network = cell.dataset, cell.family, cell.width
        if network not in work:
            made = family(cell.family).build(cell.width, facts.input_shape, facts.classes)
            work[network] = made.multiply_adds
        planned.append(Plan(cell, work[network], facts.train))
    return planned


def new(wanted: Iterable[Cell], runs: Mapping[Cell, Run], busy: Iterable[Cell] = ()) -> list[Cell]:
    """Return what is still to be trained of the wanted cells, once each: neither finished nor on its way.

    Args:
        wanted: the cells.
        runs: those of them that have been run, as ``Store.runs_of`` gives them.
        busy: cells that wait or are being trained.
    """
    gone = {x for x, run in runs.items() if run.state is RunState.DONE}.union(busy)
    return [x for x in dict.fromkeys(wanted) if x not in gone]


def further(dataset: Dataset, runs: Iterable[Run], like: Cell, count: int) -> list[Cell]:
    """Return cells of further seeds of a network, after the last of its runs.

    Args:
        dataset: what to train on.
        runs: all on the image set.
        like: a cell of the network with its recipe.
        count: how many seeds.

    Raises:
        ArgumentError: if the last seed is out of bounds.
    """
    same = [x.seed for x in runs if (x.family, x.width, x.recipe) == (like.family, like.width, like.recipe)]
    return cells(dataset, {like.family: [like.width]}, seeds(max(same, default=-1) + 1, count), like.recipe)
