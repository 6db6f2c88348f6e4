"""Images: bring your own, look at what was found and converted, and take it over as an image set."""

from typing import Any

import streamlit as st

from core.data import bring
from core.data.bring import Draft
from core.data.datasets import Dataset
from core.data.formats.found import Options
from core.errors import FeatherweightError
from core.ui import links
from core.ui.bring.listed import listed
from core.ui.bring.looking import look
from core.ui.bring.options import choose_options
from core.ui.bring.report import draw_report
from core.ui.bring.source import Source, choose_source
from core.ui.dataset_choice import turn_to
from core.ui.markdown import plain
from core.ui.page import explained, page, pressed
from core.ui.shared import Context


def accept(context: Context, found: Draft, name: str) -> None:
    """Take a draft over as an image set, which the other pages turn to."""
    context.visitor.require()
    kept = bring.accept(context.settings, found, name.strip())
    turn_to(kept.name)
    links.put({"draft": None, "brought": kept})


def brought(kept: Dataset) -> None:
    """Say that a set was taken over, and where to go with it."""
    st.success(
        f"{plain(kept.title)} is an image set now: {kept.facts.train:,} images to train, {kept.facts.test:,} to test.",
        icon=":material/check_circle:",
    )
    with st.container(horizontal=True):
        query = {"data": kept.name}
        st.page_link("app.py", label="Count networks for it", icon=":material/tune:", query_params=query)
        st.page_link("pages/train.py", label="Train on it", icon=":material/model_training:", query_params=query)


def decide(context: Context, found: Draft) -> None:
    """Draw the name of a draft and what takes it over."""
    if links.get("bring_name") is None:  # back from another page
        links.put({"bring_name": links.get("draft_name", "")})
    with st.container(horizontal=True, vertical_alignment="bottom"):
        name = st.text_input("Name", key="bring_name", max_chars=60, width=300)
        st.button(
            f"Use it as {plain(name.strip() or '…')}",
            type="primary",
            icon=":material/check:",
            on_click=pressed,
            args=(accept, context, found, name),
            disabled=context.visitor.refusal is not None or not name.strip(),
            help=context.visitor.refusal,
        )


with page("Images") as context:
    st.title("Bring your own images")
    kept: Dataset | None = links.get("brought")
    if kept:
        brought(kept)
    bring.sweep(context.settings)
    found: Draft | None = links.get("draft")
    before: tuple[Any, Options] = links.get("draft_of") or (None, Options())
    source = Source(None)
    with explained(FeatherweightError):
        source = choose_source(context)
    options = choose_options(before[1] if found else None)
    asked = (source.key, options)
    if st.button(
        "Look at it",
        type="primary",
        icon=":material/visibility:",
        disabled=not source.key or context.visitor.refusal is not None,
        help=context.visitor.refusal or "Nothing is kept before you have seen it.",
    ):
        look(context, source, options, asked)
        found = links.get("draft")
    # an upload is gone after a visit to another page, what was seen of it is not
    elif found and asked != before and (source.key, options) != (None, before[1]):
        st.info("The choices above have changed. Look at it again to see what they make of it.")
        found = None
    if found:
        draw_report(found)
        decide(context, found)
    listed(context)
