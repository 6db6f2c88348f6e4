"""A run as data: what determines it, and what each of its epochs gave."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from core.networks.families import family
from core.recipe import Recipe, seed_number


@dataclass(frozen=True, slots=True)
class Cell:
    """What determines a run: an image set by name and contents, a network, a recipe and a seed.

    Raises:
        ArgumentError: when made with an unknown family, a width or a seed out of bounds.
    """

    dataset: str
    fingerprint: str
    family: str
    width: int
    recipe: Recipe
    seed: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "width", family(self.family).width(self.width))
        object.__setattr__(self, "seed", seed_number(self.seed))

    @property
    def columns(self) -> dict[str, Any]:
        """The identity as columns of the store."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "family": self.family,
            "width": self.width,
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
        }


@dataclass(frozen=True, slots=True)
class Epoch:
    """One finished epoch, as the process tells it and the store keeps it.

    Attributes:
        epoch: its number, from 1.
        loss: mean cross-entropy in nats over the training images, as the batches went by.
        accuracy: share of them read rightly, likewise.
        test_loss: mean cross-entropy over the test images, after the epoch; with the held-out protocol None before the
            recipe's last epoch.
        test_accuracy: share of them read rightly, likewise.
        seconds: wall-clock, evaluation included; the first of a network compiles as well.
        held_out_loss: mean cross-entropy over the held-out images, after the epoch; None with the article's protocol.
        held_out_accuracy: share of them read rightly, likewise.
    """

    epoch: int
    loss: float
    accuracy: float
    test_loss: float | None
    test_accuracy: float | None
    seconds: float
    held_out_loss: float | None = None
    held_out_accuracy: float | None = None

    @property
    def watched(self) -> tuple[float, float]:
        """Loss and accuracy on the images that every epoch is measured on, ``recipe.watched``."""
        held_out = self.held_out_accuracy is not None
        loss = self.held_out_loss if held_out else self.test_loss
        accuracy = self.held_out_accuracy if held_out else self.test_accuracy
        assert loss is not None and accuracy is not None
        return loss, accuracy
