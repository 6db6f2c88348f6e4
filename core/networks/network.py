"""A network as an input shape and a tuple of layers; counts, Keras code and predictions are views of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import ArgumentError, invalid
from core.networks import folding, keras_source
from core.networks.layer import STATISTICS, Array, Layer, Shape, TooSmallError, shape_text
from core.networks.layers import MAX_CHANNELS, Add, Convolution
from core.networks.step import Step


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One row of the per-layer summary; shapes are without the batch axis.

    Attributes:
        label: the layer's name for people.
        input_shape: of what enters.
        output_shape: of what leaves.
        formula: the arithmetic behind the weights; of a layer with another's weights, which one that is.
        parameters: trainable weights, 0 where they are counted with an earlier layer.
        statistics: numbers that are kept and not trained.
        multiply_adds: for one image.
        share: of all weights.
    """

    label: str
    input_shape: Shape
    output_shape: Shape
    formula: str
    parameters: int
    statistics: int
    multiply_adds: int
    share: float


@dataclass(frozen=True, slots=True)
class Network:
    """A network: ``input_shape`` is ``(height, width, channels)``; weights live elsewhere.

    Layers follow each other. An ``Add`` adds what entered some layers before, and layers of one name share their
    weights.

    Raises:
        ArgumentError: when made, if a layer cannot take what the one before it gives.
        TooSmallError: if only because the images are too small.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for _ in self.steps():
            pass

    def steps(self) -> Iterator[Step]:
        """Yield each layer at its place."""
        return steps(self.input_shape, self.layers)

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Yield each layer with the shape that enters and the shape that leaves it."""
        for step in self.steps():
            yield step.layer, step.entering, step.leaving

    @property
    def output_shape(self) -> Shape:
        """The shape of one prediction."""
        return [leaving for *_, leaving in self.walk()][-1]

    @property
    def parameters(self) -> int:
        """The number of trainable weights, biases included, shared ones once."""
        return sum(x.parameters for x in self.steps())

    @property
    def statistics(self) -> int:
        """How many numbers are kept and not trained: the moving statistics of batch norm."""
        return sum(x.statistics for x in self.steps())

    @property
    def multiply_adds(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(layer.multiply_adds(shape) for layer, shape, _ in self.walk())

    @property
    def float32_bytes(self) -> int:
        """The size of what predicting takes, at four bytes a number; see :func:`core.networks.folding.kept_numbers`."""
        return 4 * folding.kept_numbers(list(self.steps()))

    @property
    def arrays(self) -> tuple[tuple[str, Shape], ...]:
        """Name and shape of every array, in the order of Keras's ``get_weights()``; shared ones once."""
        return tuple(named for x in self.steps() if x.own for named in x.named)

    @property
    def weight_shapes(self) -> tuple[Shape, ...]:
        """The shape of every array; see :attr:`arrays`."""
        return tuple(shape for _, shape in self.arrays)

    @property
    def sequential(self) -> bool:
        """Whether layers only follow each other, so that Keras can hold it as a list."""
        return all(x.follows for x in self.steps())

    def summary(self) -> list[LayerSummary]:
        """Return one row per layer, in order; shares are of all weights and add up to 1."""
        total = self.parameters
        rows = []
        for x in self.steps():
            rows.append(
                LayerSummary(
                    x.layer.label(),
                    x.entering,
                    x.leaving,
                    x.layer.formula(x.entering) if x.own else f"as layer {x.owner + 1}",
                    x.parameters,
                    x.statistics,
                    x.layer.multiply_adds(x.entering),
                    x.parameters / total if total else 0.0,
                )
            )
        return rows

    def source(self) -> str:
        """Return Python code that builds this network with Keras as ``model``."""
        return keras_source.source(self.input_shape, list(self.steps()))

    def activations(self, weights: Sequence[Array], images: Array) -> list[Array]:
        """Return every layer's output for a batch, computed by NumPy.

        Args:
            weights: arrays in the order of :attr:`arrays`.
            images: ``(images, height, width, channels)``, pixels already divided by 255.

        Returns:
            One array per layer, the last one the class probabilities ``(images, classes)``.

        Raises:
            ArgumentError: if weights or images do not have this network's shapes.
        """
        received = tuple(w.shape for w in weights)
        if received != self.weight_shapes:
            raise invalid("weights for this network", f"arrays of shapes {list(self.weight_shapes)}", list(received))
        if images.shape[1:] != self.input_shape:
            raise invalid("images for this network", f"a batch of shape (images, *{self.input_shape})", images.shape)
        passed = [images]
        for step in self.steps():
            mine = list(weights[step.first : step.first + len(step.named)])
            x = step.layer.forward(passed[-1], mine)
            if isinstance(step.layer, Add):
                x = x + passed[step.index - step.layer.over]
            passed.append(x)
        return passed[1:]

    def predict(self, weights: Sequence[Array], images: Array) -> Array:
        """Return class probabilities ``(images, classes)``; see :meth:`activations`."""
        return self.activations(weights, images)[-1]


def steps(input_shape: Shape, layers: Sequence[Layer]) -> Iterator[Step]:
    """Yield each layer at its place, for images of a shape.

    Raises:
        ArgumentError: if a layer cannot take what the one before it gives.
        TooSmallError: if only because the images are too small.
    """
    shapes = [input_shape]
    owners: dict[str, Step] = {}
    arrays = 0
    for index, layer in enumerate(layers):
        entering = shapes[-1]
        try:
            leaving = layer.output_shape(entering)
            if isinstance(layer, Add):
                _check_sum(layer, shapes)
        except TooSmallError as e:
            raise TooSmallError(e.label, e.least, e.got, index + 1) from None
        except ArgumentError as e:
            raise ArgumentError(f"{e} That is {_place(layers, index)}.") from None
        if isinstance(layer, Convolution) and leaving[-1] > MAX_CHANNELS:
            raise ArgumentError(
                f"{layer.label()} gives {leaving[-1]:,} channels. Expected at most {MAX_CHANNELS:,}. "
                f"That is {_place(layers, index)}."
            )
        named = layer.weight_shapes(entering)
        owner = owners.get(layer.tie) if layer.tie else None
        if owner:
            _check_shared(layer, index, named, owner)
        step = Step(
            index,
            layer,
            entering,
            leaving,
            named,
            owner.first if owner else arrays,
            owner.index if owner else index,
        )
        if layer.tie and owner is None:
            owners[layer.tie] = step
        arrays += 0 if owner else len(named)
        shapes.append(leaving)
        yield step


def _place(layers: Sequence[Layer], index: int) -> str:
    """Return which layer it is, for people."""
    if index == len(layers) - 1 and getattr(layers[index], "activation", "") == "softmax":
        return "the softmax layer at the end"
    return f"layer {index + 1}, counted after repeating"


def trainable(arrays: Sequence[tuple[str, Shape]]) -> list[int]:
    """Return the places of the arrays that are trained; the others are kept statistics."""
    return [place for place, (name, _) in enumerate(arrays) if name not in STATISTICS]


def _check_sum(layer: Add, shapes: Sequence[Shape]) -> None:
    """Raise ``ArgumentError`` if what entered a residual block has not the shape of what leaves it."""
    entered = shapes[len(shapes) - 1 - layer.over]
    if entered != shapes[-1]:
        small = math.prod(shapes[-1][:-1]) < math.prod(entered[:-1]) and entered[-1] == shapes[-1][-1]
        raise ArgumentError(
            f"residual[...] adds what entered it, of the shape {shape_text(entered)}, to what leaves it, of the shape "
            f"{shape_text(shapes[-1])}. Expected the same shape"
            f"{': write same in its layers, and no pooling' if small else ''}."
        )


def _check_shared(layer: Layer, index: int, named: tuple[tuple[str, Shape], ...], owner: Step) -> None:
    """Raise ``ArgumentError`` if a layer cannot have the weights of an earlier one: in Keras it is that layer."""
    both = f"Layer {index + 1}, {layer.label()}, cannot share the weights of layer {owner.index + 1}, "
    both += f"{owner.layer.label()}, as '{layer.tie}'"
    if layer != owner.layer:
        raise ArgumentError(
            f"{both}. Expected the same layer with the same arguments; an activation that differs can stand behind it, "
            "as a layer of its own."
        )
    if named != owner.named:
        one, other = (", ".join(shape_text(x) for _, x in arrays) for arrays in (owner.named, named))
        raise ArgumentError(f"{both}. Expected arrays of the same shapes. Received: {one} and {other}.")
