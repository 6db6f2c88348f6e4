"""Runs for people at a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from core.results.sentences import percent
from core.runs.run import Run


def table(runs: Sequence[Run]) -> str:
    """Return a line for each run, under a line of titles."""
    import pandas as pd

    if not runs:
        return "No runs yet: 'python -m core train deep_cnn 2' makes one."
    made = pd.DataFrame(
        {
            "data": x.dataset,
            "family": x.family if x.cell.chosen.named else x.title,
            "n": x.width,
            "weights": f"{x.parameters:,}",
            "seed": x.seed,
            "accuracy": accuracy(x.test_accuracy),
            "epochs": x.epochs,
            "seconds": "" if x.seconds is None else f"{x.seconds:.1f}",
            "state": x.state.value,
        }
        for x in runs
    )
    return str(made.to_string(index=False))


def accuracy(share: float | None) -> str:
    """Return an accuracy, or nothing where it was not measured."""
    return "" if share is None else percent(share)
