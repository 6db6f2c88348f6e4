"""Draw: a digit by hand or a test image, answered by every trained network at once."""

from functools import partial

import numpy as np
import streamlit as st

from core.data import datasets, samples
from core.data.samples import Specimen
from core.errors import FeatherweightError
from core.networks.layers import Array
from core.results import collect, panel
from core.results.panel import Panel
from core.results.published import DIGITS
from core.runs import reference
from core.ui import page
from core.ui.components.bars import bars
from core.ui.components.pad import pad, wipe
from core.ui.markdown import plain

CHANCE = np.random.default_rng()


def nobody(name: str, trained: int) -> None:
    """Say that no network can answer, and what to do about it."""
    title = plain(datasets.title(name))
    st.info(
        f"The weights of none of the {trained} networks trained on {title} are kept, so none can answer."
        if trained
        else f"No network has been trained on {title} yet, so none can answer.",
        icon=":material/draw:",
    )
    st.page_link("pages/train.py", label=f"Train networks on {title}", icon=":material/model_training:")


def give(name: str) -> None:
    """Have the next run take a test image."""
    st.session_state[f"wanted_{name}"] = True
    wipe(name)


def take_drawing(name: str, image: Array | None) -> None:
    """Show what was drawn; of a new drawing nobody has said yet what it is."""
    if image is None or not isinstance(st.session_state.get(f"shown_{name}"), np.ndarray):
        st.session_state[f"truth_{name}"] = None
    st.session_state[f"shown_{name}"] = image


@st.fragment  # lifting the pen draws no more than this anew
def ask(bench: page.Bench, name: str, asked: Panel, drawable: bool) -> None:
    """Draw the pad or the test image, and what every network makes of it."""
    key, noun = f"shown_{name}", "digit" if name in DIGITS else "image"
    left, right = st.columns([2, 3], gap="medium")
    if st.session_state.pop(f"wanted_{name}", False):
        with left, page.explained(FeatherweightError):
            st.session_state[key] = samples.draw(bench.settings, name, CHANCE)
    # a drawing is the bare picture: nobody knows its label
    shown: Specimen | Array | None = st.session_state.get(key)
    specimen = shown if isinstance(shown, Specimen) else None
    image = shown.image if isinstance(shown, Specimen) else shown
    with left:
        pad(
            image,
            f"A test {noun}" if specimen else "Your digit",
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
        with page.explained(FeatherweightError):
            said = panel.ask(asked.readers, image)

            def label(x: int) -> str:
                return datasets.label(name, x)

            place = st.container()
            if specimen is None:
                truth = st.pills(
                    "Which digit did you draw?",
                    range(len(said[0].probabilities)),
                    key=f"truth_{name}",
                    wrap=True,
                    help="Only you know. With it the answers are marked right or wrong.",
                )
            else:
                truth = specimen.label
            with place:
                st.markdown(f"#### {panel.sentence(said, truth, label)}")
                bars(said, truth, label, key=f"bars_{name}")
            if specimen:
                st.caption(
                    f"Test image {specimen.index + 1:,} of {plain(datasets.title(specimen.dataset))}. "
                    f"Its label: **{label(specimen.label)}**."
                )
        if len(asked.readers) < asked.trained:
            st.caption(
                f"{len(asked.readers)} of the {asked.trained} networks trained on {plain(datasets.title(name))} "
                "answer: of the others no weights are kept."
            )
        st.page_link(
            "pages/inspect.py",
            label="See what their layers make of it",
            icon=":material/search:",
            query_params={"data": datasets.title(name), "view": "Feature maps"}
            | ({"image": str(specimen.index + 1)} if specimen else {"source": page.DRAWN}),
        )


with page.page("Draw") as bench:
    st.title("Put the networks to work")
    shipped = None
    with page.explained(FeatherweightError):
        shipped = reference.store()
    default = partial(collect.default, bench.settings, bench.store, shipped, with_weights=True)
    name = page.choose_name(bench, default)
    if bench.runner:
        page.follow(bench.runner, bench.runner.progress().version, name)
    found = collect.find(bench.settings, bench.store, shipped, name)
    asked = panel.assemble(found, bench.store, shipped)
    for problem in asked.problems:
        st.error(plain(problem), icon=":material/error:")
    if not asked.readers:
        nobody(name, asked.trained)
        st.stop()
    shape, _ = found.images
    drawable = name in DIGITS
    if not drawable:
        st.caption(
            f"The pad is for digits of 28×28 pixels; {plain(datasets.title(name))} offers its test images in their "
            "place."
        )
    ask(bench, name, asked, drawable)
