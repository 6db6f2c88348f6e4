"""The finished runs that answer a question: the user's own on an image set, beside those shipped with Featherweight."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from core.data import datasets
from core.data.datasets import Dataset
from core.data.images import Facts
from core.errors import ArgumentError, DatasetError
from core.networks.layers import Shape
from core.recipe import Protocol
from core.results.published import DIGITS
from core.runs import reference
from core.runs.own_families import labelled
from core.runs.run import Run, RunState, Weights
from core.runs.store import Store
from core.settings import Settings


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What has been trained on an image set.

    Attributes:
        name: the image set's name.
        runs: finished ones, of all recipes, protocols and origins; one whose network is of several families once in
            each.
        dataset: the image set, or None if it is not at hand; its results can be shown all the same.
        stopped: runs that were stopped and whose weights are kept: no results, but networks to look into.
        outdated: the user's finished runs on contents that the file no longer has; they do not count.
    """

    name: str
    runs: tuple[Run, ...]
    dataset: Dataset | None
    stopped: tuple[Run, ...] = ()
    outdated: tuple[Run, ...] = ()

    def only(self, protocol: Protocol) -> Results:
        """Return the results with one protocol."""
        runs, outdated = (
            tuple(x for x in some if x.recipe.protocol is protocol) for some in (self.runs, self.outdated)
        )
        return replace(self, runs=runs, outdated=outdated)

    @property
    def images(self) -> tuple[Shape, int]:
        """The shape of an image and the number of classes."""
        return (self.facts.input_shape, self.facts.classes)

    @property
    def facts(self) -> Facts:
        """Shapes and counts of the images; of a set that is not at hand there must be a run."""
        if self.dataset:
            return self.dataset.facts
        first = self.runs[0]
        shape, classes = datasets.shape(self.name)
        return Facts(shape, classes, first.train_images, first.test_images, first.fingerprint)

    def facts_of(self, fingerprint: str) -> Facts:
        """Return :attr:`facts` for runs on other contents of the same set, as the shipped runs may be.

        Names and counts of their classes are not known.
        """
        if fingerprint == self.facts.fingerprint:
            return self.facts
        return replace(self.facts, fingerprint=fingerprint, names=(), train_counts=(), test_counts=())

    @property
    def labels(self) -> list[str]:
        """What the classes are called; this needs neither the images nor a run."""
        facts = self.dataset.facts if self.dataset else Facts(*datasets.shape(self.name), 0, 0, "")
        return datasets.labels(self.name, facts)


def finished(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the runs that trained for all their epochs."""
    return tuple(x for x in runs if x.state is RunState.DONE)


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
    protocol: Protocol | None = None,
) -> str:
    """Return the image set to show: the wanted one, or if that has nothing to show the best-founded that has.

    Best-founded are the results that come with Featherweight: a first run on another set does not displace them. Then
    comes the usual set, then the one of the latest run. Runs on a set that has gone, on a file that has changed since
    or that cannot be read are nothing to show. A wanted set of which that is so is still returned, for whoever chose it
    to be told: :func:`results` says what is wrong with a file, and which runs are on contents of before.

    Args:
        settings: where the image sets are.
        own: the user's store.
        shipped: the reference results, where they are shown too.
        wanted: a set that somebody chose; None if nobody did.
        with_weights: whether there must be a run whose weights are kept.
        with_stopped: whether one that was stopped will do.
        protocol: that there must be a run of; None takes any.

    Raises:
        StoreError: if a store cannot be read.
    """
    usual = datasets.default(settings)
    there = datasets.names(settings)
    latest = (x for x in reversed(names(own, shipped, with_weights)) if x in there)
    for name in (*([wanted] if wanted else []), *([reference.DATASET] if shipped else []), usual, *latest):
        try:
            found = results(settings, own, shipped, name)
        except (ArgumentError, DatasetError):
            if name == wanted:
                return wanted
            continue
        runs = found.only(protocol).runs if protocol else found.runs
        enough = any(x.weights is Weights.KEPT for x in runs) if with_weights else runs
        if enough or (with_stopped and found.stopped) or (name == wanted and found.outdated):
            return name
    return wanted or usual


def results(settings: Settings, own: Store, shipped: Store | None, name: str) -> Results:
    """Return the results on an image set.

    Own runs on a file that has changed since do not count, they are ``outdated``. Shipped ones count: their ``origin``
    tells them apart.

    Raises:
        ArgumentError: if there is no such image set.
        DatasetError: if the file is malformed.
        StoreError: if a store cannot be read.
    """
    dataset = None if datasets.fetchable(settings, name) else datasets.find(settings, name)
    mine = own.runs(name)
    runs = [x for x in mine if dataset is None or x.fingerprint == dataset.facts.fingerprint]
    outdated = finished(x for x in mine if dataset is not None and x.fingerprint != dataset.facts.fingerprint)
    runs += shipped.runs(name) if shipped else []
    known = own.families.all()
    runs = [x for run in runs for x in labelled(run, known)]
    stopped = tuple(x for x in runs if x.state is RunState.STOPPED and x.weights is Weights.KEPT)
    return Results(name, finished(runs), dataset, stopped, outdated)


def beside(settings: Settings, own: Store, name: str) -> list[Results]:
    """Return the user's own results on the other sets of the same kind of images, the digits; empty ones left out.

    Raises:
        StoreError: if the store cannot be read.
    """
    others = [x for x in DIGITS if x != name] if name in DIGITS else []
    found = []
    for other in others:
        try:
            found.append(results(settings, own, None, other))
        except DatasetError:  # whoever opens that set is told what is wrong with its file
            continue
    return [x for x in found if x.runs]
