"""The trained networks that are put to work on an image set, and what they answer to one image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.data import datasets
from core.errors import StoreError
from core.networks.layers import Array
from core.results import trained
from core.results.collect import Results
from core.results.trained import Trained
from core.runs.run import Run
from core.runs.store import Store

Label = Callable[[int], str]


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """A network with the weights of one of its runs.

    Attributes:
        name: for people: ``Deep CNN, n = 2``, with origin and recipe only where another here has the same name.
        chosen: the run.
        weights: its weight arrays, in the network's order.
    """

    name: str
    chosen: Trained
    weights: tuple[Array, ...]

    def read(self, image: Array) -> Array:
        """Return the probability of every class for one image ``(height, width, channels)`` from 0 to 1."""
        found: Array = self.chosen.network.predict(self.weights, image[None])[0]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """One network's answer.

    Attributes:
        reader: who answers.
        probabilities: of every class, adding up to 1.
    """

    reader: Reader
    probabilities: Array

    @property
    def choice(self) -> int:
        """The most probable class."""
        return int(self.probabilities.argmax())

    @property
    def confidence(self) -> float:
        """The probability of the choice."""
        return float(self.probabilities.max())


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


def assemble(found: Results, own: Store, shipped: Store | None, beside: Sequence[Results] = ()) -> Panel:
    """Return the networks of an image set's results whose weights are kept, the smallest first.

    Of a network that was trained over several seeds it is the lowest that is kept: the best would have been chosen on
    the test images. Weights are read once per process.

    Args:
        found: the image set's results.
        own: the user's store.
        shipped: the reference results.
        beside: the user's results on other sets of the same kind of images, whose networks answer too.

    Raises:
        StoreError: if a store cannot be read.
    """
    stores = trained.stores(own, shipped)
    lowest: dict[tuple[object, ...], Trained] = {}
    for x in trained.networks(found, beside):  # of a network, the lowest seed comes first
        lowest.setdefault(_network(x.run), x)  # and of several families that share it, the article's
    chosen = list(lowest.values())
    readers, problems = [], []
    for name, x in zip(_names(chosen, found.name), chosen, strict=True):
        try:
            readers.append(Reader(name, x, _weights(stores[x.run.origin], x)))
        except StoreError as e:
            problems.append(f"{name}: {e}")
    return Panel(readers, len({_network(x) for of in (found, *beside) for x in of.runs}), problems)


def _network(run: Run) -> tuple[object, ...]:
    """Return what tells a network from others, whatever its seed."""
    return run.layers, run.origin, run.recipe, run.dataset


@lru_cache(maxsize=256)
def _weights(store: Store, chosen: Trained) -> tuple[Array, ...]:
    return tuple(trained.read(store, chosen))


def _names(chosen: Sequence[Trained], dataset: str) -> list[str]:
    """Return what to call each network, saying no more than it takes to tell them apart."""
    names = [x.title if x.run.dataset == dataset else f"{x.title}, {datasets.title(x.run.dataset)}" for x in chosen]
    more: tuple[Callable[[Run], str], ...] = (lambda x: x.origin, lambda x: str(x.recipe))
    for tell in more:
        names = [
            f"{name}, {tell(x.run)}" if names.count(name) > 1 else name for name, x in zip(names, chosen, strict=True)
        ]
    return names


def ask(readers: Sequence[Reader], image: Array) -> list[Answer]:
    """Return each network's answer to an image ``(height, width, channels)`` from 0 to 1, in their order."""
    return [Answer(x, x.read(image)) for x in readers]


def sentence(answers: Sequence[Answer], truth: int | None, label: Label = str) -> str:
    """Return which network is the smallest that reads the image.

    Without a truth nobody can say who reads it; then the sentence says with whom the smallest network agrees.

    Args:
        answers: at least one, the smallest network first.
        truth: the class of the image, or None if nobody has said.
        label: what a class is called.
    """
    if truth is not None:
        return _against_truth(answers, truth, label)
    largest = answers[-1]
    if len(answers) == 1:
        return f"The one network here, of {_size(largest)}, takes it for {label(largest.choice)}."
    (choice, votes), *_ = Counter(x.choice for x in answers).most_common()
    smallest = answers[0]
    if votes == len(answers):
        return f"All {votes} networks take it for {label(choice)}, the smallest with {_size(smallest)}."
    if 2 * votes > len(answers):
        first = next(x for x in answers if x.choice == choice)
        return (
            f"{votes} of {len(answers)} networks take it for {label(choice)}; the smallest of them has {_size(first)}."
        )
    first = next(x for x in answers if x.choice == largest.choice)
    same = "no other agrees with it" if first is largest else f"the smallest that agrees has {_size(first)}"
    return f"The networks do not agree. The largest, of {_size(largest)}, takes it for {label(largest.choice)}; {same}."


def _against_truth(answers: Sequence[Answer], truth: int, label: Label) -> str:
    right = [x for x in answers if x.choice == truth]
    if not right:
        nobody = "The one network here does not read it" if len(answers) == 1 else "None of the networks reads it"
        return f"{nobody} as {label(truth)}."
    text = f"The smallest network that reads it: {_size(right[0])}."
    if len(answers) == 1:
        return text
    every = "All of them do" if len(right) == len(answers) else f"{len(right)} of {len(answers)} do"
    return f"{text} {every}."


def _size(answer: Answer) -> str:
    return f"{answer.reader.chosen.run.parameters:,} weights"
