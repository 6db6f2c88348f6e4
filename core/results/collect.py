"""The finished runs that answer a question: the user's own on an image set, beside those shipped with Featherweight."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pandas as pd

from core.data import datasets
from core.data.datasets import Dataset
from core.data.npz import Facts
from core.errors import ArgumentError, DatasetError
from core.networks.families import MNIST_CLASSES, MNIST_SHAPE
from core.networks.layers import Shape
from core.results import analysis
from core.runs.store import Store
from core.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What has been trained on an image set.

    Attributes:
        name: the image set's name.
        runs: rows of ``analysis.finished``, of all recipes, protocols and origins.
        dataset: the image set, or None if it is not at hand; its results can be shown all the same.
        stopped: rows of ``Store.runs`` that were stopped and whose weights are kept: no results, but networks to look
            into.
    """

    name: str
    runs: pd.DataFrame
    dataset: Dataset | None
    stopped: pd.DataFrame = field(default_factory=pd.DataFrame)

    def only(self, protocol: str) -> Results:
        """Return the results with one protocol."""
        return replace(self, runs=self.runs[self.runs["protocol"] == protocol])

    @property
    def images(self) -> tuple[Shape, int]:
        """The shape of an image and the number of classes."""
        return (self.facts.input_shape, self.facts.classes)

    @property
    def facts(self) -> Facts:
        """Shapes and counts of the images; there must be a run."""
        if self.dataset:
            return self.dataset.facts
        # a set that is not at hand is one of those built in, and these are all shaped alike
        first = self.runs.iloc[0]
        counts = int(first["train_images"]), int(first["test_images"])
        return Facts(MNIST_SHAPE, MNIST_CLASSES, *counts, str(first["fingerprint"]))

    def facts_of(self, fingerprint: str) -> Facts:
        """Return :attr:`facts` for runs on other contents of the same set, as the shipped runs may be."""
        return replace(self.facts, fingerprint=fingerprint)


def names(own: Store, shipped: Store | None, with_weights: bool = False) -> list[str]:
    """Return the image sets with finished runs, once each: the shipped ones, then the user's, the latest last.

    ``with_weights`` leaves only those with a run whose weights are kept.
    """
    known = own.datasets(with_weights)
    return [*(x for x in (shipped.datasets(with_weights) if shipped else []) if x not in known), *known]


def default(
    settings: Settings,
    own: Store,
    shipped: Store | None,
    wanted: str | None = None,
    *,
    with_weights: bool = False,
    with_stopped: bool = False,
) -> str:
    """Return the image set to show: the wanted one, or if that has nothing to show the latest that has.

    Runs on a set that has gone, on a file that has changed since or that cannot be read are nothing to show. A wanted
    file that cannot be read is still returned: :func:`find` says what is wrong with it.

    Args:
        settings: where the image sets are.
        own: the user's store.
        shipped: the reference results, where they are shown too.
        wanted: a set that there is; None is the usual one.
        with_weights: whether there must be a run whose weights are kept.
        with_stopped: whether one that was stopped will do.

    Raises:
        StoreError: if a store cannot be read.
    """
    wanted = datasets.default(settings) if wanted is None else wanted
    there = datasets.names(settings)
    for name in (wanted, *(x for x in reversed(names(own, shipped, with_weights)) if x in there)):
        try:
            found = find(settings, own, shipped, name)
        except (ArgumentError, DatasetError):
            if name == wanted:
                return wanted
            continue
        enough = (found.runs["weights"] == "kept").any() if with_weights else len(found.runs)
        if enough or (with_stopped and len(found.stopped)):
            return name
    return wanted


def find(settings: Settings, own: Store, shipped: Store | None, name: str) -> Results:
    """Return the results on an image set.

    Own runs on a file that has changed since do not count. Shipped ones do: their ``origin`` tells them apart.

    Raises:
        ArgumentError: if there is no such image set.
        DatasetError: if the file is malformed.
        StoreError: if a store cannot be read.
    """
    dataset = None if datasets.fetchable(settings, name) else datasets.find(settings, name)
    runs = own.runs(name)
    if dataset:
        runs = runs[runs["fingerprint"] == dataset.facts.fingerprint]
    tables = [runs, *([shipped.runs(name)] if shipped else [])]
    every = pd.concat([x for x in tables if len(x)] or [runs], ignore_index=True)
    stopped = every[(every["state"] == "stopped") & (every["weights"] == "kept")]
    return Results(name, analysis.finished(every).reset_index(drop=True), dataset, stopped)
