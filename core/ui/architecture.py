"""A network of one's own on Explore: sliders and a line of text, each of which says what the other does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import streamlit as st

from core.errors import ArgumentError
from core.networks import blueprint
from core.networks.blueprint import Blueprint
from core.networks.families import FAMILIES, Family, of_line
from core.networks.line import Line
from core.networks.notation import MAX_TEXT
from core.ui import links
from core.ui.markdown import plain

FIRST = FAMILIES["deep_cnn"].text  # what opens where nothing was chosen before
_TEXT = "layers_text"
_SLIDERS = tuple(f"arch_{x.name}" for x in fields(Blueprint))


def choose_line() -> Family:
    """Draw sliders and line, and return what they say as a family that has no name yet.

    The line lives in the session and in the page's address under ``layers``. A line that cannot be read is told in a
    sentence, and the last one that could be stays on the page.
    """
    text = _current()
    stands = blueprint.position(Line.of(text))
    if links.get("layers_drawn") != text or links.get(_TEXT) is None:
        _show(text, stands)
    left, right = st.columns([5, 3], gap="large")
    with left:
        _sliders(disabled=stands is None)
    with right:
        links.tell(_TEXT)
        st.text_area(
            "Layers as text",
            key=_TEXT,
            height=125,
            max_chars=MAX_TEXT,
            on_change=_typed,
            help="Layers in their order, with blanks between: conv3(n), separable3(2n, same, leaky), depthwise3, "
            "dense(4n), maxpool2, avgpool2, globalavg, globalmax, flatten, batchnorm, relu, dropout0.25. In brackets: "
            "a width such as 16, n, 2n or n+4, same, stride2, nobias, as NAME to share weights, an activation. "
            "residual[...] adds what entered, 4x[...] repeats, shared4[...] repeats with the same weights. The softmax "
            "layer comes last by itself.",
        )
        links.drawn(_TEXT)
        if problem := links.get("layers_problem"):
            st.error(plain(problem), icon=":material/error:")
        if stands is None:
            st.caption("The sliders cannot say this line.")
            st.button(
                "Let the sliders take over",
                icon=":material/tune:",
                on_click=_slid,
                help="Sets the line to where the sliders stand.",
            )
    links.write("layers", [text])
    links.put({"layers_written": [text]})
    links.drawn("layers")
    return of_line(text)


def text_of(chosen: Family, dropout: bool) -> str:
    """Return a family's line with its dropouts or without."""
    return chosen.layers if dropout else str(chosen.without_dropout)


def turn_to(chosen: Family, dropout: bool) -> None:
    """Open the line of a family as one's own, in a callback."""
    text = text_of(chosen, dropout)
    links.put({"family": links.OWN, "layers": text, "layers_problem": None})
    links.write("layers", [text])


def _current() -> str:
    """Return the line that the page shows: that of a link, or the session's."""
    said = links.said("layers")
    kept: str = links.get("layers") or FIRST
    if said is not None and (links.first("layers") or [said] != links.get("layers_written")) and said != kept:
        try:
            kept = Line.of(said).text
            links.put({"layers_problem": None})
        except ArgumentError as e:
            links.put({"layers_problem": str(e)})
    links.put({"layers": kept})
    return kept


def _show(text: str, stands: Blueprint | None) -> None:
    """Have the line and, where they can say it, the sliders show what is chosen."""
    links.put({"layers_drawn": text})
    links.unsettle(_TEXT, *_SLIDERS)
    if not links.get("layers_problem"):
        links.put({_TEXT: text})
    elif links.get(_TEXT) is None:  # the page is new; so is what is wrong with its address, if that says another line
        wrong = links.said("layers") not in (None, text)
        links.put({_TEXT: links.said("layers") if wrong else text})
        links.put({"layers_problem": links.get("layers_problem") if wrong else None})
    if stands is not None:
        links.put({"blueprint": stands})
    kept: Blueprint = links.get("blueprint") or Blueprint()
    links.put({f"arch_{x.name}": getattr(kept, x.name) for x in fields(Blueprint)})


def _slid() -> None:
    """Take over where the sliders stand."""
    stands = Blueprint(**{x.name: links.get(f"arch_{x.name}") for x in fields(Blueprint)})
    if text := _take(stands.line().text):
        # not the sliders: one that is still being dragged would be pulled back
        links.unsettle(_TEXT)
        links.put({"layers_drawn": text, _TEXT: text, "blueprint": stands})
    else:
        links.put({"layers_drawn": None})  # they go back to where they stood


def _typed() -> None:
    """Take over the line."""
    _take(links.get(_TEXT) or "")


def _take(text: str) -> str | None:
    """Take over a line and return it in its one form; of one that cannot be read keep why."""
    try:
        line = Line.of(text)
    except ArgumentError as e:
        links.put({"layers_problem": str(e)})
        return None
    links.put({"layers": line.text, "layers_problem": None, "layers_drawn": None})
    links.write("layers", [line.text])
    links.put({"layers_written": [line.text]})
    return line.text


def _sliders(disabled: bool) -> None:
    names = dict[str, Callable[[Any], str]]
    written: names = {
        "kind": blueprint.KINDS.__getitem__,
        "growth": blueprint.GROWTHS.__getitem__,
        "padding": blueprint.PADDINGS.__getitem__,
        "pooling": blueprint.POOLINGS.__getitem__,
        "bridge": blueprint.BRIDGES.__getitem__,
        "multiple": lambda x: "n" if x == 1 else f"{x}n",
        "dropout": lambda x: "none" if not x else f"{x:g}",
    }

    def control(widget: Callable[..., Any], label: str, name: str, options: Sequence[Any] = (), help: str = "") -> None:
        key = f"arch_{name}"
        links.tell(key)
        given: dict[str, Any] = {"key": key, "disabled": disabled, "on_change": _slid, "help": help or None}
        if widget is st.slider:
            widget(label, min(options), max(options), **given)
        elif widget is st.toggle:
            widget(label, **given)
        else:
            widget(label, options, format_func=written.get(name, str), **given)
        links.drawn(key)

    one, two, three = st.columns(3, gap="medium")
    with one:
        control(st.slider, "Blocks", "blocks", blueprint.BLOCKS, "Groups of convolutions, with a pooling after each.")
        control(st.selectbox, "Kind", "kind", list(blueprint.KINDS), "Separable: a depthwise convolution and a 1×1.")
        control(st.selectbox, "Pooling", "pooling", list(blueprint.POOLINGS), "Stride: the block's last layer skips.")
        control(st.slider, "Hidden dense layers", "hidden", blueprint.HIDDEN)
        control(st.toggle, "Stem", "stem", help="A plain convolution and a pooling come before the blocks.")
    with two:
        control(st.slider, "Convolutions a block", "convolutions", blueprint.CONVOLUTIONS)
        control(st.selectbox, "Filters grow", "growth", list(blueprint.GROWTHS))
        control(st.selectbox, "Bridge", "bridge", list(blueprint.BRIDGES), "What makes one row of numbers of the maps.")
        control(st.select_slider, "Their units", "multiple", blueprint.MULTIPLES)
        control(st.toggle, "Batch norm", "normed", help="Before each activation.")
    with three:
        control(st.select_slider, "Kernel", "kernel", blueprint.KERNELS)
        control(st.selectbox, "Padding", "padding", list(blueprint.PADDINGS), "Same: zeros around keep the size.")
        control(st.selectbox, "Activation", "activation", list(blueprint.ACTIVE))
        control(st.select_slider, "Dropout rate", "dropout", blueprint.RATES)
