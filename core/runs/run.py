"""A run as data: what determines it, how it stands, what each of its epochs gave and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from core.networks.families import Family, family
from core.networks.layer import Shape
from core.networks.network import Network
from core.recipe import Protocol, Recipe, seed_number

RUNS_KEPT = 20_000  # in memory, by their rows: 1.8 kB each


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


class Origin(StrEnum):
    """Whose a run is: the user's own, or one that came with Featherweight."""

    OWN = "own"
    REFERENCE = "reference"


class Weights(StrEnum):
    """Whether a run's weights are in the store, or went to make room."""

    KEPT = "kept"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Cell:
    """What determines a run: an image set by name and contents, a network's layers, a recipe and a seed.

    Two cells of one network are equal, whatever family it was asked for by.

    Attributes:
        dataset: the image set's name.
        fingerprint: that of its contents.
        family: what the network was asked for by: the key of one of the article's families, or a line of text.
        width: of the network, in that family.
        recipe: how to train; without dropout where the line has none.
        seed: of initial weights, order of images and dropout.
        layers: the network, as ``Family.identity`` writes it; empty has it written now.
        named: the family of that line under the name that somebody gave it, where it is known.

    Raises:
        ArgumentError: when made with an unknown family, a width or a seed out of bounds.
    """

    dataset: str
    fingerprint: str
    family: str = field(compare=False)
    width: int = field(compare=False)
    recipe: Recipe
    seed: int
    layers: str = ""
    named: Family | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        chosen = family(self.family)
        object.__setattr__(self, "family", chosen.key)
        object.__setattr__(self, "width", chosen.width(self.width))
        object.__setattr__(self, "seed", seed_number(self.seed))
        if self.recipe.dropout and not chosen.line.has_dropout:
            object.__setattr__(self, "recipe", replace(self.recipe, dropout=False))
        if not self.layers:
            object.__setattr__(self, "layers", chosen.identity(self.width, self.recipe.dropout))

    @property
    def chosen(self) -> Family:
        """The family that it belongs to, for people."""
        return self.named or family(self.family)

    @property
    def title(self) -> str:
        """Family and width for people."""
        return f"{self.chosen.title}, n = {self.width}"

    def network(self, input_shape: Shape, classes: int) -> Network:
        """Return its network for images of a shape.

        Raises:
            ArgumentError: if the layers do not fit them.
        """
        return self.chosen.build(self.width, input_shape, classes, self.recipe.dropout)

    def under(self, chosen: Family, width: int) -> Cell:
        """Return the same cell as one of another family that has the same network."""
        label = chosen.key if chosen.built_in else chosen.layers
        return replace(self, family=label, width=width, named=None if chosen.built_in else chosen)

    @property
    def columns(self) -> dict[str, Any]:
        """The cell as columns of the store: its identity, then what it was asked for by."""
        return {
            "dataset": self.dataset,
            "fingerprint": self.fingerprint,
            "layers": self.layers,
            "recipe": self.recipe.to_json(),
            "seed": self.seed,
            "family": self.family,
            "width": self.width,
        }

    def __str__(self) -> str:
        return f"{self.chosen.title} n = {self.width}, seed {self.seed}"


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


@dataclass(frozen=True, slots=True)
class Run:
    """One training as the store keeps it; its figures are those of its last epoch, as in the article.

    Attributes:
        id: its number in the store of its origin; given again after a run was deleted.
        origin: whose it is.
        cell: what determines it.
        state: how it stands.
        parameters: the network's weights.
        multiply_adds: for one image.
        train_images: of the whole set, held-out ones included.
        test_images: of the set.
        started: ISO 8601, UTC.
        ended: likewise, or None while it runs.
        seconds: wall-clock of all of it.
        device: what it was trained on.
        versions: of what trained it, by package.
        formulation: how its step was written.
        message: why it failed or was interrupted.
        epochs: how many are finished.
        accuracy: share of the training images read rightly in the last epoch; None before the first.
        loss: mean cross-entropy in nats, likewise.
        test_accuracy: of the test images; None where they were not measured.
        test_loss: likewise.
        held_out_accuracy: of the held-out images, with the held-out protocol.
        held_out_loss: likewise.
        epoch_seconds: of the fastest epoch, which is free of compiling.
        weights: whether they are kept; None where there never were any.
    """

    id: int
    origin: Origin
    cell: Cell
    state: RunState
    parameters: int
    multiply_adds: int
    train_images: int
    test_images: int
    started: str
    ended: str | None = None
    seconds: float | None = None
    device: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict, hash=False)
    formulation: str | None = None
    message: str | None = None
    epochs: int = 0
    accuracy: float | None = None
    loss: float | None = None
    test_accuracy: float | None = None
    test_loss: float | None = None
    held_out_accuracy: float | None = None
    held_out_loss: float | None = None
    epoch_seconds: float | None = None
    weights: Weights | None = None

    def __hash__(self) -> int:
        return hash((self.origin, self.id, self.started))

    @property
    def dataset(self) -> str:
        """The name of the image set."""
        return self.cell.dataset

    @property
    def fingerprint(self) -> str:
        """That of the images' contents."""
        return self.cell.fingerprint

    @property
    def family(self) -> str:
        """The key of the family: its name, or its line."""
        return self.cell.chosen.key

    @property
    def title(self) -> str:
        """The family's, for people."""
        return self.cell.chosen.title

    @property
    def layers(self) -> str:
        """The network as text."""
        return self.cell.layers

    @property
    def width(self) -> int:
        """Of the network."""
        return self.cell.width

    @property
    def recipe(self) -> Recipe:
        """How it was trained."""
        return self.cell.recipe

    @property
    def seed(self) -> int:
        """Of initial weights, order of images and dropout."""
        return self.cell.seed

    @property
    def choosing(self) -> float | None:
        """The accuracy that decides whether the network is small enough: held-out where there is one, else test."""
        return self.held_out_accuracy if self.recipe.protocol is Protocol.HELD_OUT else self.test_accuracy

    def facts(self) -> dict[str, Any]:
        """Return it as plain values for JSON, identity first; the recipe as an object with all its fields."""
        told = ("parameters", "multiply_adds", "train_images", "test_images", "state", "started", "ended", "seconds")
        last = ("accuracy", "loss", "test_accuracy", "test_loss", "held_out_accuracy", "held_out_loss")
        return (
            {"id": self.id, "dataset": self.dataset, "fingerprint": self.fingerprint, "family": self.family}
            | {"width": self.width, "recipe": asdict(self.recipe), "seed": self.seed}
            | {x: getattr(self, x) for x in (*told, "device")}
            | {"versions": dict(self.versions), "formulation": self.formulation, "message": self.message}
            | {"origin": self.origin, "epochs": self.epochs or None}
            | {x: getattr(self, x) for x in (*last, "epoch_seconds", "weights", "layers")}
        )
