"""Train a family's recipe with Keras's ``model.fit``, with core.training and with PyTorch in turn; compare the seconds.

``python -m benchmarks.training --network deep_cnn:2 --network mlp:32`` from the project's folder. A line of layers is a
family as well: ``--network "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg:8"``.

``--torch PYTHON`` names an interpreter that has PyTorch. ``--all`` takes the article's 24 networks, two epochs of
each, and adds the others at the steady rate. ``--against xla`` (or ``blocked`` or ``onednn``) compares formulations of
our own instead: epochs of the one that is chosen and of that one in turns, compilation apart.

Each row says what share of the machine's float32 matrix product, measured right before it, a steady epoch of ours
takes, and where it is trained on tiles what share of the memory's bandwidth: see ``benchmarks/machine.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from core.processes import isolate_keras

if __name__ == "__main__":
    isolate_keras()

from core.training.train import train  # first: it brings TensorFlow, before anything else heavy  # isort: skip

import keras
import tensorflow as tf

from benchmarks import machine
from benchmarks.machine import Machine, Share, Work
from benchmarks.opponents import Timing, Torch, fit, median
from core.data import npz
from core.data.images import Images
from core.errors import FeatherweightError, invalid, whole_number
from core.networks.families import FAMILIES, Family, family
from core.networks.layers import Array
from core.networks.network import Network
from core.recipe import MAX_EPOCHS, PRECISIONS, Recipe
from core.runs.run import Epoch
from core.training import formulations, program, resident
from core.training.course import Course, course
from core.training.device import device
from core.training.program import Formulation, Program
from core.training.resident import Resident

AGAINST = {"xla": formulations.DENSE, "blocked": formulations.BLOCKED, "onednn": formulations.KERNELS}
WORDS = {formulations.TILED: "tiled"} | {formulation: word for word, formulation in AGAINST.items()}
EPOCHS_OF_ALL = 2


@dataclass(frozen=True, slots=True)
class Row:
    """What was measured of one network.

    Attributes:
        fit: of Keras, in float32.
        ours: of core.training.
        torch: of PyTorch, in float32, if it was asked for.
        epochs: how many were run; ``recipe_epochs`` is what the family's recipe has.
        formulation: how ours was computed.
        machine: measured right before.
        work: of an epoch.
        share: of the machine's most, in a steady epoch of ours.
    """

    family: str
    width: int
    device: str
    precision: str
    epochs: int
    recipe_epochs: int
    formulation: str
    fit: Timing
    ours: Timing
    torch: Timing | None
    machine: Machine
    work: Work
    share: Share

    @property
    def opponents(self) -> dict[str, Timing]:
        """Those that were run, by name."""
        return {"fit": self.fit} | ({} if self.torch is None else {"torch": self.torch})

    def ratio(self, other: Timing) -> float:
        """Return the seconds of the whole recipe of another over ours: those not run are added at the steady rate."""
        return other.whole(self.recipe_epochs) / self.ours.whole(self.recipe_epochs)

    def steady_ratio(self, other: Timing) -> float:
        """Return the seconds of a steady epoch of another over ours."""
        return other.steady / self.ours.steady


@dataclass(frozen=True, slots=True)
class Duel:
    """Two formulations of one network, whose epochs took turns.

    Attributes:
        formulation: the one that is chosen; ``against`` is the other.
        seconds: of its median epoch; ``against_seconds`` is the other's.
        ratio: of the medians, the other's over the chosen one's.
        turns: epochs of each that were counted.
        machine, work, share: as of a :class:`Row`, of the chosen one.
    """

    family: str
    width: int
    device: str
    formulation: str
    against: str
    seconds: float
    against_seconds: float
    ratio: float
    turns: int
    machine: Machine
    work: Work
    share: Share


@dataclass(slots=True)
class Side:
    """One of the two in a duel.

    Attributes:
        program: what trains.
        state: where it is; None before it begins.
        seconds: of each epoch that it has done.
    """

    program: Program
    state: Any = None
    seconds: list[float] = field(default_factory=list)

    def begin(self, arrays: list[Array], train: Resident, test: Resident) -> None:
        """Compile, and begin from given weights."""
        self.state = self.program.begin(arrays)
        self.program.compile(self.state, train, test, None)

    def epoch(self, train: Resident, test: Resident, course: Course) -> None:
        """Train for an epoch."""
        started = time.perf_counter()
        self.state, sums = self.program.epoch(self.state, train, test, course)
        float(sums[0])  # waits for its end
        self.seconds.append(time.perf_counter() - started)


def measure(chosen: Family, width: int, recipe: Recipe, data: Images, seed: int, torch: Torch | None) -> Row:
    """Train one network with PyTorch, if there is one, with fit and with ours, one after the other, and compare."""
    network = chosen.build(width, data.x_train.shape[1:], data.classes, recipe.dropout)
    most = machine.measured()
    by_torch = torch.train(network, recipe, seed) if torch else None
    by_fit = fit(network, recipe, data, seed)
    started = time.perf_counter()
    *epochs, finished = train(network, recipe, data, seed, lambda: False)
    seconds = time.perf_counter() - started
    run = [x for x in epochs if isinstance(x, Epoch)]
    accuracy = run[-1].test_accuracy
    assert not isinstance(finished, Epoch) and accuracy is not None
    ours = Timing(seconds, tuple(x.seconds for x in run), accuracy)
    formulation = next(x for x in WORDS if x.name == finished.formulation)
    work = work_of(network, recipe, data, formulation)
    share = machine.share(work, ours.steady, most)
    about = chosen.key, width, device().name, recipe.precision, recipe.epochs, chosen.recipe.epochs
    return Row(*about, WORDS[formulation], by_fit, ours, by_torch, most, work, share)


def work_of(network: Network, recipe: Recipe, data: Images, formulation: Formulation) -> Work:
    """Return what an epoch of the article's protocol takes; its bytes are known of a tiled formulation alone."""
    train_set, _, test_set = resident.place(program.split(network)[0], data, recipe.protocol)
    operations = machine.operations(network, len(data.y_train), len(data.y_test))
    bytes_ = machine.least_bytes(network, recipe, train_set, test_set) if formulation.tiled else None
    return Work(operations, bytes_)


def take_turns(
    chosen: Family, width: int, recipe: Recipe, data: Images, seed: int, against: Formulation, turns: int
) -> Duel:
    """Train one network in two formulations, epochs in turns; the first of each is not counted.

    Raises:
        ArgumentError: if the other formulation cannot compute the network, or is the chosen one.
    """
    network = chosen.build(width, data.x_train.shape[1:], data.classes, recipe.dropout)
    head, trunk = program.split(network)
    ours = formulations.choose(trunk, recipe, device())
    name = f"{chosen.key}:{width}"
    if against == ours or not formulations.takes(against, trunk):
        others = [word for word, x in AGAINST.items() if x != ours and formulations.takes(x, trunk)]
        raise invalid(f"formulation against {WORDS[ours]} for {name}", f"one of {', '.join(others)}", WORDS[against])
    most = machine.measured()
    train_set, watched, _ = resident.place(head, data, recipe.protocol)
    sides = [Side(formulations.build(trunk, replace(recipe, epochs=1), x)) for x in (ours, against)]
    for side in sides:
        side.begin(program.begin(trunk, seed, recipe.initialization), train_set, watched)
    for number in range(1, turns + 2):
        for side in sides if number % 2 else sides[::-1]:  # neither always follows the other
            side.epoch(train_set, watched, course(recipe, train_set, seed, number))
    mine, theirs = (median(tuple(x.seconds[1:])) for x in sides)
    work = work_of(network, recipe, data, ours)
    about = chosen.key, width, device().name, WORDS[ours], WORDS[against]
    return Duel(*about, mine, theirs, theirs / mine, turns, most, work, machine.share(work, mine, most))


def warm_up(data: Images, torch: Torch | None) -> None:
    """Train a few images each way: TensorFlow's own start counts for none, and a Python without torch shows early."""
    few = replace(data, x_train=data.x_train[:256], y_train=data.y_train[:256])
    network, recipe = family("mlp").build(3, data.x_train.shape[1:], data.classes), Recipe("sgd", 0.01, 1)
    if torch:
        torch.keep(few)
        torch.train(network, recipe, 0)
        torch.keep(data)
    fit(network, recipe, few, 0)
    for _ in train(network, recipe, few, 0, lambda: False):
        pass


def cells(row: Row | Duel) -> dict[str, str]:
    """Return a row's cells by column. Seconds of a run shorter than the recipe are those that the recipe would take."""
    memory = "-" if row.share.memory is None else f"{row.share.memory:.0%}"
    shares = {"of product": f"{row.share.operations:.0%}", "of memory": memory, "limit": row.share.limit}
    found = {"network": f"{row.family}:{row.width}"}
    if isinstance(row, Duel):
        found |= {"ours": row.formulation, "epoch s": f"{row.seconds:.3f}"}
        found |= {"against": row.against, "its epoch s": f"{row.against_seconds:.3f}", "ratio": f"{row.ratio:.2f}x"}
        return found | shares
    for name, other in row.opponents.items():
        found[f"{name} s"] = f"{other.whole(row.recipe_epochs):.1f}"
    found["our s"] = f"{row.ours.whole(row.recipe_epochs):.1f}"
    for name, other in row.opponents.items():
        found[f"{name}/ours"] = f"{row.ratio(other):.2f}x"
    found |= {"first epoch s": f"{row.ours.epochs[0]:.2f}", "steady s": f"{row.ours.steady:.3f}"}
    for name, other in row.opponents.items():
        found[f"steady {name}/ours"] = f"{row.steady_ratio(other):.2f}x"
    for name, timing in (row.opponents | {"ours": row.ours}).items():
        found[f"accuracy {name}"] = f"{timing.accuracy:.4f}"
    return found | {"form": row.formulation} | shares | {"epochs": f"{row.epochs} of {row.recipe_epochs}"}


def show(row: Row | Duel, headed: bool) -> None:
    """Print a row of the table, below the columns' names if it is to be headed."""
    found = cells(row)
    widths = [max(len(name), 12 if name == "network" else 8) for name in found]
    for texts in ([*found], [*found.values()]) if headed else ([*found.values()],):
        print("  ".join(f"{text:>{width}}" for text, width in zip(texts, widths, strict=True)), flush=True)


def totals(rows: list[Row]) -> dict[str, float]:
    """Return the seconds of all networks with each side, their recipes whole, and the ratios to ours."""
    found = {"networks": len(rows), "ours": sum(x.ours.whole(x.recipe_epochs) for x in rows)}
    for name in rows[0].opponents:
        found[name] = sum(x.opponents[name].whole(x.recipe_epochs) for x in rows)
        found[f"{name}_ratio"] = found[name] / found["ours"]
    return found


def facts(row: Row | Duel) -> dict[str, object]:
    """Return a row as JSON holds it, ratios and limit written out."""
    found = asdict(row) | {"limit": row.share.limit}
    if isinstance(row, Row):
        found |= {f"{name}_ratio": row.ratio(x) for name, x in row.opponents.items()}
        found |= {f"{name}_steady_ratio": row.steady_ratio(x) for name, x in row.opponents.items()}
    return found


def arguments() -> argparse.ArgumentParser:
    """Return what reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    networks = parser.add_mutually_exclusive_group(required=True)
    networks.add_argument("--network", action="append", metavar="FAMILY:WIDTH", help="or LINE:WIDTH; may be repeated")
    networks.add_argument("--all", action="store_true", help="the article's 24 networks")
    parser.add_argument("--epochs", type=int, help=f"default: the recipe's; with --all {EPOCHS_OF_ALL}")
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of ours; others are always float32")
    parser.add_argument("--data", type=Path, help="default: mnist.npz in FEATHERWEIGHT_DATA")
    parser.add_argument("--seed", type=int, default=0)
    others = parser.add_mutually_exclusive_group()
    others.add_argument("--torch", metavar="PYTHON", help="an interpreter that has PyTorch")
    others.add_argument("--against", choices=AGAINST, help="compare with this formulation, epochs in turns")
    parser.add_argument("--turns", type=int, default=5, help="epochs of each that --against counts")
    parser.add_argument("--json", action="store_true", help="print one JSON object a network instead of the table")
    return parser


def chosen_networks(asked: argparse.Namespace) -> list[tuple[Family, int]]:
    """Return the families and widths that are asked for.

    Raises:
        ArgumentError: if one cannot be read.
    """
    if asked.all:
        return [(x, width) for x in FAMILIES.values() if x.article for width in x.widths]
    once = (x.rpartition(":") for x in dict.fromkeys(asked.network))  # again it would be compiled already
    return [(family(key), family(key).width(width)) for key, _, width in once]


def run(asked: argparse.Namespace, torch: Torch | None) -> None:
    """Measure each network and print as it goes."""
    pairs = chosen_networks(asked)
    epochs = EPOCHS_OF_ALL if asked.all and asked.epochs is None else asked.epochs
    if asked.all and epochs < 2:
        raise invalid("number of epochs with --all", "2 or more, as the first one compiles", epochs)
    turns = whole_number(asked.turns, "number of turns", 1, MAX_EPOCHS)
    data = npz.read(asked.data or Path(os.environ.get("FEATHERWEIGHT_DATA", "."), "mnist.npz"))
    if not asked.json:
        versions = f"Python {platform.python_version()}, TensorFlow {tf.__version__}, Keras {keras.__version__}"
        print(f"{device().name}; {versions}; ours in {asked.precision}")
    warm_up(data, torch)
    rows: list[Row] = []
    for place, (chosen, width) in enumerate(pairs):
        recipe = replace(chosen.recipe, precision=asked.precision)
        recipe = recipe if epochs is None else replace(recipe, epochs=epochs)
        row: Row | Duel
        if asked.against:
            row = take_turns(chosen, width, recipe, data, asked.seed, AGAINST[asked.against], turns)
        else:
            row = measure(chosen, width, recipe, data, asked.seed, torch)
            rows.append(row)
        if asked.json:
            print(json.dumps(facts(row)), flush=True)
        else:
            show(row, headed=place == 0)
    if asked.all and rows:
        found = totals(rows)
        print(json.dumps(found) if asked.json else ", ".join(f"{name} {round(x, 2):,}" for name, x in found.items()))


def main() -> None:
    """Read the arguments and do what they ask."""
    parser = arguments()
    asked = parser.parse_args()
    with ExitStack() as stack:
        torch = None
        if asked.torch:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="featherweight-"))
            torch = Torch(asked.torch, Path(folder, "images.npz"))
        try:
            run(asked, torch)
        except FeatherweightError as e:
            parser.error(str(e))


if __name__ == "__main__":
    main()
