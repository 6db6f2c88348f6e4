"""Which results to look at: the recipes, the user's own on other images, and what to do where there are none."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from core.data import datasets
from core.results import collect, sentences
from core.results.collect import Results
from core.runner.progress import Progress
from core.runs import sweep
from core.ui import links
from core.ui.dataset_choice import turn_to
from core.ui.markdown import plain
from core.ui.page import pressed
from core.ui.shared import Context


def own_elsewhere(context: Context, name: str) -> None:
    """Say what the user has trained on other digits than those shown, with the way there."""
    for other in collect.beside(context.settings, context.store, name):
        best = max(other.runs, key=lambda x: x.test_accuracy or 0.0)
        count = f"{len(other.runs)} run{'s' if len(other.runs) != 1 else ''} of yours"
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(
                f":material/person: {count} on {datasets.title(other.name)}: the best reads "
                f"{sentences.percent(best.test_accuracy or 0.0)} with {best.parameters:,} weights.",
                width="content",
            )
            st.button(
                f"Show {datasets.title(other.name)}", key=f"show_{other.name}", on_click=turn_to, args=(other.name,)
            )


def nothing_yet(context: Context, found: Results, now: Progress) -> None:
    """Say that there is no result to show, and what to do about it."""
    if found.outdated:
        outdated(found)
    else:
        st.info(
            f"No finished run on {plain(datasets.title(found.name))} yet. Choose what to train, or see the shape of "
            "the answer in a few minutes: a small sweep on the embedded 5,000 digits.",
            icon=":material/scatter_plot:",
        )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            "Run the small sweep",
            type="primary",
            icon=":material/play_arrow:",
            on_click=pressed,
            args=(_run_small_sweep, context),
            disabled=context.runner is None or context.visitor.refusal is not None or bool(now.busy),
            help=context.visitor.refusal or context.problem,
        )
        st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")


def outdated(found: Results, others: bool = False) -> None:
    """Say how many runs do not count because the file was replaced since; ``others``: whether any run counts."""
    said = plain(sentences.outdated(len(found.outdated), datasets.title(found.name), others))
    if said and others:
        st.caption(f":material/history: {said}")
    elif said:
        st.warning(said, icon=":material/history:")


def choose_recipes(found: Results, key: str) -> Results:
    """Draw the choice of recipes where a family has several, and return the results with the chosen ones."""
    by_family: dict[str, set[str]] = {}
    for run in found.runs:
        by_family.setdefault(run.family, set()).add(str(run.recipe))
    if max(map(len, by_family.values())) == 1:
        return found
    recipes = sorted(set().union(*by_family.values()))
    known, chosen = links.get(f"{key}_known", []), links.get(key)
    if chosen is None:
        chosen = recipes
    # a recipe whose first run has just ended is shown too
    links.put({key: [*chosen, *(x for x in recipes if x not in known and x not in chosen)], f"{key}_known": recipes})
    picked = st.multiselect(
        "Recipes",
        recipes,
        format_func=sentences.brief(recipes).__getitem__,
        key=key,
        help="Runs with different recipes are never averaged: each recipe has a line of its own.",
    )
    return replace(found, runs=tuple(x for x in found.runs if str(x.recipe) in picked))


def _run_small_sweep(context: Context) -> None:
    """Queue the small sweep on the embedded digits and turn the page to them."""
    assert context.runner
    context.runner.submit(sweep.small(datasets.find(context.settings, datasets.EMBEDDED)))
    turn_to(datasets.EMBEDDED)
