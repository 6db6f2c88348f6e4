"""The choice of how networks are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.data.datasets import Dataset
from core.networks.families import Family
from core.recipe import (
    MAX_BATCH,
    MAX_EPOCHS,
    MAX_LEARNING_RATE,
    OPTIMIZER_TITLES,
    OPTIMIZERS,
    Protocol,
    Recipe,
)
from core.runs import sweep
from core.runs.own_recipe import changed
from core.ui import links, recipe_more

PROTOCOL_TITLES = {Protocol.ARTICLE.value: "As in the article", Protocol.HELD_OUT.value: "Held-out"}


def choose_protocol(usual: Protocol = Protocol.ARTICLE) -> Protocol:
    """Draw the choice of what networks are chosen by, where nobody has chosen the usual one."""
    return Protocol(
        links.choose(
            st.segmented_control,
            "Protocol",
            list(PROTOCOL_TITLES),
            key="protocol",
            default=usual.value,
            title=PROTOCOL_TITLES.__getitem__,
            required=True,
            help="As in the article: trains on all training images and measures the test images after every epoch; the "
            "last one counts. Held-out: keeps a sixth of the training images of each class out of the training and "
            "measures those after every epoch, for you to choose by; the test images are measured once, at the end. "
            "Results of the two are never mixed.",
        )
    )


def choose_recipe(
    families: Sequence[Family], dataset: Dataset, precisions: tuple[str, ...], protocol: Protocol = Protocol.ARTICLE
) -> tuple[Recipe | None, Protocol]:
    """Draw the recipe controls and return the recipe, or None for each family's own, and the protocol.

    Args:
        families: at least one.
        dataset: to train on.
        precisions: that the device has.
        protocol: the usual one.
    """
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        own = links.choose(
            st.segmented_control,
            "Recipe",
            ["article", "own"],
            key="recipe",
            default="article",
            title={
                "article": "The article's" if all(x.article for x in families) else "Each family's",
                "own": "My own",
            }.__getitem__,
            required=True,
        )
        protocol = choose_protocol(protocol)
    if own == "article":
        recipes = ". ".join(f"{x.title}: {x.recipe}" for x in families)
        usual = families[0].recipe
        few = sweep.few_updates(dataset.facts.train, replace(usual, protocol=protocol), usual)
        st.caption(f"{recipes}. {few or ''}")
        return None, protocol
    return _own_recipe(families, precisions), protocol


def _own_recipe(families: Sequence[Family], precisions: tuple[str, ...]) -> Recipe:
    """Draw the controls of a recipe of one's own and return it."""
    usual = families[0].recipe
    if len({x.recipe for x in families}) > 1:
        st.caption(f"One recipe for all the families chosen; it starts from the {families[0].title}'s.")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        optimizer = links.choose(
            st.selectbox,
            "Optimiser",
            list(OPTIMIZERS),
            key="optimizer",
            default=usual.optimizer,
            title=OPTIMIZER_TITLES.__getitem__,
        )
        rate = st.number_input(
            "Learning rate",
            min(1e-6, usual.learning_rate),
            MAX_LEARNING_RATE,
            usual.learning_rate if optimizer == usual.optimizer else OPTIMIZERS[optimizer],
            step=OPTIMIZERS[optimizer] / 10,
            format="%g",
            key=f"rate_{optimizer}",
            bind="query-params",
            help="Adadelta needs 1.0 here: with Keras 3's default of 0.001 these networks do not train in 12 epochs.",
        )
        epochs = st.number_input("Epochs", 1, MAX_EPOCHS, usual.epochs, key="epochs", bind="query-params")
        batch = st.number_input("Batch", 1, MAX_BATCH, usual.batch_size, key="batch", bind="query-params")
        precision = st.selectbox(
            "Precision",
            precisions,
            key="precision",
            help="bfloat16 does the matrix work in 16 bits where the hardware has it; weights stay in 32.",
        )
        dropout = any(x.line.has_dropout for x in families) and st.toggle(
            "Dropout",
            usual.dropout,
            key="dropout",
            bind="query-params",
            help="The tutorial's Dropout layers, and those that a line of your own has.",
        )
    more = recipe_more.draw(optimizer, usual)
    return changed(
        usual,
        optimizer=optimizer,
        learning_rate=rate,
        epochs=epochs,
        batch_size=batch,
        dropout=dropout,
        precision=precision,
        **more,
    )
