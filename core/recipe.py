"""How a network is trained: optimiser, learning rates, epochs, batch, regularisation, precision, protocol."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from functools import lru_cache
from typing import Any

from core.errors import invalid, number, whole_number

# Learning rates: the defaults of the Keras of 2020 that the article used. Keras 3 changed Adadelta's to 0.001,
# with which these networks do not train in 12 epochs.
OPTIMIZERS: dict[str, float] = {"rmsprop": 0.001, "adadelta": 1.0, "adam": 0.001, "adamw": 0.001, "sgd": 0.01}
OPTIMIZER_TITLES = {"rmsprop": "RMSprop", "adadelta": "Adadelta", "adam": "Adam", "adamw": "AdamW", "sgd": "SGD"}
BETA2 = 0.999  # Keras's
WEIGHT_DECAY = 0.004  # Keras's for AdamW
PRECISIONS = ("float32", "bfloat16")
MAX_EPOCHS = 1000
MAX_BATCH = 4096
MAX_LEARNING_RATE = 10.0
MAX_SEED = 2**31 - 1
MAX_WEIGHT_DECAY = 1.0
MAX_CLIP = 1000.0
MAX_WARMUP = 0.5
MAX_SMOOTHING = 0.5
MAX_SHIFT = 2


class Protocol(StrEnum):
    """What a network is chosen by.

    The article watched the test images after every epoch, so its test accuracy is also what choices were made by.
    """

    ARTICLE = "article"
    HELD_OUT = "held_out"


PROTOCOLS = tuple(Protocol)


class Schedule(StrEnum):
    """How the learning rate goes on over the updates of a run."""

    CONSTANT = "constant"
    COSINE = "cosine"
    STEP = "step"


SCHEDULES = tuple(Schedule)
STEPS = ((0.5, 0.1), (0.75, 0.01))  # shares of the updates after which the rate is what share of itself
SCHEDULE_TITLES = {Schedule.CONSTANT: "constant", Schedule.COSINE: "cosine to 0", Schedule.STEP: "in steps"}


class Initialization(StrEnum):
    """What kernels begin as, by whose paper says it."""

    GLOROT = "glorot"
    HE = "he"


INITIALIZATIONS = tuple(Initialization)
INITIALIZATION_TITLES = {Initialization.GLOROT: "Glorot uniform", Initialization.HE: "He normal"}


ADAMS = ("adam", "adamw")  # that have a beta2
_SHARES = {
    "warmup": MAX_WARMUP, "weight_decay": MAX_WEIGHT_DECAY, "clip": MAX_CLIP, "label_smoothing": MAX_SMOOTHING,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """What determines a training besides network, data and seed.

    Attributes:
        optimizer: a key of ``OPTIMIZERS``; its settings that are no fields here are Keras's defaults.
        learning_rate: the highest of the run, above 0 and at most 10.
        epochs: passes over the training images, 1 to 1,000.
        batch_size: images per update, 1 to 4,096; the last, shorter batch of an epoch is trained too.
        dropout: whether the tutorial's Dropout layers are in.
        precision: ``'float32'``, or ``'bfloat16'`` for the matrix work with float32 weights.
        protocol: ``'article'``, training on all training images and measuring the test images after every epoch, or
            ``'held_out'``, measuring a sixth of the training images instead and the test images once, at the end.
        schedule: ``'constant'``; ``'cosine'``, to 0 along half a wave (Loshchilov and Hutter 2017); or ``'step'``, a
            tenth after half of the updates and a hundredth after three quarters (He et al. 2016).
        warmup: share of the updates over which the rate first grows linearly from 0, 0 to 0.5; with ``'cosine'`` alone.
        beta2: how slowly Adam's mean of squared gradients moves, above 0 and below 1; with Adam and AdamW alone.
        weight_decay: share of a weight that an update takes away for each unit of its learning rate, 0 to 1; with AdamW
            alone (Loshchilov and Hutter 2019).
        clip: norm of all gradients together that longer ones are shortened to, 0 to 1,000; 0 leaves them.
        label_smoothing: share of every label that is spread evenly over the classes, 0 to 0.5 (Szegedy et al. 2016).
        shift: pixels by which every training image is moved up or down and left or right, anew in each epoch, at most;
            0 to 2. What comes in is 0.
        initialization: what kernels begin as: ``'glorot'``, Keras's default, or ``'he'``, see
            :func:`core.networks.initial.spreads`.

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
    schedule: Schedule = Schedule.CONSTANT
    warmup: float = 0.0
    beta2: float = BETA2
    weight_decay: float = 0.0
    clip: float = 0.0
    label_smoothing: float = 0.0
    shift: int = 0
    initialization: Initialization = Initialization.GLOROT

    def __post_init__(self) -> None:
        if self.optimizer not in tuple(OPTIMIZERS):
            raise invalid("optimizer", f"one of {', '.join(OPTIMIZERS)}", self.optimizer)
        rate = number(self.learning_rate)
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
        self._check_more()

    def _check_more(self) -> None:
        """Check what the article's recipes leave as it is."""
        for name, kind, title in (
            ("schedule", Schedule, "schedule"),
            ("initialization", Initialization, "initialisation"),
        ):
            value = getattr(self, name)
            if value not in tuple(kind):
                raise invalid(title, f"one of {', '.join(kind)}", value)
            object.__setattr__(self, name, kind(value))
        for name, most in _SHARES.items():
            value = number(getattr(self, name))
            if not 0 <= value <= most:
                raise invalid(name.replace("_", " "), f"a number from 0 to {most:g}", getattr(self, name))
            object.__setattr__(self, name, value)
        beta2 = number(self.beta2)
        if not 0 < beta2 < 1:
            raise invalid("beta2", "a number above 0 and below 1", self.beta2)
        object.__setattr__(self, "beta2", beta2)
        object.__setattr__(self, "shift", whole_number(self.shift, "shift in pixels", 0, MAX_SHIFT))
        if beta2 != BETA2 and self.optimizer not in ADAMS:
            raise invalid("beta2", f"{BETA2:g} with {self.optimizer}, as only {' and '.join(ADAMS)} have it", beta2)
        if self.weight_decay and self.optimizer != "adamw":
            raise invalid("weight decay", f"0 with {self.optimizer}, as only adamw has it", self.weight_decay)
        if self.warmup and self.schedule is not Schedule.COSINE:
            raise invalid("warmup", f"0 with the schedule {self.schedule}, as only cosine has it", self.warmup)

    @property
    def watched(self) -> str:
        """The images that every epoch is measured on: ``'test'`` or ``'held-out'``."""
        return "test" if self.protocol is Protocol.ARTICLE else "held-out"

    def to_json(self) -> str:
        """Return the recipe as canonical JSON: equal recipes give equal text, so it can identify a run."""
        values = asdict(self)
        for name, usual in _LATER.items():  # runs stored before there was a choice keep their identity
            if values[name] == usual:
                del values[name]
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
            *([SCHEDULE_TITLES[self.schedule]] if self.schedule is not Schedule.CONSTANT else []),
            *([f"warm-up {100 * self.warmup:g} %"] if self.warmup else []),
            f"{self.epochs} epoch{'s' if self.epochs > 1 else ''}",
            f"batch {self.batch_size}",
            *([f"beta2 {self.beta2:g}"] if self.beta2 != BETA2 else []),
            *([f"weight decay {self.weight_decay:g}"] if self.weight_decay else []),
            *([f"clip {self.clip:g}"] if self.clip else []),
            *([f"label smoothing {self.label_smoothing:g}"] if self.label_smoothing else []),
            *([f"shift {self.shift} pixel{'s' if self.shift > 1 else ''}"] if self.shift else []),
            *([INITIALIZATION_TITLES[self.initialization]] if self.initialization is not Initialization.GLOROT else []),
        ]
        if self.dropout:
            parts.append("dropout")
        if self.precision != "float32":
            parts.append(self.precision)
        if self.protocol is not Protocol.ARTICLE:
            parts.append(self.watched)
        return ", ".join(parts)


# Fields that recipes did not always have, with what they were before.
_LATER = {x.name: x.default for x in fields(Recipe)[list(Recipe.__slots__).index("protocol") :]}


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
# For networks of a few hundred weights, which learn no image by heart: a high rate that few updates may run away with.
LEAN = Recipe(
    "adam", 0.05, 60, schedule=Schedule.COSINE, warmup=0.1, beta2=0.99, clip=0.5, initialization=Initialization.HE
)
# For those that begin to: moved images are new ones, and take longer.
LEAN_SHIFTED = replace(LEAN, epochs=120, shift=1)
# For the article's own deep CNN, whose layers are wider than they are many.
LEAN_SLOWER = replace(LEAN, learning_rate=0.02)
