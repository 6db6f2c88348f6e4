"""Recipes of one's own, made from those of families: what of a recipe goes with another choice, and what does not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.recipe import ADAMS, BETA2, OPTIMIZERS, WEIGHT_DECAY, Recipe, Schedule


def applies(name: str, optimizer: str, schedule: str) -> bool:
    """Return whether a recipe's field can be another than its default with an optimiser and a schedule."""
    match name:
        case "warmup":
            return schedule == Schedule.COSINE
        case "beta2":
            return optimizer in ADAMS
        case "weight_decay":
            return optimizer == "adamw"
    return True


def changed(start: Recipe, **given: Any) -> Recipe:
    """Return a recipe with other values.

    Where the optimiser changes, learning rate and weight decay are that optimiser's own unless they are given. A beta2,
    weight decay or warm-up of ``start`` that goes with the new optimiser or schedule no more is left out.

    Args:
        start: the recipe.
        given: fields of it.

    Raises:
        ArgumentError: on a value out of bounds, or given where it does not apply.
    """
    optimizer, schedule = given.get("optimizer", start.optimizer), given.get("schedule", start.schedule)
    usual: dict[str, Any] = {}
    if optimizer != start.optimizer:
        usual["learning_rate"] = OPTIMIZERS.get(optimizer, start.learning_rate)
        usual["weight_decay"] = WEIGHT_DECAY if optimizer == "adamw" else 0.0
    for name, default in (("beta2", BETA2), ("weight_decay", 0.0), ("warmup", 0.0)):
        if not applies(name, optimizer, schedule):
            usual[name] = default
    return replace(start, **usual | given)
