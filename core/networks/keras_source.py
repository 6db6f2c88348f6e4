"""Python code that builds a network with Keras."""

from __future__ import annotations

from collections.abc import Sequence

from core.networks.layer import Layer, Shape
from core.networks.layers import Add
from core.networks.step import Step


def source(input_shape: Shape, steps: Sequence[Step]) -> str:
    """Return Python code that builds a network with Keras as ``model``: a list of layers, or where it must be, a graph.

    Its last line holds Keras's count against ours.
    """
    lines = _listed(input_shape, steps) if all(x.follows for x in steps) else _graph(input_shape, steps)
    counted = f"{sum(x.parameters for x in steps):_}"
    if statistics := sum(x.statistics for x in steps):
        counted += f" + {statistics:_}  # those of batch norm are kept, not trained"
    return "\n".join(["import keras", "", *lines, f"assert model.count_params() == {counted}", ""])


def _listed(input_shape: Shape, steps: Sequence[Step]) -> list[str]:
    inner = [f"keras.Input(shape={input_shape!r})", *(_made(x.layer) for x in steps)]
    return ["model = keras.Sequential(", "    [", *(f"        {x}," for x in inner), "    ]", ")"]


def _graph(input_shape: Shape, steps: Sequence[Step]) -> list[str]:
    """Return the lines of a graph: what enters a residual block and layers that are used again have names."""
    entered = {x.index - x.layer.over for x in steps if isinstance(x.layer, Add)}
    used_again = {x.owner for x in steps if not x.own}
    names = {place: f"shared_{number}" for number, place in enumerate(sorted(used_again), start=1)}
    lines = [f"inputs = keras.Input(shape={input_shape!r})", "x = inputs"]
    for x in steps:
        if x.index in entered:
            lines.append(f"entered_{x.index + 1} = x")
        if isinstance(x.layer, Add):
            lines.append(f"x = {_made(x.layer)}([x, entered_{x.index - x.layer.over + 1}])")
            continue
        if x.index in names:
            lines.append(f"{names[x.index]} = {_made(x.layer)}")
        lines.append(f"x = {names.get(x.owner) or _made(x.layer)}(x)")
    return [*lines, "model = keras.Model(inputs, x)"]


def _made(layer: Layer) -> str:
    kind, arguments = layer.keras()
    return f"keras.layers.{kind}({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
