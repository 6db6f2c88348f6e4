"""The verb ``datasets``, and the image set that a verb trains on."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from typing import Any

from core import settings
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.data.datasets import Dataset
from core.errors import FeatherweightError
from core.networks.layers import shape_text
from core.settings import Settings


def add(verbs: Verbs) -> None:
    """Add the verb ``datasets``."""
    verbs.add("datasets", listed, "list the image sets")


def listed(arguments: Namespace) -> Output:
    """List the image sets, those that cannot be used with the reason."""
    loaded = settings.load()
    rows: list[dict[str, Any]] = []
    for name in datasets.names(loaded):
        row: dict[str, Any] = {"name": name, "title": datasets.title(name)}
        try:
            found = datasets.find(loaded, name)
            row |= {"path": str(found.path), **asdict(found.facts), "problem": None}
        except FeatherweightError as e:
            row |= {"problem": str(e)}
        rows.append(row)
    lines = [
        f"{x['name']:<14} {x['problem']}"
        if x["problem"]
        else f"{x['name']:<14} {shape_text(x['input_shape'])}, {x['classes']} classes, "
        f"{x['train']:,} to train, {x['test']:,} to test"
        for x in rows
    ]
    return Output(rows, "\n".join(lines))


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
