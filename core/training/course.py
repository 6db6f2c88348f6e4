"""What an epoch follows besides its images: its learning rates, and where each image is moved."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from core.networks.layers import Array
from core.recipe import STEPS, Recipe, Schedule


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What an epoch follows besides its images.

    Attributes:
        seed: of the run.
        number: of the epoch, from 1.
        rates: the learning rate of each update, float32.
        shifts: int8 ``(images, 2)``, pixels down and to the right for every image of the set, also those that are not
            trained on; None where none is moved.
    """

    seed: int
    number: int
    rates: Array
    shifts: Array | None = None


def course(recipe: Recipe, train: tuple[Any, Any, Any], seed: int, number: int) -> Course:
    """Return what an epoch follows.

    Args:
        recipe: of the run.
        train: the images to train on: rows, labels, and the places of those that are meant.
        seed: of the run.
        number: of the epoch, from 1 to the recipe's last.
    """
    trained = len(train[2])
    updates = -(-trained // min(recipe.batch_size, trained))
    rates = learning_rates(recipe, (number - 1) * updates, updates, recipe.epochs * updates)
    return Course(seed, number, rates, _shifts(recipe, len(train[0]), seed, number) if recipe.shift else None)


def learning_rates(recipe: Recipe, done: int, updates: int, total: int) -> Array:
    """Return the learning rates of the next updates, float32: Keras's schedules at Keras's places.

    The cosine is ``CosineDecay(0, total - warmup, warmup_target=rate, warmup_steps=warmup)``, the steps are
    ``PiecewiseConstantDecay``.

    Args:
        recipe: of the run.
        done: updates before.
        updates: to come.
        total: of the run.
    """
    steps = np.arange(done, done + updates, dtype=np.float64)
    share = np.ones(updates)
    if recipe.schedule is Schedule.COSINE:
        warmup = warmup_updates(recipe, total)
        fallen = np.minimum(steps - warmup, total - warmup) / (total - warmup)
        share = np.where(steps < warmup, steps / max(warmup, 1), 0.5 * (1 + np.cos(math.pi * fallen)))
    elif recipe.schedule is Schedule.STEP:
        for after, left in STEPS:
            share[steps > boundary(after, total)] = left
    return (recipe.learning_rate * share).astype(np.float32)


def warmup_updates(recipe: Recipe, total: int) -> int:
    """Return over how many of a run's updates the learning rate grows."""
    return min(round(recipe.warmup * total), total - 1)


def boundary(share: float, total: int) -> int:
    """Return the last update, from 0, before a step of the learning rate after a share of them."""
    return max(round(share * total) - 1, 0)


def _shifts(recipe: Recipe, images: int, seed: int, number: int) -> Array:
    return np.random.default_rng((seed, number)).integers(-recipe.shift, recipe.shift + 1, (images, 2), np.int8)


def shifted(x: Array, shifts: Array) -> Array:
    """Return images ``(images, height, width, channels)`` each moved by its own shift, zeros coming in.

    This is what the compiled epochs do, in NumPy.
    """
    moved = np.zeros_like(x)
    height, width = x.shape[1:3]
    for down, right in {(int(a), int(b)) for a, b in shifts}:
        chosen = (shifts == (down, right)).all(1)
        to = np.s_[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
        start = np.s_[max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)]
        moved[(chosen, *to)] = x[(chosen, *start)]
    return moved
