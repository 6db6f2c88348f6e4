"""Train a family's recipe with Keras's ``model.fit`` and with core.training in turn, and compare the seconds.

``python -m benchmarks.training --network deep_cnn:2 --network mlp:32`` from the project's folder. A line of layers is a
family as well: ``--network "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg:8"``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.training.train import train  # first: it brings TensorFlow, before anything else heavy  # isort: skip

import keras
import tensorflow as tf

from core.data import npz
from core.data.images import Images, scaled
from core.errors import FeatherweightError
from core.export.keras_file import keras_model
from core.networks.families import Family, family
from core.recipe import PRECISIONS, Recipe
from core.runs.run import Epoch
from core.training.device import device

COLUMNS = ("network", "fit s", "our s", "ratio", "first epoch s", "steady ratio", "accuracy fit", "accuracy ours")


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one network; seconds are wall-clock and ours include compilation.

    Attributes:
        ratio: seconds of fit over ours, for the whole run.
        first_epoch_seconds: our first epoch, compilation included.
        steady_ratio: the same for the median epoch after the first; the whole ratio if there was only one.
        accuracy_fit: test accuracy after the last epoch.
        epochs: how many were run; ``recipe_epochs`` is what the family's recipe has.
    """

    family: str
    width: int
    device: str
    fit_seconds: float
    our_seconds: float
    ratio: float
    first_epoch_seconds: float
    steady_ratio: float
    accuracy_fit: float
    accuracy_ours: float
    epochs: int
    recipe_epochs: int
    precision: str
    formulation: str


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


def fit(chosen: Family, width: int, recipe: Recipe, data: Images, seed: int) -> tuple[float, list[float], float]:
    """Return the seconds of a whole ``model.fit``, those of its epochs, and the last test accuracy."""
    keras.utils.set_random_seed(seed)
    model = keras_model(chosen.build(width, data.x_train.shape[1:], data.classes, recipe.dropout))
    optimizer = keras.optimizers.get(recipe.optimizer)
    optimizer.learning_rate = recipe.learning_rate
    x_train, x_test = scaled(data.x_train), scaled(data.x_test)
    started = time.perf_counter()
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    clock = Clock()
    history = model.fit(
        x_train,
        data.y_train,
        batch_size=recipe.batch_size,
        epochs=recipe.epochs,
        validation_data=(x_test, data.y_test),
        verbose=0,
        callbacks=[clock],
    )
    return time.perf_counter() - started, clock.seconds, float(history.history["val_accuracy"][-1])


def measure(chosen: Family, width: int, recipe: Recipe, data: Images, seed: int) -> Row:
    """Train one network both ways, fit in float32 first and then ours, and compare."""
    fit_seconds, fit_epochs, fit_accuracy = fit(chosen, width, replace(recipe, precision="float32"), data, seed)
    network = chosen.build(width, data.x_train.shape[1:], data.classes, recipe.dropout)
    started = time.perf_counter()
    *epochs, finished = train(network, recipe, data, seed, lambda: False)
    our_seconds = time.perf_counter() - started
    ours = [x for x in epochs if isinstance(x, Epoch)]
    ratio = fit_seconds / our_seconds
    steady = ratio if len(ours) < 2 else _median(fit_epochs[1:]) / _median([x.seconds for x in ours[1:]])
    accuracy = ours[-1].test_accuracy
    assert not isinstance(finished, Epoch) and accuracy is not None
    return Row(
        chosen.key,
        width,
        device().name,
        round(fit_seconds, 3),
        round(our_seconds, 3),
        round(ratio, 3),
        round(ours[0].seconds, 3),
        round(steady, 3),
        fit_accuracy,
        accuracy,
        recipe.epochs,
        chosen.recipe.epochs,
        recipe.precision,
        finished.formulation,
    )


def warm_up(data: Images) -> None:
    """Train a few images both ways, so that TensorFlow's own start counts for neither."""
    few = replace(data, x_train=data.x_train[:256], y_train=data.y_train[:256])
    measure(family("mlp"), 3, Recipe("sgd", 0.01, 1), few, 0)


def table(row: Row) -> str:
    """Return a row as a line of the table; a run shorter than the recipe says so."""
    cells = (
        f"{row.family}:{row.width}",
        f"{row.fit_seconds:.1f}",
        f"{row.our_seconds:.1f}",
        f"{row.ratio:.2f}x",
        f"{row.first_epoch_seconds:.2f}",
        f"{row.steady_ratio:.2f}x",
        f"{row.accuracy_fit:.4f}",
        f"{row.accuracy_ours:.4f}",
    )
    differs = "" if row.epochs == row.recipe_epochs else f"  {row.epochs} epochs; the recipe has {row.recipe_epochs}"
    return "  ".join(f"{cell:>13}" for cell in cells) + differs


def main() -> None:
    """Read the arguments, measure each network and print as it goes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--network", action="append", required=True, metavar="FAMILY:WIDTH", help="or LINE:WIDTH; may be repeated"
    )
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of ours; fit is always float32")
    parser.add_argument("--data", type=Path, help="default: mnist.npz in FEATHERWEIGHT_DATA")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true", help="print one JSON object a network instead of the table")
    asked = parser.parse_args()
    try:
        data = npz.read(asked.data or Path(os.environ.get("FEATHERWEIGHT_DATA", "."), "mnist.npz"))
        parts = (x.rpartition(":") for x in asked.network)
        pairs = [(family(key), family(key).width(width)) for key, _, width in parts]
        if not asked.json:
            versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
            print(f"{device().name}; {versions}; ours in {asked.precision}")
            print("  ".join(f"{name:>13}" for name in COLUMNS), flush=True)
        warm_up(data)
        for chosen, width in pairs:
            epochs = chosen.recipe.epochs if asked.epochs is None else asked.epochs
            recipe = replace(chosen.recipe, precision=asked.precision, epochs=epochs)
            row = measure(chosen, width, recipe, data, asked.seed)
            print(json.dumps(asdict(row)) if asked.json else table(row), flush=True)
    except FeatherweightError as e:
        parser.error(str(e))


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
