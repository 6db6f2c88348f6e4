"""Runs whose weights are kept: networks that can be looked into and, where they are finished, put to work."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from core.data import datasets, samples
from core.data.datasets import Dataset
from core.data.images import scaled
from core.errors import StoreError
from core.networks.layers import Array
from core.networks.network import Network
from core.results import confusion
from core.results.collect import Results
from core.runs import reference, weights
from core.runs.run import Origin, Run, RunState, Weights
from core.runs.store import Store

PART = 1000  # images that are floats at a time


@dataclass(frozen=True, slots=True)
class Trained:
    """A run whose weights are kept, with its network.

    Attributes:
        name: tells it from the others, for people.
        run: what was trained.
        network: input shape and layers.
    """

    name: str
    run: Run
    network: Network

    @property
    def key(self) -> str:
        """What it is called in addresses: see :func:`key_of`."""
        return key_of(self.run)

    @property
    def title(self) -> str:
        """The network's name without what tells its runs apart: ``'Deep CNN, n = 2'``."""
        return self.run.cell.title


def key_of(run: Run) -> str:
    """Return what a run's network is called in addresses: ``reference-12``."""
    return f"{run.origin}-{run.id}"


def networks(found: Results, beside: Sequence[Results] = (), with_stopped: bool = False) -> list[Trained]:
    """Return those of the finished runs on an image set whose weights are kept, the smallest networks first.

    Args:
        found: the image set's results.
        beside: results on other sets of the same kind of images; their networks' names say so.
        with_stopped: whether those that were stopped after an epoch follow, likewise.
    """
    every = [found, *beside]
    runs = [(x, of) for of in every for x in (*of.runs, *(of.stopped if with_stopped else ()))]
    # of a run that is of several families, the first: the article's before people's own
    once = {(x.origin, x.cell): (x, of) for x, of in reversed(runs) if x.weights is Weights.KEPT}
    runs = list(reversed(once.values()))
    runs.sort(
        key=lambda x: (x[0].state is not RunState.DONE, x[0].parameters, x[0].origin is not Origin.REFERENCE, x[0].seed)
    )
    names = _names([x for x, _ in runs], found.name)
    return [Trained(name, x, _network(x, of)) for name, (x, of) in zip(names, runs, strict=True)]


def of_run(found: Results, run: Run) -> Trained:
    """Return one run of an image set's results with its network."""
    return Trained(_names([run], found.name)[0], run, _network(run, found))


def _network(run: Run, of: Results) -> Network:
    # shipped runs are on MNIST's images, whatever the user's file of that name holds
    foreign = run.origin is Origin.REFERENCE and run.dataset == reference.DATASET
    shape, classes = datasets.shape(run.dataset) if foreign or of.dataset is None else of.images
    return run.cell.network(shape, classes)


def named(
    trained: Sequence[Trained],
    key: str,
    width: str,
    *,
    origin: str | None = None,
    recipe: str | None = None,
    images: str | None = None,
) -> Trained | None:
    """Return the first run of a network as an address names it, if any: whatever is given must agree.

    Args:
        trained: the runs to choose from, of a network the lowest seed first.
        key: the family's, or its title.
        width: of the family.
        origin: ``'own'`` or ``'reference'``.
        recipe: as people read it.
        images: the first digits of the fingerprint of those it was trained on.
    """
    wanted = [
        x
        for x in trained
        if key in (x.run.family, x.run.title)
        and width == str(x.run.width)
        and origin in (None, x.run.origin)
        and recipe in (None, str(x.run.recipe))
        and x.run.fingerprint.startswith(images or "")
    ]
    return next(iter(wanted), None)


def stores(own: Store, shipped: Store | None) -> dict[Origin, Store]:
    """Return where the weights of each origin's runs are."""
    return {Origin.OWN: own} | ({Origin.REFERENCE: shipped} if shipped else {})


def read(source: Store, chosen: Trained) -> list[Array]:
    """Return the weights of a run, checked.

    Raises:
        StoreError: if they have been dropped since, are damaged or are another network's.
    """
    npz = source.weights(chosen.run.id)
    if npz is None:
        raise StoreError(f"The weights of {chosen.name} are no longer kept. Train another seed of it to look inside.")
    return weights.read(npz, chosen.network)


def confused(source: Store, chosen: Trained, dataset: Dataset) -> Array:
    """Return a run's confusion matrix on the test images of a set; takes about a second for 10,000.

    Raises:
        ArgumentError: if its network does not read such images.
        DatasetError: if they cannot be read.
        StoreError: as :func:`read` does.
    """
    kept = read(source, chosen)
    shown, labels = samples.tests(dataset.path)
    answers = np.empty(len(labels), np.int64)
    for start in range(0, len(shown), PART):
        part = scaled(shown[start : start + PART])
        answers[start : start + PART] = confusion.probabilities(chosen.network, kept, part).argmax(axis=1)
    return confusion.matrix(labels, answers, dataset.facts.classes)


def _names(runs: Sequence[Run], dataset: str) -> list[str]:
    """Return what to call each run, saying no more of recipe and images than it takes to tell them apart."""
    names = [
        f"{x.cell.title}: {x.parameters:,} weights, seed {x.seed}"
        f"{', reference' if x.origin is Origin.REFERENCE else ''}"
        f"{'' if x.dataset == dataset else f', {datasets.title(x.dataset)}'}"
        f"{'' if x.state is RunState.DONE else f', stopped after {x.epochs} of {x.recipe.epochs} epochs'}"
        for x in runs
    ]
    for told in ([str(x.recipe) for x in runs], [f"images {x.fingerprint[:6]}" for x in runs]):
        several = Counter(names)
        names = [f"{x}, {more}" if several[x] > 1 else x for x, more in zip(names, told, strict=True)]
    return names
