"""How a network is trained: optimiser, learning rate, epochs, batch, dropout, precision, protocol."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from functools import lru_cache
from typing import Any

from core.errors import invalid, whole_number

# Learning rates: the defaults of the Keras of 2020 that the article used. Keras 3 changed Adadelta's to 0.001,
# with which these networks do not train in 12 epochs.
OPTIMIZERS: dict[str, float] = {"rmsprop": 0.001, "adadelta": 1.0, "adam": 0.001, "sgd": 0.01}
OPTIMIZER_TITLES = {"rmsprop": "RMSprop", "adadelta": "Adadelta", "adam": "Adam", "sgd": "SGD"}
PRECISIONS = ("float32", "bfloat16")
MAX_EPOCHS = 1000
MAX_BATCH = 4096
MAX_LEARNING_RATE = 10.0
MAX_SEED = 2**31 - 1


class Protocol(StrEnum):
    """What a network is chosen by.

    The article watched the test images after every epoch, so its test accuracy is also what choices were made by.
    """

    ARTICLE = "article"
    HELD_OUT = "held_out"


PROTOCOLS = tuple(Protocol)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines a training besides network, data and seed.

    Attributes:
        optimizer: a key of ``OPTIMIZERS``; the optimiser's other settings are Keras's defaults.
        learning_rate: constant over the run, above 0 and at most 10.
        epochs: passes over the training images, 1 to 1,000.
        batch_size: images per update, 1 to 4,096; the last, shorter batch of an epoch is trained too.
        dropout: whether the tutorial's Dropout layers are in.
        precision: ``'float32'``, or ``'bfloat16'`` for the matrix work with float32 weights.
        protocol: ``'article'``, training on all training images and measuring the test images after every epoch, or
            ``'held_out'``, measuring a sixth of the training images instead and the test images once, at the end.

    Raises:
        ArgumentError: when made with a value out of bounds.
    """

    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int = 128
    dropout: bool = False
    precision: str = "float32"
    protocol: Protocol = Protocol.ARTICLE

    def __post_init__(self) -> None:
        if self.optimizer not in tuple(OPTIMIZERS):
            raise invalid("optimizer", f"one of {', '.join(OPTIMIZERS)}", self.optimizer)
        try:
            rate = math.nan if isinstance(self.learning_rate, bool) else float(self.learning_rate)
        except (TypeError, ValueError, OverflowError):
            rate = math.nan
        if not 0 < rate <= MAX_LEARNING_RATE:
            raise invalid("learning rate", f"a number above 0 and at most {MAX_LEARNING_RATE:g}", self.learning_rate)
        if self.precision not in PRECISIONS:
            raise invalid("precision", f"one of {', '.join(PRECISIONS)}", self.precision)
        if self.protocol not in PROTOCOLS:
            raise invalid("protocol", f"one of {', '.join(PROTOCOLS)}", self.protocol)
        object.__setattr__(self, "protocol", Protocol(self.protocol))
        if not isinstance(self.dropout, bool):
            raise invalid("dropout", "true or false", self.dropout)
        object.__setattr__(self, "learning_rate", rate)
        object.__setattr__(self, "epochs", whole_number(self.epochs, "number of epochs", 1, MAX_EPOCHS))
        object.__setattr__(self, "batch_size", whole_number(self.batch_size, "batch size", 1, MAX_BATCH))

    @property
    def watched(self) -> str:
        """The images that every epoch is measured on: ``'test'`` or ``'held-out'``."""
        return "test" if self.protocol is Protocol.ARTICLE else "held-out"

    def to_json(self) -> str:
        """Return the recipe as canonical JSON: equal recipes give equal text, so it can identify a run."""
        values = asdict(self)
        if self.protocol is Protocol.ARTICLE:  # runs stored before there was a choice keep their identity
            del values["protocol"]
        return json.dumps(values, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Recipe:
        """Read what :meth:`to_json` wrote.

        Raises:
            ArgumentError: if it is not a recipe.
        """
        return _read(text)

    def __str__(self) -> str:
        parts = [
            f"{OPTIMIZER_TITLES[self.optimizer]} {self.learning_rate:g}",
            f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}",
            f"batch {self.batch_size}",
        ]
        if self.dropout:
            parts.append("dropout")
        if self.precision != "float32":
            parts.append(self.precision)
        if self.protocol is not Protocol.ARTICLE:
            parts.append(self.watched)
        return ", ".join(parts)


@lru_cache(maxsize=4096)  # a store of thousands of runs has a handful of recipes
def _read(text: str) -> Recipe:
    try:
        values: dict[str, Any] = json.loads(text)
        return Recipe(**values)
    except (TypeError, ValueError):
        raise invalid("recipe", f"JSON with {', '.join(x.name for x in fields(Recipe))}", text) from None


def protocol(value: object) -> Protocol:
    """Return the protocol that is meant, also where it is spelt with a hyphen, or raise ``ArgumentError``."""
    try:
        return Protocol(str(value).replace("-", "_"))
    except ValueError:
        raise invalid("protocol", f"one of {', '.join(PROTOCOLS)}", value) from None


def seed_number(value: object) -> int:
    """Return ``value`` as a seed from 0 to 2**31 - 1, or raise ``ArgumentError``."""
    return whole_number(value, "seed", 0, MAX_SEED)


RMSPROP = Recipe("rmsprop", 0.001, 20)
ADADELTA = Recipe("adadelta", 1.0, 12)
