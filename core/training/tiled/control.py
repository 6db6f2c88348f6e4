"""What lies at the beginning of a tile: which images it holds, and what came of them."""

from __future__ import annotations

from dataclasses import dataclass

from core.training.tiled.host import Host


@dataclass(frozen=True, slots=True)
class Control:
    """Places in bytes from the beginning of a tile; each is of one number a lane."""

    host: Host

    @property
    def labels(self) -> int:
        """Of the images, int32."""
        return 0

    @property
    def real(self) -> int:
        """What each image counts in the gradient; 0 for what only fills the tile up."""
        return self.host.width

    @property
    def sums(self) -> int:
        """Losses, and behind them hits."""
        return 2 * self.host.width

    @property
    def noise(self) -> int:
        """Which image of the epoch each is, int32; behind them seed and updates done, one number each."""
        return 4 * self.host.width

    @property
    def kept(self) -> int:
        """A pointer to what is kept of the tile until the end of its batch."""
        return 5 * self.host.width + 8

    @property
    def rows(self) -> int:
        """Pointers to the images."""
        return 6 * self.host.width

    @property
    def numbers(self) -> int:
        """Vectors of float32 that all of it takes."""
        return 8
