"""What is asked on Find: families, images, target, protocol, and how much it may take."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.data import datasets
from core.data.datasets import Dataset
from core.finder.question import MAX_MINUTES, MAX_RUNS, MAX_SEEDS, MAX_TELL_APART, Question, asked
from core.limits import Limits
from core.networks.families import FAMILIES
from core.recipe import Protocol
from core.results.sentences import duration
from core.runner.progress import Progress
from core.runs import costs, sweep
from core.ui import links
from core.ui.dataset_choice import choose_name, images
from core.ui.family_choice import choose_families, say_own
from core.ui.find import effort
from core.ui.recipe_choice import choose_recipe
from core.ui.shared import Context

MNIST, OTHERS = 97.0, 90.0  # per cent that are asked for: the article's, and of a few thousand images
RARE = ("apart", "seeds", "runs", "minutes")


def choose(context: Context, now: Progress) -> tuple[Question, Dataset] | None:
    """Draw the choice of a question; return it with its image set, or None while something is still to be chosen.

    Raises:
        ArgumentError: if a family does not fit the images.
        DatasetError: if they are malformed.
    """
    chosen = choose_families(context, list(FAMILIES))
    say_own(chosen)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = choose_name(context, lambda kept: kept or datasets.default(context.settings))
        target = links.choose_number(
            "Target accuracy, %",
            1.0,
            99.9,
            0.1,
            key="target",
            default=MNIST if name == "mnist" else OTHERS,
            format="%.1f",
            width=170,
            help="The article asks for 97 % of MNIST. Of a few thousand images small networks learn less.",
        )
        smallest = st.toggle(
            "Only the smallest of all",
            True,
            key="smallest",
            bind="query-params",
            help="Gives a family up as soon as it cannot beat what another has found. Off: every family's own answer.",
        )
        dataset = images(context, name)
    if not chosen:
        st.info("Choose at least one family.")
    if not chosen or dataset is None:
        return None
    recipe, protocol = choose_recipe(list(chosen.values()), dataset, now.precisions, Protocol.HELD_OUT)
    apart, seeds, runs, minutes = _rare()
    facts = dataset.facts
    limits = context.runner.limits if context.runner else Limits()
    families = tuple(
        asked(x, replace(recipe or x.recipe, protocol=protocol), facts.input_shape, facts.classes, limits=limits)
        for x in chosen.values()
    )
    return Question(families, target / 100, seeds, apart / 100, smallest, runs, minutes), dataset


def _rare() -> tuple[float, int, int | None, float | None]:
    """Draw what is rarely changed: points to tell apart, seeds, runs and minutes at most."""
    if any(links.said(x) for x in RARE):
        links.put({"find_more": True})
    more = st.expander("More: what it may take", expanded=bool(links.get("find_more")))
    with more, st.container(horizontal=True, vertical_alignment="bottom"):
        apart = st.number_input(
            "Tell apart, points",
            0.0,
            100 * MAX_TELL_APART,
            0.1,
            0.1,
            format="%.2f",
            key="apart",
            bind="query-params",
            width=140,
            help="A mean nearer to the target than this needs no further seeds.",
        )
        seeds = st.number_input("Seeds at most", 1, MAX_SEEDS, 8, key="seeds", bind="query-params", width=140)
        runs = st.number_input(
            "Runs at most", 1, MAX_RUNS, None, key="runs", bind="query-params", placeholder="no bound", width=140
        )
        minutes = st.number_input(
            "Minutes at most",
            1,
            MAX_MINUTES,
            None,
            key="minutes",
            bind="query-params",
            placeholder="no bound",
            width=140,
        )
    return apart, seeds, runs, minutes


def forecast(context: Context, question: Question, dataset: Dataset, now: Progress) -> str:
    """Return what the full grid would take and what a search may take, in sentences."""
    grid = effort.grid(question)
    likely = effort.typical(question, dataset)
    likely = sweep.new(likely[: question.runs], context.store.runs_of(likely))
    count = len(likely)
    cost = costs.cost(context.store.runs(), sweep.plans(context.settings, likely), now.device)
    said = f"Five seeds of every width would be {grid:,} runs; a search takes about {count} of them"
    if cost.seconds is None:
        return f"{said}. How long it takes is not known before the first run on this device."
    seconds = min(cost.seconds, 60 * (question.minutes or float("inf")))
    return (
        f"{said}, roughly {duration(seconds)} by what has finished here. What is trained already is not trained again."
    )
