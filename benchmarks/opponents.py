"""What ``core.training`` is compared with: Keras's ``fit`` in this process, PyTorch in one of its own."""

from __future__ import annotations

import json
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.data.images import Images, scaled
from core.errors import TrainingError, cut
from core.export.keras_file import keras_model
from core.networks.network import Network
from core.processes import cores
from core.recipe import ADAMS, OPTIMIZER_TITLES, Initialization, Recipe, Schedule
from core.training import program
from core.training.course import STEPS, boundary, warmup_updates

TORCH = Path(__file__).with_name("opponent_torch.py")


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a training took.

    Attributes:
        seconds: wall-clock of all of it, compilation included.
        epochs: of each epoch, its test included.
        accuracy: of the test images after the last epoch.
    """

    seconds: float
    epochs: tuple[float, ...]
    accuracy: float

    @property
    def steady(self) -> float:
        """The median epoch after the first, which may compile; the first one if there is no other."""
        return median(self.epochs[1:] or self.epochs)

    def whole(self, epochs: int) -> float:
        """Return the seconds of so many epochs: those that were run, and the others at the steady rate."""
        return self.seconds + (epochs - len(self.epochs)) * self.steady


class Clock(keras.callbacks.Callback):  # type: ignore[misc]
    """The seconds of each epoch of a fit, evaluation included."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self.last = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        now = time.perf_counter()
        self.seconds.append(now - self.last)
        self.last = now


def fit(network: Network, recipe: Recipe, data: Images, seed: int) -> Timing:
    """Train with Keras's ``model.fit``, in float32 whatever the recipe says.

    Raises:
        TrainingError: if the recipe moves images, which ``fit`` does not.
    """
    if recipe.shift:
        raise TrainingError("Keras's fit moves no images; compare with a recipe whose shift is 0.")
    keras.utils.set_random_seed(seed)
    model = begun(network, recipe, seed)
    x_train, x_test = scaled(data.x_train), scaled(data.x_test)
    y_train, y_test, loss = data.y_train, data.y_test, "sparse_categorical_crossentropy"
    if recipe.label_smoothing:
        shares = np.eye(data.classes, dtype=np.float32)
        y_train, y_test = shares[y_train], shares[y_test]
        loss = keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing)
    used = optimizer(recipe, recipe.epochs * -(-len(y_train) // recipe.batch_size))
    started = time.perf_counter()
    model.compile(used, loss, metrics=["accuracy"])
    clock = Clock()
    history = model.fit(
        x_train,
        y_train,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_data=(x_test, y_test),
        verbose=0,
        callbacks=[clock],
    )
    seconds = time.perf_counter() - started
    return Timing(seconds, tuple(clock.seconds), float(history.history["val_accuracy"][-1]))


def begun(network: Network, recipe: Recipe, seed: int) -> Any:
    """Return Keras's model of a network with weights that begin as the recipe says."""
    model = keras_model(network)
    if recipe.initialization is not Initialization.GLOROT:  # Keras's own beginning
        model.set_weights(program.begin(network, seed, recipe.initialization))
    return model


def optimizer(recipe: Recipe, updates: int) -> Any:
    """Return Keras's optimiser of a recipe, for a run of so many updates."""
    rates = keras.optimizers.schedules
    rate: Any = recipe.learning_rate
    if recipe.schedule is Schedule.COSINE:
        warmup = warmup_updates(recipe, updates)
        begins = {"warmup_target": rate, "warmup_steps": warmup} if warmup else {}
        rate = rates.CosineDecay(0.0 if warmup else rate, updates - warmup, **begins)
    elif recipe.schedule is Schedule.STEP:
        left = [rate, *(rate * x for _, x in STEPS)]
        rate = rates.PiecewiseConstantDecay([boundary(x, updates) for x, _ in STEPS], left)
    given: dict[str, Any] = {"global_clipnorm": recipe.clip} if recipe.clip else {}
    given |= {"beta_2": recipe.beta2} if recipe.optimizer in ADAMS else {}
    given |= {"weight_decay": recipe.weight_decay} if recipe.optimizer == "adamw" else {}
    return getattr(keras.optimizers, OPTIMIZER_TITLES[recipe.optimizer])(rate, **given)


@dataclass(frozen=True, slots=True)
class Torch:
    """PyTorch, in an environment of its own.

    Its threads wait for each other by spinning, so that another process on one of the cores makes it many times slower:
    an epoch of mlp 32 took 0.01 s idle and up to 2.8 s beside a busy core (2,000 images, 2 cores).

    Attributes:
        python: the interpreter that has it.
        data: the file that it reads images from, see :func:`keep`.
    """

    python: str
    data: Path

    def keep(self, images: Images) -> None:
        """Write the file of images."""
        names = "x_train", "y_train", "x_test", "y_test"
        np.savez(self.data, **{name: getattr(images, name) for name in names})

    def train(self, network: Network, recipe: Recipe, seed: int) -> Timing:
        """Train a network, in float32 whatever the recipe says.

        Raises:
            TrainingError: if there is no such Python, it has no torch, or the network or the recipe is not written for
                it.
        """
        job = {
            "layers": layers(network),
            "data": str(self.data),
            "recipe": asdict(recipe),
            "seed": seed,
            "threads": cores(),
        }
        try:
            done = subprocess.run(
                [self.python, str(TORCH)], input=json.dumps(job), capture_output=True, encoding="utf-8"
            )
        except OSError as e:
            raise TrainingError(
                f"{self.python} cannot be started ({e.strerror}); name a Python that has torch."
            ) from None
        if done.returncode == 2 and done.stdout.strip():
            raise TrainingError(done.stdout.strip())
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise TrainingError(f"PyTorch ended with exit code {done.returncode} ({cut(last, 200)}).")
        found = json.loads(done.stdout)
        return Timing(found["seconds"], tuple(found["epochs"]), found["accuracy"])


def layers(network: Network) -> list[dict[str, object]]:
    """Return the layers as JSON holds them, each with its kind, what enters it and the place of its weights' owner."""
    return [asdict(x.layer) | {"kind": x.layer.kind, "entering": x.entering, "owner": x.owner} for x in network.steps()]


def median(values: tuple[float, ...]) -> float:
    """Return the middle value, of two the larger."""
    return sorted(values)[len(values) // 2]
