"""The command line's verb ``export``: what of the store to take away, and where to put it."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from pathlib import Path

from core import settings
from core.data import datasets
from core.errors import ArgumentError, invalid, whole_number
from core.results import answer

TARGET = "0.97"  # the article's, for a chart
UNITS = ("weights", "float32", "int8", "operations", "time")  # the keys of units.UNITS, which needs pandas
LARGEST_ID = 2**63 - 1
TABLES = ("csv", "json")
CHARTS = ("svg", "png", "html")


def options(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    formats = f"the runs as {' or '.join(TABLES)}, the chart as {', '.join(CHARTS)}"
    what.add_argument("--format", metavar="FORMAT", help=formats)
    what.add_argument("--run", metavar="ID", help="one finished run as a zip file: a Keras script, its weights, how")
    answer.options(parser)
    parser.add_argument("--unit", default="weights", help=f"of the chart: one of {', '.join(UNITS)}")
    parser.add_argument("--errors", action="store_true", help="of the chart: errors on a log axis")
    parser.add_argument("--scheme", default="light", help="of the chart: light or dark")
    parser.add_argument("--out", metavar="FILE", help="standard output by default for csv, json, svg and html")
    parser.add_argument("--force", action="store_true", help="write over an existing file")


def export(arguments: Namespace) -> tuple[None, str]:
    """Write what is asked for and return the sentence that says so, or the text itself without ``--out``.

    Raises:
        ArgumentError: on a choice that does not exist, or a file that does.
    """
    form, run, out = arguments.format, arguments.run, arguments.out
    if form is not None and form not in (*TABLES, *CHARTS):
        raise invalid("format", f"one of {', '.join((*TABLES, *CHARTS))}", form)
    number = None if run is None else whole_number(run, "run", 1, LARGEST_ID)
    if out is None and (number is not None or form == "png"):
        what, ending = ("A picture is bytes", "png") if form else ("A run is packed into a zip file", "zip")
        raise ArgumentError(f"{what}. Say where to: --out FILE.{ending}.")
    if number is not None and arguments.data is not None:
        raise ArgumentError("A run is on one image set. Leave out --data.")
    target = Path(out) if out is not None else None
    if target is not None:
        check(target, arguments.force)  # before any work is done
    content = _bundle(number) if number is not None else _chart(arguments) if form in CHARTS else _table(arguments)
    if target is None:
        return None, content.decode().removesuffix("\n")
    _write(target, content, arguments.force)
    return None, f"Wrote {target} ({len(content):,} bytes)."


def _table(arguments: Namespace) -> bytes:
    from core.export import charts as export_charts
    from core.runs.store import Store

    loaded = settings.load()
    if arguments.data is not None:
        datasets.check_name(loaded, arguments.data)
    store = Store(loaded.store)
    if arguments.format == "json":
        return export_charts.json(store.rows(arguments.data))
    return export_charts.csv(store.runs(arguments.data))


def _chart(arguments: Namespace) -> bytes:
    from core.charts import results as results_chart
    from core.export import charts as export_charts
    from core.results import analysis, published, tables, units

    if arguments.unit not in UNITS:
        raise invalid("unit", f"one of {', '.join(UNITS)}", arguments.unit)
    export_charts.theme(arguments.scheme)
    arguments.target = TARGET if arguments.target is None else arguments.target
    answered = answer.ask(arguments)
    if not answered.points:
        raise ArgumentError(f"{answered.sentence} Train one first: 'python -m core train deep_cnn 2'.")
    found = answered.found
    points = analysis.points(found.runs)
    points = tables.networks(points, units.sizes(points, arguments.unit, *found.images))
    others = published.beside(found.name, arguments.unit)
    chart = results_chart.results(
        points, points[:0], others, answered.target, unit=arguments.unit, errors=arguments.errors
    )
    if arguments.format == "html":
        title = f"Accuracy against size: {datasets.title(found.name)}"
        shown = tables.for_people(points, tables.NETWORKS)
        return export_charts.html(chart, arguments.scheme, title, answered.sentence, shown)
    return (export_charts.svg if arguments.format == "svg" else export_charts.png)(chart, arguments.scheme)


def _bundle(run: int) -> bytes:
    from core.export import bundle
    from core.results import collect
    from core.runs.store import Store

    loaded = settings.load()
    store = Store(loaded.store)
    row = bundle.find(store, run)
    found = collect.find(loaded, store, None, row["dataset"])
    # images at hand have to be the run's; those of a set that is not at hand are known all the same
    return bundle.pack(store, run, found.facts if found.dataset else found.facts_of(row["fingerprint"]))


def check(target: Path, force: bool) -> None:
    """Check, before any work is done, that a file can be made where it is wanted; ``force`` allows one to be there.

    Raises:
        ArgumentError: if not.
    """
    try:
        if target.is_dir():
            raise invalid("file to write", "a file", f"the folder {target}")
        if target.exists() and not force:
            raise ArgumentError(f"The file {target} exists already. Choose another, or write over it with --force.")
        if not target.parent.is_dir():
            raise ArgumentError(f"The folder {target.parent} does not exist. Make it first.")
    except OSError as e:
        raise _unwritable(target, e) from None


def _write(target: Path, content: bytes, force: bool) -> None:
    """Write a file whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            made = Path(folder) / "file"  # made like any other, so that others may read it as the user's mask says
            made.write_bytes(content)
            check(target, force)
            os.replace(made, target)
    except OSError as e:
        raise _unwritable(target, e) from None


def _unwritable(target: Path, error: OSError) -> ArgumentError:
    return ArgumentError(f"The file {target} cannot be written ({error.strerror}).")
