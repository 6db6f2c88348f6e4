"""A ``.keras`` file that not only the Keras reads which wrote it.

The file is a zip of ``config.json``, ``metadata.json`` and ``model.weights.h5``. Keras writes every argument of every
layer into the first and refuses to read one that it does not know, so a file by 3.15 is read by no earlier one.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

from core.networks.network import Network

# Those that files of every kind of layer were read with: same predictions as NumPy's.
READ_BY = ("3.3.3", "3.4.1", "3.5.0", "3.6.0", "3.8.0", "3.10.0", "3.12.0", "3.14.0", "3.15.1")
# What a layer has to say beside its own arguments: its place, and defaults that a machine's keras.json changes.
ALWAYS = frozenset({"name", "batch_shape", "data_format", "epsilon"})


def make_portable(path: Path, network: Network) -> None:
    """Rewrite a file so that each version of ``READ_BY`` reads it.

    Args:
        path: of the ``.keras`` file that Keras wrote of ``network``.
        network: its layers name their arguments; everything else has been Keras's default since 3.0.
    """
    with zipfile.ZipFile(path) as file:
        members = {name: file.read(name) for name in file.namelist()}
    config = json.loads(members["config.json"])
    model = config["config"]
    model.pop("dtype", None)
    said = ALWAYS.union(*(layer.keras()[1] for layer in network.layers))
    for layer in model["layers"]:
        layer.pop("build_config", None)
        # as a word: how a policy is written as an object has changed
        layer["config"] = {x: value for x, value in layer["config"].items() if x in said} | {"dtype": "float32"}
        if "inbound_nodes" in layer:
            layer["inbound_nodes"] = [_calls(x) for x in layer["inbound_nodes"]]
    for ends in ("input_layers", "output_layers"):
        if ends in model:
            model[ends] = [model[ends]]  # until 3.5 a list even of one; later ones unpack it
    members["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)


def _calls(node: dict[str, Any]) -> list[list[Any]]:
    """Return one use of a layer as Keras 2 wrote it: ``[layer, use, output, arguments]`` for each tensor that enters.

    All of Keras 3 reads it as well. Its own way does not do until 3.6 for layers that are used again further down: what
    enters the second use is not there when the first is read, and only of the old way it is tried again then.
    """
    [entering] = node["args"]
    tensors = entering if isinstance(entering, list) else [entering]
    return [[*x["config"]["keras_history"], {}] for x in tensors]
