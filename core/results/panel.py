"""The trained networks that are put to work on an image set: one run of each whose weights are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.errors import StoreError
from core.networks.layers import Array
from core.results import trained
from core.results.collect import Results
from core.results.trained import Kept
from core.runs.store import Store


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A network with the weights of one of its runs.

    Attributes:
        name: for people: ``Deep CNN, n = 2``, with origin and recipe only where another here has the same name.
        chosen: the run.
        weights: its weight arrays, in the network's order.
    """

    name: str
    chosen: Kept
    weights: tuple[Array, ...]

    def read(self, image: Array) -> Array:
        """Return the probability of every class for one image ``(height, width, channels)`` from 0 to 1."""
        found: Array = self.chosen.network.predict(self.weights, image[None])[0]
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


def find(found: Results, own: Store, shipped: Store | None) -> Panel:
    """Return the networks of an image set's results whose weights are kept, the smallest first.

    Of a network that was trained over several seeds it is the lowest that is kept: the best would have been chosen on
    the test images. Weights are read once per process.

    Raises:
        StoreError: if a store cannot be read.
    """
    stores = {"own": own} | ({"reference": shipped} if shipped else {})
    lowest: dict[tuple[object, ...], Kept] = {}
    for run in trained.find(found):  # of a network, the lowest seed comes first
        lowest.setdefault((run.family, run.width, run.origin, run.recipe), run)
    chosen = list(lowest.values())
    readers, problems = [], []
    for name, run in zip(_names(chosen), chosen, strict=True):
        try:
            readers.append(Reader(name, run, _weights(stores[run.origin], run)))
        except StoreError as e:
            problems.append(f"{name}: {e}")
    trained = found.runs[["family", "width", "origin", "recipe"]].drop_duplicates()
    return Panel(readers, len(trained), problems)


@lru_cache(maxsize=256)
def _weights(store: Store, run: Kept) -> tuple[Array, ...]:
    return tuple(trained.read(store, run))


def _names(runs: Sequence[Kept]) -> list[str]:
    """Return what to call each run's network, saying no more than it takes to tell them apart."""
    names = [x.title for x in runs]
    more: tuple[Callable[[Kept], str], ...] = (lambda x: x.origin, lambda x: str(x.recipe))
    for tell in more:
        names = [f"{x}, {tell(run)}" if names.count(x) > 1 else x for x, run in zip(names, runs, strict=True)]
    return names
