"""The image sets that are there, and what in the data folder is none."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.data import candidates, datasets
from core.errors import FeatherweightError
from core.networks.layers import shape_text
from core.ui.bring.source import SOURCES
from core.ui.markdown import plain
from core.ui.shared import Context


def listed(context: Context) -> None:
    """Draw a table of the image sets, and a line on everything that cannot be used as it lies."""
    st.subheader("Image sets here")
    rows, problems = [], []
    for name in datasets.names(context.settings):
        try:
            found = datasets.find(context.settings, name)
        except FeatherweightError as e:
            problems.append((datasets.title(name), str(e)))
            continue
        facts = found.facts
        names = ", ".join(datasets.labels(name, facts))
        rows.append((found.title, shape_text(facts.input_shape), facts.classes, facts.train, facts.test, names))
    table = pd.DataFrame(rows, columns=["Name", "Image", "Classes", "To train", "To test", "Names of the classes"])
    number = st.column_config.NumberColumn(format="localized")
    st.dataframe(
        table,
        hide_index=True,
        column_config={"To train": number, "To test": number},
        height="content",
        alt="The image sets that can be trained on",
    )
    lines = [f"**{plain(title)}**: {plain(sentence)}" for title, sentence in problems]
    for other in candidates.candidates(context.settings):
        way = f"{other.path.name} is {other.what}: look at it above, under {SOURCES['folder']}."
        lines.append(plain(way if other.what else other.sentence))
    if lines:
        st.markdown("\n".join(f"- {x}" for x in lines))
