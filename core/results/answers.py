"""What every network answers to one image, and what that says in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.networks.layers import Array
from core.results.panel import Reader

Label = Callable[[int], str]


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
