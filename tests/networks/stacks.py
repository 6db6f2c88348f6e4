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
KINDS = ("conv", "separable", "depthwise", "maxpool", "avgpool", "batchnorm", "relu", "dropout0.25")
BRIDGES = ("flatten", "globalavg", "globalmax")


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
def image_layer(draw: st.DrawFn, *kinds: str) -> str:
    """A layer that takes an image and gives one, of one of these kinds."""
    width = draw(st.sampled_from(("1", "2", "3", "5")))
    kind = draw(st.sampled_from(kinds or ("conv", *KINDS)))
    size = draw(st.sampled_from(SIZES))
    if kind in ("conv", "separable"):
        return f"{kind}{size}{draw(arguments(width, multiplier=kind == 'separable'))}"
    if kind == "depthwise":
        return f"depthwise{size}{draw(arguments(multiplier=True))}"
    if kind in ("maxpool", "avgpool"):
        said = draw(st.sampled_from(("", "(same)", "(stride1)", "(same, stride2)", "(stride2)")))
        return f"{kind}{draw(st.sampled_from('23'))}{said}"
    return draw(st.sampled_from(ACTIVATIONS)) if kind == "relu" else kind


@st.composite
def keeping(draw: st.DrawFn, width: str, *bare: str) -> str:
    """A layer of ``width`` channels that keeps the shape of an image: one with weights, or one of ``bare``."""
    kind = draw(st.sampled_from(("conv", "separable", "depthwise", "batchnorm", *bare)))
    act = draw(st.sampled_from(ACTIVATIONS))
    if kind in ("conv", "separable"):
        return f"{kind}{draw(st.sampled_from('135'))}({width}, same, {act})"
    return f"depthwise3(same, nobias, {act})" if kind == "depthwise" else kind


@st.composite
def group(draw: st.DrawFn, *heads: str) -> str:
    """Layers in brackets with one of these before it, after one that gives their number of channels."""
    width = draw(st.sampled_from("234"))
    inner = " ".join([draw(keeping(width)), *draw(st.lists(keeping(width, "leaky"), max_size=2))])
    head = draw(st.sampled_from(heads or ("residual", "2x", "3x", "shared2", "shared3")))
    if draw(st.integers(0, 3)) == 0:
        inner = f"residual[{inner}] {draw(keeping(width))}"
    return f"conv1({width}) {head}[{inner}]"


# What puts a layer of a kind, by Keras's name, into a network: a part of it, or its end.
PARTS = {
    "Conv2D": image_layer("conv"),
    "SeparableConv2D": image_layer("separable"),
    "DepthwiseConv2D": image_layer("depthwise"),
    "MaxPooling2D": image_layer("maxpool"),
    "AveragePooling2D": image_layer("avgpool"),
    "BatchNormalization": image_layer("batchnorm"),
    "Activation": image_layer("relu"),
    "Dropout": image_layer("dropout0.25"),
    "Add": group("residual"),
    "shared": group("shared2", "shared3"),
}
ENDS = {
    "Flatten": ("flatten",),
    "GlobalAveragePooling2D": ("globalavg",),
    "GlobalMaxPooling2D": ("globalmax",),
    "Dense": BRIDGES,
}


@st.composite
def lines(draw: st.DrawFn, shape: Shape, classes: int, holding: str = "") -> Line:
    """A line whose network takes images of a shape and, where a kind is named, has a layer of it."""
    drawn = draw(st.lists(image_layer() | group(), max_size=5))
    if holding in PARTS:
        part, place = draw(PARTS[holding]), draw(st.integers(0, len(drawn)))
        before = fitting(drawn[:place], shape)
        if not fits(" ".join([*before, part]), shape):
            before = []
        parts = fitting([*before, part, *drawn[place:]], shape)
    else:
        parts = fitting(drawn, shape)
    end = draw(st.sampled_from(ENDS.get(holding, (*BRIDGES, "conv"))))
    if end == "conv":
        return Line.of(" ".join([*parts, "conv1(classes, linear) globalavg softmax"]))
    parts.append(end)
    for _ in range(draw(st.integers(0, 2))):
        parts.append(f"dense{draw(arguments('4', stride=False)).replace('same, ', '').replace('(same)', '')}")
        parts += draw(st.lists(st.sampled_from(("batchnorm", "dropout0.5", "tanh")), max_size=1))
    return Line.of(" ".join(parts))


def fitting(parts: list[str], shape: Shape) -> list[str]:
    """Return the parts whose layers take images of a shape, each after those that stayed before it."""
    stayed: list[str] = []
    for part in parts:
        if fits(" ".join([*stayed, part]), shape):
            stayed.append(part)
    return stayed


def fits(text: str, shape: Shape) -> bool:
    """Return whether layers take images of a shape and classes can follow them."""
    try:
        Network(shape, Line.of(f"{text} flatten").layers(1, 3, True))
    except ArgumentError:
        return False
    return True


def weights_of(network: Network, seed: int = 1) -> list[Array]:
    """Return random arrays for a network that keep its numbers of the order of one.

    Grown to hundreds and subtracted again, they would differ by more than rounding between any two orders of summing.
    """
    rng = np.random.default_rng(seed)
    return [
        (
            rng.uniform(0.5, 2, shape)
            if name == "moving_variance"
            else rng.normal(0, 0.4 if len(shape) == 1 else np.prod(shape[:-1]) ** -0.5, shape)
        ).astype(np.float32)
        for name, shape in network.arrays
    ]
