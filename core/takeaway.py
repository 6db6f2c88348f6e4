"""The command line's verb ``export``: what of the store to take away, and where to put it."""

from __future__ import annotations

import os
import tempfile
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from core import datasets, settings
from core.errors import ArgumentError, invalid, whole_number

if TYPE_CHECKING:  # pandas and Altair take a second, that other verbs need not wait
    from core.settings import Settings
    from core.store import Store

LARGEST_ID = 2**63 - 1


def options(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--format", metavar="FORMAT", help=f"of the runs: one of {', '.join(FORMATS)}")
    what.add_argument("--run", metavar="ID", help="one finished run as a zip file: a Keras script, its weights, how")
    parser.add_argument("--data", metavar="NAME", help="only runs on this image set")
    parser.add_argument("--out", metavar="FILE", help="standard output by default, except for --run")
    parser.add_argument("--force", action="store_true", help="write over an existing file")


def export(arguments: Namespace) -> tuple[None, str]:
    """Write what is asked for and return the sentence that says so, or the text itself without ``--out``.

    Raises:
        ArgumentError: on a choice that does not exist, or a file that does.
    """
    form, run, out = arguments.format, arguments.run, arguments.out
    if form is not None and form not in FORMATS:
        raise invalid("format", f"one of {', '.join(FORMATS)}", form)
    number = None if run is None else whole_number(run, "run", 1, LARGEST_ID)
    if number is not None and out is None:
        raise ArgumentError("A run is packed into a zip file. Say where to: --out FILE.zip.")
    if number is not None and arguments.data is not None:
        raise ArgumentError("A run is on one image set. Leave out --data.")
    target = Path(out) if out is not None else None
    if target is not None:
        _check(target, arguments.force)  # before any work is done
    from core.store import Store

    loaded = settings.load()
    if number is not None:
        content = _bundle(loaded, number)
    else:
        if arguments.data is not None:
            datasets.check_name(loaded, arguments.data)
        content = FORMATS[form](Store(loaded.store), arguments.data)
    if target is None:
        return None, content.decode().removesuffix("\n")
    _write(target, content, arguments.force)
    return None, f"Wrote {target} ({len(content):,} bytes)."


def _csv(store: Store, dataset: str | None) -> bytes:
    from core import exports

    return exports.csv(store.runs(dataset))


def _json(store: Store, dataset: str | None) -> bytes:
    from core import exports

    return exports.json(store.rows(dataset))


# From a store and the name of an image set, or None for all, to the bytes of a text file.
FORMATS: dict[str, Callable[[Store, str | None], bytes]] = {"csv": _csv, "json": _json}


def _bundle(loaded: Settings, run: int) -> bytes:
    from core import bundle
    from core.store import Store

    store = Store(loaded.store)
    facts = datasets.find(loaded, bundle.find(store, run)["dataset"]).facts
    return bundle.pack(store, run, facts)


def _check(target: Path, force: bool) -> None:
    if target.is_dir():
        raise invalid("file to write", "a file", f"the folder {target}")
    if target.exists() and not force:
        raise ArgumentError(f"The file {target} exists already. Choose another, or write over it with --force.")
    if not target.parent.is_dir():
        raise ArgumentError(f"The folder {target.parent} does not exist. Make it first.")


def _write(target: Path, content: bytes, force: bool) -> None:
    """Write a file whole or not at all."""
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            made = Path(folder) / "file"  # made like any other, so that others may read it as the user's mask says
            made.write_bytes(content)
            _check(target, force)
            os.replace(made, target)
    except OSError as e:
        raise ArgumentError(f"The file {target} cannot be written ({e.strerror}).") from None
