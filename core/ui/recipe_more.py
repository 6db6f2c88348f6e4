"""The controls of a recipe beyond optimiser, rate and batch: on Train, and where a family is saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from core.recipe import (
    INITIALIZATION_TITLES,
    MAX_CLIP,
    MAX_SHIFT,
    MAX_SMOOTHING,
    MAX_WARMUP,
    MAX_WEIGHT_DECAY,
    SCHEDULE_TITLES,
    Recipe,
)
from core.runs.own_recipe import applies, changed
from core.ui import links

CHOICES: dict[str, tuple[str, Mapping[Any, str], str]] = {
    "schedule": (
        "Rate over time",
        SCHEDULE_TITLES,
        "How the learning rate goes on. Cosine: it falls to 0 along half a wave. In steps: a tenth after half of the "
        "updates, a hundredth after three quarters.",
    ),
    "initialization": (
        "Kernels begin",
        INITIALIZATION_TITLES,
        "What kernels are drawn from. He normal is made for ReLU and its like.",
    ),
}
# Label, most, step and help.
NUMBERS: dict[str, tuple[str, float, float, str]] = {
    "warmup": ("Warm-up", MAX_WARMUP, 0.05, "Share of the updates over which the rate first grows from 0."),
    "beta2": ("Beta 2", 1 - 1e-6, 0.001, "How slowly the mean of squared gradients moves; lower is faster."),
    "weight_decay": (
        "Weight decay",
        MAX_WEIGHT_DECAY,
        0.001,
        "Share of a weight that an update takes away for each unit of the learning rate.",
    ),
    "clip": ("Clip", MAX_CLIP, 0.1, "All gradients together are shortened to this norm where longer; 0 leaves them."),
    "label_smoothing": (
        "Label smoothing",
        MAX_SMOOTHING,
        0.05,
        "Share of every label that is spread evenly over the classes.",
    ),
    "shift": (
        "Shift",
        MAX_SHIFT,
        1,
        "Pixels by which every training image is moved at most, up or down and left or right, anew in each epoch.",
    ),
}
NAMES = (*CHOICES, *NUMBERS)


def draw(optimizer: str, usual: Recipe, mark: str = "") -> dict[str, Any]:
    """Draw the controls that apply to an optimiser and return what they say, by the recipe's fields.

    Args:
        optimizer: the one that is chosen.
        usual: what they start from.
        mark: what stands before their names in the session; without one the address has them too.
    """
    start = changed(usual, optimizer=optimizer)
    more = st.expander("More of the recipe", expanded=_open(start, mark))
    with more, st.container(horizontal=True, vertical_alignment="bottom"):
        found: dict[str, Any] = {x: _option(x, getattr(start, x), mark) for x in CHOICES}
        for name in NUMBERS:
            if applies(name, optimizer, found["schedule"]):
                found[name] = _number(name, getattr(start, name), mark)
    return found


def typed(optimizer: str, mark: str) -> dict[str, Any]:
    """Return what the controls of a mark say now, in the callback of a button."""
    schedule = links.get(f"{mark}schedule")
    applying = (x for x in NAMES if applies(x, optimizer, schedule))
    return {x: links.get(mark + x) for x in applying if links.get(mark + x) is not None}


def _open(start: Recipe, mark: str) -> bool:
    """Return whether the controls are in sight: once there is something in them, until the session's end."""
    plain = changed(Recipe("sgd", start.learning_rate, start.epochs), optimizer=start.optimizer)
    said = not mark and any(links.said(x) for x in NAMES)
    if said or any(getattr(start, x) != getattr(plain, x) for x in NAMES):
        links.put({f"{mark}recipe_more": True})
    return bool(links.get(f"{mark}recipe_more"))


def _option(name: str, usual: str, mark: str) -> str:
    label, titles, words = CHOICES[name]
    keys = [str(x) for x in titles]
    if not mark:
        return links.choose(
            st.selectbox, label, keys, key=name, default=str(usual), title=titles.__getitem__, help=words, width=160
        )
    chosen: str = st.selectbox(
        label,
        keys,
        keys.index(usual),
        key=mark + name,
        format_func=titles.__getitem__,
        help=words,
        width=160,
    )
    return chosen


def _number(name: str, usual: float, mark: str) -> float:
    label, most, step, words = NUMBERS[name]
    least: float = 1e-6 if name == "beta2" else 0.0
    if name == "shift":
        least, step, usual = int(least), int(step), int(usual)
    # a family that was made on the command line may have more than a sane bound
    bounds = min(least, usual), max(most, usual)
    given: dict[str, Any] = {"step": step, "help": words, "key": mark + name, "width": 160}
    given |= {} if mark else {"bind": "query-params"}
    given |= {} if name == "shift" else {"format": "%g"}
    found: float = st.number_input(label, *bounds, usual, **given)
    return found
