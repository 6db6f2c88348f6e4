"""How much is left of a search, roughly: to halve each bracket, and the seeds that both its ends are to rest on."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.data.datasets import Dataset
from core.finder.bisection import Finding, Verdict
from core.finder.question import ENDS, Asked, Question
from core.finder.search import Standing
from core.finder.survey import cells
from core.finder.telling import grid_runs
from core.runs.run import Cell

OTHERS = 2  # runs that mostly tell whether a family gets by with fewer weights than another has found


def unknown(question: Question) -> list[Finding]:
    """Return a finding a family of which nothing is known yet."""
    return [Finding(x, Verdict.SEARCHING, (), next=(x.family.start, (0,))) for x in question.asked]


def left(findings: Sequence[Finding], question: Question) -> list[int]:
    """Return about how many runs each family still takes.

    Where only the smallest of all is asked for, one family is searched to its end, the one that takes most where none
    is known to be first, and the others only as far as it takes to see that they are not smaller.
    """
    whole = [_left(x, question.ends) if x.next else 0 for x in findings]
    if not question.only_smallest:
        return whole
    answered = any(x.verdict in (Verdict.FOUND, Verdict.UNTOLD) for x in findings)
    most = -1 if answered else whole.index(max(whole))
    return [x if i == most else min(x, OTHERS) for i, x in enumerate(whole)]


def _left(finding: Finding, ends: int) -> int:
    widths = finding.asked.widths
    low = widths.index(finding.below.width) + 1 if finding.below else 0
    high = widths.index(finding.above.width) if finding.above else len(widths)
    halvings = math.ceil(math.log2(max(high - low, 0) + 1))
    return halvings + sum(max(ends - (x.seeds if x else 1), 0) for x in (finding.below, finding.above))


def seconds_left(standing: Standing) -> float | None:
    """Return about how long a search still takes, by the runs trained for it; None before the first has ended."""
    if not standing.spent:
        return None
    mean = sum(x.seconds for x in standing.spent) / len(standing.spent)
    total = 0.0
    for finding, runs in zip(standing.findings, left(standing.findings, standing.question), strict=True):
        layers = set(finding.asked.layers)
        mine = [x.seconds for x in standing.spent if x.cell.layers in layers and x.cell.recipe == finding.asked.recipe]
        total += runs * (sum(mine) / len(mine) if mine else mean)
    return total


def typical(question: Question, dataset: Dataset) -> list[Cell]:
    """Return cells like those that a search takes, for an estimate of its time: of the width that families open with.

    Args:
        question: what is asked.
        dataset: the image set.
    """
    found = unknown(question)
    return [
        cell
        for finding, count in zip(found, left(found, question), strict=True)
        for cell in cells(_at_start(finding, count), dataset)
    ]


def _at_start(finding: Finding, count: int) -> Finding:
    start = finding.asked.family.start
    return Finding(finding.asked, finding.verdict, (), next=(start, tuple(range(count))))


def grid(question: Question) -> int:
    """Return the runs that five seeds of every width of every family would take."""
    return sum(grid_runs(x) for x in unknown(question))


def grid_cells(asked: Asked, dataset: Dataset) -> list[Cell]:
    """Return the cells of five seeds of every width of a family."""
    seeds = tuple(range(ENDS))
    return [
        cell for n in asked.widths for cell in cells(Finding(asked, Verdict.SEARCHING, (), next=(n, seeds)), dataset)
    ]
