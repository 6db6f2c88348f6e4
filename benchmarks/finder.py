"""How often the finder is right, and with how many runs, on accuracies like those of the reference runs."""

from __future__ import annotations

import argparse
import math
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.finder_digits import digits
from core.finder.bisection import Finding, Verdict, look
from core.finder.question import ENDS, Asked, Question, asked
from core.finder.trials import Outcome, Trial
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE
from core.results.analysis import points
from core.runs import reference, sweep

IMAGES = 10_000
MARGIN = 0.002  # of targets from the ends of a curve


@dataclass(frozen=True, slots=True)
class Curve:
    """What a family's networks read: mean and standard deviation over seeds of every width that is tried."""

    asked: Asked
    means: dict[int, float]
    sds: dict[int, float]


def curve(key: str) -> Curve:
    """Return a family's curve: that of its reference runs, monotone, between them by the logarithm of the width."""
    from scipy.interpolate import PchipInterpolator
    from scipy.optimize import isotonic_regression

    family = FAMILIES[key]
    runs = [x for x in reference.store().runs(reference.DATASET) if (x.family, x.recipe) == (key, family.recipe)]
    known = [x for x in points(runs) if x.sd is not None]
    known.sort(key=lambda x: x.width)
    logs = [math.log(x.width) for x in known]
    fitted = isotonic_regression([x.mean for x in known]).x + np.arange(len(known)) * 1e-9
    widths = [n for n in asked(family, family.recipe, MNIST_SHAPE, MNIST_CLASSES).widths if n <= known[-1].width]
    widths = [n for n in widths if n >= known[0].width]
    tried = asked(family, family.recipe, MNIST_SHAPE, MNIST_CLASSES, widths)
    read = PchipInterpolator(logs, fitted)
    sd = np.interp([math.log(n) for n in widths], logs, [x.sd for x in known])
    return Curve(tried, {n: float(read(math.log(n))) for n in widths}, dict(zip(widths, map(float, sd), strict=True)))


def smallest(widths: tuple[int, ...], reads: Callable[[int], float], target: float) -> int | None:
    """Return the smallest width that reaches a target."""
    return next((n for n in widths if reads(n) >= target), None)


def search(made: Curve, question: Question, start: int, rng: random.Random) -> tuple[Finding, int]:
    """Search as the finder does, with accuracies drawn where it would train; return what it found and the runs."""
    trials: dict[int, list[Trial]] = {}
    runs = 0
    while True:
        finding = look(made.asked, trials, question, start)
        if finding.next is None:
            return finding, runs
        width, seeds = finding.next
        for seed in seeds:
            read = rng.gauss(made.means[width], made.sds[width])
            trials.setdefault(width, []).append(Trial(width, seed, Outcome.DONE, 1, read, IMAGES))
            runs += 1


def main() -> None:
    """Print for each family how often finder and grid are right, within one step, and the share of runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--targets", type=int, default=3000, help="for every family")
    parser.add_argument("--digits", action="store_true", help="train both on the embedded digits instead")
    parser.add_argument("--families", metavar="A,B", default=",".join(FAMILIES), help="all by default")
    parser.add_argument("--home", type=Path, help="with --digits, a folder for what is trained; asked again it goes on")
    parser.add_argument("--widths", metavar="1-16", help="with --digits")
    options = parser.parse_args()
    keys = options.families.split(",")
    if options.digits:
        if options.home is None:
            parser.error("--digits needs a folder: --home PATH")
        digits(options.home, keys, sweep.numbers(options.widths, "widths") if options.widths else None)
        return
    titles = ("right", "grid's", "1 step", "grid's", "untold", "runs", "grid's", "share")
    print(f"{'family':12}" + "".join(f"{x:>8}" for x in titles))
    known = {x.family for x in reference.store().runs(reference.DATASET)}
    for key in keys:
        print(simulated(key, options.targets) if key in known else f"{key:12}    no reference runs")
        sys.stdout.flush()


def simulated(key: str, count: int) -> str:
    """Return a family's row: finder and grid at so many targets."""
    made = curve(key)
    widths = made.asked.widths
    rng = random.Random(1)
    low, high = made.means[widths[0]], made.means[widths[-1]]
    right = near = grid_right = grid_near = untold = spent = asked_ = 0
    for _ in range(count):
        target = rng.uniform(low + MARGIN, high - MARGIN)
        truth = smallest(widths, made.means.__getitem__, target)
        if truth is None or truth == widths[0]:
            continue
        asked_ += 1
        question = Question((made.asked,), target)
        finding, runs = search(made, question, FAMILIES[key].start, rng)
        got = finding.above.width if finding.above else widths[-1]
        off = abs(widths.index(got) - widths.index(truth))
        right, near, spent = right + (off == 0), near + (off <= 1), spent + runs
        untold += finding.verdict is Verdict.UNTOLD
        means = {n: math.fsum(rng.gauss(made.means[n], made.sds[n]) for _ in range(ENDS)) / ENDS for n in widths}
        by_grid = smallest(widths, means.__getitem__, target) or widths[-1]
        grid_right += by_grid == truth
        grid_near += abs(widths.index(by_grid) - widths.index(truth)) <= 1
    grid = ENDS * len(widths)
    shares = (f"{x / asked_:8.1%}" for x in (right, grid_right, near, grid_near, untold))
    return f"{key:12}{''.join(shares)}{spent / asked_:8.1f}{grid:8}{spent / asked_ / grid:8.1%}"


if __name__ == "__main__":
    main()
