"""Recipes of every kind, for Hypothesis."""

from __future__ import annotations

from hypothesis import strategies as st

from core.recipe import (
    ADAMS,
    BETA2,
    INITIALIZATIONS,
    OPTIMIZERS,
    PRECISIONS,
    PROTOCOLS,
    SCHEDULES,
    Recipe,
    Schedule,
)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Draw a recipe: each field anywhere within its bounds, or where it does not apply at its default."""
    optimizer, schedule = draw(st.sampled_from(sorted(OPTIMIZERS))), draw(st.sampled_from(SCHEDULES))
    return Recipe(
        optimizer,
        draw(st.floats(0, 10, exclude_min=True)),
        draw(st.integers(1, 1000)),
        draw(st.integers(1, 4096)),
        draw(st.booleans()),
        draw(st.sampled_from(PRECISIONS)),
        draw(st.sampled_from(PROTOCOLS)),
        schedule,
        draw(st.floats(0, 0.5)) if schedule is Schedule.COSINE else 0.0,
        draw(st.floats(0, 1, exclude_min=True, exclude_max=True)) if optimizer in ADAMS else BETA2,
        draw(st.floats(0, 1)) if optimizer == "adamw" else 0.0,
        draw(st.floats(0, 1000)),
        draw(st.floats(0, 0.5)),
        draw(st.integers(0, 2)),
        draw(st.sampled_from(INITIALIZATIONS)),
    )
