"""The choice of one network or two to look into."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.data import datasets
from core.data.datasets import Dataset
from core.networks.families import FAMILIES
from core.networks.layers import shape_text
from core.results import sentences, trained
from core.results.collect import Results
from core.results.trained import Trained
from core.runs.run import Origin
from core.ui import links
from core.ui.markdown import plain

ALONE = "none"


def choose(networks: Sequence[Trained], found: Results) -> tuple[list[Trained], str | None]:
    """Draw the choice of one network or two, and return them, the larger first; of equal ones that chosen first.

    Beside them a sentence, where the address asks for a network that cannot be looked into.
    """
    by_key = {x.key: x for x in networks}

    def title(key: str) -> str:
        return by_key[key].name if key in by_key else "no other"

    gone = _asked_by_family(networks)
    if (
        gone is None
        and links.first("network")
        and links.said("network")
        and not links.asked("network", list(by_key), title)
    ):
        gone = str(links.said("network")), False
    # the smallest of this image set: one on other digits is offered, and opens the page only where it is chosen
    usual = next((x for x in networks if x.run.dataset == found.name), networks[0]).key
    first = links.choose(st.selectbox, "Network", list(by_key), key="network", default=usual, title=title)
    second = links.choose(
        st.selectbox,
        "Beside",
        [ALONE, *by_key],
        key="versus",
        default=ALONE,
        title=title,
        help="A second network to compare with.",
    )
    chosen = [by_key[x] for x in dict.fromkeys((first, second)) if x != ALONE]
    sentence = f"{_not_kept(found, *gone)} Shown is {plain(by_key[first].name)}." if gone else None
    return sorted(chosen, key=lambda x: -x.run.parameters), sentence


def _asked_by_family(networks: Sequence[Trained]) -> tuple[str, bool] | None:
    """Turn to the network that a link names by family and width, as links of before do.

    Returns:
        What it asks for, and whether that is a reference network, if it cannot be looked into.
    """
    key, width = links.said("family"), links.said("n")
    told = {x: links.said(x) for x in ("origin", "recipe", "images")}
    links.drop("family", "n", *told)
    if key is None or width is None:
        return None
    wanted = trained.named(networks, key, width, **told)
    if wanted:
        links.write("network", [wanted.key])
        return None
    title = FAMILIES[key].title if key in FAMILIES else key
    which = f"{title}, n = {width}" + (f", {told['recipe']}" if told["recipe"] else "")
    return which, told["origin"] == Origin.REFERENCE


def _not_kept(found: Results, which: str, is_reference: bool) -> str:
    """Say why a network cannot be looked into, and what to do about it: what is finished is never trained again."""
    network = f"{plain(which)} on {plain(datasets.title(found.name))}"
    if is_reference:
        return f"The weights of {network} do not come with Featherweight. Train it yourself to look inside."
    return (
        f"No weights are kept of {network}: it was not trained, or they were dropped to make room. To look inside, "
        "train it, or another seed of it where it is finished (Results: “Train 5 more seeds”)."
    )


def nothing_kept(found: Results) -> None:
    """Say that there is no network to look into, and what to do about it."""
    title, runs = plain(datasets.title(found.name)), len(found.runs)
    gone = plain(sentences.outdated(len(found.outdated), datasets.title(found.name)))
    st.info(
        f"None of the {runs} finished runs on {title} has kept its weights, so there is nothing to look into. Train "
        "another seed of one, or another network: the weights of new runs are kept."
        if runs
        else gone or f"No finished run on {title} yet. Train a network to look inside it.",
        icon=":material/search:",
    )
    st.page_link("pages/train.py", label="Choose what to train", icon=":material/model_training:")


def shape_fits(chosen: Trained, dataset: Dataset) -> bool:
    """Return whether the network can read the images; if not, say so."""
    facts, network = dataset.facts, chosen.network
    if (facts.input_shape, (facts.classes,)) == (network.input_shape, network.output_shape):
        return True
    st.warning(
        f"{plain(dataset.title)} holds images of {shape_text(facts.input_shape)} in {facts.classes} classes; "
        f"{chosen.name} reads {shape_text(network.input_shape)} in {network.output_shape[0]}. Its weights and "
        "layers can be looked at, its answers not.",
        icon=":material/aspect_ratio:",
    )
    return False
