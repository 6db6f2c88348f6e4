"""Configurations of Keras models as files hold them, written by hand, and what tests read from them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

from core.networks.families import of_line
from core.networks.keras_models.read import Imported, from_config
from core.networks.network import Network

Config = dict[str, Any]

CONV = {"filters": 8, "kernel_size": [3, 3]}
HEAD = ("Dense", {"units": 10, "activation": "softmax"})
SHAPE = [None, 28, 28, 1]
OLD_CONV = CONV | {
    "batch_input_shape": SHAPE,
    "strides": [1, 1],
    "padding": "valid",
    "data_format": "channels_last",
    "dilation_rate": [1, 1],
    "activation": "relu",
    "use_bias": True,
    "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
    },
    "bias_initializer": {"class_name": "Zeros", "config": {}},
    "kernel_regularizer": None,
}


def layer(kind: str, config: Config, name: str = "") -> Config:
    """Return a layer as Keras 3 writes it, without most of what it takes by default."""
    return {"module": "keras.layers", "class_name": kind, "config": {"name": name or kind.lower()} | config}


def model(*kinds: tuple[str, Config], shape: Any = SHAPE) -> Config:
    """Return a Sequential as Keras 3 writes it."""
    made = [layer(kind, config, f"{kind.lower()}_{i}") for i, (kind, config) in enumerate(kinds, start=1)]
    return {
        "module": "keras",
        "class_name": "Sequential",
        "config": {"name": "mine", "layers": [layer("InputLayer", {"batch_shape": shape}), *made]},
    }


def graph(*calls: tuple[str, str, Config, Any], old: bool = False) -> Config:
    """Return a functional model of Keras 3, or of Keras 2.

    Args:
        calls: name, class and arguments of each layer, and for each of its uses what enters.
        old: whether it is written as Keras 2 does.
    """

    def reference(text: str) -> Any:
        name, _, use = text.partition(":")
        history = [name, int(use or 0), 0]
        if old:
            return [*history, {}]
        return {"class_name": "__keras_tensor__", "config": {"shape": [None], "keras_history": history}}

    def node(entering: str) -> Any:
        found = [reference(x) for x in entering.split()]
        return found if old else {"args": [found] if len(found) > 1 else found, "kwargs": {"mask": None}}

    given = {"batch_input_shape" if old else "batch_shape": SHAPE}
    layers = [layer("InputLayer", given, "image") | {"name": "image", "inbound_nodes": []}]
    for name, kind, config, uses in calls:
        layers.append(layer(kind, config, name) | {"name": name, "inbound_nodes": [node(x) for x in uses]})
    ends = ["image", 0, 0], [calls[-1][0], len(calls[-1][3]) - 1, 0]
    config = {
        "name": "mine",
        "layers": layers,
        "input_layers": [ends[0]] if old else ends[0],
        "output_layers": [ends[1]] if old else ends[1],
    }
    return {"class_name": "Model" if old else "Functional", "config": config, "keras_version": "2.4.0"}


NONE: Config = {}
FLATTEN, RELU, POOLED = ("Flatten", NONE), ("ReLU", NONE), ("GlobalAveragePooling2D", NONE)
FLAT = ("flat", *FLATTEN)
LAST = ("last", *HEAD)
SAME = CONV | {"padding": "same"}
CHAIN = [("one", "Conv2D", SAME, ["image"]), ("two", "Conv2D", SAME, ["one"])]
TAIL = [(*FLAT, ["add"]), (*LAST, ["flat"])]
BATCHNORM = "BatchNormalization"


def line(config: object) -> str:
    return str(from_config(config).line)


def built(imported: Imported, width: int | None = None) -> Network:
    family = of_line(str(imported.line))
    return family.build(width or imported.width, imported.input_shape, imported.classes, dropout=True)


def dense(*units: int) -> list[tuple[str, Config]]:
    return [("Dense", {"units": x, "activation": "relu"}) for x in units]


def packed(path: Path, name: str, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, content)
    return path


def sentence(error: BaseException) -> str:
    """Return what an error says, if it is one line that ends."""
    said = str(error)
    assert said.endswith(".") and "\n" not in said and said.isprintable() and len(said) < 500
    assert "Received" in said or "cannot be" in said or "does not fit" in said
    return said
