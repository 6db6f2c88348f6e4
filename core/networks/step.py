"""A layer at its place in a network."""

from __future__ import annotations

from dataclasses import dataclass

from core.networks.layer import Layer, Shape
from core.networks.layers import Add


@dataclass(frozen=True, slots=True)
class Step:
    """A layer at its place in a network.

    Attributes:
        index: its place, from 0.
        layer: the layer.
        entering: the shape of what enters.
        leaving: the shape of what leaves.
        named: name and shape of each of its arrays.
        first: the place of its first array among all arrays; of an earlier layer's where it shares that one's.
        owner: the place of the layer whose weights it has; its own place where they are its own.
    """

    index: int
    layer: Layer
    entering: Shape
    leaving: Shape
    named: tuple[tuple[str, Shape], ...]
    first: int
    owner: int

    @property
    def own(self) -> bool:
        """Whether its weights are counted with it."""
        return self.owner == self.index

    @property
    def follows(self) -> bool:
        """Whether it only follows the layer before it: what it needs is neither another's weights nor another input."""
        return self.own and not isinstance(self.layer, Add)

    @property
    def parameters(self) -> int:
        """The trainable weights that are counted with it."""
        return self.layer.parameters(self.entering) if self.own else 0

    @property
    def statistics(self) -> int:
        """The numbers that are kept and not trained, counted with it."""
        return self.layer.statistics(self.entering) if self.own else 0
