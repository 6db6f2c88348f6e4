"""The choice of an image set, which goes with the visitor from page to page."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from core.data import datasets
from core.data.datasets import Dataset
from core.ui import links
from core.ui.markdown import plain
from core.ui.shared import Context


def choose_name(context: Context, default: Callable[[str | None], str]) -> str:
    """Draw the choice of image set and return its name.

    A set that was chosen, on any page or by a link, is kept for the others. ``default`` says what a page opens with,
    given that set or None where nobody has chosen: it may be another one, as long as the page is open.
    """
    names = datasets.names(context.settings)
    asked = links.asked("data", names, datasets.title) or links.asked("on", names, datasets.title)
    said = links.said("data") or links.said("on")
    links.drop("on")  # the name that links of before had for it
    if said and not asked:
        links.put({"unknown_set": said})
    elif links.first("data"):
        links.put({"unknown_set": None})
    if asked and (links.first("data") or asked != links.get("dataset")):
        links.put({"data": asked, "dataset": asked})
    elif links.first("data") or links.get("data") not in names:
        kept = links.get("dataset")
        links.put({"data": default(kept if kept in names else None)})
    links.tell("data")
    name: str = st.selectbox(
        "Data set",
        names,
        format_func=datasets.title,
        key="data",
        on_change=_keep,
        args=(links.get("page"),),
        help="The embedded digits, MNIST and Fashion-MNIST, and every NAME.npz in "
        f"{plain(str(context.settings.data))}.",
    )
    links.drawn("data")
    links.write("data", [name] if name == links.get("dataset") else [])
    if unknown := links.get("unknown_set"):
        st.warning(
            f"No image set here is called {plain(unknown[:80])}: this is {plain(datasets.title(name))}.",
            icon=":material/link_off:",
        )
    return name


def turn_to(name: str) -> None:
    """Choose an image set for the visitor, in a callback: this page shows it, and those that follow."""
    links.put({"data": name, "dataset": name, "unknown_set": None})
    links.write("data", [name])


def _keep(page: str) -> None:
    if page == links.get("page"):  # a refresh still on its way from the page before brings that one's set: no choice
        turn_to(links.get("data"))


def images(context: Context, name: str) -> Dataset | None:
    """Return an image set; if it is not at hand, say what to do, offer to fetch it and return None.

    Raises:
        DatasetError: if it is malformed.
    """
    if not datasets.fetchable(context.settings, name):
        return datasets.find(context.settings, name)
    st.warning(plain(datasets.missing(context.settings, name)), icon=":material/cloud_download:")
    if not st.button(
        f"Fetch {datasets.title(name)}",
        icon=":material/download:",
        disabled=context.visitor.refusal is not None,
        help=context.visitor.refusal,
    ):
        return None
    context.visitor.require()
    bar = st.progress(0.0, f"Fetching {datasets.title(name)}")

    def show(done: int, total: int) -> None:
        bar.progress(done / total if total else 0.0)

    datasets.fetch(context.settings, name, show)
    st.rerun()
