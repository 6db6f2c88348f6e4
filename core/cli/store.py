"""The command line's verb ``store``: look the file of results over, or set aside one that is refused."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any

from core import settings
from core.errors import StoreError


def options(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--set-aside", action="store_true", help="rename a damaged or newer store, so that a fresh one is made"
    )


def look(arguments: Namespace) -> tuple[dict[str, Any], str]:
    """Read and check the whole store and return what it holds, as a document and for people; or set it aside.

    Raises:
        ArgumentError: if it is to be set aside, but nothing is wrong with it.
        RefusedError: if it is damaged, of a newer version or another program's.
        StoreError: if there is none, or it cannot be read.
        TrainingError: if it is to be set aside, but another process has it.
    """
    from core.runs import database
    from core.runs.store import Store

    path = settings.load().store
    if arguments.set_aside:
        name = database.set_aside(path)
        return {"path": str(path), "set_aside": str(name)}, f"The store is now called {name}."
    if not path.is_file():
        raise StoreError(f"There is no store {path} yet: 'python -m core train deep_cnn 2' makes one.")
    store = Store(path, read_only=True)
    store.database.check()
    usage = store.usage()
    facts = {"path": str(path), "bytes": path.stat().st_size, "states": store.counts(), "weights_bytes": usage.size}
    runs = ", ".join(f"{count:,} {state}" for state, count in store.counts().items()) or "no runs"
    text = f"{path} is sound: {runs}; weights of {usage.kept:,} runs, {usage.size / 1e6:,.1f} MB."
    return facts, text
