"""Who may train: what the settings say of it, and what that makes of a visitor."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from core.errors import AccessError

Role = Literal["local", "open", "key", "account", "viewer"]

# A proxy on this machine reaches the server over loopback like its owner does; these give it away.
_FORWARDED = ("forwarded", "via", "x-real-ip")

_LOOK = "You may look at everything here; training, stopping, fetching and bringing images in are for runners."
_CLOSED = (
    "This dashboard can be reached from other machines and nobody has been named a runner yet: whoever started it sets "
    "FEATHERWEIGHT_RUNNER_KEY, FEATHERWEIGHT_RUNNERS or FEATHERWEIGHT_OPEN=1."
)
_PROXIED = (
    "It listens on this machine only, but you came through a proxy or by another name than localhost: open it by "
    "the name localhost, or have whoever started it set FEATHERWEIGHT_RUNNER_KEY, FEATHERWEIGHT_RUNNERS or "
    "FEATHERWEIGHT_OPEN=1."
)


@dataclass(frozen=True, slots=True)
class Access:
    """Who may train, as the environment says it; nothing set leaves it to those at this machine.

    Attributes:
        open: ``FEATHERWEIGHT_OPEN``: everyone may.
        key: ``FEATHERWEIGHT_RUNNER_KEY``: whoever gives it may. It is never printed.
        runners: ``FEATHERWEIGHT_RUNNERS``: e-mail addresses, and domains as ``@example.org``, in lower case.
    """

    open: bool = False
    key: str | None = field(default=None, repr=False)
    runners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Visit:
    """How somebody came to a page.

    Attributes:
        session: a name for the browser session that nobody else has.
        address: where the server listens; None is every address.
        headers: those of the request that opened the session.
        claims: what the sign-in provider says of them; empty if they are not signed in.
        keyed: whether they have given the runner key.
        sign_in: whether the server has a sign-in provider.
    """

    session: str
    address: str | None
    headers: Mapping[str, str]
    claims: Mapping[str, object] = field(default_factory=dict)
    keyed: bool = False
    sign_in: bool = False


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at a page, and whether they may train.

    Attributes:
        name: what fair use counts them by: the account where there is one, else the session.
        role: by what they may train; ``'viewer'`` if they may not.
        refusal: why they may not, for people; None if they may.
    """

    name: str
    role: Role
    refusal: str | None = None

    def require(self) -> None:
        """Raise ``AccessError`` with the reason if the visitor may not train."""
        if self.refusal is not None:
            raise AccessError(self.refusal)


def visitor(access: Access, visit: Visit) -> Visitor:
    """Return who a visit makes somebody.

    A key or a list of runners is asked of everyone, at this machine too: behind a proxy that tells nothing, the whole
    world looks local.
    """
    email = _email(visit.claims)
    if access.open:
        return Visitor(visit.session, "open")
    if email and _verified(visit.claims) and _named(email, access.runners):
        return Visitor(f"account {email}", "account")
    if access.key and visit.keyed:
        return Visitor(visit.session, "key")
    bound = _loopback(visit.address)
    if not (access.key or access.runners):
        if bound and _straight(visit.headers):
            return Visitor(visit.session, "local")
        return Visitor(visit.session, "viewer", f"{_LOOK} {_PROXIED if bound else _CLOSED}")
    return Visitor(visit.session, "viewer", " ".join(_ways(access, visit, email)))


def _ways(access: Access, visit: Visit, email: str) -> Iterable[str]:
    """Say how a viewer could become a runner, and what has been in the way so far."""
    yield _LOOK
    if email and access.runners:
        if _verified(visit.claims):
            yield f"{email} is signed in but is not among the runners that FEATHERWEIGHT_RUNNERS lists."
        else:
            yield f"{email} is signed in, but the sign-in provider does not say that this address is verified."
    elif access.runners and visit.sign_in:
        yield "Sign in to become one."
    elif access.runners and not access.key:
        yield (
            "FEATHERWEIGHT_RUNNERS names some, but nobody can sign in: whoever started the dashboard adds an [auth] "
            "section to .streamlit/secrets.toml."
        )
    if access.key:
        yield "Give the runner key to become one."


def _email(claims: Mapping[str, object]) -> str:
    email = claims.get("email")
    return email.strip().lower() if claims.get("is_logged_in") is True and isinstance(email, str) else ""


def _verified(claims: Mapping[str, object]) -> bool:
    return claims.get("email_verified") in (True, "true")  # some providers write it as text


def _named(email: str, runners: Iterable[str]) -> bool:
    """Return whether an address or its domain, and not a part of it, is on the list."""
    name, _, domain = email.rpartition("@")
    return bool(name) and (email in runners or f"@{domain}" in runners)


def _straight(headers: Mapping[str, str]) -> bool:
    """Return whether a request names this machine and bears no trace of a proxy."""
    names = {name.lower(): value for name, value in headers.items()}
    if any(name in _FORWARDED or name.startswith("x-forwarded") for name in names):
        return False
    try:  # also against a page elsewhere whose name has been pointed at this machine
        return _loopback(urlsplit(f"//{names.get('host', '')}").hostname)
    except ValueError:
        return False


def _loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False
