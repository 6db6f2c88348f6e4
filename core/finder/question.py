"""What the finder is asked: how few weights of these families reach a target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from core.errors import invalid, number, whole_number
from core.limits import Ask, Limits
from core.networks.family import Family
from core.networks.layers import Shape
from core.recipe import Recipe

WHOLE = 32  # widths up to here are all tried
STEPS = 4  # of a doubling beyond that, 19 % each: eight seeds hardly tell closer ones apart
ENDS = 5  # seeds that both ends of a bracket rest on
MAX_SEEDS = 50
MAX_RUNS = 500
MAX_MINUTES = 7 * 24 * 60
MAX_TELL_APART = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """One family that is asked about.

    Attributes:
        family: whose widths are tried.
        recipe: how its networks are trained, the protocol included; without dropout where the family has none.
        widths: those that may be tried, ascending; of widths with the same network the smallest.
        parameters: of the network of each.
        layers: the network of each as text, which runs are recognised by.
    """

    family: Family
    recipe: Recipe
    widths: tuple[int, ...]
    parameters: tuple[int, ...]
    layers: tuple[str, ...] = field(repr=False)

    @property
    def key(self) -> str:
        """The key of the family."""
        return self.family.key

    def weights(self, width: int) -> int:
        """Return the parameters of a width that may be tried."""
        return self.parameters[self.widths.index(width)]


@dataclass(frozen=True, slots=True)
class Question:
    """What the finder is asked.

    Attributes:
        asked: the families, with recipes of one protocol.
        target: the accuracy to reach, a share.
        seeds: runs of a network at most.
        tell_apart: a difference, as a share, that need not be told from none: no more seeds are spent on it.
        only_smallest: whether a family is given up as soon as it cannot beat what another has found.
        runs: that may be trained at most; None is no bound.
        minutes: that it may take at most; None is no bound.
    """

    asked: tuple[Asked, ...]
    target: float
    seeds: int = 8
    tell_apart: float = 0.001
    only_smallest: bool = True
    runs: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        if not self.asked:
            raise invalid("families", "at least one", "none")
        if len({x.recipe.protocol for x in self.asked}) > 1:
            raise invalid("recipes", "one protocol, as accuracies of two are not compared", "both")
        target, apart = number(self.target), number(self.tell_apart)
        if not 0 < target < 1:
            raise invalid("target", "an accuracy above 0 and below 1, such as 0.97", self.target)
        if not 0 <= apart <= MAX_TELL_APART:
            raise invalid("difference to tell apart", f"a share from 0 to {MAX_TELL_APART:g}", self.tell_apart)
        object.__setattr__(self, "target", target)
        object.__setattr__(self, "tell_apart", apart)
        object.__setattr__(self, "seeds", whole_number(self.seeds, "seeds at most", 1, MAX_SEEDS))
        if self.runs is not None:
            object.__setattr__(self, "runs", whole_number(self.runs, "runs at most", 1, MAX_RUNS))
        if self.minutes is not None:
            minutes = number(self.minutes)
            if not 0 < minutes <= MAX_MINUTES:
                raise invalid("minutes at most", f"a number above 0 and at most {MAX_MINUTES:,}", self.minutes)
            object.__setattr__(self, "minutes", minutes)

    @property
    def ends(self) -> int:
        """Seeds that both ends of a bracket rest on."""
        return min(ENDS, self.seeds)


def lattice(most: int) -> tuple[int, ...]:
    """Return the widths from 1 to ``most`` that are tried: all up to 32, then steps of 19 %, and the last."""
    found = list(range(1, min(most, WHOLE) + 1))
    step = 1
    while (n := round(WHOLE * 2 ** (step / STEPS))) < most:
        found.append(n)
        step += 1
    return tuple(dict.fromkeys([*found, most]))


def asked(
    family: Family,
    recipe: Recipe,
    shape: Shape,
    classes: int,
    widths: Sequence[int] | None = None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
) -> Asked:
    """Return a family as it is asked about, for images of a shape.

    Args:
        family: the family.
        recipe: how to train.
        shape: of an image.
        classes: of the images.
        widths: that may be tried; None takes those of :func:`lattice` up to the widest that the family names.
        limits: of weights and work; widths beyond them are left out.

    Raises:
        LimitError: if that leaves none.
        ArgumentError: if the layers do not fit the images, or a width is out of bounds.
    """
    dropout = recipe.dropout and family.line.has_dropout
    tried = tuple(sorted({family.width(x) for x in widths})) if widths else lattice(max(family.widths))
    allowed, parameters, layers = _networks(family, dropout, shape, classes, tried, limits)
    return Asked(family, replace(recipe, dropout=dropout), allowed, parameters, layers)  # as cells have the recipe


@lru_cache(maxsize=256)  # a page asks at every rerun, and counting all widths takes 7 ms a family
def _networks(
    family: Family, dropout: bool, shape: Shape, classes: int, tried: tuple[int, ...], limits: Limits
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[str, ...]]:
    """Return widths within limits, of those with the same network the smallest; their parameters and layers."""
    smallest: dict[str, int] = {}
    for n in tried:  # a layer of n/2 is as wide at one n as at the next
        smallest.setdefault(family.identity(n, dropout), n)
    built = {layers: (n, family.build(n, shape, classes, dropout)) for layers, n in smallest.items()}
    within = {key: x for key, x in built.items() if limits.allows(x[1].parameters, x[1].multiply_adds)}
    if not within:
        _, least = next(iter(built.values()))
        limits.check(Ask(1, least.parameters, least.multiply_adds, 1), 0, 0)
    return tuple(n for n, _ in within.values()), tuple(x.parameters for _, x in within.values()), tuple(within)
