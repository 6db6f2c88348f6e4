"""Families of one's own on Explore: what saves, renames and removes them, and the link to a network."""

from __future__ import annotations

from urllib.parse import urlencode

import streamlit as st

from core.networks import families
from core.networks.families import USUAL, Family
from core.recipe import MAX_EPOCHS, MAX_LEARNING_RATE, OPTIMIZER_TITLES, OPTIMIZERS
from core.runs import sweep
from core.runs.own_recipe import changed
from core.ui import architecture, links, recipe_more
from core.ui.page import pressed
from core.ui.shared import Context


def draw_actions(context: Context, chosen: Family, width: int, dataset: str | None, dropout: bool) -> None:
    """Draw what can be done with a network beside training it: save or change its family, and link to it."""
    if not chosen.named:
        with st.popover("Save as…", icon=":material/bookmark_add:"):
            _save(context, chosen)
    elif not chosen.built_in:
        with st.popover("Rename or remove", icon=":material/edit:"):
            _change(context, chosen)
    if chosen.named:
        st.button(
            "Change this one",
            icon=":material/tune:",
            on_click=architecture.turn_to,
            args=(chosen, dropout),
            help="Opens its layers under sliders and as a line of text.",
        )
    with st.popover("Copy link", icon=":material/link:"):
        query = {"layers": architecture.text_of(chosen, dropout), "n": str(width)} | (
            {"data": dataset} if dataset else {}
        )
        st.caption("It opens this network for anyone, with its layers in the link.")
        st.code(f"{st.context.url or ''}?{urlencode(query)}", language=None, wrap_lines=True)


def _refusal(context: Context) -> str | None:
    """Return why the visitor may keep no families, if they may not."""
    return context.visitor.refusal or (context.problem if context.store.database.read_only else None)


def _save(context: Context, chosen: Family) -> None:
    refusal = _refusal(context)
    st.caption("It then stands beside the other families on every page and on the command line.")
    st.text_input("Name", key="save_name", max_chars=40, placeholder="my_net", help="a to z, 0 to 9 and _.")
    st.text_input("Title", key="save_title", max_chars=families.MAX_TITLE, placeholder="The name")
    st.text_input(
        "Widths",
        ",".join(map(str, sorted(chosen.widths))),
        key=f"save_widths_{chosen.layers}",
        help="That a sweep takes: 1,2,8-16.",
    )
    name = (links.get("save_name") or "").strip()
    replaced = next((x for x in context.store.families.all().own if x.key == name), None)
    _choose_recipe(replaced)
    st.button(
        f"Replace {name}" if replaced else "Save",
        type="primary",
        icon=":material/bookmark_add:",
        disabled=refusal is not None,
        help=refusal or ("Runs of the family of before stay, under their layers." if replaced else None),
        on_click=pressed,
        args=(_keep, context, chosen, replaced),
        key="save",
    )


def _mark(replaced: Family | None) -> str:
    """Return what stands before the names of the recipe's controls: those of a family that goes start from its own."""
    return f"save_{replaced.key}_" if replaced else "save_"


def _choose_recipe(replaced: Family | None) -> None:
    """Draw the choice of how the family is trained."""
    usual, mark = replaced.recipe if replaced else USUAL, _mark(replaced)
    with st.container(horizontal=True):
        optimizer = st.selectbox(
            "Optimiser",
            list(OPTIMIZERS),
            list(OPTIMIZERS).index(usual.optimizer),
            key=f"{mark}optimizer",
            format_func=OPTIMIZER_TITLES.__getitem__,
            width=130,
        )
        st.number_input(
            "Learning rate",
            min(1e-6, usual.learning_rate),
            MAX_LEARNING_RATE,
            changed(usual, optimizer=optimizer).learning_rate,
            format="%g",
            key=f"{mark}rate_{optimizer}",
            width=120,
        )
        st.number_input("Epochs", 1, MAX_EPOCHS, usual.epochs, key=f"{mark}epochs", width=120)
    recipe_more.draw(optimizer, usual, mark)


def _keep(context: Context, chosen: Family, replaced: Family | None) -> None:
    """Keep a line under the name that was typed, and turn the page to it; ``replaced`` is the one that may go."""
    context.visitor.require()
    name = families.name((links.get("save_name") or "").strip())
    title = (links.get("save_title") or "").strip() or families.title_of(name)
    widths = sweep.numbers(links.get(f"save_widths_{chosen.layers}") or "", "widths")
    mark = _mark(replaced)
    optimizer = links.get(f"{mark}optimizer")
    recipe = changed(
        replaced.recipe if replaced else USUAL,
        optimizer=optimizer,
        learning_rate=links.get(f"{mark}rate_{optimizer}"),
        epochs=links.get(f"{mark}epochs"),
        dropout=chosen.line.has_dropout,
        **recipe_more.typed(optimizer, mark),
    )
    made = families.own(name, title, chosen.line, tuple(widths), recipe)
    context.store.families.add(made, replacing=replaced is not None and name == replaced.key)
    links.put({"family": name})
    st.toast(f"Saved as {name}.", icon=":material/bookmark_added:")


def _change(context: Context, chosen: Family) -> None:
    refusal = _refusal(context)
    st.text_input("Name", chosen.key, key=f"rename_{chosen.key}", max_chars=40)
    st.text_input("Title", chosen.title, key=f"retitle_{chosen.key}", max_chars=families.MAX_TITLE)
    st.button(
        "Rename",
        icon=":material/edit:",
        disabled=refusal is not None,
        help=refusal,
        on_click=pressed,
        args=(_rename, context, chosen),
    )
    st.button(
        "Remove",
        icon=":material/delete:",
        disabled=refusal is not None,
        help=refusal or "Its runs stay, under their layers.",
        on_click=pressed,
        args=(_remove, context, chosen),
    )


def _rename(context: Context, chosen: Family) -> None:
    context.visitor.require()
    name, title = links.get(f"rename_{chosen.key}"), links.get(f"retitle_{chosen.key}")
    context.store.families.rename(chosen.key, name, title)
    links.put({"family": name})


def _remove(context: Context, chosen: Family) -> None:
    """Forget a family; its line stays on the page."""
    context.visitor.require()
    context.store.families.remove(chosen.key)
    architecture.turn_to(chosen, chosen.line.has_dropout)
