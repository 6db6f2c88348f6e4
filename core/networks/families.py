"""The families that there are: the article's four, two leaner ones, and people's own lines, named or not."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from core.errors import ArgumentError, cut, invalid, whole_number
from core.networks.family import MNIST_CLASSES, MNIST_SHAPE, NAME, TUTORIALS, Family
from core.networks.line import Line
from core.recipe import ADADELTA, LEAN, RMSPROP, Recipe

__all__ = [
    "FAMILIES",
    "MNIST_CLASSES",
    "MNIST_SHAPE",
    "NAME",
    "USUAL",
    "Families",
    "Family",
    "family",
    "of_line",
    "own",
]

MAX_TITLE = 60
TITLED = 48  # characters of a line that is its own title
_TITLE = re.compile(rf"(?:[^\W_]|[ .,()+\-/&'×·²]){{1,{MAX_TITLE}}}")  # nothing that Markdown reads
MAX_WIDTHS = 50  # that a family names
# Spatial kernels hardly differ from place to place, so that all four share theirs; the weights go into the width.
_PLACE = "depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear)"
TIED = (
    f"conv3(n, same, leaky) maxpool2 3x[{_PLACE} conv1(n, nobias, elu)] {_PLACE} conv1(classes, nobias, linear) "
    "globalavg softmax"
)
USUAL = Recipe("adam", 0.003, 12)  # of a family of one's own: learns lean networks and wide ones alike


FAMILIES: dict[str, Family] = {
    x.key: x
    for x in (
        Family(
            "mlp",
            "MLP",
            "Two hidden dense layers of n units. Nearly all weights sit in the first one.",
            TUTORIALS["mlp"],
            (512, 256, 128, 64, 32, 16),
            1024,
            ("mlp", 512),
            RMSPROP,
            start=32,
            small=(8, 32, 128),
            reference=(512, 256, 128, 64, 48, 40, 32, 24, 16),
            kept=(32,),
            built_in=True,
            article=True,
        ),
        Family(
            "pooled_mlp",
            "Pooled MLP",
            "The MLP on images shrunk by max pooling, so that its first layer has a quarter of the inputs.",
            "maxpool2 flatten dense(n) dropout0.2 dense(n) dropout0.2",
            (512, 256, 128, 64, 32, 16),
            1024,
            ("mlp", 512),
            RMSPROP,
            start=32,
            small=(8, 32, 128),
            reference=(512, 256, 128, 64, 56, 48, 40, 32, 16),
            kept=(64,),
            built_in=True,
            article=True,
        ),
        Family(
            "cnn",
            "CNN",
            "Two convolutions of n and 2n filters, then a dense layer of 4n that holds nearly all weights.",
            TUTORIALS["cnn"],
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            ADADELTA,
            start=2,
            small=(1, 2, 4),
            reference=(32, 16, 8, 4, 3, 2, 1),
            kept=(2,),
            built_in=True,
            article=True,
        ),
        Family(
            "deep_cnn",
            "Deep CNN",
            "Four convolutions and two poolings, no hidden dense layer: shared filters do nearly all the work.",
            # No tutorial has this network; its Dropout follows the CNN's: a quarter after each pooling.
            "conv3(n) conv3(n) maxpool2 dropout0.25 conv3(2n) conv3(2n) maxpool2 dropout0.25 flatten",
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            ADADELTA,
            start=2,
            small=(1, 2, 4),
            reference=(32, 16, 8, 4, 3, 2, 1),
            kept=(2, 3),
            built_in=True,
            article=True,
        ),
        Family(
            "lean",
            "Lean CNN",
            "Four narrow separable convolutions and no dense layer: weights go where they are used again and again.",
            "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg",
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            LEAN,
            start=8,
            small=(4, 8, 16),
            reference=(10, 8, 6, 4),
            kept=(8,),
            built_in=True,
        ),
        Family(
            "tied",
            "Tied CNN",
            "The lean CNN with one pair of depthwise kernels used in all four places, and no biases but the first.",
            TIED,
            (32, 16, 8, 4, 2, 1),
            128,
            ("cnn", 32),
            LEAN,
            start=8,
            small=(4, 8, 16),
            reference=(12, 10, 9, 8, 7, 6, 4),
            kept=(7, 9),
            built_in=True,
        ),
    )
}


def family(key: str) -> Family:
    """Return the family of that key that comes with Featherweight, or the one that a line of text is.

    Raises:
        ArgumentError: if it is neither.
    """
    if isinstance(key, str) and key in FAMILIES:
        return FAMILIES[key]
    expected = f"one of {', '.join(FAMILIES)}"
    if not isinstance(key, str):
        raise invalid("family", expected, key)
    try:
        return of_line(key)
    except ArgumentError:
        if not re.search(r"[\s(\[]", key):  # a word: somebody's name for a family
            raise invalid("family", expected, key) from None
        raise


@lru_cache(maxsize=4096)
def of_line(text: str) -> Family:
    """Return a line of text as a family that nobody has named: its key is the line.

    Raises:
        ArgumentError: if it cannot be read.
    """
    line = Line.of(text)
    return own(str(line), "", line)


def own(key: str, title: str, line: Line, widths: tuple[int, ...] = (), recipe: Recipe | None = None) -> Family:
    """Return a family of somebody's own.

    Args:
        key: its name, or its line.
        title: for people; empty says the line.
        line: its layers.
        widths: to sweep, in any order; empty takes halves of each other, as the article does.
        recipe: how to train; None is the usual one.

    Raises:
        ArgumentError: if a width is out of bounds.
    """
    most = line.max_width
    largest = min(most, 32 if line.convolves else 512)
    halves = tuple(x for x in (512, 256, 128, 64, 32, 16, 8, 4, 2, 1) if x <= largest)[:6] or (1,)
    swept = tuple(sorted({whole_number(x, "width", 1, most) for x in widths}, reverse=True)) or halves
    if len(swept) > MAX_WIDTHS:
        raise invalid("widths", f"at most {MAX_WIDTHS} widths", len(swept))
    start = min((x for x in (8, 32) if x in swept), default=swept[len(swept) // 2])
    used = recipe or USUAL
    return Family(
        key,
        title or short(str(line)),
        str(line),
        str(line),
        swept,
        0,
        ("cnn", 32) if line.convolves else ("mlp", 512),
        used if recipe else Recipe(used.optimizer, used.learning_rate, used.epochs, dropout=line.has_dropout),
        start=start,
        small=tuple(sorted(swept)[:3]),
    )


def short(line: str) -> str:
    """Return a line as a title: as it is, or without its arguments and with a mark that no other line has."""
    if len(line) <= TITLED:
        return line
    text = cut(re.sub(r"\([^)]*\)", "", line), TITLED)
    return f"{text} #{hashlib.sha256(line.encode()).hexdigest()[:4]}"


def name(value: str) -> str:
    """Return ``value`` as the name of a family of one's own, or raise ``ArgumentError``."""
    if not isinstance(value, str) or not NAME.fullmatch(value):
        raise invalid("name of a family", "1 to 40 of a to z, 0 to 9 and _", value)
    if value in (*FAMILIES, "own") or _is_line(value):  # addresses say "own" of what has no name
        raise invalid("name of a family", f"another than {', '.join(FAMILIES)} and than a layer's", value)
    return value


def _is_line(value: str) -> bool:
    try:
        Line.of(value)
    except ArgumentError:
        return False
    return True


def title(value: str) -> str:
    """Return ``value`` as the title of a family, or raise ``ArgumentError``."""
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not _TITLE.fullmatch(text):
        raise invalid("title of a family", f"1 to {MAX_TITLE} letters, digits, blanks and .,()+-/&'", value)
    if text.lower() in {x.title.lower() for x in FAMILIES.values()}:
        raise invalid("title of a family", "none of those that come with Featherweight", value)
    return text


def title_of(name: str) -> str:
    """Return a title for a family that was given a name alone: ``my_net`` becomes ``My net``."""
    return name.replace("_", " ").strip().capitalize() or "Own"


@dataclass(frozen=True, slots=True, eq=False)
class Families:
    """The families that there are: those that come with Featherweight, then people's own.

    Only the same object is equal to one.

    Attributes:
        own: people's own, in the order they were added.
    """

    own: tuple[Family, ...] = ()

    def __iter__(self) -> Iterator[Family]:
        return iter((*FAMILIES.values(), *self.own))

    def __len__(self) -> int:
        return len(FAMILIES) + len(self.own)

    def keys(self) -> list[str]:
        """Return their names."""
        return [x.key for x in self]

    def get(self, key: str) -> Family:
        """Return the family of a name, or the one that a line of text is.

        Raises:
            ArgumentError: if there is none.
        """
        for chosen in self:
            if chosen.key == key:
                return chosen
        try:
            return family(key)
        except ArgumentError:
            if isinstance(key, str) and NAME.fullmatch(key):
                raise invalid("family", f"one of {', '.join(self.keys())}, or a line of layers", key) from None
            raise

    def name_of(self, layers: str) -> Family | None:
        """Return the family of people's own whose line this is, or None."""
        return next((x for x in self.own if x.layers == layers), None)

    def holding(self, identity: str, dropout: bool) -> list[tuple[Family, int]]:
        """Return every family that a network is of, with its width there."""
        found = ((x, x.width_of(identity, dropout)) for x in self)
        return [(x, n) for x, n in found if n is not None]
