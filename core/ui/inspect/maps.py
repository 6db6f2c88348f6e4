"""What every layer of a network makes of an image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import streamlit as st

from core.charts import confusion as confusion_charts
from core.charts import pixels
from core.charts import weights as weights_charts
from core.charts.mosaic import fit, gaps_of, mosaic
from core.data.images import scaled
from core.networks.layers import Array, shape_text
from core.results.sentences import probability
from core.ui import links
from core.ui.inspect.parts import Looked, draw_picture, take_away
from core.ui.markdown import plain

SOURCES = {"test": "A test image", "drawing": "The digit drawn on the Draw page"}


def choose_image(name: str, shown: Array, labels: Array, classes: Sequence[str]) -> tuple[Array, int | None, str]:
    """Draw the choice of an image and return it, its label if known, and what it is."""
    drawn = links.get(f"shown_{name}")
    # the bare picture is a drawing; a test image comes with its label
    offered = ["test", "drawing"] if isinstance(drawn, np.ndarray) else ["test"]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        which = "test"
        if len(offered) > 1:
            which = links.choose(
                st.segmented_control,
                "Image",
                offered,
                key="source",
                default="test",
                title=SOURCES.__getitem__,
                required=True,
            )
        if which == "drawing":
            return np.asarray(drawn), None, "the drawn digit"
        number = st.number_input(
            f"Test image, 1 to {len(shown):,}", 1, len(shown), 1, key="image", bind="query-params", width=220
        )
    index = int(number or 1) - 1
    label = int(labels[index])
    return scaled(shown[index]), label, f"test image {index + 1:,}, labelled {classes[label]}"


def draw_maps(looked: Sequence[Looked], image: Array, label: int | None, what: str, classes: Sequence[str]) -> None:
    """Draw what every layer of the networks makes of an image; ``classes`` are their names."""
    places = st.columns(len(looked), gap="large") if len(looked) > 1 else [st.container()]
    for place, (chosen, weights) in zip(places, looked, strict=True):
        outputs = chosen.network.activations(weights, image[np.newaxis])
        given = outputs[-1][0]
        right = ", which is right" if given.argmax() == label else f"; it is labelled {plain(classes[label or 0])}"
        with place:
            st.markdown(
                f"**{chosen.title}** ({chosen.run.parameters:,} weights) reads **{plain(classes[given.argmax()])}**, "
                f"{probability(given.max())} sure{'' if label is None else right}."
            )
            with st.container(horizontal=True, gap="medium"):
                draw_picture(pixels.photograph(image), 5, pixels.INPUT, shape_text(image.shape), what)
                labels = pixels.layer_labels(chosen.network)
                for name, output in zip(labels[:-1], outputs[:-1], strict=True):
                    draw_output(name, output[0], (240, 520))
                with st.container(width="content", gap="xxsmall"):
                    st.caption(f"**{labels[-1]}** · {len(given)} probabilities")
                    st.altair_chart(
                        confusion_charts.probabilities(given, label, classes),
                        width="content",
                        alt="Probabilities: "
                        + ", ".join(
                            f"{i}: {probability(x)}" for i, x in zip(classes, given, strict=True) if x >= 0.001
                        ),
                    )
    st.caption(
        "White is a layer's largest value; black is zero, or the lowest value of a layer that gives some below zero. "
        "Each picture is one map; of a row of numbers each is a square."
    )
    chosen, weights = looked[-1]
    take_away(
        f"Maps of {chosen.title}",
        f"maps-{chosen.run.cell.chosen.slug}-{chosen.run.width}",
        lambda _: weights_charts.walk(chosen.network, weights, image, chosen.name),
    )


def draw_output(name: str, output: Array, room: tuple[int, int]) -> None:
    """Draw a layer's output under the layer's name."""
    tiles = pixels.maps(output)
    gaps = gaps_of(*tiles.shape[1:])
    across, size = fit(len(tiles), tiles.shape[1:], gaps, room, 8)
    text = f"{len(tiles)} maps of {shape_text(tiles.shape[1:])}" if output.ndim == 3 else f"{len(tiles)} numbers"
    picture = pixels.grey(mosaic(tiles, across, np.nan, gaps))
    draw_picture(picture, size, name, text, f"{name}: {text}, from {output.min():.2f} to {output.max():.2f}")
