"""The verb ``datasets``: list the image sets, or bring one in; and the image set that a verb trains on."""

from __future__ import annotations

import shlex
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import settings
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.data.datasets import Dataset
from core.data.formats.found import Colour, Fit, Options
from core.data.report import Report
from core.errors import ArgumentError, FeatherweightError, UnconvertedError, invalid, whole_number
from core.networks.layers import shape_text
from core.settings import Settings

LARGEST = 512  # pixels a side that images can be brought to


def add(verbs: Verbs) -> None:
    """Add the verb ``datasets``."""
    added = verbs.add("datasets", sets, "list the image sets, or bring one in with --add")
    added.add_argument("--add", metavar="PATH", help="a file, folder or zip with images: see docs/images.md")
    added.add_argument("--name", help="what to call it; after the file by default")
    added.add_argument("--test", metavar="PATH", help="the test images, where they are in another file")
    added.add_argument("--label", metavar="COLUMN", help="a table's column of labels: its name, or its place from 1")
    added.add_argument("--transpose", action="store_true", help="exchange rows and columns: EMNIST lies on its side")
    added.add_argument("--invert", action="store_true", help="exchange black and white")
    added.add_argument("--size", metavar="PIXELS", help="bring every image to a square of so many pixels a side")
    added.add_argument("--fit", help="fit: with --size, show all of an image (the default); crop: its middle square")
    added.add_argument("--colour", help="auto (the default), grey or colour")
    added.add_argument("--yes", action="store_true", help="keep it without asking")


def sets(arguments: Namespace) -> Output:
    """List the image sets, or bring one in."""
    if arguments.add is not None:
        return add_set(arguments)
    given = [x for x in ("name", "test", "label", "size", "fit", "colour") if getattr(arguments, x) is not None]
    given += [x for x in ("transpose", "invert", "yes") if getattr(arguments, x)]
    if given:
        raise ArgumentError(f"--{given[0]} says how to bring images in. Give their file too: --add PATH.")
    return listed()


def listed() -> Output:
    """List the image sets, those that cannot be used with the reason, and what else lies in the data folder."""
    from core.data import candidates  # with every reader, pandas and others among them

    loaded = settings.load()
    rows: list[dict[str, Any]] = []
    for name in datasets.names(loaded):
        row: dict[str, Any] = {"name": name, "title": datasets.title(name)}
        try:
            found = datasets.find(loaded, name)
            row |= {"path": str(found.path), **asdict(found.facts), "problem": None}
        except FeatherweightError as e:
            way = f" {conversion(e.path)}" if isinstance(e, UnconvertedError) else ""
            row |= {"problem": f"{e}{way}", "convertible": bool(way)}
        rows.append(row)
    others = [asdict(x) | {"path": str(x.path)} for x in candidates.candidates(loaded)]
    lines = [
        f"{x['name']:<14} {x['problem']}"
        if x["problem"]
        else f"{x['name']:<14} {shape_text(x['input_shape'])}, {x['classes']} classes, "
        f"{x['train']:,} to train, {x['test']:,} to test"
        for x in rows
    ]
    lines += [f"{Path(x['path']).name:<14} {x['sentence']}" for x in others]
    return Output(rows + [{"name": None, **x} for x in others], "\n".join(lines))


def conversion(path: Path) -> str:
    """Return how to look at a file that has to be converted."""
    return f"To do that: python -m core datasets --add {shlex.quote(str(path))}"


def add_set(arguments: Namespace) -> Output:
    """Bring a set in: print the report, and keep it if that is agreed to."""
    from core.cli.terminal import told
    from core.data import bring

    loaded = settings.load()
    path = Path(arguments.add).expanduser()
    name = bring.suggested(loaded, path) if arguments.name is None else arguments.name
    bring.check_name(loaded, name)
    options = _options(arguments)
    with told(f"Reading {path.name}") as progress:
        found = bring.draft(loaded, path, options, progress)
    try:
        text = "\n".join(report(found.report))
        if not arguments.yes:
            print(text, file=sys.stderr if arguments.json else sys.stdout, flush=True)
        kept = arguments.yes or _agreed(name)
        if kept:
            bring.accept(loaded, found, name)
    finally:
        bring.discard(found)
    words = f"python -m core train deep_cnn 2 --data {shlex.quote(name)}"
    said = f"Kept as {name}. To train on it: {words}" if kept else "Nothing was kept."
    if not (kept or sys.stdin.isatty()):
        said += " Add --yes to keep it."
    document = {"name": name if kept else None, "report": found.report.facts()}
    return Output(document, f"{text}\n{said}" if arguments.yes else said, code=0 if kept else 1)


def report(of: Report) -> Iterator[str]:
    """Yield the lines of a report: what was found, each conversion, the classes, and what to look at."""
    yield of.found()
    yield from (f"- {x}" for x in of.notes)
    width = max(5, *(len(x) for x in of.names))
    yield f"{'class':<{width}} {'to train':>9} {'to test':>9}"
    for class_name, train, test in zip(of.names, of.train_counts, of.test_counts, strict=True):
        yield f"{class_name:<{width}} {train:>9,} {test:>9,}"
    yield from (f"! {x}" for x in of.warnings())


def _options(arguments: Namespace) -> Options:
    """Return how a file is to be read.

    Raises:
        ArgumentError: on a value that is none.
    """
    for name, kinds in (("fit", Fit), ("colour", Colour)):
        said = getattr(arguments, name)
        if said is not None and said not in list(kinds):
            raise invalid(name, f"one of {', '.join(kinds)}", said)
    return Options(
        test=None if arguments.test is None else Path(arguments.test).expanduser(),
        label=arguments.label,
        transpose=arguments.transpose,
        invert=arguments.invert,
        size=None if arguments.size is None else whole_number(arguments.size, "size", 1, LARGEST),
        fit=Fit(arguments.fit or Fit.FIT),
        colour=Colour(arguments.colour or Colour.AUTO),
    )


def _agreed(name: str) -> bool:
    """Ask at a terminal whether to keep the set; nobody is there to be asked elsewhere."""
    if not sys.stdin.isatty():
        return False
    print(f"Use it as {name}? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def at_hand(loaded: Settings, name: str) -> Dataset:
    """Return an image set; one that can be fetched and is not on this machine is fetched first.

    Raises:
        ArgumentError: if there is no such set.
        DatasetError: if it cannot be fetched or used.
    """
    from core.cli.terminal import fetching

    if datasets.fetchable(loaded, name):
        with fetching(datasets.title(name)) as progress:
            return datasets.fetch(loaded, name, progress)
    return datasets.find(loaded, name)
