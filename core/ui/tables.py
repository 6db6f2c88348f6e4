"""Tables under people's titles."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from core.networks.network import Network
from core.results import tables

FORMATS = {
    "Test loss": st.column_config.NumberColumn(format="%.4f"),
    "Seconds": st.column_config.NumberColumn(format="%.1f"),
    "µs per digit": st.column_config.NumberColumn(format="%.0f"),
    "Finished (UTC)": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm"),
}
FORMATS |= {x: st.column_config.NumberColumn(format="%.2f") for x in tables.TITLES if x.endswith("%")}
FORMATS |= {
    x: st.column_config.NumberColumn(format="localized") for x in tables.TITLES if x.lower().endswith("weights")
}


def table(rows: pd.DataFrame, titles: dict[str, str], words: str) -> None:
    """Draw a table under people's titles; columns that are empty throughout are left out."""
    shown = tables.for_people(rows, {name: title for name, title in titles.items() if not rows[name].isna().all()})
    st.dataframe(shown, hide_index=True, column_config=FORMATS, placeholder="–", height="content", alt=words)


def layer_table(network: Network, words: str, *, work: bool = True) -> None:
    """Draw a row per layer, with its share of all weights; with ``work`` also its share of all multiply-adds."""
    rows = tables.layers(network)
    weights, adds = "Share of weights", "Share of multiply-adds"
    rows[[weights, adds]] *= 100
    share = st.column_config.ProgressColumn(format="%.1f %%", min_value=0.0, max_value=100.0)
    whole = st.column_config.NumberColumn(format="localized")
    counted = st.column_config.NumberColumn(
        format="localized", help="Multiplications followed by an addition, for one image."
    )
    st.dataframe(
        rows if work else rows.drop(columns=adds).rename(columns={weights: "Share"}),
        hide_index=True,
        height="content",
        column_config={"Weights": whole, weights: share, "Share": share, "Multiply-adds": counted, adds: share},
        alt=words,
    )
