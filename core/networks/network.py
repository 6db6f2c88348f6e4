"""A network as an input shape and a tuple of layers; counts, Keras code and predictions are views of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import invalid
from core.networks.layers import Array, Layer, Shape


@dataclass(frozen=True, slots=True)
class LayerSummary:
    """One row of the per-layer summary; shapes are without the batch axis."""

    label: str
    input_shape: Shape
    output_shape: Shape
    formula: str
    parameters: int
    multiply_adds: int
    share: float


@dataclass(frozen=True, slots=True)
class Network:
    """A sequential network: ``input_shape`` is ``(height, width, channels)``; weights live elsewhere.

    Raises:
        ArgumentError: when made, if a layer cannot take what the one before it gives.
    """

    input_shape: Shape
    layers: tuple[Layer, ...]

    def __post_init__(self) -> None:
        for _ in self.walk():
            pass

    def walk(self) -> Iterator[tuple[Layer, Shape, Shape]]:
        """Yield each layer with the shape that enters and the shape that leaves it."""
        shape = self.input_shape
        for layer in self.layers:
            entering, shape = shape, layer.output_shape(shape)
            yield layer, entering, shape

    @property
    def output_shape(self) -> Shape:
        """The shape of one prediction."""
        return [leaving for *_, leaving in self.walk()][-1]

    @property
    def parameters(self) -> int:
        """The number of trainable weights, biases included."""
        return sum(layer.parameters(shape) for layer, shape, _ in self.walk())

    @property
    def multiply_adds(self) -> int:
        """Multiply-accumulate operations for one image."""
        return sum(layer.multiply_adds(shape) for layer, shape, _ in self.walk())

    @property
    def float32_bytes(self) -> int:
        """The size of the weights alone, at four bytes each."""
        return 4 * self.parameters

    @property
    def weight_shapes(self) -> tuple[Shape, ...]:
        """The shape of every weight array, in the order of Keras's ``get_weights()``."""
        return tuple(s for layer, shape, _ in self.walk() for _, s in layer.weight_shapes(shape))

    def summary(self) -> list[LayerSummary]:
        """Return one row per layer, in order; shares are of all weights and add up to 1."""
        total = self.parameters
        return [
            LayerSummary(
                layer.label(),
                entering,
                leaving,
                layer.formula(entering),
                layer.parameters(entering),
                layer.multiply_adds(entering),
                layer.parameters(entering) / total if total else 0.0,
            )
            for layer, entering, leaving in self.walk()
        ]

    def source(self) -> str:
        """Return Python code that builds this network with Keras as ``model``."""
        lines = ["import keras", "", "model = keras.Sequential(", "    ["]
        lines.append(f"        keras.Input(shape={self.input_shape!r}),")
        for layer in self.layers:
            kind, arguments = layer.keras()
            given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
            lines.append(f"        keras.layers.{kind}({given}),")
        lines += ["    ]", ")", f"assert model.count_params() == {self.parameters:_}", ""]
        return "\n".join(lines)

    def activations(self, weights: Sequence[Array], images: Array) -> list[Array]:
        """Return every layer's output for a batch, computed by NumPy.

        Args:
            weights: arrays in the order of :attr:`weight_shapes`.
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
        outputs: list[Array] = []
        rest, x = list(weights), images
        for layer, shape, _ in self.walk():
            used = len(layer.weight_shapes(shape))
            mine, rest = rest[:used], rest[used:]
            x = layer.forward(x, mine)
            outputs.append(x)
        return outputs

    def predict(self, weights: Sequence[Array], images: Array) -> Array:
        """Return class probabilities ``(images, classes)``; see :meth:`activations`."""
        return self.activations(weights, images)[-1]
