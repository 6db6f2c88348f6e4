"""What the results say, in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from core.data import datasets
from core.networks.families import FAMILIES, Family
from core.recipe import Protocol
from core.results.agreement import Agreement
from core.results.analysis import Point, TurningPoint
from core.runs.run import Origin


def percent(share: float, digits: int = 2) -> str:
    """Return a share for people: ``97.04 %``."""
    return f"{100 * share:.{digits}f} %"


def probability(share: float) -> str:
    """Return how sure a network is, for people; it is never so sure as ``100.0 %`` would say."""
    return percent(share, 1) if share < 0.9995 else "> 99.9 %"


def duration(seconds: float) -> str:
    """Return a span of time for people: ``4 min``, ``12 s``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


def goal(target: float) -> str:
    """Return a target for people, with as many digits as it has: ``97.0 %``, ``97.25 %``."""
    text = f"{100 * target:.6f}".rstrip("0")
    return f"{text}0 %" if text.endswith(".") else f"{text} %"


def brief(recipes: Iterable[str]) -> dict[str, str]:
    """Return recipes for people by their optimiser and epochs, where that tells them apart."""
    found = {}
    for recipe in recipes:
        first, *parts = recipe.split(", ")
        found[recipe] = f"{first}, {next(x for x in parts if 'epoch' in x)}"
    often = Counter(found.values())
    return {recipe: recipe if often[x] > 1 else x for recipe, x in found.items()}


def spread(mean: float, sd: float | None) -> str:
    """Return a mean with its standard deviation over seeds: ``97.04 ± 0.15 %``; one seed has none."""
    return percent(mean) if sd is None else f"{100 * mean:.2f} ± {100 * sd:.2f} %"


def answer(points: Sequence[TurningPoint], target: float, data: str, tutorials: Mapping[str, int]) -> str:
    """Return the answer across families: the smallest network, against its tutorial network and the other families.

    Args:
        points: one a family, smallest first, as ``analysis.turning_points`` returns them.
        target: the accuracy asked for, as a share.
        data: the data set's title.
        tutorials: for each family key, the weights of the tutorial network it is compared with.
    """
    reaching = [x for x in points if x.mark]
    if not reaching:
        above = any(not x.best.reads and x.best.choosing >= target for x in points)
        return f"No network here {'that reads anything ' * above}reaches {goal(target)} on {data}."
    first, *others = reaching
    assert first.mark
    same = {(x.origin, x.cell) for x in first.mark.runs}  # of a family that has the very same network
    others = [x for x in others if x.mark and same.isdisjoint((y.origin, y.cell) for y in x.mark.runs)]
    tutorial = f"tutorial’s {FAMILIES[first.curve.chosen.tutorial[0]].title}"
    text = (
        f"The smallest network here that reads {goal(target)} of {data} is {_article(first.curve.chosen)} of "
        f"{first.mark.parameters:,} weights: {_against(first.mark.parameters, tutorials[first.family], tutorial)}"
    )
    for other in others:
        assert other.mark
        text += f", {_against(first.mark.parameters, other.mark.parameters, other.curve.title)}"
    return f"{text}."


def turning_point(point: TurningPoint, target: float, tutorial: int) -> str:
    """Return a family's turning point with its chance and its bracket.

    ``tutorial`` is the weights of the tutorial network that the family is compared with.
    """
    title = f"**{point.curve.title}**" + (" (reference)" if point.curve.origin is Origin.REFERENCE else "")
    mark = point.mark
    held_out = point.curve.recipe.protocol is Protocol.HELD_OUT
    where = " on the held-out images" if held_out else ""
    if mark is None:
        best = point.best
        return (
            f"{title}: never reaches {goal(target)} here; the best mean{where} is {_below(best.choosing, target)}, "
            f"with {best.parameters:,} weights (n = {best.width})."
            if best.reads or best.choosing < target
            else f"{title}: reads nothing here; its best mean{where}, {percent(best.choosing)} with "
            f"{best.parameters:,} weights (n = {best.width}), is no better than always saying the commonest class."
        )
    seeds = f"{mark.passing(target)} of {mark.seeds} seeds reach" if mark.seeds > 1 else "its one seed reaches"
    text = f"{title}: {mark.parameters:,} weights (n = {mark.width}): {seeds} {goal(target)}{where}, "
    text += f"mean {percent(mark.choosing)}; on the test images " if held_out else "mean "
    text += spread(mark.mean, mark.sd)
    for which, other in (("down", point.below), ("up", point.above)):
        text += f"; next width {which}: {_chance(other, target)}" if other else ""
    text += f". {_bracket(point)}"
    if mark.parameters < tutorial:
        text += f" {_times(tutorial / mark.parameters)} times fewer than its tutorial network."
    return text


def verdict(found: Agreement) -> str:
    """Return in a few words whether ours agree with a published figure."""
    if found.agrees is None:
        return "our one seed has no spread"
    return f"our {found.seeds} seeds agree" if found.agrees else f"our {found.seeds} seeds differ by {_apart(found)}"


def agreement(found: Agreement) -> str:
    """Return a published figure beside ours."""
    ours = f"{spread(found.mean, found.sd)} ({_apart(found)})"
    stated, loose = found.published.stated, found.published.rounding
    if loose >= 0.001:  # rounded so far that the difference alone would mislead
        low, high = (percent(found.published.accuracy + x, 1) for x in (-loose, loose))
        stated += f", which may be {low} to {high}"
    return f"{found.published.name}: published {stated}, ours {ours}"


def _apart(found: Agreement) -> str:
    return f"{100 * found.difference:+.2f} points".replace("-", "−")


def outdated(count: int, title: str, others: bool = False) -> str:
    """Return how many finished runs on an image set do not count, and what to do about it; nothing if there are none.

    Args:
        count: of runs on contents that the file no longer has.
        title: the image set's.
        others: whether there are runs that count.
    """
    if not count:
        return ""
    many = f"{count:,} finished run{'s' * (count > 1)}"
    are, they, do = ("are", "they", "do") if count > 1 else ("is", "it", "does")
    if others:
        return f"{many} on {title} {are} left out: {they} {are} on what its file held before it was replaced."
    return (
        f"The {many} on {title} {do} not count: {they} {are} on what its file held before it was replaced. Train again "
        "on what it holds now, or put the file of before back."
    )


def network(point: Point) -> str:
    """Return what is to say of a network, with both its noises."""
    seeds = f"over {point.seeds} seeds" if point.seeds > 1 else "in one seed"
    low, high = point.interval
    return (
        f"{point.parameters:,} weights, {spread(point.mean, point.sd)} {seeds}. The {point.test_images:,} test images "
        f"alone leave {percent(low)} to {percent(high)} open."
    )


def marks(known: Sequence[Point]) -> str:
    """Return what the marks of trained networks are, given ``by_width.networks``, which are of one image set."""
    if not known:
        return "Trained networks appear as marks with their mean test accuracy: none so far."
    counts = Counter(x.curve.origin for x in known)
    named = {Origin.OWN: "trained here", Origin.REFERENCE: "reference, paler" if len(counts) > 1 else "reference"}
    which = [f"{counts[x]} {words}" for x, words in named.items() if x in counts]
    return (
        f"The marks are networks trained on {datasets.title(known[0].curve.dataset)}, the widths of the sweep with "
        f"their mean test accuracy: {', '.join(which)}."
    )


def versions(found: Mapping[str, str]) -> str:
    """Return the versions of a run: ``keras 3.15.1, numpy 2.4.6``."""
    return ", ".join(f"{name} {number}" for name, number in sorted(found.items()))


def _against(small: int, large: int, name: str) -> str:
    if small == large:
        return f"as many as the {name}"
    ratio, than = (large / small, "fewer") if large > small else (small / large, "more")
    return f"{_times(ratio)} times {than} than the {name} ({large:,})"


def _article(chosen: Family) -> str:
    title = chosen.title
    if not chosen.built_in:  # somebody's own name for it
        return f"“{title}”"
    return f"an {title}" if title.startswith("MLP") else f"a {title}"


def _times(ratio: float) -> str:
    return f"{ratio:.1f}" if ratio < 100 else f"{ratio:,.0f}"


def _below(share: float, target: float) -> str:
    """Return a share below a target with as many digits as it takes to see that it is: ``96.998 %``."""
    digits = (x for x in range(2, 8) if round(100 * share, x) < round(100 * target, 6))
    return percent(share, next(digits, 8))


def _chance(point: Point, target: float) -> str:
    return f"{point.parameters:,}, {point.passing(target)} of {point.seeds}"


def _bracket(point: TurningPoint) -> str:
    if point.below and point.above:
        return f"Between {point.below.parameters:,} and {point.above.parameters:,}."
    if point.below:
        return f"Above {point.below.parameters:,}; nothing wider was trained."
    if point.above:
        return f"Below {point.above.parameters:,}; nothing narrower was trained."
    return "No other width was trained."
