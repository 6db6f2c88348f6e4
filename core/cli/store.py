"""The verb ``store``: look the file of results over, or set aside one that is refused."""

from __future__ import annotations

from argparse import Namespace

from core import settings
from core.cli.verb import Output, Verbs
from core.errors import StoreError
from core.runs import database
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verb ``store``."""
    added = verbs.add("store", look, "read and check the file of all results")
    words = "rename a damaged or newer store, so that a fresh one is made"
    added.add_argument("--set-aside", action="store_true", help=words)


def look(arguments: Namespace) -> Output:
    """Read and check the whole store and tell what it holds; or set it aside.

    Raises:
        ArgumentError: if it is to be set aside, but nothing is wrong with it.
        RefusedError: if it is damaged, of a newer version or another program's.
        StoreError: if there is none, or it cannot be read.
        TrainingError: if it is to be set aside, but another process has it.
    """
    path = settings.load().store
    if arguments.set_aside:
        name = database.set_aside(path)
        return Output({"path": str(path), "set_aside": str(name)}, f"The store is now called {name}.")
    if not path.is_file():
        raise StoreError(f"There is no store {path} yet: 'python -m core train deep_cnn 2' makes one.")
    store = Store(path, read_only=True)
    store.database.check()
    usage, counts = store.usage(), store.counts()
    document = {"path": str(path), "bytes": path.stat().st_size, "states": counts, "weights_bytes": usage.size}
    runs = ", ".join(f"{count:,} {state}" for state, count in counts.items()) or "no runs"
    text = f"{path} is sound: {runs}; weights of {usage.kept:,} runs, {usage.size / 1e6:,.1f} MB."
    return Output(document, text)
