"""Draw: a digit by hand or a test image, answered by every trained network at once."""

from functools import partial

import numpy as np
import streamlit as st

from core.data import datasets, samples
from core.data.samples import Sample
from core.errors import FeatherweightError
from core.networks.layers import Array
from core.results import collect, panel
from core.results.collect import Results
from core.results.panel import Panel
from core.results.published import DIGITS
from core.runs import reference
from core.ui import links
from core.ui.components.bars import bars
from core.ui.components.pad import pad, wipe
from core.ui.dataset_choice import choose_name
from core.ui.live import follow
from core.ui.markdown import plain
from core.ui.page import explained, page
from core.ui.results.choices import outdated
from core.ui.shared import Context

CHANCE = np.random.default_rng()


def nobody(found: Results, trained: int) -> None:
    """Say that no network can answer, and what to do about it."""
    title = plain(datasets.title(found.name))
    if found.outdated and not trained:
        outdated(found)
    else:
        st.info(
            f"The weights of none of the {trained} networks trained on {title} are kept, so none can answer."
            if trained
            else f"No network has been trained on {title} yet, so none can answer.",
            icon=":material/draw:",
        )
    st.page_link("pages/train.py", label=f"Train networks on {title}", icon=":material/model_training:")


def give(name: str) -> None:
    """Have the next run take a test image."""
    links.put({f"wanted_{name}": True})
    wipe(name)


def take_drawing(name: str, image: Array | None) -> None:
    """Show what was drawn; of a new drawing nobody has said yet what it is."""
    if image is None or not isinstance(links.get(f"shown_{name}"), np.ndarray):
        links.put({f"truth_{name}": None})
    links.put({f"shown_{name}": image})


def answers(found: Results, asked: Panel, image: Array, sample: Sample | None) -> None:
    """Draw what every network makes of an image; of a test image it is known what is right."""
    name, classes = found.name, found.labels
    said = panel.ask(asked.readers, image)

    def label(x: int) -> str:  # the shipped networks may know more classes than a file of the user's
        return classes[x] if x < len(classes) else str(x)

    place = st.container()
    if sample is None:
        truth = st.pills(
            "Which digit did you draw?",
            range(len(said[0].probabilities)),
            format_func=lambda x: plain(label(x)),
            key=f"truth_{name}",
            wrap=True,
            help="Only you know. With it the answers are marked right or wrong.",
        )
    else:
        truth = sample.label
    with place:
        st.markdown(f"#### {plain(panel.sentence(said, truth, label))}")
        bars(said, truth, label, key=f"bars_{name}")
    if sample:
        st.caption(
            f"Test image {sample.index + 1:,} of {plain(datasets.title(sample.dataset))}. "
            f"Its label: **{plain(label(sample.label))}**."
        )


@st.fragment  # lifting the pen draws no more than this anew
def ask(context: Context, found: Results, asked: Panel, drawable: bool) -> None:
    """Draw the pad or the test image, and what every network makes of it."""
    name = found.name
    key, noun = f"shown_{name}", "digit" if name in DIGITS else "image"
    left, right = st.columns([2, 3], gap="medium")
    if links.pop(f"wanted_{name}", False):
        with left, explained(FeatherweightError):
            links.put({key: samples.draw(context.settings, name, CHANCE)})
    # a drawing is the bare picture: nobody knows its label
    shown: Sample | Array | None = links.get(key)
    sample = shown if isinstance(shown, Sample) else None
    image = shown.image if isinstance(shown, Sample) else shown
    with left:
        pad(
            image,
            f"A test {noun}" if sample else "Your digit",
            key=name,
            on_draw=(lambda x: take_drawing(name, x)) if drawable else None,
        )
        st.button(f"Give me a test {noun}", icon=":material/casino:", on_click=give, args=(name,))
    with right:
        if image is None:
            st.markdown("#### Every network answers here")
            st.caption(
                "Draw a digit, or take one of the test images. The answers come as soon as the pen is lifted."
                if drawable
                else "Take one of the test images."
            )
            return
        with explained(FeatherweightError):
            answers(found, asked, image, sample)
        if len(asked.readers) < asked.trained:
            st.caption(
                f"{len(asked.readers)} of the {asked.trained} networks trained on {plain(datasets.title(name))} "
                "answer: of the others no weights are kept."
            )
        st.page_link(
            "pages/inspect.py",
            label="See what their layers make of it",
            icon=":material/search:",
            query_params=links.maps(name, sample.index + 1 if sample else None),
        )


with page("Draw") as context:
    st.title("Put the networks to work")
    shipped = None
    with explained(FeatherweightError):
        shipped = reference.store()
    name = choose_name(context, partial(collect.default, context.settings, context.store, shipped, with_weights=True))
    if context.runner:
        follow(context.runner, context.runner.progress().version, name)
    found = collect.results(context.settings, context.store, shipped, name)
    asked = panel.assemble(found, context.store, shipped, collect.beside(context.settings, context.store, name))
    for problem in asked.problems:
        st.error(plain(problem), icon=":material/error:")
    if not asked.readers:
        nobody(found, asked.trained)
        st.stop()
    outdated(found, others=True)
    drawable = name in DIGITS
    if not drawable:
        st.caption(
            f"The pad draws digits of 28×28 as MNIST's were made; {plain(datasets.title(name))} offers its test "
            "images in their place."
        )
    ask(context, found, asked, drawable)
