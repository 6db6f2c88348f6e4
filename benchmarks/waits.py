"""Measure how long a user waits after Start, on the embedded digits: to the first result, and to the queue's end.

Through the real pieces: a runner with the training process of this machine, which is up before the clock starts, as it
is on an open dashboard. The clock runs from handing in the runs until the first epoch is in the store, and until the
last run has ended. Each measurement is a process of its own with a training process of its own, and has a new folder
for its home, caches and temporary files: what it trains was never compiled before, as far as that can be kept from it.

    python -m benchmarks.waits --repeats 5
    python -m benchmarks.waits --network mlp:32 --sweep deep_cnn:1,2,4,8 --seeds 0-2 --tree ../before

With ``--tree`` another checkout of the project is measured in turns with this one, by this file and this interpreter.
The machine should do nothing else meanwhile.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core import ROOT, settings
from core.data import datasets
from core.errors import FeatherweightError, TrainingError, invalid
from core.networks.families import family
from core.runner.runner import Runner
from core.runs import sweep
from core.runs.run import RunState
from core.runs.store import Store

LEAN = "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg"
NETWORKS = ("deep_cnn:1", "deep_cnn:2", "deep_cnn:8", "mlp:32", f"{LEAN}:8")
SWEEPS = ("deep_cnn:1,2,4,8",)
COLUMNS = ("what", "tree", "first result s", "all ended s", "times as long", "accuracy")
SIZES = (31, 10, 21, 21, 13, 8)  # characters
# Whoever runs this may have compiled programs in any of these; HOME and TMPDIR are set to a new folder.
HIDDEN = ("FEATHERWEIGHT_", "XDG_")


@dataclass(frozen=True, slots=True)
class Work:
    """What is handed in at once: every width with every seed, by the family's own recipe.

    Attributes:
        family: the name of one of the article's families, or a line of layers.
        widths: of its networks.
        seeds: of every network.
    """

    family: str
    widths: tuple[int, ...]
    seeds: tuple[int, ...]

    def __str__(self) -> str:
        title = "lean" if self.family == family(LEAN).key else self.family
        runs = len(self.widths) * len(self.seeds)
        return f"{title}:{','.join(map(str, self.widths))}{f', {runs} runs' if runs > 1 else ''}"


@dataclass(frozen=True, slots=True)
class Wait:
    """What was measured once; seconds are wall-clock.

    Attributes:
        first: from handing in until the first epoch was in the store.
        ended: from handing in until the last run had ended.
        runs: of each run by itself, in the order of the queue.
        accuracy: mean test accuracy of the runs.
        formulations: how their steps were written.
        device: what trained them.
    """

    first: float
    ended: float
    runs: tuple[float, ...]
    accuracy: float
    formulations: tuple[str, ...]
    device: str


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one piece of work in one checkout.

    Attributes:
        waits: one a repetition.
        first_ratio: median over the repetitions of its seconds to the first result over those of this checkout.
        ended_ratio: the same of the last run's end.
    """

    work: Work
    tree: str
    waits: tuple[Wait, ...]
    first_ratio: float
    ended_ratio: float


def once(work: Work, rest: float) -> Wait:
    """Return how long one piece of work took, by the ``core`` of this process and with its settings.

    Args:
        work: what to hand in.
        rest: seconds between the training process being up and handing in.

    Raises:
        TrainingError: if the training process did not come up, or not every run was trained to its end.
    """
    loaded = settings.load()
    dataset = datasets.find(loaded, datasets.EMBEDDED)
    cells = sweep.cells(dataset, {work.family: work.widths}, work.seeds)
    store = Store(loaded.store, room=loaded.room)
    with closing(Runner(loaded, store)) as runner:
        now = runner.progress()
        while now.phase == "starting":
            now = runner.wait(now)
        if not now.ready:
            raise TrainingError(now.problem or "The training process did not come up.")
        time.sleep(rest)
        first = None
        began = time.perf_counter()
        runner.submit(cells)
        while (now := runner.progress()).busy and not now.held:
            if first is None and any(x.epochs for x in now.running):  # the runner tells after the store has it
                first = time.perf_counter() - began
            runner.wait(now)
        ended = time.perf_counter() - began
    known = store.runs_of(cells)
    runs = [known[x] for x in cells if x in known and known[x].state is RunState.DONE]
    if len(runs) < len(cells):
        raise TrainingError(now.problem or f"Only {len(runs)} of {len(cells)} runs were trained to their end.")
    return Wait(
        round(first or ended, 3),  # a run of one epoch may have ended before it was looked at
        round(ended, 3),
        tuple(round(x.seconds or 0, 3) for x in runs),
        statistics.fmean(x.test_accuracy or 0 for x in runs),
        tuple(sorted({x.formulation or "" for x in runs})),
        now.device or "",
    )


def apart(tree: Path, work: Work, rest: float) -> Wait:
    """Return what :func:`once` does in a process of its own, by the ``core`` of a checkout and with a new home.

    Raises:
        TrainingError: with its words, if it failed.
    """
    with tempfile.TemporaryDirectory(prefix="waits-") as folder:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(HIDDEN)}
        new = {"FEATHERWEIGHT_HOME": folder, "HOME": folder, "TMPDIR": folder, "PYTHONPATH": str(tree)}
        # -P: or the folder of this file came before the checkout's
        told = subprocess.run(
            [sys.executable, "-P", __file__, "--once", json.dumps([asdict(work), rest])],
            cwd=tree,
            env=kept | new,
            capture_output=True,
            text=True,
        )
        log = Path(folder, "training.log")  # gone with the folder
        logged = log.read_text(errors="replace") if log.is_file() else ""
    if told.returncode:
        words = " ".join(x.strip().rpartition("\n")[2] for x in (told.stderr, logged))
        raise TrainingError(f"{work} could not be measured in {tree.name} (exit code {told.returncode}). {words}")
    found: dict[str, Any] = json.loads(told.stdout)
    if found.pop("root") != str(tree):
        raise TrainingError(f"Another project than that in {tree} was measured. Look at what Python's start sets.")
    found |= {name: tuple(found[name]) for name in ("runs", "formulations")}
    return Wait(**found)


def turns(trees: Sequence[Path], work: Work, repeats: int, rest: float) -> list[Row]:
    """Return a row a checkout, each measured as often; who is first changes with every turn."""
    waits: dict[Path, list[Wait]] = {x: [] for x in trees}
    for turn in range(repeats):
        for tree in trees if turn % 2 == 0 else trees[::-1]:
            wait = apart(tree, work, rest)
            waits[tree].append(wait)
            words = f"first {wait.first:.2f} s, ended {wait.ended:.2f} s"
            print(f"{work} in {tree.name}, {turn + 1} of {repeats}: {words}", file=sys.stderr, flush=True)
    rows, own = [], waits[trees[0]]
    for tree, found in waits.items():
        pairs = list(zip(found, own, strict=True))
        first = statistics.median(x.first / y.first for x, y in pairs)
        ended = statistics.median(x.ended / y.ended for x, y in pairs)
        rows.append(Row(work, tree.name, tuple(found), round(first, 3), round(ended, 3)))
    return rows


def spread(seconds: list[float]) -> str:
    """Return the median, with the range where there are several."""
    median = f"{statistics.median(seconds):.2f}"
    return median if len(seconds) < 2 else f"{median} ({min(seconds):.2f} to {max(seconds):.2f})"


def table(row: Row) -> str:
    """Return a row as a line of the table."""
    return aligned(
        str(row.work),
        row.tree,
        spread([x.first for x in row.waits]),
        spread([x.ended for x in row.waits]),
        f"{row.first_ratio:.2f}, {row.ended_ratio:.2f}",
        f"{100 * statistics.fmean(x.accuracy for x in row.waits):.2f} %",
    )


def aligned(*cells: str) -> str:
    """Return the cells of a line, each as wide as its column."""
    return "  ".join(f"{cell:>{size}}" for cell, size in zip(cells, SIZES, strict=True))


def wanted(text: str, seeds: str) -> Work:
    """Return the work that ``FAMILY:WIDTHS`` means.

    Raises:
        ArgumentError: if a part of it is none.
    """
    key, _, widths = text.rpartition(":")
    if not key:
        raise invalid("network", "a family or a line of layers, a colon and widths, as in mlp:32", text)
    chosen = family(key)
    numbers = tuple(chosen.width(x) for x in sweep.numbers(widths, "widths"))
    return Work(chosen.key, numbers, tuple(sweep.numbers(seeds, "seeds")))


def main() -> None:
    """Read the arguments, measure in turns, and print the table, or with ``--json`` an object a row."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words = "a run by itself, as FAMILY:WIDTH or LINE:WIDTH; may be repeated"
    parser.add_argument("--network", action="append", metavar="FAMILY:WIDTH", help=words)
    words = "runs handed in together; may be repeated; with neither option, five networks and one sweep"
    parser.add_argument("--sweep", action="append", metavar="FAMILY:WIDTHS", help=words)
    parser.add_argument("--seeds", default="0-2", help="of each network of a sweep; 0-2 by default")
    parser.add_argument("--repeats", type=int, default=3, help="3 by default")
    words = "seconds from the training process being up to Start; 0 by default"
    parser.add_argument("--rest", type=float, default=0.0, help=words)
    words = "another checkout of the project, to be measured in turns; may be repeated"
    parser.add_argument("--tree", action="append", type=Path, default=[], help=words)
    parser.add_argument("--json", action="store_true", help="print one JSON object a row instead of the table")
    parser.add_argument("--once", help=argparse.SUPPRESS)  # how this file has itself run in a checkout
    asked = parser.parse_args()
    try:
        if asked.once:
            parts, rest = json.loads(asked.once)
            print(json.dumps({**asdict(once(Work(**parts), rest)), "root": str(ROOT)}))
            return
        if asked.repeats < 1 or asked.rest < 0:
            parser.error("--repeats is at least 1 and --rest at least 0")
        trees = list(dict.fromkeys([ROOT, *(x.resolve() for x in asked.tree)]))
        for tree in trees:
            if not (tree / "core" / "runner").is_dir():
                parser.error(f"{tree} is no checkout of the project")
            compileall.compile_dir(tree / "core", quiet=1)  # a fresh one would do that while it is measured
        given = asked.network or asked.sweep
        works = [wanted(x, "0") for x in (asked.network or () if given else NETWORKS)]
        works += [wanted(x, asked.seeds) for x in (asked.sweep or () if given else SWEEPS)]
        rows = [row for work in works for row in turns(trees, work, asked.repeats, asked.rest)]
    except FeatherweightError as e:
        parser.exit(1, f"{e}\n")
    if asked.json:
        for row in rows:
            print(json.dumps({"what": str(row.work), **asdict(row)}))
        return
    print(f"{rows[0].waits[0].device}; median and range of {asked.repeats}; times as long as in {ROOT.name}")
    print("\n".join([aligned(*COLUMNS), *map(table, rows)]))


if __name__ == "__main__":
    main()
