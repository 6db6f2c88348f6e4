"""Runs whose weights are kept: networks that can be looked into and, where they are finished, put to work."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.data.datasets import Dataset
from core.errors import StoreError
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE, family
from core.networks.layers import Array, Shape
from core.networks.network import Network
from core.recipe import Recipe
from core.results.collect import Results
from core.runs import reference, weights
from core.runs.store import Store


@dataclass(frozen=True, slots=True)
class Kept:
    """A run whose weights are kept.

    Attributes:
        name: tells it from the others, for people and in addresses.
        origin: ``'own'`` or ``'reference'``.
        run: its id in the store of that origin.
        started: when; ids are given again after a run was deleted.
        family: a key.
        width: of the family.
        seed: of the run.
        parameters: the network's weights.
        test_accuracy: as it was trained, a share; NaN where it was stopped before the test images were measured.
        test_images: how many that was measured on.
        fingerprint: of the images it was trained on.
        recipe: how it was trained.
        network: input shape and layers.
    """

    name: str
    origin: str
    run: int
    started: str
    family: str
    width: int
    seed: int
    parameters: int
    test_accuracy: float
    test_images: int
    fingerprint: str
    recipe: Recipe
    network: Network

    @property
    def title(self) -> str:
        """Return the network's name without what tells its runs apart: ``'Deep CNN, n = 2'``."""
        return f"{FAMILIES[self.family].title}, n = {self.width}"


def find(found: Results, with_stopped: bool = False) -> list[Kept]:
    """Return those of the finished runs on an image set whose weights are kept, the smallest networks first.

    With ``with_stopped`` those that were stopped after an epoch follow, likewise.
    """
    rows = found.runs[found.runs["weights"] == "kept"].to_dict("records")
    rows += found.stopped.to_dict("records") if with_stopped else []
    rows.sort(key=lambda x: (x["state"] != "done", x["parameters"], x["origin"] != "reference", x["seed"]))
    recipes = [Recipe.from_json(x["recipe"]) for x in rows]
    runs = []
    for row, recipe, name in zip(rows, recipes, _names(rows, recipes), strict=True):
        shape, classes = _images(row, found.dataset)
        runs.append(
            Kept(
                name,
                row["origin"],
                int(row["id"]),
                row["started"],
                row["family"],
                int(row["width"]),
                int(row["seed"]),
                int(row["parameters"]),
                math.nan if row["test_accuracy"] is None else float(row["test_accuracy"]),
                int(row["test_images"]),
                row["fingerprint"],
                recipe,
                family(row["family"]).build(int(row["width"]), shape, classes, recipe.dropout),
            )
        )
    return runs


def named(
    kept: Sequence[Kept],
    key: str,
    width: str,
    *,
    origin: str | None = None,
    recipe: str | None = None,
    images: str | None = None,
) -> Kept | None:
    """Return the first run of a network as an address names it, if any: whatever is given must agree.

    Args:
        kept: the runs to choose from, of a network the lowest seed first.
        key: the family's, or its title.
        width: of the family.
        origin: ``'own'`` or ``'reference'``.
        recipe: as people read it.
        images: the first digits of the fingerprint of those it was trained on.
    """
    wanted = [
        x
        for x in kept
        if key in (x.family, FAMILIES[x.family].title)
        and width == str(x.width)
        and origin in (None, x.origin)
        and recipe in (None, str(x.recipe))
        and x.fingerprint.startswith(images or "")
    ]
    return next(iter(wanted), None)


def read(source: Store, chosen: Kept) -> list[Array]:
    """Return the weights of a run, checked.

    Raises:
        StoreError: if they have been dropped since, are damaged or are another network's.
    """
    npz = source.weights(chosen.run)
    if npz is None:
        raise StoreError(f"The weights of {chosen.name} are no longer kept. Train another seed of it to look inside.")
    return weights.read(npz, chosen.network)


def _images(row: Mapping[Hashable, Any], dataset: Dataset | None) -> tuple[Shape, int]:
    """Return shape and classes of the images that a run was trained on: shipped runs and missing sets are MNIST's."""
    if row["origin"] == "reference" and row["dataset"] == reference.DATASET:
        return MNIST_SHAPE, MNIST_CLASSES
    return (dataset.facts.input_shape, dataset.facts.classes) if dataset else (MNIST_SHAPE, MNIST_CLASSES)


def _names(rows: Sequence[Mapping[Hashable, Any]], recipes: Sequence[Recipe]) -> list[str]:
    """Return what to call each run, saying no more of recipe and images than it takes to tell them apart."""
    names = [
        f"{FAMILIES[x['family']].title}, n = {x['width']}: {x['parameters']:,} weights, seed {x['seed']}"
        f"{', reference' if x['origin'] == 'reference' else ''}"
        f"{'' if x['state'] == 'done' else _stopped(x, recipe)}"
        for x, recipe in zip(rows, recipes, strict=True)
    ]
    for told in (map(str, recipes), [f"images {x['fingerprint'][:6]}" for x in rows]):
        several = Counter(names)
        names = [f"{x}, {more}" if several[x] > 1 else x for x, more in zip(names, told, strict=True)]
    return names


def _stopped(row: Mapping[Hashable, Any], recipe: Recipe) -> str:
    return f", stopped after {int(row['epochs'])} of {recipe.epochs} epochs"
