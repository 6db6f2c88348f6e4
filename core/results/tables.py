"""Tables for people: which columns they show, and under which titles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from core.networks.families import FAMILIES
from core.networks.layers import shape_text
from core.networks.network import Network
from core.results import analysis
from core.results.analysis import TurningPoint

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
TITLES = {title for titles in (TURNING_POINTS, NETWORKS, RUNS, PUBLISHED) for title in titles.values()}


def for_people(table: pd.DataFrame, titles: Mapping[str, str]) -> pd.DataFrame:
    """Return the columns that ``titles`` names, under those titles; shares become per cent where a title ends in %."""
    shown = table[list(titles)].rename(columns=dict(titles))
    percent = [x for x in titles.values() if x.endswith("%")]
    shown[percent] = shown[percent].astype("float64") * 100
    return shown


def networks(points: pd.DataFrame, sizes: pd.Series) -> pd.DataFrame:
    """Return rows of ``analysis.points`` with their ``size``, ``name`` and whether they are on the ``front``.

    ``sizes`` is what ``units.sizes`` gives for them; the names tell them apart, for people.
    """
    several = points.groupby("origin")["fingerprint"].transform("nunique") > 1
    names = points["title"] + ", n = " + points["width"].astype(str) + ", " + points["recipe_title"]
    names += points["origin"].map({"own": "", "reference": ", reference"})
    names += (", images " + points["fingerprint"].str[:6]).where(several, "")
    named = points.assign(size=sizes, name=names)
    return named.assign(front=named["name"].isin(analysis.front(named, "size")["name"]))


def turning_points(found: Sequence[TurningPoint], tutorials: Mapping[str, int]) -> pd.DataFrame:
    """Return a row per family; ``tutorials`` gives the weights of its tutorial network by family key."""
    return pd.DataFrame(
        [x.facts() | {"title": FAMILIES[x.family].title, "tutorial": tutorials[x.family]} for x in found]
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
