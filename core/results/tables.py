"""Tables for people: which columns they show, and under which titles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from core.data import datasets
from core.networks.layers import Array, shape_text
from core.networks.network import Network
from core.results import analysis, confusion
from core.results.analysis import Point, TurningPoint
from core.runs.run import Origin, Run

TURNING_POINTS = {
    "title": "Family",
    "width": "Width n",
    "parameters": "Weights",
    "mean": "Mean, %",
    "sd": "SD, %",
    "passing": "Seeds reaching it",
    "seeds": "Seeds",
    "bracket_below": "Bracket from, weights",
    "bracket_above": "to, weights",
    "tutorial": "Tutorial, weights",
    "recipe": "Recipe",
    "origin": "Runs",
}
NETWORKS = {
    "title": "Family",
    "width": "Width n",
    "parameters": "Weights",
    "mean": "Mean accuracy, %",
    "sd": "Standard deviation, %",
    "low": "Lowest seed, %",
    "high": "Highest seed, %",
    "wilson_low": "Test set's interval from, %",
    "wilson_high": "to, %",
    "seeds": "Seeds",
    "front": "On the Pareto front",
    "recipe_title": "Recipe",
    "origin": "Runs",
}
RUNS = {
    "title": "Family",
    "width": "Width n",
    "parameters": "Weights",
    "seed": "Seed",
    "test_accuracy": "Test accuracy, %",
    "test_loss": "Test loss",
    "held_out_accuracy": "Held-out accuracy, %",
    "recipe_title": "Recipe",
    "seconds": "Seconds",
    "device": "Device",
    "formulation": "Computed by",
    "weights": "Weights kept",
    "ended": "Finished (UTC)",
    "origin": "Runs",
}
PUBLISHED = {
    "name": "Network",
    "parameters": "Weights",
    "stated": "Test accuracy",
    "rules": "Rules",
    "network": "Layers",
    "source": "Source",
}
CLASSES = {
    "class": "Class",
    "images": "Test images",
    "right": "Read rightly",
    "accuracy": "Accuracy, %",
}
TITLES = {title for titles in (TURNING_POINTS, NETWORKS, RUNS, PUBLISHED, CLASSES) for title in titles.values()}


def for_people(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns that ``titles`` names, under those titles; shares become per cent where a title ends in %."""
    shown = table[list(titles)].rename(columns=dict(titles))
    percent = [x for x in titles.values() if x.endswith("%")]
    shown[percent] = shown[percent].astype("float64") * 100
    return shown


def networks(points: Sequence[Point], sizes: Sequence[float]) -> pd.DataFrame:
    """Return a row per network: its curve, figures and noises, ``size``, ``name``, and whether it is on the ``front``.

    Args:
        points: the networks.
        sizes: of each, what ``core.results.sizes.sizes`` gives for them.
    """
    rows = [
        {
            "dataset": x.curve.dataset,
            "fingerprint": x.curve.fingerprint,
            "origin": x.curve.origin.value,
            "family": x.curve.family,
            "title": x.curve.title,
            "recipe": x.curve.recipe.to_json(),
            "recipe_title": str(x.curve.recipe),
            "width": x.width,
            "parameters": x.parameters,
            "test_images": x.test_images,
            "mean": x.mean,
            "sd": x.sd,
            "low": x.low,
            "high": x.high,
            "wilson_low": x.interval[0],
            "wilson_high": x.interval[1],
            "seeds": x.seeds,
            "size": size,
            "name": name,
        }
        for x, size, name in zip(points, sizes, names(points), strict=True)
    ]
    table = pd.DataFrame(rows).astype({"sd": "float64"})
    reading = table[[x.reads for x in points]]
    return table.assign(front=table["name"].isin(analysis.front(reading, "size")["name"]))


def names(points: Sequence[Point]) -> list[str]:
    """Return what to call each network, for people: no two are called the same."""
    copies: dict[Origin, set[str]] = {}
    for x in points:
        copies.setdefault(x.curve.origin, set()).add(x.curve.fingerprint)
    return [
        f"{x.curve.title}, n = {x.width}, {x.curve.recipe}"
        f"{', reference' if x.curve.origin is Origin.REFERENCE else ''}"
        f"{f', images {x.curve.fingerprint[:6]}' if len(copies[x.curve.origin]) > 1 else ''}"
        for x in points
    ]


def by_width(known: Sequence[Point]) -> pd.DataFrame:
    """Return a row per point of ``by_width.networks``, with the titles of family and image set."""
    columns = ["title", "width", "parameters", "mean", "data", "seeds", "recipe_title", "origin"]
    return pd.DataFrame(
        [
            (
                x.curve.title,
                x.width,
                x.parameters,
                x.mean,
                datasets.title(x.curve.dataset),
                x.seeds,
                str(x.curve.recipe),
                x.curve.origin.value,
            )
            for x in known
        ],
        columns=columns,
    )


def runs(found: Iterable[Run]) -> pd.DataFrame:
    """Return a row per run with the columns of ``RUNS``."""
    plain = [x for x in RUNS if x not in ("title", "recipe_title")]
    return pd.DataFrame(
        [{x: getattr(run, x) for x in plain} | {"title": run.title, "recipe_title": str(run.recipe)} for run in found]
    )


def turning_points(found: Sequence[TurningPoint], tutorials: Mapping[str, int]) -> pd.DataFrame:
    """Return a row per family; ``tutorials`` gives the weights of its tutorial network by family key."""
    return pd.DataFrame([x.facts() | {"title": x.curve.title, "tutorial": tutorials[x.family]} for x in found])


def classes(counts: Array, labels: Sequence[str]) -> pd.DataFrame:
    """Return a row per class, given a confusion matrix: its images and how many of them got the right answer."""
    return pd.DataFrame(
        {
            "class": list(labels),
            "images": counts.sum(axis=1),
            "right": np.diagonal(counts),
            "accuracy": confusion.by_class(counts),
        }
    )


def layers(network: Network) -> pd.DataFrame:
    """Return a row per layer with its share of all weights and of all multiply-adds."""
    total = network.multiply_adds or 1
    return pd.DataFrame(
        [
            {
                "Layer": x.label,
                "Output": shape_text(x.output_shape),
                "Formula": x.formula,
                "Weights": x.parameters,
                "Share of weights": x.share,
                "Multiply-adds": x.multiply_adds,
                "Share of multiply-adds": x.multiply_adds / total,
            }
            for x in network.summary()
        ]
    )
