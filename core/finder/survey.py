"""All families of a question at once: what the store says of each, and which one is asked next."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.data.datasets import Dataset
from core.data.images import HELD_OUT
from core.finder.bisection import Finding, Verdict, look
from core.finder.question import Asked, Question
from core.finder.trials import Gains, History, Trial, gains, matching, trials
from core.recipe import Protocol
from core.results.analysis import points
from core.runs import reference
from core.runs.run import Cell, Run, RunState
from core.runs.store import Store


@dataclass(frozen=True, slots=True)
class Heard:
    """What the store says of one family.

    Attributes:
        asked: the family.
        trials: of each width.
        gains: of its finished runs, by which hopeless ones are known.
    """

    asked: Asked
    trials: Mapping[int, Sequence[Trial]]
    gains: Gains


def hear(question: Question, dataset: Dataset, runs: Sequence[Run], history: History) -> list[Heard]:
    """Return what runs on an image set say of each family.

    Args:
        question: what is asked.
        dataset: the image set.
        runs: on it, the user's own and those that came with Featherweight.
        history: of a run, the accuracy that chooses after each epoch.
    """
    images = measured(dataset, question.asked[0].recipe.protocol)
    found = []
    for asked in question.asked:
        here = matching(asked, runs)
        known = gains(history(x) for x in here.values() if x.state is RunState.DONE)
        found.append(Heard(asked, trials(asked, here, known, question.target, images, history), known))
    return found


def measured(dataset: Dataset, protocol: Protocol) -> int:
    """Return how many images a protocol measures after every epoch."""
    facts = dataset.facts
    return facts.test if protocol is Protocol.ARTICLE else max(facts.train // HELD_OUT, 1)


def commonest(dataset: Dataset, protocol: Protocol) -> float:
    """Return the share of those images that are of the commonest class; held out is one in six of every class."""
    counts = dataset.facts.train_counts if protocol is Protocol.HELD_OUT else ()
    return max(counts) / sum(counts) if counts else dataset.facts.commonest


def starts(question: Question, runs: Iterable[Run], shipped: Iterable[Run]) -> dict[str, int]:
    """Return the width to begin with in each family: the smallest that is known to have reached the target.

    It is known from runs with any recipe, those on the same images first, then those that came with Featherweight; else
    it is where pages open.

    Args:
        question: what is asked.
        runs: finished ones on the image set.
        shipped: finished ones that came with Featherweight.
    """
    found: dict[str, int] = {}
    for known in (list(points(runs)), list(points(shipped))):
        for asked in question.asked:
            reached = [
                x.width for x in known if x.curve.family == asked.key and x.choosing >= question.target and x.reads
            ]
            if reached:
                found.setdefault(asked.key, min(reached))
    return {x.key: found.get(x.key, x.family.start) for x in question.asked}


def survey(
    question: Question, heard: Sequence[Heard], begin: Mapping[str, int], commonest: float
) -> tuple[list[Finding], Finding | None]:
    """Return what is known of each family, and the finding of the one to go on with; None at the end.

    First comes the family whose answer is likeliest to be the smallest, until it is found. With ``only_smallest`` the
    others are then asked for fewer weights alone.

    Args:
        question: what is asked.
        heard: of each family, as :func:`hear` gives it.
        begin: where to begin in each, as :func:`starts` gives it.
        commonest: share of the commonest class.
    """

    def looked(x: Heard, beat: int | None = None) -> Finding:
        return look(x.asked, x.trials, question, begin[x.asked.key], commonest, beat)

    findings = [looked(x) for x in heard]
    ended = [x.parameters for x in findings if x.verdict in (Verdict.FOUND, Verdict.UNTOLD) and x.parameters]
    if question.only_smallest and ended:
        least = min(ended)
        findings = [
            looked(x, least) if finding.verdict is Verdict.SEARCHING else finding
            for x, finding in zip(heard, findings, strict=True)
        ]
    searching = [x for x in findings if x.next]
    return findings, min(searching, key=lambda x: _expected(x, begin), default=None)


def _expected(finding: Finding, begin: Mapping[str, int]) -> int:
    """Return the weights that a family's answer is expected to have."""
    if finding.parameters is not None:
        return finding.parameters
    asked = finding.asked
    if finding.below:  # something larger than that
        return 2 * asked.weights(finding.below.width)
    return asked.weights(min(asked.widths, key=lambda n: abs(n - begin[asked.key])))


def cells(finding: Finding, dataset: Dataset) -> list[Cell]:
    """Return the cells to train next in a family."""
    if finding.next is None:
        return []
    width, seeds = finding.next
    chosen = finding.asked.family
    label = chosen.key if chosen.built_in else chosen.layers
    named = chosen if chosen.named and not chosen.built_in else None
    return [
        Cell(dataset.name, dataset.facts.fingerprint, label, width, finding.asked.recipe, seed, named=named)
        for seed in seeds
    ]


def runs_on(store: Store, dataset: Dataset, own: bool = False) -> list[Run]:
    """Return the runs on an image set as it is now, the user's own and, unless ``own``, those shipped.

    Raises:
        StoreError: if they cannot be read.
    """
    mine = [x for x in store.runs(dataset.name) if x.fingerprint == dataset.facts.fingerprint]
    return mine if own else [*mine, *reference.store().runs(dataset.name)]
