"""The trained networks that can be put to work on an image set: those whose weights were kept."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import pandas as pd

from core import weights
from core.analysis import POINT
from core.errors import StoreError
from core.families import family
from core.layers import Array, Shape
from core.network import Network
from core.results import Results
from core.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A network with the weights of one of its runs.

    Attributes:
        name: for people: ``Deep CNN, n = 2``, with recipe and origin only where another here has the same name.
        parameters: its number of weights.
        network: its layers.
        weights: its weight arrays, in the network's order.
        origin: ``'own'`` or ``'reference'``.
        run: the run's id in that store.
    """

    name: str
    parameters: int
    network: Network
    weights: tuple[Array, ...]
    origin: str
    run: int

    def read(self, image: Array) -> Array:
        """Return the probability of every class for one image ``(height, width, channels)`` from 0 to 1."""
        found: Array = self.network.predict(self.weights, image[None])[0]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The networks of an image set that can be put to work.

    Attributes:
        readers: they, the smallest first.
        trained: how many networks were trained on it, the origin and the recipe telling them apart as well.
        problems: a sentence on each whose weights cannot be used.
    """

    readers: list[Reader]
    trained: int
    problems: list[str]


def datasets(own: Store, shipped: Store | None) -> list[str]:
    """Return the image sets with runs whose weights were kept, those of the shipped runs last."""
    found: list[str] = []
    for store in (own, *([shipped] if shipped else [])):
        runs, kept = store.runs(), store.kept()
        found += runs.loc[(runs["state"] == "done") & runs["id"].isin(kept), "dataset"].unique().tolist()
    return list(dict.fromkeys(found))


def find(found: Results, own: Store, shipped: Store | None) -> Panel:
    """Return the networks of an image set's results whose weights were kept, the smallest first.

    Of a network that was trained over several seeds it is the lowest that was kept: the best would have been chosen on
    the test images. Weights are read once per process.

    Raises:
        StoreError: if a store cannot be read.
    """
    runs = found.runs
    if runs.empty:
        return Panel([], 0, [])
    stores = {"own": own} | ({"reference": shipped} if shipped else {})
    kept = {(origin, run) for origin, store in stores.items() for run in store.kept()}
    able = [key in kept for key in zip(runs["origin"], runs["id"], strict=True)]
    lowest = runs[able].sort_values("seed", kind="stable").drop_duplicates(POINT)
    ordered = lowest.sort_values(["parameters", "family", "width", "origin"], kind="stable")
    readers, problems = [], []
    for name, row in zip(_names(ordered), ordered.to_dict("records"), strict=True):
        run = (int(row["id"]), str(row["ended"]))
        try:
            readers.append(_reader(stores[row["origin"]], name, run, row["family"], int(row["width"]), *found.images))
        except StoreError as e:
            problems.append(f"{name}: {e}")
    return Panel(readers, len(runs.drop_duplicates(POINT)), problems)


# A run that ended at another time is another run, even where SQLite gave it the id of one before.
@lru_cache(maxsize=256)
def _reader(store: Store, name: str, run: tuple[int, str], key: str, width: int, shape: Shape, classes: int) -> Reader:
    network = family(key).build(width, shape, classes)
    arrays = weights.read(store.weights(run[0]) or b"", network)
    return Reader(name, network.parameters, network, tuple(arrays), store.origin, run[0])


def _names(runs: pd.DataFrame) -> list[str]:
    """Return what to call each run's network, saying no more than it takes to tell them apart."""
    names = runs["title"] + ", n = " + runs["width"].astype(str)
    for more in (runs["origin"], runs["recipe_title"]):
        names = names.where(~names.duplicated(keep=False), names + ", " + more)
    return [str(x) for x in names]
