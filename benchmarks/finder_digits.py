"""The finder against the full grid of five seeds, both trained on the embedded digits and timed."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from core import settings
from core.data import datasets
from core.data.datasets import Dataset
from core.finder.bisection import Finding, Verdict
from core.finder.question import ENDS, Asked, Question, asked, lattice
from core.finder.search import Search
from core.finder.telling import step
from core.networks.families import FAMILIES, Family
from core.recipe import Protocol, Recipe
from core.runner.progress import Progress
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import Run, RunState
from core.runs.store import Store

TARGET = 0.9
WIDEST, WIDEST_DENSE = 16, 64  # widths that are tried, of families with convolutions and of those without
TOLD = 10  # runs of the grid from one line about it to the next


@dataclass(frozen=True, slots=True)
class Compared:
    """Grid and finder in one family.

    Attributes:
        asked: the family.
        means: of the grid, by width.
        finding: the finder's.
        runs: of the grid and of the finder.
        seconds: that training them took, of either.
    """

    asked: Asked
    means: dict[int, float]
    finding: Finding
    runs: tuple[int, int]
    seconds: tuple[float, float]

    @property
    def grid(self) -> int | None:
        """The grid's smallest width whose mean reaches the target."""
        return next((n for n in sorted(self.means) if self.means[n] >= TARGET), None)

    @property
    def found(self) -> int | None:
        """The finder's."""
        return self.finding.above.width if self.finding.above else None

    @property
    def agrees(self) -> str:
        """Whether both say the same."""
        if self.found == self.grid:
            return "same"
        return "not told" if self.finding.verdict is Verdict.UNTOLD else "DIFFERS"


def recipe(family: Family) -> Recipe:
    """Return how a family is trained: by its own recipe, with which all of them cross the target on these images.

    With ``sweep.SMALL_RECIPE`` the smallest deep CNN of all reaches it.
    """
    return replace(family.recipe, protocol=Protocol.HELD_OUT)


def digits(home: Path, keys: Sequence[str], widths: Sequence[int] | None) -> None:
    """Train both for each family and print a table; what a former call has trained is not trained again.

    Args:
        home: a folder for the two stores.
        keys: of the families.
        widths: to try; None takes those up to 16, of dense families the finder's up to 64.
    """
    titles = ("grid's n", "finder's", "verdict", "agrees", "runs", "grid's", "seconds", "grid's", "share")
    table = [f"{'family':12}" + "".join(f"{x:>21}" if x == "verdict" else f"{x:>9}" for x in titles)]
    shares = []
    print(f"# {datasets.EMBEDDED}, target {TARGET:.0%}, every family by its own recipe")
    for key in keys:
        print(f"# {key}: {recipe(FAMILIES[key])}")
    for key in keys:
        family = FAMILIES[key]
        most = WIDEST if family.line.convolves else WIDEST_DENSE
        compared = compare(home, family, widths or lattice(most))
        table.append(_row(key, compared))
        shares.append(compared.seconds)
        print(f"# {key}: " + ", ".join(f"{n}: {mean:.2%}" for n, mean in sorted(compared.means.items())), flush=True)
    print("\n".join(table))
    grid, finder = (math.fsum(x[i] for x in shares) for i in (0, 1))
    print(f"all: {finder:.0f} of {grid:.0f} seconds, {finder / grid:.1%}")


def compare(home: Path, family: Family, widths: Sequence[int]) -> Compared:
    """Train a family's grid in one store and search in another."""
    own, dataset = _open(home / "grid")
    tried = asked(family, recipe(family), dataset.facts.input_shape, dataset.facts.classes, widths)
    store = Store(own.store)
    with closing(Runner(own, store)) as trainer:
        trainer.submit(sweep.cells(dataset, {family.key: tried.widths}, range(ENDS), tried.recipe))
        for now in _changes(trainer):
            if now.done % TOLD == 0:
                print(f"# {family.key}: {now.done} of {now.total} of the grid", flush=True)
    grid = _of(store, tried, dataset)
    read = {n: [x.choosing or 0 for x in grid if x.width == n and x.state is RunState.DONE] for n in tried.widths}
    own, dataset = _open(home / "finder")
    store = Store(own.store)
    with closing(Runner(own, store)) as trainer:
        standing = Search(Question((tried,), TARGET), dataset, store, trainer).run()
    if standing.problem:
        raise SystemExit(standing.problem)
    (finding,) = standing.findings
    for judgement in finding.judgements:
        print(f"# {family.key}: {step(judgement)}", flush=True)
    found = _of(store, tried, dataset)
    seconds = tuple(math.fsum(x.seconds or 0 for x in some) for some in (grid, found))
    means = {n: math.fsum(x) / len(x) for n, x in read.items()}
    return Compared(tried, means, finding, (len(grid), len(found)), (seconds[0], seconds[1]))


def _open(home: Path) -> tuple[settings.Settings, Dataset]:
    home.mkdir(parents=True, exist_ok=True)
    own = settings.load({"FEATHERWEIGHT_HOME": str(home)})
    return own, datasets.find(own, datasets.EMBEDDED)


def _changes(trainer: Runner) -> Iterator[Progress]:
    """Yield what goes on whenever a run has ended, until all have."""
    seen, done = trainer.progress(), -1
    while seen.busy:
        if seen.held:
            raise SystemExit(seen.problem)
        if seen.done != done:
            done = seen.done
            yield seen
        seen = trainer.wait(seen)


def _of(store: Store, tried: Asked, dataset: Dataset) -> list[Run]:
    """Return the runs of a family that have ended, those that were stopped as hopeless among them."""
    return [
        x
        for x in store.runs(dataset.name)
        if x.layers in tried.layers and x.recipe == tried.recipe and x.state is not RunState.INTERRUPTED
    ]


def _row(key: str, of: Compared) -> str:
    (grid_runs, runs), (grid, seconds) = of.runs, of.seconds
    told = f"{of.grid or '-':>9}{of.found or '-':>9}{of.finding.verdict:>21}{of.agrees:>9}"
    return f"{key:12}{told}{runs:9}{grid_runs:9}{seconds:9.1f}{grid:9.1f}{seconds / grid:9.1%}"
