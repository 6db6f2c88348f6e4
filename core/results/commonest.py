"""What always saying the commonest class reads, which no network must be taken to read, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from core.data.images import Facts
from core.results.analysis import SAME, Point
from core.results.sentences import percent

NEAR = 0.1  # below a target, a share: from here on it is told


def no_better(known: Sequence[Point], target: float, facts: Facts, labels: Sequence[str]) -> str:
    """Return what always saying the commonest class reads, and how many networks are no better; empty if irrelevant.

    It matters where the target is about as low, or a network that reaches the target is no better.

    Args:
        known: the networks, with the share of the commonest class.
        target: the accuracy asked for, as a share.
        facts: of the images.
        labels: what their classes are called.
    """
    share = max((x.commonest for x in known), default=0.0)
    left = [x for x in known if not x.reads]
    if share < target - NEAR and not any(x.choosing >= target - SAME for x in left):
        return ""
    text = f"Whoever always says {_said(facts, labels)} is right in {percent(share)} of the test images"
    # a network of several families is one
    count = len({tuple((run.origin, run.cell) for run in x.runs) for x in left})
    if not count:
        return f"{text}; every network here is better."
    are, read = ("networks here are", "read") if count > 1 else ("network here is", "reads")
    return f"{text}: {count:,} {are} no better within the noise and {read} nothing."


def little(facts: Facts, labels: Sequence[str]) -> str:
    """Return that accuracy alone says little of images whose classes are unequal."""
    return f"{percent(facts.commonest)} of the test images are {_said(facts, labels)}: accuracy alone says little."


def _said(facts: Facts, labels: Sequence[str]) -> str:
    if not facts.test_counts:
        return "the commonest class"
    return f"“{labels[facts.test_counts.index(max(facts.test_counts))]}”"
