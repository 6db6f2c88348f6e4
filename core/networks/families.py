"""The article's four families of networks: each grows from one width, and its polynomial follows from its layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from core.errors import ArgumentError, invalid, whole_number
from core.networks.layers import Conv2D, Dense, Dropout, Flatten, Layer, MaxPooling2D, Shape
from core.networks.network import Network
from core.recipe import ADADELTA, RMSPROP, Recipe

MNIST_SHAPE: Shape = (28, 28, 1)
MNIST_CLASSES = 10

Layers = tuple[Layer, ...]

CHECKED = 5  # widths from 1 on that a polynomial is counted at, and at those that the family names


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
        start: the width that pages open with.
        small: the widths of a sweep that shows the shape of the answer on a few thousand images.
        reference: widths that come trained, as reference runs: those of the article, and some that close the bracket
            around its turning point.
        kept: those of them whose weights come along.

    Raises:
        ArgumentError: when made, if its counts on MNIST are no polynomial of degree two in the width.
    """

    key: str
    title: str
    description: str
    layers: Callable[[int, int, bool], Layers]
    widths: tuple[int, ...]
    max_width: int
    tutorial: tuple[str, int]
    recipe: Recipe
    start: int
    small: tuple[int, ...]
    reference: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.polynomial()

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
        return self._network(self.width(width), input_shape, classes, dropout)

    def _network(self, width: int, input_shape: Shape, classes: int, dropout: bool) -> Network:
        try:
            return Network(input_shape, self.layers(width, classes, dropout))
        except ArgumentError as e:
            height, across, _ = input_shape
            raise ArgumentError(f"Images of {height}×{across} are too small for the family '{self.key}': {e}") from None

    def tutorial_network(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Network:
        """Return the Keras tutorial's network that this family is compared with."""
        key, width = self.tutorial
        return family(key).build(width, input_shape, classes)

    def polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Polynomial:
        """Return the parameter count as a polynomial in the width; see :meth:`counts`."""
        return _counts(self, input_shape, classes)[0]

    def multiply_adds_polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Polynomial:
        """Return the multiply-adds per image as a polynomial in the width, found like :meth:`polynomial`."""
        return _counts(self, input_shape, classes)[1]

    def counts(self, input_shape: Shape, classes: int) -> tuple[Polynomial, Polynomial]:
        """Return weights and multiply-adds as polynomials in the width, found from the smallest networks.

        They are checked at the largest one and at every width that the family names.

        Raises:
            ArgumentError: if the images are too small, or the counts are no polynomials of degree two.
        """
        widths = {*range(1, CHECKED + 1), *self.widths, *self.small, *self.reference, self.start, self.max_width}
        networks = {n: self._network(n, input_shape, classes, False) for n in sorted(widths)}
        try:
            return (
                Polynomial.through({n: x.parameters for n, x in networks.items()}),
                Polynomial.through({n: x.multiply_adds for n, x in networks.items()}),
            )
        except ArgumentError as e:
            raise ArgumentError(
                f"The family '{self.key}' cannot be counted by a formula. Expected layers whose widths grow linearly "
                f"with n, so that weights are a polynomial of degree two. Received others: {e}"
            ) from None

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
    def through(cls, values: Mapping[int, int]) -> Polynomial:
        """Return the polynomial with these values, by finite differences.

        Args:
            values: by n; those at 1, 2 and 3 make it, all others check it.

        Raises:
            ArgumentError: if no polynomial of degree two with whole coefficients has them.
        """
        first, second, third = (values[n] for n in (1, 2, 3))
        a = (third - 2 * second + first) // 2
        b = second - first - 3 * a
        found = cls(a, b, first - a - b)
        for n, value in values.items():
            if found(n) != value:
                raise invalid("counts", f"{found}, so {found(n):,} at n = {n}", value)
        return found

    def __call__(self, n: int) -> int:
        """Return the value at ``n``."""
        return (self.a * n + self.b) * n + self.c

    def __str__(self) -> str:
        terms = ((self.a, "n²"), (self.b, "n"), (self.c, ""))
        text = " + ".join(f"{x}{power}" if x != 1 or not power else power for x, power in terms if x)
        return text.replace("+ -", "- ") or "0"

    def at(self, n: int) -> str:
        """Return the polynomial with ``n`` put in and its value: ``63·2² + 335·2 + 10 = 932``."""
        terms = ((self.a, f"{n}²"), (self.b, f"{n}"), (self.c, ""))
        text = " + ".join(f"{x}·{power}" if power and x != 1 else power or f"{x}" for x, power in terms if x)
        return f"{text.replace('+ -', '- ') or '0'} = {self(n):,}"


_counts = lru_cache(maxsize=256)(Family.counts)


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
            start=32,
            small=(8, 32, 128),
            reference=(512, 256, 128, 64, 48, 40, 32, 24, 16),
            kept=(32,),
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
            start=32,
            small=(8, 32, 128),
            reference=(512, 256, 128, 64, 56, 48, 40, 32, 16),
            kept=(64,),
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
            start=2,
            small=(1, 2, 4),
            reference=(32, 16, 8, 4, 3, 2, 1),
            kept=(2,),
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
            start=2,
            small=(1, 2, 4),
            reference=(32, 16, 8, 4, 3, 2, 1),
            kept=(2, 3),
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
