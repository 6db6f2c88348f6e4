"""The article's four families of networks: each grows from one width, and its polynomial follows from its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from core.errors import ArgumentError, invalid, whole_number
from core.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.network import Network
from core.recipes import ADADELTA, RMSPROP, Recipe

MNIST_SHAPE: Shape = (28, 28, 1)
MNIST_CLASSES = 10

Layers = tuple[Layer, ...]


@dataclass(frozen=True, slots=True)
class Family:
    """A line of networks that differ in one width.

    Attributes:
        key: the name in URLs, on the command line and in the store.
        title: the name for people.
        description: one line on what it is and why it is there.
        layers: the layers for a width, a class count and whether the tutorial's Dropout is in.
        widths: the widths the article sweeps, largest first.
        max_width: the largest width accepted.
        tutorial: family key and width of the tutorial network that the article measures cuts against.
        recipe: how the article trains it.
    """

    key: str
    title: str
    description: str
    layers: Callable[[int, int, bool], Layers]
    widths: tuple[int, ...]
    max_width: int
    tutorial: tuple[str, int]
    recipe: Recipe

    def width(self, value: object) -> int:
        """Return ``value`` as a width of this family, or raise ``ArgumentError``."""
        return whole_number(value, f"width for family '{self.key}'", 1, self.max_width)

    def build(
        self, width: object, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES, dropout: bool = False
    ) -> Network:
        """Return the network of a width for images of ``input_shape`` ``(height, width, channels)``.

        Raises:
            ArgumentError: if the width is out of bounds or the images are too small for the layers.
        """
        made = self.layers(self.width(width), classes, dropout)
        try:
            return Network(input_shape, made)
        except ArgumentError as e:
            height, across, _ = input_shape
            raise ArgumentError(f"Images of {height}×{across} are too small for the family '{self.key}': {e}") from None

    def tutorial_network(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Network:
        """Return the Keras tutorial's network that this family is compared with."""
        key, width = self.tutorial
        return family(key).build(width, input_shape, classes)

    def polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Polynomial:
        """Return the parameter count as a polynomial in the width, found by counting three networks."""
        return _polynomials(self.key, input_shape, classes)[0]

    def multiply_adds_polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Polynomial:
        """Return the multiply-adds per image as a polynomial in the width, found like :meth:`polynomial`."""
        return _polynomials(self.key, input_shape, classes)[1]

    def largest_within(
        self, budget: int, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES
    ) -> tuple[int, int] | None:
        """Return the largest width whose network has at most ``budget`` weights and its count, or None."""
        count = self.polynomial(input_shape, classes)
        low, high = 0, self.max_width
        while low < high:  # the count grows with the width
            middle = (low + high + 1) // 2
            low, high = (middle, high) if count(middle) <= budget else (low, middle - 1)
        return (low, count(low)) if low else None


@dataclass(frozen=True, slots=True)
class Polynomial:
    """``a·n² + b·n + c`` with whole coefficients."""

    a: int
    b: int
    c: int

    @classmethod
    def through(cls, first: int, second: int, third: int) -> Polynomial:
        """Return the polynomial with these values at n = 1, 2 and 3, by finite differences."""
        twice_a = third - 2 * second + first
        a = twice_a // 2
        b = second - first - 3 * a
        return cls(a, b, first - a - b)

    def __call__(self, n: int) -> int:
        """Return the value at ``n``."""
        return (self.a * n + self.b) * n + self.c

    def __str__(self) -> str:
        square = "n²" if self.a == 1 else f"{self.a}n²"
        return f"{square} + {self.b}n" + (f" + {self.c}" if self.c else "")

    def at(self, n: int) -> str:
        """Return the polynomial with ``n`` put in and its value: ``63·2² + 335·2 + 10 = 932``."""
        square = f"{n}²" if self.a == 1 else f"{self.a}·{n}²"
        return f"{square} + {self.b}·{n} + {self.c} = {self(n):,}"


@lru_cache(maxsize=256)
def _polynomials(key: str, input_shape: Shape, classes: int) -> tuple[Polynomial, Polynomial]:
    three = [family(key).build(n, input_shape, classes) for n in (1, 2, 3)]
    return (
        Polynomial.through(*(x.parameters for x in three)),
        Polynomial.through(*(x.multiply_adds for x in three)),
    )


def _kept(*layers: Layer | None) -> Layers:
    return tuple(x for x in layers if x is not None)


def _mlp(n: int, classes: int, dropout: bool) -> Layers:
    drop = Dropout(0.2) if dropout else None
    return _kept(Flatten(), Dense(n), drop, Dense(n), drop, Dense(classes, "softmax"))


def _pooled_mlp(n: int, classes: int, dropout: bool) -> Layers:
    return (MaxPooling2D(), *_mlp(n, classes, dropout))


def _cnn(n: int, classes: int, dropout: bool) -> Layers:
    return _kept(
        Conv2D(n),
        Conv2D(2 * n),
        MaxPooling2D(),
        Dropout(0.25) if dropout else None,
        Flatten(),
        Dense(4 * n),
        Dropout(0.5) if dropout else None,
        Dense(classes, "softmax"),
    )


def _deep_cnn(n: int, classes: int, dropout: bool) -> Layers:
    # No tutorial has this network; its Dropout follows the CNN's: a quarter after each pooling.
    drop = Dropout(0.25) if dropout else None
    return _kept(
        Conv2D(n),
        Conv2D(n),
        MaxPooling2D(),
        drop,
        Conv2D(2 * n),
        Conv2D(2 * n),
        MaxPooling2D(),
        drop,
        Flatten(),
        Dense(classes, "softmax"),
    )


FAMILIES: dict[str, Family] = {
    x.key: x
    for x in (
        Family(
            "mlp",
            "MLP",
            "Two hidden dense layers of n units. Nearly all weights sit in the first one.",
            _mlp,
            (512, 256, 128, 64, 32, 16),
            1024,
            ("mlp", 512),
            RMSPROP,
        ),
        Family(
            "pooled_mlp",
            "Pooled MLP",
            "The MLP on images shrunk by max pooling, so that its first layer has a quarter of the inputs.",
            _pooled_mlp,
            (512, 256, 128, 64, 32, 16),
            1024,
            ("mlp", 512),
            RMSPROP,
        ),
        Family(
            "cnn",
            "CNN",
            "Two convolutions of n and 2n filters, then a dense layer of 4n that holds nearly all weights.",
            _cnn,
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            ADADELTA,
        ),
        Family(
            "deep_cnn",
            "Deep CNN",
            "Four convolutions and two poolings, no hidden dense layer: shared filters do nearly all the work.",
            _deep_cnn,
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            ADADELTA,
        ),
    )
}


def family(key: str) -> Family:
    """Return the family of that key.

    Raises:
        ArgumentError: if there is none.
    """
    try:
        return FAMILIES[key]
    except (KeyError, TypeError):
        raise invalid("family", f"one of {', '.join(FAMILIES)}", key) from None
