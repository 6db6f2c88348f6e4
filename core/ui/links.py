"""What a page remembers and what its address says: the one way to the session's state, and between pages.

Addresses carry keys (``deep_cnn``, ``mnist_5k``), never titles, so that a link outlives a change of words. Those of
before, with titles, still open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import streamlit as st

from core.errors import number
from core.networks.families import Family

MANY = 8  # choices beside each other; of more a list is searched
OWN = "own"  # the choice of a line of text that has no name yet
Address = Mapping[str, str | list[str]]
Title = Callable[[str], str]
T = TypeVar("T")

# ---- what a session remembers


def get(name: str, default: Any = None) -> Any:
    """Return what the session remembers under a name."""
    return st.session_state.get(name, default)


def put(values: Mapping[str, Any]) -> None:
    """Remember values; for a widget's name, in a callback or before the widget is drawn."""
    st.session_state.update(values)


def keep(name: str, make: Callable[[], T]) -> T:
    """Return what the session remembers under a name, made now if there is nothing."""
    if name not in st.session_state:
        st.session_state[name] = make()
    kept: T = st.session_state[name]
    return kept


def pop(name: str, default: Any = None) -> Any:
    """Forget what is remembered under a name and return it."""
    return st.session_state.pop(name, default)


# ---- the page


def arrive(page: str) -> bool:
    """Say which page is drawn; return whether the session comes from another one."""
    before = get("page")
    arrived: bool = before != page
    put({"page": page})
    if arrived:
        put({"drawn": set(), "settled": set(), "repeat": before is not None})
    views: dict[str, Address] = keep("views", dict)
    views[page] = {name: st.query_params.get_all(name) for name in st.query_params if name not in ("data", "on")}
    return arrived


def first(key: str) -> bool:
    """Return whether a choice has yet to be drawn since the session came to this page.

    Until then it may hold what another page's choice of that name was: a run of a page can be broken off, by a refresh
    that was still on its way from the page before, say.
    """
    return key not in get("drawn", ())


def tell(key: str) -> None:
    """Have the browser take over a choice's value, before it is drawn, until a run of this page has come to its end.

    A browser shows the first option of a choice whose value it was never sent, and sends that back as what was chosen.
    It was never sent if the run that set it was broken off, by a click within the page's first half second.
    """
    if key not in get("settled", ()):
        st.session_state[key] = st.session_state[key]


def unsettle(*keys: str) -> None:
    """Have :func:`tell` send values again that were set after a run had come to its end."""
    put({"settled": set(get("settled", ())) - set(keys)})


def drawn(key: str) -> None:
    """Say that a choice has been drawn on this page."""
    keep("drawn", lambda: set[str]()).add(key)


def settle() -> None:
    """Say that a run of this page has come to its end: the browser has the value of every choice that was drawn.

    The first such run on a page also says the page's address once more.
    """
    put({"settled": set(get("drawn", ()))})
    if pop("repeat", False):
        # The browser may have taken up one more address of the page before, when Back had already left it.
        st.query_params.update()


def repeats() -> bool:
    """Return whether this run says the page's address once more at its end, so that it must be complete."""
    return bool(get("repeat", False))


def view_of(page: str) -> Address:
    """Return the address that a page was last seen with in this session.

    A link drops it, so it is kept for the way back; but for the image set, which goes with the session anyway.
    """
    found: Address = get("views", {}).get(page, {})
    return found


def forget_view(page: str) -> None:
    """Have a page open with a bare address."""
    get("views", {}).pop(page, None)


# ---- choices that live in the address


def asked(name: str, options: Sequence[str], title: Title = str) -> str | None:
    """Return the option that the address names, by its key or as before by its title; None if it names none."""
    found = _known(st.query_params.get_all(name), options, title)
    return found[0] if found else None


def said(name: str) -> str | None:
    """Return what the address says under a name, as it is."""
    return st.query_params.get(name)


def drop(*names: str) -> None:
    """Take parameters out of the address."""
    for name in names:
        st.query_params.pop(name, None)


def write(name: str, values: Iterable[str]) -> None:
    """Have the address say these values under a name, or nothing at all."""
    wanted = list(values)
    if st.query_params.get_all(name) == wanted:
        return
    if wanted:
        st.query_params[name] = wanted
    else:
        st.query_params.pop(name, None)


def choose(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: str,
    title: Title = str,
    **given: Any,
) -> str:
    """Draw a choice of one option, which the page's address keeps by its key, and return it.

    Args:
        widget: ``st.selectbox`` or ``st.segmented_control``.
        label: of the widget.
        options: keys.
        key: the name in session and address; an address that names no option is corrected.
        default: what is chosen where nobody has chosen; the address leaves it out.
        title: an option for people.
        given: what else the widget takes.
    """
    return choose_several(widget, label, options, key=key, default=[default], title=title, single=True, **given)[0]


def choose_several(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: Sequence[str],
    title: Title = str,
    single: bool = False,
    **given: Any,
) -> list[str]:
    """Draw a choice of several options as :func:`choose` does, and return them in the order of the options."""
    written: dict[tuple[str, str], list[str]] = keep("written", dict)
    place = (str(get("page")), key)
    address = st.query_params.get_all(key)
    opened = first(key) or key not in st.session_state
    if opened or address != written.get(place, []):  # or the same page by another link
        found = _known(address, options, title) or (list(default) if opened else [])
        if found:
            st.session_state[key] = found[0] if single else [x for x in options if x in found]
    if single and st.session_state[key] not in options:  # the options have changed since
        st.session_state[key] = default[0]
    elif not single and st.session_state.get(key):
        st.session_state[key] = [x for x in st.session_state[key] if x in options]
    tell(key)
    picked = widget(label, options, format_func=title, key=key, **given)
    drawn(key)
    picked = ([picked] if picked is not None else list(default)) if single else [x for x in options if x in picked]
    written[place] = [] if picked == list(default) else picked
    write(key, written[place])
    return picked


def choose_number(label: str, low: float, high: float, step: float, *, key: str, default: float, **given: Any) -> float:
    """Draw a choice of a number, which the page's address keeps, and return it.

    Unlike a widget bound to the address its default may be another one from run to run: while nobody has chosen, the
    number follows it.

    Args:
        label: of the widget.
        low: the smallest number.
        high: the largest one.
        step: of the buttons that change it.
        key: the name in session and address; an address that says no such number is corrected.
        default: the number where nobody has chosen; the address leaves it out.
        given: what else ``st.number_input`` takes.
    """
    written: dict[tuple[str, str], list[str]] = keep("written", dict)
    place = (str(get("page")), key)
    address = st.query_params.get_all(key)
    opened = first(key) or key not in st.session_state
    if opened or address != written.get(place, []):  # or the same page by another link
        asked = number(address[0]) if address else default
        if low <= asked <= high:
            st.session_state[key] = float(asked)
        elif opened:
            st.session_state[key] = default
    elif not address and st.session_state[key] == get(f"{key}_default", default):
        st.session_state[key] = default
    put({f"{key}_default": default})
    tell(key)
    picked: float = st.number_input(label, low, high, step=step, key=key, **given)
    drawn(key)
    written[place] = [] if picked == default else [f"{picked:g}"]
    write(key, written[place])
    return picked


def _known(said: Iterable[str], options: Sequence[str], title: Title) -> list[str]:
    by_title = {title(x): x for x in options}
    return [x if x in options else by_title[x] for x in said if x in options or x in by_title]


# ---- from page to page


def explore(family: Family, width: int, dataset: str | None = None) -> Address:
    """Return the address of Explore for a network; None keeps the session's image set."""
    named = {"family": family.key} if family.named else {"layers": family.layers}
    return named | {"n": str(width)} | ({"data": dataset} if dataset else {})


def train(family: Family, width: int, dataset: str | None = None, dropout: bool = False) -> Address:
    """Return the address of Train for a network; None leaves the image set to the page."""
    own = {"recipe": "own", "dropout": "true"} if dropout else {}
    named = {"families": family.key} if family.named else {"families": OWN, "layers": family.layers}
    widths = {f"widths_{family.key if family.named else OWN}": str(width)}
    return named | widths | ({"data": dataset} if dataset else {}) | own


def inspect(dataset: str, network: str) -> Address:
    """Return the address of Inspect for a trained network, by its key."""
    return {"data": dataset, "network": network}


def maps(dataset: str, image: int | None) -> Address:
    """Return the address of Inspect for what layers make of a test image, counted from 1, or of the drawing."""
    return {"data": dataset, "view": "maps"} | ({"image": str(image)} if image else {"source": "drawing"})
