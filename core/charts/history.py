"""Charts of training: accuracy and loss by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from core.charts.style import percent_axis, with_percents
from core.runs.run import Epoch


def history(epochs: Sequence[Epoch], planned: int, field: str, watched: str) -> alt.Chart:
    """Draw ``'Accuracy'`` or ``'Loss'`` per epoch, training and watched, with room for all the planned epochs.

    ``watched`` is the recipe's: ``'test'`` or ``'held-out'``.
    """
    rows = pd.DataFrame(
        [
            {"epoch": x.epoch, "images": images, "Accuracy": accuracy, "Loss": loss}
            for x in epochs
            for images, (loss, accuracy) in (("training", (x.loss, x.accuracy)), (watched, x.watched))
        ],
        columns=["epoch", "images", "Accuracy", "Loss"],
    )
    if field == "Accuracy":
        rows = with_percents(rows, field)
        axis, told = percent_axis(1), alt.Tooltip("Accuracy_text:N", title=field)
    else:
        axis, told = alt.Axis(format=".3f"), alt.Tooltip(f"{field}:Q", format=".3f")
    which = ["training", watched]
    # before the first epoch an axis would run from infinity to minus infinity, and say so to who listens
    heights = alt.Scale(zero=False) if epochs else alt.Scale(domain=[0, 1])
    epoch_scale = alt.Scale(domain=[1, max(planned, 2)], nice=False)
    return (
        alt.Chart(rows)
        .mark_line(point=True)
        .encode(
            x=alt.X("epoch:Q", title="Epoch", scale=epoch_scale, axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y(f"{field}:Q", title=field, scale=heights, axis=axis),
            color=alt.Color(
                "images:N",
                scale=alt.Scale(domain=which),
                legend=alt.Legend(
                    title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3, symbolDash=[1, 0]
                ),
            ),
            strokeDash=alt.StrokeDash("images:N", scale=alt.Scale(domain=which, range=[[4, 3], [1, 0]]), legend=None),
            tooltip=[alt.Tooltip("epoch:Q", title="Epoch"), alt.Tooltip("images:N", title="Images"), told],
        )
        .properties(height=280)
    )


def histories(runs: Mapping[int, Sequence[Epoch]], watched: str) -> alt.Chart:
    """Draw accuracy per epoch on the watched images, a line for each seed.

    Args:
        runs: the epochs of each seed.
        watched: the recipe's: ``'test'`` or ``'held-out'``.
    """
    rows = pd.DataFrame(
        [
            {"seed": f"seed {seed}", "epoch": x.epoch, "accuracy": x.watched[1]}
            for seed, epochs in sorted(runs.items())
            for x in epochs
        ],
        columns=["seed", "epoch", "accuracy"],
    )
    last = max(int(rows["epoch"].max()), 2) if len(rows) else 2
    epochs = alt.Scale(domain=[1, last], nice=False)
    return (
        alt.Chart(with_percents(rows, "accuracy"))
        .mark_line(strokeWidth=1.5, point={"size": 18})
        .encode(
            x=alt.X("epoch:Q", title="Epoch", scale=epochs, axis=alt.Axis(format="d", tickMinStep=1)),
            y=alt.Y(
                "accuracy:Q",
                title=f"Accuracy, {watched} images",
                scale=alt.Scale(zero=False),
                axis=percent_axis(1),
            ),
            color=alt.Color("seed:N", legend=alt.Legend(title=None, orient="top", columns=3)),
            tooltip=[
                alt.Tooltip("seed:N", title="Run"),
                alt.Tooltip("epoch:Q", title="Epoch"),
                alt.Tooltip("accuracy_text:N", title="Accuracy"),
            ],
        )
        .properties(height=320)
    )
