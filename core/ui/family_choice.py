"""The choice of families: those that come with Featherweight, people's own, and a line that has no name yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from core.errors import ArgumentError
from core.networks.families import Family, of_line
from core.networks.line import Line
from core.ui import links
from core.ui.page import explained
from core.ui.shared import Context


def choose_families(context: Context, default: Sequence[str]) -> dict[str, Family]:
    """Draw the choice of families and return the chosen ones by their keys; a link may bring a line without a name.

    Args:
        context: what the page works with.
        default: keys of the families that are chosen where nobody has chosen; of a link with a line it is that alone.
    """
    families = {x.key: x for x in context.families}
    line = links.said("layers") or links.get("train_layers")
    if line:
        with explained(ArgumentError):
            families[links.OWN] = of_line(Line.of(line).text)
            links.put({"train_layers": line})
    many = len(families) > links.MANY
    widget: Any = st.multiselect if many else st.pills
    given: dict[str, Any] = {} if many else {"selection_mode": "multi"}
    keys = links.choose_several(
        widget,
        "Families",
        list(families),
        key="families",
        default=[links.OWN] if links.said("layers") and links.OWN in families else list(default),
        title=lambda x: "Your own" if x == links.OWN else families[x].title,
        width="stretch",
        help="Each family is a line of networks that differ in one width, n.",
        **given,
    )
    links.write("layers", [families[links.OWN].layers] if links.OWN in keys else [])
    return {x: families[x] for x in keys}


def say_own(chosen: Mapping[str, Family]) -> None:
    """Say the line that has no name, if it is chosen; beside the choice it would be cut off."""
    if links.OWN in chosen:
        st.caption(f"Your own: `{chosen[links.OWN].layers}`")
