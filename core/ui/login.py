"""How a visitor becomes a runner: the key's form, signing in and out, in the frame of every page."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

import streamlit as st

from core import access
from core.access import Access, Visit, Visitor
from core.errors import AccessError
from core.ui import links
from core.ui.markdown import plain
from core.ui.runner_key import RunnerKey


def visitor(settings: Access) -> Visitor:
    """Return who looks at the page that is being drawn."""
    return access.visitor(
        settings,
        Visit(
            session=links.keep("visitor", lambda: f"session {uuid.uuid4().hex}"),
            address=st.get_option("server.address"),
            headers=headers(),
            claims=dict(st.user),
            keyed=links.get("keyed", False),
            sign_in=bool(settings.runners and providers()),
        ),
    )


def headers() -> Mapping[str, str]:
    """Return the headers that the visitor's browser opened its session with."""
    return st.context.headers.to_dict()


def draw(settings: Access, who: Visitor, key: RunnerKey | None) -> None:
    """Draw what somebody is here and how they become or cease to be a runner; nothing where everyone is one."""
    if who.role in ("local", "open"):
        return
    if who.refusal is None:
        with st.popover("Runner", icon=":material/verified_user:"):
            st.caption("You may train, stop and fetch here.")
            if who.role == "key":
                st.caption("The key counts until this page is loaded anew.")
                st.button("Give the role back", icon=":material/logout:", on_click=_give_back)
            else:
                _account()
        return
    with st.popover("Only looking", icon=":material/visibility:"):
        st.caption(plain(who.refusal))
        if settings.runners:
            _account()
        if key:
            with st.form("runner_key_form", border=False):
                st.text_input(
                    "Runner key", type="password", max_chars=500, key="runner_key", autocomplete="current-password"
                )
                st.form_submit_button("Use this key", icon=":material/key:", on_click=_prove, args=(key,))
            if said := links.get("key_said"):
                st.error(said, icon=":material/error:")


def _account() -> None:
    """Draw a button for each provider to sign in with, or the account and the way out."""
    if st.user.get("is_logged_in"):
        if email := st.user.get("email"):
            st.caption(f"Signed in as {plain(str(email))}.")
        st.button("Sign out", icon=":material/logout:", on_click=st.logout)
        return
    for name in providers():
        label = f"Sign in with {name}" if name else "Sign in"
        st.button(label, icon=":material/login:", on_click=st.login, args=(name,), key=f"sign_in_{name or ''}")


def providers() -> list[str | None]:
    """Return the sign-in providers of the [auth] section of secrets.toml; None is the one without a name."""
    found = st.secrets.get("auth", {}) if st.secrets.load_if_toml_exists() else {}
    if not isinstance(found, Mapping):
        return []
    named = [name for name, values in found.items() if isinstance(values, Mapping) and "client_id" in values]
    return [None, *named] if "client_id" in found else list(named)


def _prove(key: RunnerKey) -> None:
    """Look at the key that was typed, and forget it."""
    given = str(links.get("runner_key") or "")
    links.put({"runner_key": "", "key_said": None})
    try:
        key.prove(links.get("visitor"), given)
        links.put({"keyed": True})
    except AccessError as e:
        links.put({"key_said": str(e)})


def _give_back() -> None:
    links.put({"keyed": False})
