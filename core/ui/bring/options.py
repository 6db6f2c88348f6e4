"""How a file of images is to be read: what its columns are, how its images are turned and sized."""

from __future__ import annotations

import streamlit as st

from core.data.formats.found import Colour, Fit, Options
from core.ui import links

SIZES = (0, 8, 12, 14, 16, 20, 24, 28, 32, 48, 64, 96, 128)  # pixels a side to choose from; 0 leaves them
FITS = {Fit.FIT: "Whole, with bars of black", Fit.CROP: "Its middle square"}
COLOURS = {Colour.AUTO: "As they are", Colour.GREY: "Grey", Colour.COLOUR: "Three channels"}


def choose_options(before: Options | None) -> Options:
    """Draw the choices and return them.

    Args:
        before: those that a draft was made with, to come back to from another page.
    """
    of = before or Options()
    kept = {
        "bring_size": of.size or 0,
        "bring_fit": of.fit,
        "bring_colour": of.colour,
        "bring_label": of.label or "",
        "bring_transpose": of.transpose,
        "bring_invert": of.invert,
    }
    links.put({name: value for name, value in kept.items() if links.get(name) is None})
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        size = st.selectbox(
            "Size",
            SIZES,
            key="bring_size",
            format_func=lambda x: f"{x}×{x}" if x else "As they are",
            width=150,
            help="Small networks are for small images: those of MNIST have 28×28 pixels.",
        )
        fit = st.selectbox(
            "Of images that are no square",
            list(FITS),
            key="bring_fit",
            format_func=FITS.__getitem__,
            disabled=not size,
            width=230,
            help="What becomes of them when they get another size.",
        )
        colour = st.selectbox(
            "Colours",
            list(COLOURS),
            key="bring_colour",
            format_func=COLOURS.__getitem__,
            width=160,
            help="One channel takes a third of the first layer's weights.",
        )
        label = st.text_input(
            "Column of labels",
            key="bring_label",
            placeholder="Found by itself",
            width=170,
            help="Of a table: its name, or its place from 1.",
        )
        transpose = st.toggle(
            "Transposed",
            key="bring_transpose",
            help="Exchange rows and columns: EMNIST lies on its side.",
        )
        invert = st.toggle("Inverted", key="bring_invert", help="Exchange black and white: MNIST is white on black.")
    return Options(None, label.strip() or None, transpose, invert, size or None, fit, colour)
