"""How much memory a training takes, forecast before it begins, and how much this machine has for it.

The forecast is a sum of four parts, laid over what the training process was measured to hold at its peak (VmHWM). In
MB:

======================================================  ========  ========
network, images, batch                                  measured  forecast
======================================================  ========  ========
mlp 32, 5,000 of 28 x 28, 128                                719       806
deep_cnn 2, the same                                         803       815
deep_cnn 2, the same, 2,048                                  858       977
deep_cnn 32, the same, 1,024                               1,097     1,622
cnn 64, the same, 128                                      1,149     1,217
deep_cnn 2, 70,000 of 28 x 28, 128                           857       866
deep_cnn 2, 10,000 of 96 x 96 x 3, 128                     1,181     1,274
the same, held-out protocol                                1,230     1,274
deep_cnn 8, 10,000 of 96 x 96 x 3, 128                     1,546     1,654
cnn 8, 800 of 96 x 96 x 3, 128                             1,278     1,357
cnn 32, the same                                           2,663     3,219
======================================================  ========  ========

and on tiles:

======================================================  ========  ========
network, images, batch                                  measured  forecast
======================================================  ========  ========
mlp 32, 5,000 of 28 x 28, 128                                647       806
deep_cnn 2, the same                                         648       805
cnn 64, the same                                             845       974
deep_cnn 8, 10,000 of 96 x 96 x 3, 128                     1,068     1,122
cnn 32, 800 of 96 x 96 x 3, 128                            1,388     1,541
======================================================  ========  ========

Of 28 November 2026: images of bytes, Adadelta or RMSprop, TensorFlow 2.21, Python 3.11, Linux, 2 cores of an Intel
Xeon with AVX-512 at 2.5 GHz, and on tiles of an AMD EPYC with AVX-512.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from core.data import datasets
from core.data.images import Facts
from core.errors import ArgumentError
from core.networks import tiles
from core.networks.layers import Convolution, Dense
from core.networks.network import Network
from core.processes import GROUPS, PROC, contents, control_groups, cores
from core.recipe import Recipe
from core.runs.run import Cell
from core.settings import Settings

AVX2 = ("avx2", "fma")  # instructions that a network's own machine code needs
LANES = 16  # images of a tile, at most
FRAMES = 1.25  # of what passes through a tile: zeros around images
STATES = 7  # weights and two memories, before and after an epoch, and a gradient
BASE = 540_000_000  # TensorFlow, imported
COMPILER = 260_000_000  # what the compiler takes and leaves, and the code of TensorFlow that only now is read
EVALUATED = 128  # images at a time when accuracy is measured
FEW_CHANNELS = 16  # up to so many, convolutions keep the neighbours of every pixel for their gradients
COPIES = 3  # of every activation, and its gradient
COPIES_OF_WEIGHTS = 8  # with gradients, what an optimiser remembers, and all of these before and after an update
NO_LIMIT = 2**60  # bytes: what Linux writes for no limit is beyond


@dataclass(frozen=True, slots=True)
class Parts:
    """Bytes that a training takes at its peak, by what they are for.

    Attributes:
        process: TensorFlow and its compiler.
        images: training and test images.
        batch: activations and gradients of the images that are computed at a time.
        weights: what is kept for each weight.
    """

    process: int
    images: int
    batch: int
    weights: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.process + self.images + self.batch + self.weights


def need(network: Network, facts: Facts, recipe: Recipe, tiled: bool | None = None) -> int:
    """Return how many bytes the process that trains a network will take at its peak; see :func:`parts`."""
    return parts(network, facts, recipe, tiled).total


def on_tiles(network: Network, recipe: Recipe, proc: Path = PROC) -> bool:
    """Return whether a network will be trained a few images at a time; see :mod:`core.training.tiled`.

    That is decided where TensorFlow is; here it is told by the same signs.
    """
    return _able(proc) and tiles.pays(network, recipe.precision, recipe.batch_size)


@lru_cache(maxsize=8)  # a page asks at every run, and the file has some kB for each core
def _able(proc: Path) -> bool:
    return set(AVX2) <= set(contents(proc / "cpuinfo").split())


def parts(network: Network, facts: Facts, recipe: Recipe, tiled: bool | None = None) -> Parts:
    """Return what :func:`need` is the sum of.

    Args:
        network: what is trained.
        facts: on which images.
        recipe: how.
        tiled: whether a few images at a time; whatever this machine does if it is None.
    """
    pixels = facts.pixel_bytes * math.prod(facts.input_shape)
    images = pixels * (facts.train + facts.test)
    # while they are read, training images lie there twice, and floats, which may be float64 in the file, three times
    copied = pixels * facts.train if facts.pixel_bytes == 1 else 2 * images
    images_at_once = max(min(recipe.batch_size, facts.train), min(EVALUATED, facts.test))
    weights = 4 * network.parameters * COPIES_OF_WEIGHTS
    if on_tiles(network, recipe) if tiled is None else tiled:
        threads = min(cores(), tiles.STREAMS)
        # dense layers keep what entered them until a batch ends
        kept = sum(x.entering[-1] for x in network.steps() if isinstance(x.layer, Dense))
        batch = round(4 * LANES * threads * FRAMES * tiles.held(network)) + 4 * images_at_once * kept
        summed = tiles.STREAMS * (network.parameters - tiles.late(network))
        weights = 4 * (STATES * network.parameters + summed + threads * tiles.packed(network))
    else:
        batch = 4 * images_at_once * _numbers(network)
    reading = max(copied - COMPILER - batch - weights, 0)
    return Parts(BASE + COMPILER, images + reading, batch, weights)


def _numbers(network: Network) -> int:
    """Return how many numbers are held for one image of a batch."""
    convolutions = [x for x in network.steps() if isinstance(x.layer, Convolution)]
    few = max((x.leaving[-1] for x in convolutions), default=0) <= FEW_CHANNELS
    total, widest = math.prod(network.input_shape), 0
    for step in network.steps():
        entering, leaving = math.prod(step.entering), math.prod(step.leaving)
        if isinstance(step.layer, Convolution) and few:
            window = step.layer.window
            neighbours = ((window.height + 1) // 2) * ((window.width + 1) // 2)
            total += neighbours * entering + leaving
            widest = max(widest, neighbours * entering if step.index else 0)  # the gradient of one layer at a time
        elif isinstance(step.layer, Convolution | Dense):
            total += COPIES * leaving
            widest = max(widest, entering + leaving)
        else:
            total += leaving
    return total + widest


def available(trainer: int | None = None, proc: Path = PROC, groups: Path = GROUPS) -> int | None:
    """Return how many bytes a training may take on this machine and in this process's control groups, if known.

    Args:
        trainer: the number of a process whose memory counts as available, as the training will be its.
        proc: where Linux tells of processes.
        groups: where control groups are, of version 1 or 2.
    """
    found = [x for x in (_machine(proc), *_groups(proc, groups)) if x is not None]
    if not found:
        return None
    # pages of files, which programs are as well, count as available anyway
    held = 0 if trainer is None else _numbers_of(proc / str(trainer) / "status").get("RssAnon", 0)
    return max(min(found), 0) + held


def _machine(proc: Path) -> int | None:
    return _numbers_of(proc / "meminfo").get("MemAvailable")


def _groups(proc: Path, groups: Path) -> list[int]:
    """Return what is left in each control group that this process is in, outer ones among them."""
    left = []
    for folder, unified in control_groups("memory", proc, groups):
        limit, used, cached = "memory.max", "memory.current", ("inactive_file", "active_file")
        if not unified:
            limit, used = "memory.limit_in_bytes", "memory.usage_in_bytes"
            cached = "total_inactive_file", "total_active_file"
        most, taken = contents(folder / limit).strip(), contents(folder / used).strip()
        if not (most.isdigit() and taken.isdigit()) or int(most) >= NO_LIMIT:
            continue
        known = _numbers_of(folder / "memory.stat")
        left.append(int(most) - int(taken) + sum(known.get(x, 0) for x in cached))
    return left


def _numbers_of(path: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number a line, in bytes where they are in kB."""
    found = {}
    for line in contents(path).splitlines():
        name, *rest = line.replace(":", " ").split() or [""]
        if rest and rest[0].isdigit():
            found[name] = int(rest[0]) * (1024 if rest[1:] == ["kB"] else 1)
    return found


def sentence(needed: int, there: int | None) -> str:
    """Return what a training takes, of what there is where that is known, for people."""
    of = "" if there is None else f" of {_size(there)}"
    return f"needs about {_size(needed)}{of}"


def forecast(settings: Settings, cells: Iterable[Cell], trainer: int | None) -> str:
    """Return what the most demanding of some cells takes, of what there is, for people.

    Args:
        settings: where the image sets are.
        cells: those to be trained, at least one.
        trainer: the number of the process that will train them, if it runs.

    Raises:
        DatasetError: if an image set cannot be read.
    """
    alike = {(x.dataset, x.layers, x.recipe.batch_size): x for x in cells}  # seeds take the same
    needed = 0
    for cell in alike.values():
        facts = datasets.find(settings, cell.dataset).facts
        needed = max(needed, need(cell.network(facts.input_shape, facts.classes), facts, cell.recipe))
    return sentence(needed, available(trainer))


def check(network: Network, facts: Facts, recipe: Recipe, there: int | None) -> None:
    """Refuse a training that needs more memory than ``there`` is.

    Raises:
        ArgumentError: one sentence with both figures, what takes most and what to do.
    """
    taken = parts(network, facts, recipe)
    if there is None or taken.total <= there:
        return
    smaller = f"The batch takes most: use a smaller one than {recipe.batch_size}, or a narrower network"
    if on_tiles(network, recipe):
        smaller = "What passes through the network takes most: use smaller images, or a narrower network"
    _, advice = max(
        (taken.images, "The images take most: use fewer or smaller ones"),
        (taken.batch, smaller),
        (taken.weights, "The weights take most: use a narrower network"),
        (taken.process, "TensorFlow takes most: end other programs, or train on a larger machine"),
    )
    raise ArgumentError(
        f"Training this needs about {_size(taken.total)} of memory, and {_size(there)} are free here. {advice}."
    )


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count < 9.95e9 else f"{count / 1e9:,.0f} GB"
