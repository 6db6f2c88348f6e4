"""What every stage of a network is, generated for a tile: its way forward and its two ways back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from core.training.tiled.code import Code, Name
from core.training.tiled.tensors import Tensor

# Of every stage's function: what enters, what leaves, the weights, the sums of their gradients, bytes to what residual
# blocks send back to what enters, room for a stage's own use, and what its random numbers follow from.
PARAMETERS = "ptr noalias %x, ptr noalias %y, ptr noalias %w, ptr noalias %s, i64 %e, ptr noalias %t, ptr noalias %r"
X, Y, W, S, E, T, R = (f"%{name}" for name in "xywsetr")
BYTES = 4  # of a weight


@dataclass(slots=True, eq=False)
class Stage(ABC):
    """One step of the way through a network. What it writes does not depend on where things lie.

    Attributes:
        x: what enters.
        y: what leaves.
        first: weights before its own.
    """

    weighs: ClassVar[bool] = False  # whether it has weights
    x: Tensor
    y: Tensor
    first: int = 0

    def prepare(self, code: Code) -> None:  # noqa: B027 - most stages need nothing
        """Write what is done with the weights once they have changed, before any tile comes."""

    @abstractmethod
    def forward(self, code: Code) -> None:
        """Write what computes ``y``."""

    def evaluated(self, code: Code) -> None:
        """Write what computes ``y`` where nothing is trained."""
        self.forward(code)

    def weights(self, code: Code) -> None:  # noqa: B027 - most stages have none
        """Write what adds to the sums of its weights' gradients, from ``x`` and the gradient in ``y``."""

    @abstractmethod
    def back(self, code: Code) -> None:
        """Write what overwrites ``x`` with its gradient, from the gradient in ``y``."""

    def room(self, lanes: int) -> int:
        """Return how many vectors it needs for its own use, beside what enters and leaves."""
        return 0

    def settle(self, code: Code, pointer: Name, offset: int, gradient: Name) -> None:
        """Write a gradient over what entered; see :meth:`Tensor.settle`."""
        self.x.settle(code, pointer, offset, gradient, E)
