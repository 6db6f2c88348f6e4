"""Random networks for property tests: lines of text of every kind of layer that fit images of a shape."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.networks.layers import Array, Shape
from core.networks.line import Line
from core.networks.network import Network

ACTIVATIONS = ("relu", "leaky", "elu", "gelu", "swish", "tanh", "sigmoid", "linear")
SIZES = ("1", "2", "3", "5", "3x1", "1x3", "2x3")


@st.composite
def arguments(draw: st.DrawFn, *first: str, multiplier: bool = False, stride: bool = True) -> str:
    """What stands in a layer's brackets."""
    said = list(first)
    said += ["same"] * draw(st.booleans())
    said += ["stride2"] * (stride and draw(st.integers(0, 4)) == 0)
    said += ["multiplier2"] * (multiplier and draw(st.integers(0, 2)) == 0)
    said += ["nobias"] * draw(st.booleans())
    said += [draw(st.sampled_from(ACTIVATIONS))]
    return f"({', '.join(said)})"


@st.composite
def image_layer(draw: st.DrawFn, channels: str = "") -> str:
    """A layer that takes an image and gives one; with ``channels``, convolutions give so many."""
    width = channels or draw(st.sampled_from(("1", "2", "3", "5")))
    kind = draw(
        st.sampled_from(("conv", "conv", "separable", "depthwise", "pool", "pool", "batchnorm", "relu", "dropout0.25"))
    )
    size = draw(st.sampled_from(SIZES))
    if kind in ("conv", "separable"):
        return f"{kind}{size}{draw(arguments(width, multiplier=kind == 'separable'))}"
    if kind == "depthwise":
        return f"depthwise{size}{draw(arguments(multiplier=True))}"
    if kind == "pool":
        name, side = draw(st.sampled_from(("maxpool", "avgpool"))), draw(st.sampled_from("23"))
        return f"{name}{side}{draw(st.sampled_from(('', '(same)', '(stride1)', '(same, stride2)', '(stride2)')))}"
    return draw(st.sampled_from(ACTIVATIONS)) if kind == "relu" else kind


@st.composite
def keeping(draw: st.DrawFn, width: str) -> str:
    """A layer of ``width`` channels that keeps the shape of an image."""
    kind = draw(st.sampled_from(("conv", "separable", "depthwise", "batchnorm", "leaky")))
    act = draw(st.sampled_from(ACTIVATIONS))
    if kind in ("conv", "separable"):
        return f"{kind}{draw(st.sampled_from('135'))}({width}, same, {act})"
    return f"depthwise3(same, nobias, {act})" if kind == "depthwise" else kind


@st.composite
def group(draw: st.DrawFn) -> str:
    """Layers in brackets, after one that gives their number of channels."""
    width = draw(st.sampled_from("234"))
    inner = " ".join(draw(st.lists(keeping(width), min_size=1, max_size=3)))
    head = draw(st.sampled_from(("residual", "2x", "3x", "shared2", "shared3")))
    if draw(st.integers(0, 3)) == 0:
        inner = f"residual[{inner}] {draw(keeping(width))}"
    return f"conv1({width}) {head}[{inner}]"


@st.composite
def lines(draw: st.DrawFn, shape: Shape, classes: int) -> Line:
    """A line whose network takes images of a shape."""
    parts: list[str] = []
    for part in draw(st.lists(image_layer() | group(), max_size=6)):
        if fits(" ".join([*parts, part]), shape):
            parts.append(part)
    end = draw(st.sampled_from(("flatten", "globalavg", "globalmax", "conv")))
    if end == "conv":
        return Line.of(" ".join([*parts, "conv1(classes, linear) globalavg softmax"]))
    parts.append(end)
    for _ in range(draw(st.integers(0, 2))):
        parts.append(f"dense{draw(arguments('4', stride=False)).replace('same, ', '').replace('(same)', '')}")
        parts += draw(st.lists(st.sampled_from(("batchnorm", "dropout0.5", "tanh")), max_size=1))
    return Line.of(" ".join(parts))


def fits(text: str, shape: Shape) -> bool:
    """Return whether layers take images of a shape."""
    try:
        Network(shape, Line.of(f"{text} flatten").layers(1, 3, True))
    except ArgumentError:
        return False
    return True


def weights_of(network: Network, seed: int = 1) -> list[Array]:
    """Return random arrays for a network; variances are no smaller than a tenth."""
    rng = np.random.default_rng(seed)
    return [
        (rng.uniform(0.1, 2, shape) if name == "moving_variance" else rng.normal(0, 0.4, shape)).astype(np.float32)
        for name, shape in network.arrays
    ]
