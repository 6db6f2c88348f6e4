"""A family of networks: a line of text that grows with one width, with how it is swept and trained."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from core.errors import ArgumentError, invalid, whole_number
from core.networks.expansion import without_dropout
from core.networks.folding import kept_numbers
from core.networks.layer import Shape, TooSmallError, shape_text
from core.networks.line import Line
from core.networks.network import Network, steps
from core.networks.polynomial import Count, Polynomial, Table
from core.recipe import Recipe

MNIST_SHAPE: Shape = (28, 28, 1)
MNIST_CLASSES = 10
CHECKED = 5  # widths from 1 on that a polynomial is counted at, and at those that the family names
# The Keras tutorials' networks for MNIST, which the article narrows.
TUTORIALS = {
    "mlp": "flatten dense(n) dropout0.2 dense(n) dropout0.2",
    "cnn": "conv3(n) conv3(2n) maxpool2 dropout0.25 flatten dense(4n) dropout0.5",
}
NAME = re.compile(r"[a-z0-9_]{1,40}")


@dataclass(frozen=True, slots=True)
class Family:
    """A line of networks that differ in one width.

    Attributes:
        key: its name in URLs, on the command line and in the store; of a line that nobody has named, the line.
        title: the name for people.
        description: one line on what it is and why it is there.
        layers: the line of text, its dropouts included; the recipe says whether they are in.
        widths: the widths that are swept, largest first.
        max_width: the largest width accepted; 0 is the largest that the line allows.
        tutorial: family key and width of the tutorial network that cuts are measured against.
        recipe: how it is trained.
        start: the width that pages open with.
        small: the widths of a sweep that shows the shape of the answer on a few thousand images.
        reference: widths that come trained, as reference runs: those of the article, and some that close the bracket
            around its turning point.
        kept: those of them whose weights come along.
        built_in: whether it comes with Featherweight.
        article: whether it is one of the article's.

    Raises:
        ArgumentError: when made, if the line cannot be read.
    """

    key: str
    title: str
    description: str
    layers: str
    widths: tuple[int, ...]
    max_width: int
    tutorial: tuple[str, int]
    recipe: Recipe
    start: int
    small: tuple[int, ...]
    reference: tuple[int, ...] = ()
    kept: tuple[int, ...] = ()
    built_in: bool = False
    article: bool = False
    line: Line = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "line", Line.of(self.layers))
        object.__setattr__(self, "layers", str(self.line))
        most = self.line.max_width
        object.__setattr__(self, "max_width", min(self.max_width or most, most))

    def __hash__(self) -> int:
        return hash((self.key, self.layers))

    @property
    def named(self) -> bool:
        """Whether it has a name; else its key is its line."""
        return NAME.fullmatch(self.key) is not None and self.key != self.layers

    @property
    def slug(self) -> str:
        """What it is called in the names of files."""
        return self.key if self.named else "own"

    @property
    def text(self) -> str:
        """The line as it is trained where nobody says otherwise: without dropouts that the recipe leaves out."""
        return self.layers if self.recipe.dropout else str(self.without_dropout)

    @property
    def without_dropout(self) -> Line:
        """The line without its dropouts."""
        return Line(without_dropout(self.line.items))

    def width(self, value: object) -> int:
        """Return ``value`` as a width of this family, or raise ``ArgumentError``."""
        if self.max_width == 1 and not self.line.widths and value not in (1, "1"):
            raise invalid(f"width for {self.called}", "1, as no width of the line grows with n", value)
        return whole_number(value, f"width for {self.called}", 1, self.max_width)

    @property
    def called(self) -> str:
        """How errors name it."""
        return f"family '{self.key}'" if self.named else "this line"

    def build(
        self, width: object, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES, dropout: bool = False
    ) -> Network:
        """Return the network of a width for images of ``input_shape`` ``(height, width, channels)``.

        Raises:
            ArgumentError: if the width is out of bounds, or the layers do not fit the images or each other.
        """
        return _built(self, self.width(width), input_shape, classes, dropout)

    def _network(self, width: int, input_shape: Shape, classes: int, dropout: bool) -> Network:
        try:
            network = Network(input_shape, self.line.layers(width, classes, dropout))
        except TooSmallError as e:
            height, across, _ = input_shape
            raise ArgumentError(f"Images of {height}×{across} are too small for {self._the()}: {e}") from None
        except ArgumentError as e:
            raise ArgumentError(f"{self._the().capitalize()} cannot be built: {e}") from None
        if not network.parameters:
            raise ArgumentError(
                f"{self._the().capitalize()} cannot be built: expected a layer with weights. Received: none."
            )
        if network.output_shape != (classes,):
            raise ArgumentError(
                f"{self._the().capitalize()} cannot be built: expected {classes} numbers from its last layer, one for "
                f"each class. Received: {shape_text(network.output_shape)}."
            )
        return network

    def _the(self) -> str:
        return f"the family '{self.key}'" if self.named else "this line"

    def tutorial_network(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Network:
        """Return the Keras tutorial's network that this family is compared with."""
        key, width = self.tutorial
        try:
            return Network(input_shape, Line.of(TUTORIALS[key]).layers(width, classes, False))
        except TooSmallError:  # a line of one's own may take smaller images than the tutorial's CNN
            return Network(input_shape, Line.of(TUTORIALS["mlp"]).layers(512, classes, False))

    def polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Count:
        """Return the parameter count as a function of the width; see :meth:`counts`."""
        return _counts(self, input_shape, classes).weights

    def multiply_adds_polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Count:
        """Return the multiply-adds per image as a function of the width, found like :meth:`polynomial`."""
        return _counts(self, input_shape, classes).multiply_adds

    def kept_polynomial(self, input_shape: Shape = MNIST_SHAPE, classes: int = MNIST_CLASSES) -> Count:
        """Return how many numbers predicting takes, batch norms folded, found like :meth:`polynomial`."""
        return _counts(self, input_shape, classes).kept

    def counts(self, input_shape: Shape, classes: int) -> Counts:
        """Return what is counted as functions of the width: polynomials, found from the smallest networks.

        They are checked at the largest one and at every width that the family names. Where widths do not grow linearly
        no polynomial is claimed: every width is counted.

        Raises:
            ArgumentError: if the images are too small, or the counts are no polynomials of degree two.
        """
        if not self.line.linear:
            self._network(self.max_width, input_shape, classes, False)
            rows = [list(steps(input_shape, self.line.layers(n, classes, False))) for n in range(1, self.max_width + 1)]
            work = [tuple(x.layer.multiply_adds(x.entering) for x in row) for row in rows]
            return Counts(
                _table([tuple(y for x in row if (y := x.parameters)) for row in rows]),
                _table([tuple(filter(None, row)) for row in work]),
                _table([(kept_numbers(row),) for row in rows]),
            )
        named = {*range(1, CHECKED + 1), *self.widths, *self.small, *self.reference, self.start, self.max_width}
        by_width = {n: self._network(n, input_shape, classes, False) for n in sorted(named) if n <= self.max_width}
        for n in range(self.max_width + 1, 4):  # three values make a polynomial; of a line without n all are equal
            by_width[n] = by_width[self.max_width]
        try:
            weights = Polynomial.through({n: x.parameters for n, x in by_width.items()})
            adds = Polynomial.through({n: x.multiply_adds for n, x in by_width.items()})
            kept = Polynomial.through({n: x.float32_bytes // 4 for n, x in by_width.items()})
        except ArgumentError as e:
            raise ArgumentError(
                f"{self._the().capitalize()} cannot be counted by a formula. Expected layers whose widths grow "
                f"linearly with n, so that weights are a polynomial of degree two. Received others: {e}"
            ) from None
        return Counts(weights, adds, kept)

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

    def identity(self, width: int, dropout: bool) -> str:
        """Return the network of a width as text, the same for every line that is the same network."""
        return _identity(self.line, width, dropout)

    def width_of(self, identity: str, dropout: bool) -> int | None:
        """Return the width whose network :meth:`identity` gives as this text, or None."""
        width = _match(self.line, identity, dropout)
        return width if width is not None and width <= self.max_width else None


@dataclass(frozen=True, slots=True)
class Counts:
    """What is counted of a family's networks, each as a function of the width.

    Attributes:
        weights: trainable ones.
        multiply_adds: for one image.
        kept: numbers that predicting takes: the weights, batch norms folded where a neighbour takes them in.
    """

    weights: Count
    multiply_adds: Count
    kept: Count


def _table(rows: list[tuple[int, ...]]) -> Table:
    return Table(tuple(map(sum, rows)), tuple(rows))


_built = lru_cache(maxsize=8192)(Family._network)
_counts = lru_cache(maxsize=256)(Family.counts)
_identity = lru_cache(maxsize=20_000)(Line.identity)
_match = lru_cache(maxsize=50_000)(Line.match)
