"""The trained networks that are put to work on an image set, and what they answer to one image."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from core.errors import StoreError
from core.networks.layers import Array
from core.results import trained
from core.results.collect import Results
from core.results.trained import Kept
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
    chosen: Kept
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


def assemble(found: Results, own: Store, shipped: Store | None) -> Panel:
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
    networks = found.runs[["family", "width", "origin", "recipe"]].drop_duplicates()
    return Panel(readers, len(networks), problems)


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


def percent(share: float) -> str:
    """Return a probability for people; a network is never so sure as 100.0 % would say."""
    return f"{100 * share:.1f} %" if share < 0.9995 else "> 99.9 %"


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
    return f"{answer.reader.chosen.parameters:,} weights"
