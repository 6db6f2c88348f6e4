"""A search in sentences, and as plain values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from statistics import stdev
from typing import Any

from core.finder.bisection import Finding, Verdict
from core.finder.judgement import Judgement
from core.finder.question import ENDS, Question
from core.finder.search import Phase, Standing
from core.finder.trials import Outcome, matching
from core.recipe import Protocol
from core.results.sentences import duration, goal, percent, spread
from core.runs.run import Run, RunState


def step(judgement: Judgement) -> str:
    """Return what the seeds of a width say: ``n = 3: 96.40, 96.60 %: below, 2 seeds``."""
    read = [f"{100 * x.accuracy:.2f}" for x in judgement.trials if x.outcome is Outcome.DONE]
    stopped = sum(x.outcome is Outcome.HOPELESS for x in judgement.trials)
    told = f"{', '.join(read)} %" if read else ""
    hopeless = f"{stopped} stopped as hopeless" if stopped else ""
    side = "reaches it" if judgement.reaches else "below"
    side += "" if judgement.told else ", not told apart" if judgement.settled else " so far"
    seeds = f"{judgement.seeds} seed{'s' if judgement.seeds != 1 else ''}"
    return f"n = {judgement.width}: {'; '.join(x for x in (told, hopeless) if x)}: {side}, {seeds}"


def next_step(finding: Finding) -> str:
    """Return what is trained next in a family, and why."""
    if finding.next is None:
        return ""
    width, seeds = finding.next
    return f"n = {width}, seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}: {finding.why}."


def answer(finding: Finding, target: float) -> str:
    """Return a family's answer, or how far it is."""
    title, wanted = finding.asked.family.title, goal(target)
    above, below = finding.above, finding.below
    bracket = ""
    if above:
        weights = f"{finding.parameters:,} weights"
        under = f"; n = {below.width} with {finding.asked.weights(below.width):,} does not" if below else ""
        bracket = f"n = {above.width}, {weights}{_mean(above)}{under}"
    largest = (
        f"n = {below.width} with {finding.asked.weights(below.width):,} is below" if below else "nothing is known yet"
    )
    least = f"n = {finding.asked.widths[0]}, its smallest, has {finding.asked.parameters[0]:,}"
    match finding.verdict:
        case Verdict.FOUND:
            sure = f" The chance that this is so: {percent(finding.sure, 0)}." if finding.sure else ""
            return f"{title} reaches {wanted} with {bracket}.{sure}"
        case Verdict.UNTOLD if not above:
            return f"{title}: {largest}, its largest that may be tried, but cannot be told apart from {wanted}."
        case Verdict.UNTOLD:
            return f"{title}: {bracket}. {_untold(finding)} cannot be told apart from {wanted}."
        case Verdict.NOT_REACHED:
            return f"{title} does not reach {wanted} up to n = {finding.asked.widths[-1]}."
        case Verdict.NOT_SMALLER:
            fails = f"its largest such network, {largest}" if below else least
            return f"{title} does not get by with fewer weights: {fails}."
        case Verdict.FAILED:
            return f"{title} was given up. {finding.message}"
        case Verdict.OUT_OF_TIME:
            return f"{title}: out of time; so far {bracket or largest}."
        case _:
            return f"{title}: {bracket or largest}; not decided yet."


def _untold(finding: Finding) -> str:
    """Return which ends of the bracket the seeds cannot tell from the target."""
    ends = [f"n = {x.width}" for x in (finding.below, finding.above) if x and not x.told]
    return " and ".join(ends)


def _mean(judgement: Judgement) -> str:
    """Return what a width reads, over the seeds that were trained to their end: those stopped are in no mean."""
    if judgement.mean is None:
        return ""
    stopped = sum(x.outcome is Outcome.HOPELESS for x in judgement.trials)
    done = judgement.seeds - stopped
    seeds = f"{done} seeds" if done > 1 else "one seed"
    return f", {percent(judgement.mean)} over {seeds}" + (f", {stopped} more stopped as hopeless" if stopped else "")


def uneven(finding: Finding) -> str:
    """Return where in a family accuracy does not grow with the width; nothing if it does, as far as is known."""
    if not finding.uneven:
        return ""
    pairs = [f"n = {small} reads more than n = {large}" for small, large in finding.uneven]
    more = f"{', '.join(pairs[:-1])} and {pairs[-1]}" if len(pairs) > 1 else pairs[0]
    return f"{finding.asked.family.title}: accuracy does not grow everywhere: {more}, beyond the noise of their seeds."


def tested(finding: Finding, runs: Iterable[Run]) -> str:
    """Return what a found network reads on the test images, where held-out images have decided; else nothing.

    Args:
        finding: of a family.
        runs: on the image set, as :func:`core.finder.trials.matching` takes them.
    """
    read = read_of_test(finding, runs)
    if finding.above is None or not read or finding.asked.recipe.protocol is not Protocol.HELD_OUT:
        return ""
    sd = stdev(read) if len(read) > 1 else None
    seeds = f"{len(read)} seeds" if len(read) > 1 else "one seed"
    return (
        f"{finding.asked.family.title}, n = {finding.above.width}, reads {spread(math.fsum(read) / len(read), sd)} of "
        f"the test images over {seeds}; they were measured once, at the end of each run, and decided nothing."
    )


def read_of_test(finding: Finding, runs: Iterable[Run]) -> list[float]:
    """Return what the finished runs of a found network read of the test images, shares."""
    if finding.above is None:
        return []
    mine = matching(finding.asked, runs).items()
    found = (x.test_accuracy for (n, _), x in mine if n == finding.above.width and x.state is RunState.DONE)
    return [x for x in found if x is not None]


def decides(question: Question) -> str:
    """Return which images decide."""
    if question.asked[0].recipe.protocol is Protocol.HELD_OUT:
        return "Held-out images decide; the test images are measured once, at the end of each run."
    return "The test images decide, as in the article: what is chosen by them is flattered by them."


def smallest(standing: Standing) -> str:
    """Return the answer of the whole search in a sentence."""
    found = [x for x in standing.findings if x.above and x.verdict in (Verdict.FOUND, Verdict.UNTOLD)]
    wanted = goal(standing.question.target)
    least = min((x for x in standing.findings if x.above), key=lambda x: x.parameters or 0, default=None)
    if not found and least and least.above:
        how = "was stopped" if standing.phase is Phase.STOPPED else "ended"
        return (
            f"So far {least.parameters:,} weights: {least.asked.family.title}, n = {least.above.width}, reaches "
            f"{wanted}; the search {how} before it was settled "
            "whether fewer do."
        )
    if not found:
        ended = {Phase.STOPPED: "The search was stopped", Phase.FAILED: "The search broke off"}.get(standing.phase)
        return (
            f"{ended} before an answer." if ended else f"None of these families reaches {wanted}, as far as was tried."
        )
    least = min(found, key=lambda x: x.parameters or 0)
    told = "" if least.verdict is Verdict.FOUND else f", though {_untold(least)} cannot be told apart from it"
    assert least.above and least.parameters is not None
    return f"{least.parameters:,} weights: {least.asked.family.title}, n = {least.above.width}, reaches {wanted}{told}."


def cost(standing: Standing) -> str:
    """Return what a search has spent against the full grid."""
    count, grid = len(standing.spent), sum(grid_runs(x) for x in standing.findings)
    runs = f"{count} run{'s' if count != 1 else ''} trained in {duration(standing.seconds)}"
    return f"{runs}; {ENDS} seeds of every width would be {grid:,} runs."


def grid_runs(finding: Finding) -> int:
    """Return the runs that five seeds of every width would take."""
    return ENDS * len(finding.asked.widths)


def facts(standing: Standing, runs: Sequence[Run] = ()) -> dict[str, Any]:
    """Return a search as plain values for JSON; accuracies are shares, brackets weights.

    Args:
        standing: how it stands.
        runs: on the image set, for what the test images say.
    """
    return {
        "dataset": standing.dataset.name,
        "target": standing.question.target,
        "protocol": standing.question.asked[0].recipe.protocol,
        "phase": standing.phase,
        "answer": smallest(standing),
        "problem": standing.problem,
        "seconds": standing.seconds,
        "families": [_family(standing, x, runs) for x in standing.findings],
    }


def _family(standing: Standing, finding: Finding, runs: Sequence[Run]) -> dict[str, Any]:
    read = read_of_test(finding, runs)
    above, below, asked = finding.above, finding.below, finding.asked
    spent = [x for x in standing.spent if x.cell.layers in asked.layers and x.cell.recipe == asked.recipe]
    return {
        "family": asked.key,
        "width": above and above.width,
        "parameters": finding.parameters,
        "mean": above and above.mean,
        "test_mean": math.fsum(read) / len(read) if read else None,
        "seeds": above and above.seeds,
        "bracket_below": below and asked.weights(below.width),
        "bracket_above": finding.parameters,
        "verdict": finding.verdict,
        "sure": finding.sure,
        "recipe": str(asked.recipe),
        "uneven": [list(x) for x in finding.uneven],
        "message": finding.message,
        "runs": _runs(finding.judgements, {(x.cell.width, x.cell.seed): x.why for x in spent}),
        "trained": len(spent),
        "seconds": sum(x.seconds for x in spent),
        "grid_runs": grid_runs(finding),
    }


def _runs(judgements: Sequence[Judgement], asked_for: Mapping[tuple[int, int], str]) -> list[dict[str, Any]]:
    return [
        {
            "width": t.width,
            "seed": t.seed,
            "epochs": t.epochs,
            "accuracy": t.accuracy,
            "outcome": t.outcome,
            "why": asked_for.get((t.width, t.seed), "it was trained before this search"),
        }
        for x in judgements
        for t in x.trials
    ]
