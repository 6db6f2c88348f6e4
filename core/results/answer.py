"""What answers the question: how few weights reach a target?"""

from __future__ import annotations

from dataclasses import dataclass

from core.data import datasets
from core.results import commonest, sentences
from core.results.analysis import Point, TurningPoint, points, turning_points
from core.results.collect import Results


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The answer on an image set.

    Attributes:
        target: the accuracy asked for, as a share.
        points: all networks, the smallest first.
        turning: a turning point for each family, smallest first; empty if there is no run.
        tutorials: for each family, the weights of the tutorial network it is compared with.
        sentence: the answer across families, and where it matters, what always saying the commonest class reads.
        lines: a sentence for each family, its name in Markdown's bold.
    """

    target: float
    points: list[Point]
    turning: list[TurningPoint]
    tutorials: dict[str, int]
    sentence: str
    lines: list[str]


def answer(found: Results, target: float) -> Answer:
    """Answer the question from an image set's results, which are of one protocol.

    Args:
        found: the results, as ``Results.only`` gives them.
        target: the accuracy to reach, as a share.
    """
    title = datasets.title(found.name)
    if not found.runs:
        nothing = sentences.outdated(len(found.outdated), title) or f"No finished run on {title} with this protocol."
        return Answer(target, [], [], {}, nothing, [])
    known = points(found.runs, {x: found.facts_of(x).commonest for x in {x.fingerprint for x in found.runs}})
    turning = turning_points(known, target)
    # of those asked about alone: images may be too small for others
    tutorials = {x.family: x.curve.chosen.tutorial_network(*found.images).parameters for x in turning}
    lines = [sentences.turning_point(x, target, tutorials[x.family]) for x in turning]
    said = sentences.answer(turning, target, title, tutorials)
    beside = commonest.no_better(known, target, found.facts, found.labels)
    return Answer(target, known, turning, tutorials, f"{said} {beside}".rstrip(), lines)
