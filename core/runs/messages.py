"""What runner and trainer say to each other: dataclasses, each a line of JSON on its way."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from core.errors import FeatherweightError, TrainingError, invalid
from core.networks.line import Line
from core.recipe import Recipe, seed_number
from core.runs.run import Epoch


@dataclass(frozen=True, slots=True)
class Job:
    """A run to train.

    Attributes:
        job: its name; every event of it bears it.
        layers: of the network, as ``Family.identity`` writes them.
        recipe: how to train.
        seed: decides initial weights, order of images and dropout.
        data: path of the ``.npz`` file with the images.

    Raises:
        ArgumentError: when made with layers that cannot be read, or with what is out of bounds.
    """

    job: str
    layers: str
    recipe: Recipe
    seed: int
    data: str

    def __post_init__(self) -> None:
        Line.of(self.layers)
        object.__setattr__(self, "seed", seed_number(self.seed))
        if not isinstance(self.data, str):
            raise invalid("data", "the path of an .npz file", self.data)


@dataclass(frozen=True, slots=True)
class Stop:
    """A wish: end this job after its current epoch."""

    job: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A trainer is up.

    Attributes:
        device: what it trains on, for people.
        note: a sentence for people about a GPU that is there and not used, if there is one.
        precisions: those that the device has.
        versions: of what trains, by package.
    """

    device: str
    note: str | None
    precisions: tuple[str, ...]
    versions: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Started:
    """A job's training begins."""

    job: str


@dataclass(frozen=True, slots=True)
class EpochEnded:
    """An epoch of a job is finished."""

    job: str
    epoch: Epoch


@dataclass(frozen=True, slots=True)
class Finished:
    """A job's end, the last of its events.

    Attributes:
        job: which.
        stopped: whether it was stopped before its last epoch.
        formulation: how the step was written; None where nothing was trained.
        weights: the bytes of a ``.npz``, as ``core.runs.weights`` reads it; None where nothing was trained.
    """

    job: str
    stopped: bool
    formulation: str | None
    weights: bytes | None


@dataclass(frozen=True, slots=True)
class Failed:
    """A job that came to nothing, the last of its events; or a line that is no message.

    Attributes:
        job: which; None for a line that names none.
        message: a sentence for people.
        memory: whether memory ran out, which another attempt may have more of.
    """

    job: str | None
    message: str
    memory: bool = False


Event = Started | EpochEnded | Finished | Failed
Message = Job | Stop | Ready | Event
_KINDS: dict[str, type[Message]] = {
    "job": Job, "stop": Stop, "ready": Ready, "started": Started, "epoch": EpochEnded, "finished": Finished,
    "failed": Failed,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}


def encode(message: Message) -> str:
    """Return a message as one line, with its end."""
    values = {x.name: getattr(message, x.name) for x in fields(message)}
    for name in ("recipe", "epoch"):
        if name in values:
            values[name] = asdict(values[name])
    if isinstance(message, Finished) and message.weights is not None:
        values["weights"] = base64.b64encode(message.weights).decode()
    return json.dumps({"kind": _NAMES[type(message)], **values}, allow_nan=False) + "\n"


def decode(line: str) -> Message:
    """Return the message of a line.

    Raises:
        ArgumentError: if its job cannot be: unknown layers, a recipe out of bounds.
        TrainingError: if it is no message.
    """
    try:
        values: dict[str, Any] = json.loads(line)
        kind = _KINDS[values.pop("kind")]
        if not isinstance(values.get("job", ""), str) and (kind is not Failed or values["job"] is not None):
            raise TypeError("a job's name is text")
        if kind is Job:
            values["recipe"] = Recipe.from_json(json.dumps(values["recipe"]))
        if kind is EpochEnded:
            values["epoch"] = Epoch(**values["epoch"])
        if kind is Finished and values["weights"] is not None:
            values["weights"] = base64.b64decode(values["weights"], validate=True)
        if kind is Ready:
            values["precisions"] = tuple(values["precisions"])
        return kind(**values)
    except FeatherweightError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, binascii.Error):
        raise TrainingError(
            f"A line between runner and trainer is no message. Expected JSON with a kind, one of {', '.join(_KINDS)}, "
            f"and its fields. Received: {line.strip()[:80]!r}."
        ) from None


def job_of(line: str) -> str | None:
    """Return the name of the job that a line is about, whatever else is wrong with it; None if it names none."""
    try:
        name = json.loads(line)["job"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return name if isinstance(name, str) else None
