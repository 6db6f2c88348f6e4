"""What this machine can do at most, and what share of it a network's training does."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from core.networks.network import Network
from core.processes import cores
from core.recipe import Recipe
from core.training.optimizers import SLOTS
from core.training.resident import Resident

SIDE = 4096  # of the matrices, as in the tables before
COPIED = 256 * 2**20  # bytes, several times what any cache holds
TRIES = 3
NUMBER = 4  # bytes of a float32


@dataclass(frozen=True, slots=True)
class Machine:
    """The most that was measured.

    Attributes:
        operations: of a float32 matrix product, a second; a multiply-add is two.
        bandwidth: bytes a second that a copy on all cores reads and writes, both counted.
    """

    operations: float
    bandwidth: float


@dataclass(frozen=True, slots=True)
class Work:
    """What an epoch takes, its test included.

    Attributes:
        operations: see :func:`operations`.
        bytes: see :func:`least_bytes`; None where it cannot be said.
    """

    operations: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class Share:
    """What share of the machine's most an epoch takes.

    Attributes:
        operations: of its matrix product's rate.
        memory: of its bandwidth; None where the bytes cannot be said.
    """

    operations: float
    memory: float | None

    @property
    def limit(self) -> str:
        """The limit that it stands at: the one whose larger share is half or more, else neither."""
        if max(self.operations, self.memory or 0.0) < 0.5:
            return "neither"
        return "operations" if self.operations >= (self.memory or 0.0) else "memory"


def measured() -> Machine:
    """Measure this machine for about five seconds: of each the best of ``TRIES``, all cores at work."""
    a = np.random.default_rng(0).random((SIDE, SIDE), np.float32)
    product = np.empty_like(a)
    multiplied = _best(lambda: np.matmul(a, a, out=product))
    source, target = np.ones(COPIED, np.uint8), np.ones(COPIED, np.uint8)
    pairs = list(zip(np.array_split(target, cores()), np.array_split(source, cores()), strict=True))
    with ThreadPoolExecutor(cores()) as pool:  # NumPy lets go of Python's lock while it copies
        copied = _best(lambda: list(pool.map(lambda x: np.copyto(*x), pairs)))
    return Machine(2 * SIDE**3 / multiplied, 2 * COPIED / copied)


def operations(network: Network, train: int, test: int) -> int:
    """Return the operations of an epoch: two for each multiply-add that the network needs.

    There are three passes over the training images (forward, the gradient of what enters, that of the weights) and one
    over the test images. The first layer needs no gradient of what enters and is counted like the others, so the share
    of a network with a large first layer reads high: of an MLP by up to half.

    Args:
        network: its multiply-adds are those of convolutions and dense layers.
        train: number of training images.
        test: number of test images.
    """
    return 2 * network.multiply_adds * (3 * train + test)


def least_bytes(network: Network, recipe: Recipe, train: Resident, test: Resident) -> int:
    """Return the bytes that an epoch on tiles moves at least: images, and the weights' traffic of each update.

    Activations stay in a core's own caches, and so count nothing. Each image is read once, as it is kept. For each
    update the pass over the batch reads the weights and writes their gradients; the optimiser reads both and its
    memory, and writes weights and memory. Where all of these fit the last cache, only the images come from memory: a
    large share of the bandwidth then says that memory *may* bind, a small one that it does not.
    """
    x, _, meant = train
    images = int(x.shape[1]) * x.dtype.size * (int(meant.shape[0]) + int(test[2].shape[0]))
    updates = -(-int(meant.shape[0]) // recipe.batch_size)
    return images + updates * network.parameters * NUMBER * (5 + 2 * SLOTS[recipe.optimizer])


def share(work: Work, seconds: float, machine: Machine) -> Share:
    """Return what an epoch of so many seconds took of what the machine can do."""
    memory = None if work.bytes is None else work.bytes / seconds / machine.bandwidth
    return Share(work.operations / seconds / machine.operations, memory)


def _best(run: Callable[[], object]) -> float:
    """Return the seconds of the fastest of ``TRIES``."""
    seconds = []
    for _ in range(TRIES):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return min(seconds)
