"""A sweep: families, widths and seeds as cells to train, and what of it is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.data import datasets
from core.data.datasets import Dataset
from core.data.images import HELD_OUT
from core.errors import FeatherweightError, invalid
from core.networks.families import FAMILIES, Families
from core.recipe import LEAN, MAX_SEED, Protocol, Recipe, seed_number
from core.runs.costs import Plan
from core.runs.run import Cell, Run, RunState
from core.settings import Settings

MAX_CELLS = 500
ARTICLE_IMAGES = 60_000  # that the article trains on: MNIST's
# Thirty passes over 4,000 images are a third of the updates of the article's twelve over 60,000; Adam makes up for it.
SMALL_RECIPE = Recipe("adam", 0.003, 30, 64)
SMALL_LEAN = replace(LEAN, epochs=60, batch_size=32)


def cells(
    dataset: Dataset,
    widths: Mapping[str, Iterable[object]],
    seeds: Sequence[int],
    recipe: Recipe | Mapping[str, Recipe] | None = None,
    protocol: Protocol | None = None,
    families: Families | None = None,
) -> list[Cell]:
    """Return the cells of a sweep, small networks first and the seeds of one network together.

    Args:
        dataset: what to train on.
        widths: the widths of each family, by its name or its line.
        seeds: the seeds of every network.
        recipe: how to train, for all families or by key; None is each family's own, the article's.
        protocol: in place of the recipe's own.
        families: where names are looked up; None knows the article's alone.

    Raises:
        ArgumentError: for an unknown family, a width or seed out of bounds, images too small, or too many cells.
    """
    made = []
    known = families or Families()
    for key, wanted in widths.items():
        chosen = known.get(key)
        label = chosen.key if chosen.built_in else chosen.layers
        named = None if chosen.built_in else chosen if chosen.named else known.name_of(chosen.layers)
        for n in sorted({chosen.width(x) for x in wanted}):
            used = recipe[key] if isinstance(recipe, Mapping) else recipe or chosen.recipe
            used = replace(used, protocol=protocol) if protocol else used
            chosen.build(n, dataset.facts.input_shape, dataset.facts.classes, used.dropout)
            made += [
                Cell(dataset.name, dataset.facts.fingerprint, label, n, used, seed_number(s), named=named)
                for s in seeds
            ]
    made = list(dict.fromkeys(made))  # two families may have the same network
    if len(made) > MAX_CELLS:
        raise invalid("sweep", f"at most {MAX_CELLS} cells (families × widths × seeds)", len(made))
    return made


def small(dataset: Dataset) -> list[Cell]:
    """Return a sweep that shows the shape of the answer in half a minute on a few thousand images."""
    recipes = {key: SMALL_RECIPE if x.article else SMALL_LEAN for key, x in FAMILIES.items()}
    return cells(dataset, {key: x.small for key, x in FAMILIES.items()}, [0], recipes)


def few_updates(images: int, recipe: Recipe, usual: Recipe) -> str | None:
    """Return in a sentence how few updates the article's epochs are on a small set; None where that is no matter.

    Args:
        images: those to train on, held-out images included.
        recipe: how they are to be trained on.
        usual: the family's own recipe; with epochs or batches that are not its own, updates are the user's choice.
    """
    if recipe.protocol is Protocol.HELD_OUT:
        images = images * (HELD_OUT - 1) // HELD_OUT
    share = images / ARTICLE_IMAGES
    if share >= 0.9 or (recipe.epochs, recipe.batch_size) != (usual.epochs, usual.batch_size):
        return None
    return f"With {images:,} images instead of MNIST’s {ARTICLE_IMAGES:,} that is {100 * share:.0f} % of the updates."


def seeds(first: int, count: int) -> list[int]:
    """Return ``count`` seeds from ``first`` on.

    Raises:
        ArgumentError: if the last one is out of bounds.
    """
    seed_number(first)
    if first + count - 1 > MAX_SEED:
        raise invalid("seed", f"at most {MAX_SEED - count + 1:,} as the first of {count}", first)
    return list(range(first, first + count))


def numbers(text: str, what: str) -> list[int]:
    """Return the whole numbers in text like ``1,2,8-16``, in order and once each.

    Args:
        text: what was typed.
        what: what the numbers are, for people.

    Raises:
        ArgumentError: if it is not such a list, or longer than a sweep may be.
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


def plans(settings: Settings, wanted: Iterable[Cell]) -> list[Plan]:
    """Return what is needed to estimate the cells' cost; those whose data set has gone are left out."""
    found: dict[str, Dataset] = {}
    work: dict[tuple[str, str], int] = {}  # the seeds of a network cost the same
    planned = []
    for cell in wanted:
        try:
            if cell.dataset not in found:
                found[cell.dataset] = datasets.find(settings, cell.dataset)
        except FeatherweightError:
            continue
        facts = found[cell.dataset].facts
        network = cell.dataset, cell.layers
        if network not in work:
            work[network] = cell.network(facts.input_shape, facts.classes).multiply_adds
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
    same = [x.seed for x in runs if (x.layers, x.recipe) == (like.layers, like.recipe)]
    like.network(dataset.facts.input_shape, dataset.facts.classes)
    here = replace(like, dataset=dataset.name, fingerprint=dataset.facts.fingerprint)
    return [replace(here, seed=x) for x in seeds(max(same, default=-1) + 1, count)]
