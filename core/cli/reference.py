"""The verb ``reference``: the results that come with Featherweight, trained anew."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from core import settings
from core.cli import files
from core.cli.data import at_hand
from core.cli.verb import Output, Verbs
from core.runs import reference
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verb ``reference``."""
    words = "train the reference results, about two hours on two cores, and write them"
    added = verbs.add("reference", train, words)
    added.add_argument("--out", metavar="FILE", help="in place of the shipped ones by default")


def train(arguments: Namespace) -> Output:
    """Train what of the reference results is not finished and write them to a file."""
    from core.cli.terminal import follow

    loaded = settings.load()
    path = Path(arguments.out) if arguments.out else reference.PATH
    files.check(path, force=True)  # before any work is done
    wanted = [x for name in reference.DATASETS for x in reference.cells(at_hand(loaded, name))]
    store = Store(loaded.store)
    follow(loaded, store, wanted)
    reference.write(store, wanted, path)
    return Output({"path": str(path), "runs": len(wanted)}, f"Wrote {len(wanted)} runs to {path}.")
