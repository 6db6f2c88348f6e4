"""Epochs of a network by its own machine code."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

import numpy as np

from core.errors import invalid
from core.networks.layers import Array
from core.networks.network import Network
from core.networks.tiles import STREAMS
from core.processes import cores
from core.recipe import Recipe
from core.training import optimizers
from core.training.course import Course
from core.training.program import Formulation, Program, check_ending, order
from core.training.resident import Resident, room
from core.training.tiled import kernels, plan, update
from core.training.tiled.epochs import JOB
from core.training.tiled.host import Host, host
from core.training.tiled.kernels import Kernels
from core.training.tiled.meeting import BYTES


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What training changes, as rows of numbers that end with some which mean nothing.

    Attributes:
        weights: all arrays one after the other.
        memory: the optimiser's, two of the same size, of which it may need none.
        updates: done.
    """

    weights: Array
    memory: tuple[Array, Array]
    updates: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class _Epochs:
    """The epochs of one network with one recipe."""

    network: Network
    recipe: Recipe
    formulation: Formulation
    host: Host
    threads: int
    _kernels: dict[tuple[int, int], Kernels] = field(default_factory=dict)

    def begin(self, arrays: Sequence[Array]) -> State:
        size = -(-self.network.parameters // self.host.lanes) * self.host.lanes + self.host.lanes
        weights = _zeros(size)
        weights[: self.network.parameters] = np.concatenate([np.ravel(x) for x in arrays])
        used = optimizers.SLOTS[self.recipe.optimizer]
        first, second = (_zeros(size if i < used else 0) for i in range(2))
        return State(weights, (first, second))

    def arrays(self, state: State) -> list[Array]:
        found, start = [], 0
        for _, shape in self.network.arrays:
            end = start + math.prod(shape)
            found.append(state.weights[start:end].reshape(shape).copy())
            start = end
        return found

    def compile(self, state: State, train: Resident, test: Resident, evaluated: Resident | None = None) -> None:
        for images in (train, test, evaluated):
            if images is not None:
                self._code(np.asarray(images[0]))

    def epoch(self, state: State, train: Resident, test: Resident, course: Course) -> tuple[State, tuple[float, ...]]:
        first, second = state.memory
        after = State(_copy(state.weights), (_copy(first), _copy(second)), state.updates)
        shuffled = np.asarray(train[2])[np.asarray(order(len(train[2]), course.seed, course.number))]
        sums = self._run(after, train, shuffled, course)
        updates = -(-len(shuffled) // min(self.recipe.batch_size, len(shuffled)))
        after = State(after.weights, after.memory, state.updates + updates)
        finite = bool(np.isfinite(after.weights[: self.network.parameters]).all())
        return after, (*sums, *self.evaluate(after, test), float(finite))

    def evaluate(self, state: State, images: Resident) -> tuple[float, float]:
        return self._run(state, images, np.asarray(images[2]))

    def _code(self, rows: Array) -> Kernels:
        if rows.dtype not in (np.uint8, np.float32):
            raise invalid("pixels of images to train on", "bytes or float32", rows.dtype)
        key = rows.dtype.itemsize, rows.shape[1]
        if key not in self._kernels:
            self._kernels[key] = kernels.build(self.network, self.recipe, *key, self.host)
        return self._kernels[key]

    def _run(self, state: State, images: Resident, chosen: Array, course: Course | None = None) -> tuple[float, float]:
        """Take images through the network, in an order; with a course train it. Return the sums of loss and hits."""
        rows, labels = np.asarray(images[0]).reshape(len(images[0]), -1), np.ascontiguousarray(images[1], np.int32)
        code, chosen = self._code(rows), np.ascontiguousarray(chosen, np.int32)
        batch = min(self.recipe.batch_size, len(chosen))
        tiles, results = _zeros(self.threads * code.tile_bytes // 4), np.zeros((STREAMS, 2))
        sums = _zeros(STREAMS * code.shape.stride(self.host) // 4)
        factors = update.factors(self.recipe, state.updates, course.rates) if course else _zeros(1)
        shifts = _zeros(1) if course is None or course.shifts is None else course.shifts
        meeting = _zeros(BYTES // 4)
        kept = _zeros(-(-batch // self.host.lanes) * code.shape.kept_bytes // 4 if course else 0)
        values = {
            "weights": state.weights, "first_memory": state.memory[0], "second_memory": state.memory[1],
            "sums": sums, "tiles": tiles, "tile_bytes": code.tile_bytes, "rows": rows, "labels": labels,
            "order": chosen, "images": len(chosen), "batch": batch, "factors": factors, "shifts": shifts,
            "results": results, "threads": 1, "meeting": meeting, "seed": course.seed if course else 0,
            "updates": state.updates, "kept": kept,
        }  # fmt: skip
        job = np.array([x.ctypes.data if isinstance(x, np.ndarray) else x for x in (values[n] for n in JOB)], np.int64)
        _together(code.train if course else code.test, job, self.threads)
        loss, hits = results.sum(0)
        return float(loss), float(hits)


def takes(network: Network) -> bool:
    """Return whether every layer can be computed."""
    return plan.takes(network)


def build(
    network: Network,
    recipe: Recipe,
    formulation: Formulation,
    processor: Host | None = None,
    threads: int | None = None,
) -> Program:
    """Return a network's program.

    Args:
        network: without leading layers that compute the same in every epoch.
        recipe: how it is trained; in float32.
        formulation: what it is called.
        processor: that code is written for; this machine's if it is None.
        threads: that share an epoch, none without a stream of its own; one a core if it is None.

    Raises:
        ArgumentError: if there is no code for the recipe's precision or the place of the softmax.
    """
    processor = processor or host()
    check_ending(network)
    if recipe.precision != "float32" or processor is None:
        raise invalid("training on tiles", "float32 on an x86-64 processor with AVX2", recipe.precision)
    epochs = _Epochs(network, recipe, formulation, processor, min(threads or cores(), STREAMS))
    return Program(formulation, epochs.begin, epochs.arrays, epochs.epoch, epochs.compile, epochs.evaluate)


def _together(function: Callable[..., None], job: Array, threads: int) -> None:
    """Call a function in so many threads, or as many as can be started; wait for all of them.

    None begins before it is known how many there are: the bits that come of it do not depend on that.
    """
    gate = Event()

    def one(number: int) -> None:
        gate.wait()
        function(job.ctypes.data, number)

    others: list[Thread] = []
    for number in range(1, threads):
        other = Thread(target=one, args=(number,), daemon=True)
        try:
            other.start()
        except RuntimeError:  # the system allows no more
            break
        others.append(other)
    job[JOB.index("threads")] = len(others) + 1
    gate.set()
    function(job.ctypes.data, 0)
    for other in others:
        other.join()


def _zeros(count: int) -> Array:
    return room((count,), np.dtype(np.float32))


def _copy(x: Array) -> Array:
    made = room(x.shape, x.dtype)
    made[...] = x
    return made
