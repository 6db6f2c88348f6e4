"""The verb ``export``: what of the store to take away, and where to put it."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from core import settings
from core.cli import arguments as options
from core.cli import files
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.errors import ArgumentError, invalid, whole_number
from core.export import tables
from core.recipe import protocol
from core.results import analysis, collect, published
from core.results.sizes import sizes
from core.results.units import UNITS
from core.runs import left
from core.runs.store import Store

TARGET = 0.97  # the article's, for a chart
LARGEST_ID = 2**63 - 1
TABLES = {"csv": tables.csv, "json": tables.json}
CHARTS = ("svg", "png", "html")
FORMATS = (*TABLES, *CHARTS)


def add(verbs: Verbs) -> None:
    """Add the verb ``export``."""
    words = "write the runs, the chart, or all of one run to a file"
    added = verbs.add("export", export, words, json=False)  # what it prints is the export
    what = added.add_mutually_exclusive_group(required=True)
    formats = f"the runs as {' or '.join(TABLES)}, the chart as {', '.join(CHARTS)}"
    what.add_argument("--format", metavar="FORMAT", help=formats)
    what.add_argument("--run", metavar="ID", help="one finished run as a zip file: a Keras script, its weights, how")
    options.question(added)
    added.add_argument("--unit", default="weights", help=f"of the chart: one of {', '.join(UNITS)}")
    added.add_argument("--errors", action="store_true", help="of the chart: errors on a log axis")
    added.add_argument("--scheme", default="light", help="of the chart: light or dark")
    added.add_argument("--out", metavar="FILE", help="standard output by default for csv, json, svg and html")
    added.add_argument("--force", action="store_true", help="write over an existing file")


def export(arguments: Namespace) -> Output:
    """Write what is asked for and say so, or without ``--out`` print it.

    Raises:
        ArgumentError: on a choice that does not exist, or a file that does.
    """
    form, run, out = arguments.format, arguments.run, arguments.out
    if form is not None and form not in FORMATS:
        raise invalid("format", f"one of {', '.join(FORMATS)}", form)
    number = None if run is None else whole_number(run, "run", 1, LARGEST_ID)
    if out is None and (number is not None or form == "png"):
        what, ending = ("A picture is bytes", "png") if form else ("A run is packed into a zip file", "zip")
        raise ArgumentError(f"{what}. Say where to: --out FILE.{ending}.")
    if number is not None and arguments.data is not None:
        raise ArgumentError("A run is on one image set. Leave out --data.")
    target = Path(out) if out is not None else None
    if target is not None:
        files.check(target, arguments.force)  # before any work is done
    content = _bundle(number) if number is not None else _chart(arguments) if form in CHARTS else _table(arguments)
    if target is None:
        return Output(None, content.decode().removesuffix("\n"))
    files.write(target, content, arguments.force)
    return Output(None, f"Wrote {target} ({len(content):,} bytes).")


def _table(arguments: Namespace) -> bytes:
    loaded = settings.load()
    if arguments.data is not None:
        datasets.check_name(loaded, arguments.data)
    return TABLES[arguments.format](left.runs(Store(loaded.store), arguments.data))


def _chart(arguments: Namespace) -> bytes:
    from core.charts.results import results
    from core.export import charts
    from core.results.tables import NETWORKS, for_people, networks

    if arguments.unit not in UNITS:
        raise invalid("unit", f"one of {', '.join(UNITS)}", arguments.unit)
    charts.theme(arguments.scheme)
    share = analysis.target(TARGET if arguments.target is None else arguments.target)
    found, answer = options.ask(arguments.data, share, protocol(arguments.protocol), arguments.own)
    if not answer.points:
        raise ArgumentError(f"{answer.sentence} Train one first: 'python -m core train deep_cnn 2'.")
    points = networks(answer.points, sizes(answer.points, arguments.unit, *found.images))
    others = published.beside(found.name, arguments.unit)
    chart = results(points, points[:0], others, answer.target, unit=arguments.unit, errors=arguments.errors)
    if arguments.format == "html":
        title = f"Accuracy against size: {datasets.title(found.name)}"
        return charts.html(chart, arguments.scheme, title, answer.sentence, for_people(points, NETWORKS))
    return (charts.svg if arguments.format == "svg" else charts.png)(chart, arguments.scheme)


def _bundle(id: int) -> bytes:
    from core.export import bundle

    loaded = settings.load()
    store = Store(loaded.store)
    run = bundle.finished_run(store, id)
    found = collect.results(loaded, store, None, run.dataset)
    # images at hand have to be the run's; those of a set that is not at hand are known all the same
    return bundle.pack(store, id, found.facts if found.dataset else found.facts_of(run.fingerprint))
