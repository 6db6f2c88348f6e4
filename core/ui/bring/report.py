"""What is to be seen of an image set before it is taken over."""

from __future__ import annotations

import base64

import numpy as np
import pandas as pd
import streamlit as st

from core.charts import pixels
from core.data.bring import SHOWN, Draft
from core.data.images import scaled
from core.networks.layers import Array
from core.ui.markdown import plain

LARGEST = 96  # pixels a side of an image in the table; larger ones are thinned out
ROW = 64  # pixels of the table's rows
GAP = 2  # pixels between images


def draw_report(found: Draft) -> None:
    """Draw what was found, what was converted, what to look at, and four images of every class."""
    report = found.report
    st.markdown(f"#### {plain(report.found())}")
    if report.notes:
        st.markdown("\n".join(f"- {plain(x)}" for x in report.notes))
    for sentence in report.warnings():
        st.warning(plain(sentence), icon=":material/warning:")
    rows = pd.DataFrame(
        {
            "Images": [_strip(x) for x in found.samples],
            "Class": report.names,
            "To train": report.train_counts,
            "To test": report.test_counts,
            "Share": [100 * x / report.test for x in report.test_counts],
        }
    )
    st.caption(
        f"Up to {SHOWN} training images of every class, as networks will see them. Are they upright, and is what "
        "matters bright?"
    )
    st.dataframe(
        rows,
        hide_index=True,
        row_height=ROW,
        height="content" if len(rows) <= 12 else 760,
        column_config={
            "Images": st.column_config.ImageColumn(width=SHOWN * (ROW + GAP) + 16),
            "To train": st.column_config.NumberColumn(format="localized"),
            "To test": st.column_config.NumberColumn(format="localized"),
            "Share": st.column_config.ProgressColumn(
                "Share of the test images", format="%.1f %%", min_value=0.0, max_value=100.0
            ),
        },
        alt=f"{len(rows)} classes with up to {SHOWN} images each and their numbers of images",
    )


def _strip(images: Array) -> str:
    """Return images beside each other as the address of a PNG."""
    step = -(-max(images.shape[1:3]) // LARGEST)
    shown = [pixels.photograph(scaled(x[::step, ::step])) for x in images]
    gap = np.full((shown[0].shape[0], GAP, *shown[0].shape[2:]), 128, np.uint8)
    parts = [part for x in shown for part in (x, gap)][:-1]
    side = max(1, ROW // shown[0].shape[0])
    picture = np.concatenate(parts, axis=1)
    return f"data:image/png;base64,{base64.b64encode(pixels.png(picture, side)).decode()}"
