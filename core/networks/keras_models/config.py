"""The JSON of a Keras model: its layers as they are listed, each with its place and name for sentences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ArgumentError, short_repr
from core.networks.notation import MAX_LAYERS

MODELS = ("Sequential", "Functional", "Model")
INPUT = "InputLayer"
ADD = "Add"
LAYERS = (
    "Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense", "MaxPooling2D", "AveragePooling2D",
    "GlobalAveragePooling2D", "GlobalMaxPooling2D", "Flatten", "Dropout", "BatchNormalization", "Activation", "ReLU",
    "LeakyReLU", "ELU", "Softmax", ADD, "Rescaling",
)  # fmt: skip
PACKAGES = ("keras", "tf_keras", "tensorflow")  # that layers of Keras come from
# Layers and models as often as they are used: an input, say, counts here and not in a line.
MAX_USES = 4 * MAX_LAYERS


@dataclass(frozen=True, slots=True)
class Found:
    """A layer or a model as the file has it, at one of its uses.

    Attributes:
        kind: its class.
        name: its name; empty if it has none.
        where: its place, name and class for a sentence.
        config: its arguments.
        key: the same for every use of one layer; empty for the model that is the whole file.
        nodes: in a functional model what it is called with, at every use.
        training: what this use says for ``training``; None mostly.
    """

    kind: str
    name: str
    where: str
    config: Mapping[str, object]
    key: tuple[object, ...] = ()
    nodes: object = None
    training: object = None

    def refused(self, expected: str, received: str) -> ArgumentError:
        """Return the error that names this layer."""
        return ArgumentError(f"{self.where}: expected {expected}. Received: {received}.")


def whole(config: object) -> Found:
    """Return the model that a whole file is.

    Args:
        config: what its JSON says.

    Raises:
        ArgumentError: if it is no model, or neither a list of layers nor a graph.
    """
    if not isinstance(config, dict) or "class_name" not in config:
        came = f"{said(config)}{' without class_name' if isinstance(config, dict) else ''}"
        raise ArgumentError(
            "Expected the JSON of a Keras model, an object with class_name and config as model.to_json() writes it. "
            f"Received: {came}."
        )
    kind = config["class_name"]
    if kind not in MODELS:
        raise ArgumentError(
            f"Expected a Sequential or a functional Keras model. Received: one of the class {said(kind)}."
        )
    return _found(config, 0, None)


def layers(model: Found) -> list[Found]:
    """Return the layers of a model as they are listed, its inputs among them.

    Raises:
        ArgumentError: if they are not written as Keras does, are not Keras's own or too many.
    """
    listed = model.config.get("layers")
    if not isinstance(listed, list) or not listed:
        raise model.refused("a list of layers", said(listed))
    if len(listed) > MAX_USES:
        raise model.refused(f"at most {MAX_LAYERS} layers", f"{len(listed):,}")
    begins = isinstance(listed[0], dict) and listed[0].get("class_name") == INPUT
    return [_found(x, place, model) for place, x in enumerate(listed, start=0 if begins else 1)]


def batch_shape(config: object) -> object:
    """Return the shape of what enters a model, with the batch axis, as the file has it; None if it says none."""
    model = whole(config)
    built = config.get("build_config") if isinstance(config, dict) else None
    for _ in range(MAX_USES):
        first = layers(model)[0]
        for given in (first.config.get("batch_shape"), first.config.get("batch_input_shape")):
            if given is not None:
                return given
        if first.kind not in MODELS:
            return model.config.get("build_input_shape") or (
                built.get("input_shape") if isinstance(built, dict) else None
            )
        model = first
    raise model.refused("layers", "models within models without end")


def said(value: object) -> str:
    """Return a value of the file for a sentence, short whatever it is."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple) and (len(value) > 4 or any(isinstance(x, list | tuple | dict) for x in value)):
        return f"a list of {len(value)}"
    return short_repr(value, 60)


def short(text: str) -> str:
    """Return a name of the file for a sentence, without quotes."""
    return said(text)[1:-1]


def _found(entry: object, place: int, model: Found | None) -> Found:
    """Return a layer of a model, at its place among those that are no inputs."""
    where = f"Layer {place}{f' of {said(model.name)}' if model.key else ''}" if model else "Model"
    expected = "expected an object with a class_name that is text and a config that is an object"
    if not isinstance(entry, dict):
        raise ArgumentError(f"{where}: {expected}. Received: {said(entry)}.")
    kind, config = entry.get("class_name"), entry.get("config")
    if kind == "Sequential" and isinstance(config, list):  # as Keras wrote it before 2.2.3
        config = {"layers": config}
    if not isinstance(kind, str) or not isinstance(config, dict):
        raise ArgumentError(f"{where}: {expected}. Received: {said(kind)} and {said(config)}.")
    name = entry.get("name") or config.get("name") or ""
    if not isinstance(name, str):
        raise ArgumentError(f"{where}: expected a name that is text. Received: {said(name)}.")
    shared = entry.get("shared_object_id")  # of what is in two models of one file; what is in that has others there
    key: tuple[object, ...] = ()
    if model:
        own = isinstance(shared, int) and "shared" not in model.key[:1]
        key = ("shared", shared) if own else (*model.key, place, name)
    found = Found(kind, name, f"{where}, {said(name)} ({short(kind)})", config, key, entry.get("inbound_nodes"))
    module, registered = entry.get("module"), entry.get("registered_name")
    if isinstance(module, str) and module.partition(".")[0] not in PACKAGES:
        raise found.refused("a layer of Keras", f"one of the module {said(module)}")
    if isinstance(registered, str) and ">" in registered:
        raise found.refused("a layer of Keras", f"one that is registered as {said(registered)}")
    return found
