"""Inspect: every weight of a trained network, what it makes of an image, and what a smaller one no longer reads."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.data import datasets, samples
from core.errors import FeatherweightError
from core.results import collect, trained
from core.runs import reference
from core.runs.store import Store
from core.ui import links
from core.ui.dataset_choice import choose_name
from core.ui.inspect.choice import choose, nothing_kept, shape_fits
from core.ui.inspect.errors import draw_errors
from core.ui.inspect.maps import choose_image, draw_maps
from core.ui.inspect.parts import Looked
from core.ui.inspect.weights import draw_weights
from core.ui.markdown import plain
from core.ui.page import explained, page
from core.ui.results.choices import outdated
from core.ui.tables import layer_table

VIEWS = {"weights": "Weights", "maps": "Feature maps", "errors": "What the cut cost", "layers": "Layers"}


def draw_layers(looked: Sequence[Looked]) -> None:
    """Draw the layer table of each network with shares of weights and multiply-adds."""
    for chosen, _ in looked:
        network = chosen.network
        st.markdown(
            f"**{chosen.name}**: {network.multiply_adds:,} multiply-adds an image, "
            f"{network.multiply_adds / network.parameters:.0f} for each weight."
        )
        layer_table(network, f"Layers of {chosen.name}, with shares")


with page("Inspect") as context:
    # one row, so that a whole network fits below the controls
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        st.title("Look inside", width="content")
        view = links.choose(
            st.segmented_control,
            "View",
            list(VIEWS),
            key="view",
            default="weights",
            title=VIEWS.__getitem__,
            required=True,
            label_visibility="collapsed",
            wrap=True,
        )
    shipped: Store | None = None
    with explained(FeatherweightError):
        shipped = reference.store()
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = choose_name(
            context, partial(collect.default, context.settings, context.store, shipped, with_stopped=True)
        )
        found = collect.results(context.settings, context.store, shipped, name)
        beside = collect.beside(context.settings, context.store, name)
        networks = trained.networks(found, beside, with_stopped=True)
        selected, sentence = choose(networks, found) if networks else ([], None)
    if sentence:
        st.warning(sentence, icon=":material/warning:")
    if not selected:
        nothing_kept(found)
        st.stop()
    outdated(found, others=True)
    stores = trained.stores(context.store, shipped)
    looked = [(x, trained.read(stores[x.run.origin], x)) for x in selected]
    if view == "layers":
        draw_layers(looked)
    elif view in ("maps", "errors"):
        dataset = found.dataset
        if dataset is None and (instead := samples.source(context.settings, name)):
            dataset = datasets.find(context.settings, instead)
            st.info(
                "The file of MNIST is not at hand: these are the 1,000 test digits of the embedded set. They come from "
                "MNIST's training images, so these networks have seen them and err less than on MNIST's test images.",
                icon=":material/info:",
            )
        if dataset is None:
            st.warning(plain(datasets.missing(context.settings, name)), icon=":material/cloud_download:")
            st.stop()
        if not all([shape_fits(x, dataset) for x, _ in looked]):
            st.stop()
        shown, labels = samples.tests(dataset.path)
        if view == "maps":
            classes = datasets.labels(dataset.name, dataset.facts)
            image, label, what = choose_image(name, shown, labels, classes)
            draw_maps(looked, image, label, what, classes)
        else:
            draw_errors(context, looked, dataset, shown, labels)
    else:
        draw_weights(looked)
