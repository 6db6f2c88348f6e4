"""A network as a line of text, ``conv3(n) maxpool2 flatten``: its parts, and how they are written.

::

    line   := (layer | group)*                      separated by blanks or new lines
    group  := residual[line] | 4x[line] | shared4[line]
    layer  := name size? ("(" argument ("," argument)* ")")?
    width  := 16 | n | 2n | n+4 | 2n+4 | classes | 6n/84

``6n/84`` is 6·n/84 rounded as Python's ``round`` does, and at least 1: so a network whose widths have no common divisor
is made thinner. The softmax layer over the classes comes last by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from core.networks.layer import ACTIVATIONS

MAX_TEXT = 4_000  # characters
MAX_LAYERS = 64  # after repeating
MAX_WIDTH = 4_096
MAX_DIVISOR = 256  # of a width; every n up to it is counted
MAX_DEPTH = 8  # of groups within groups
MAX_SIDE = 31  # of kernels and poolings
MAX_STRIDE = 16
MAX_MULTIPLIER = 64


@dataclass(frozen=True, slots=True)
class Width:
    """How wide a layer is: ``times * n + plus``, or ``times * n / over`` rounded, or one for each class.

    Attributes:
        times: of n; 0 for a fixed width.
        plus: what is added.
        over: what ``times * n`` is divided by; 0 for none.
        classes: whether it is the number of classes; the rest is 0 then.
    """

    times: int = 0
    plus: int = 0
    over: int = 0
    classes: bool = False

    def at(self, n: int) -> int:
        """Return the width for an n; of one for each class there is none to be had."""
        assert not self.classes
        if self.over:
            return max(1, round(Fraction(self.times * n, self.over)))
        return self.times * n + self.plus

    def __str__(self) -> str:
        if self.classes:
            return "classes"
        if not self.times:
            return str(self.plus)
        text = "n" if self.times == 1 else f"{self.times}n"
        return f"{text}/{self.over}" if self.over else f"{text}+{self.plus}" if self.plus else text


CLASSES = Width(classes=True)


@dataclass(frozen=True, slots=True)
class Token:
    """One layer as it is written.

    Attributes:
        name: of its kind, a key of ``KINDS`` or an activation.
        size: height and width of a kernel or a pooling, or None.
        rate: of a dropout.
        width: filters or units; None where the kind has none.
        same: whether it is padded.
        stride: 0 for the kind's own: 1, or a pooling's size.
        multiplier: kernels a channel.
        tie: the name of the layers that share its weights.
        bias: whether it has one.
        activation: a key of ``ACTIVATIONS``.
    """

    name: str
    size: tuple[int, int] | None = None
    rate: float = 0.0
    width: Width | None = None
    same: bool = False
    stride: int = 0
    multiplier: int = 1
    tie: str = ""
    bias: bool = True
    activation: str = "relu"

    def __str__(self) -> str:
        head = self.name
        if self.size:
            head += str(self.size[0]) if self.size[0] == self.size[1] else f"{self.size[0]}x{self.size[1]}"
        if self.name == "dropout":
            head += f"{self.rate:.6f}".rstrip("0")
        said = [str(self.width)] if self.width else []
        said += ["same"] if self.same else []
        said += [f"stride{self.stride}"] if self.stride else []
        said += [f"multiplier{self.multiplier}"] if self.multiplier > 1 else []
        said += [f"as {self.tie}"] if self.tie else []
        said += [] if self.bias else ["nobias"]
        said += [self.activation] if self.activation != "relu" and "activation" in takes(self.name) else []
        return f"{head}({', '.join(said)})" if said else head


@dataclass(frozen=True, slots=True)
class Group:
    """Several layers in brackets.

    Attributes:
        kind: ``'residual'``, ``'repeat'`` or ``'shared'``.
        times: how often they come; 1 for a residual.
        body: what is in the brackets.
    """

    kind: str
    times: int
    body: tuple[Item, ...]

    def __str__(self) -> str:
        head = {"residual": "residual", "repeat": f"{self.times}x", "shared": f"shared{self.times}"}[self.kind]
        return f"{head}[{written(self.body)}]"


Item = Token | Group

# What each kind may be given in brackets. Activations alone take nothing.
KINDS: dict[str, frozenset[str]] = {
    "conv": frozenset({"width", "same", "stride", "tie", "bias", "activation"}),
    "separable": frozenset({"width", "same", "stride", "multiplier", "tie", "bias", "activation"}),
    "depthwise": frozenset({"same", "stride", "multiplier", "tie", "bias", "activation"}),
    "dense": frozenset({"width", "tie", "bias", "activation"}),
    "maxpool": frozenset({"same", "stride"}),
    "avgpool": frozenset({"same", "stride"}),
    "globalavg": frozenset(),
    "globalmax": frozenset(),
    "flatten": frozenset(),
    "batchnorm": frozenset({"tie"}),
    "dropout": frozenset(),
}
SIZED = ("conv", "separable", "depthwise", "maxpool", "avgpool")
SOFTMAX = Token("dense", width=CLASSES, activation="softmax")  # the last layer, where a line says no other
EXAMPLES = {
    "width": "a width such as 16, n, 2n or n+4",
    "same": "same",
    "stride": "stride2",
    "multiplier": "multiplier2",
    "tie": "as NAME",
    "bias": "nobias",
    "activation": f"an activation ({', '.join(x for x in ACTIVATIONS if x != 'softmax')})",
}


def takes(name: str) -> frozenset[str]:
    """Return what a layer of that name may be given in brackets."""
    return KINDS.get(name, frozenset())


def written(items: tuple[Item, ...]) -> str:
    """Return a line in its one form: parsed and written again it stays the same."""
    return " ".join(map(str, items))


def tokens(items: tuple[Item, ...]) -> Iterator[Token]:
    """Yield every layer once, as it is written."""
    for item in items:
        if isinstance(item, Group):
            yield from tokens(item.body)
        else:
            yield item


def unrolled(items: tuple[Item, ...]) -> Iterator[Token]:
    """Yield every layer as often as it comes; stops a little above the most that a line may have."""
    left = MAX_LAYERS + 1
    for item in items:
        for _ in range(item.times if isinstance(item, Group) else 1):
            for token in unrolled(item.body) if isinstance(item, Group) else (item,):
                yield token
                left -= 1
                if left <= 0:
                    return
