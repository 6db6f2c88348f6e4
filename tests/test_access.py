from __future__ import annotations

from dataclasses import replace

import pytest

from core.access import Access, Visit, Visitor, visitor
from core.errors import AccessError

HERE = Visit("session 1", "127.0.0.1", {"Host": "127.0.0.1:8501"})
ELSEWHERE = Visit("session 2", "0.0.0.0", {"Host": "gpu.example.org:8501"})
ANN = {"is_logged_in": True, "email": "Ann@Example.org", "email_verified": True}
KEY = Access(key="sixteen letters.")
NAMED = Access(runners=("ann@example.org",))


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
@pytest.mark.parametrize("host", ["127.0.0.1:8501", "localhost:8600", "LOCALHOST", "[::1]:8501"])
def test_everyone_at_this_machine_is_a_runner(address: str, host: str) -> None:
    who = visitor(Access(), replace(HERE, address=address, headers={"host": host}))
    assert (who.role, who.refusal, who.name) == ("local", None, "session 1")
    who.require()


@pytest.mark.parametrize("address", [None, "", "0.0.0.0", "::", "10.0.0.4", "gpu", "unix:///a", "localhost.b.org"])
def test_bound_to_anything_else_nobody_is_until_somebody_is_named(address: str | None) -> None:
    who = visitor(Access(), replace(HERE, address=address))  # over loopback, even
    assert who.role == "viewer"
    for variable in ("FEATHERWEIGHT_RUNNER_KEY", "FEATHERWEIGHT_RUNNERS", "FEATHERWEIGHT_OPEN=1"):
        assert variable in (who.refusal or "")
    with pytest.raises(AccessError, match=r"^You may look at everything here; training, stopping, fetching and"):
        who.require()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example:8501"},  # a name that was pointed at 127.0.0.1
        {"Host": "localhost.evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "user@localhost@evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {},
        {"Host": "localhost", "X-Forwarded-For": "203.0.113.9"},
        {"Host": "localhost", "x-forwarded-host": "gpu.example.org"},
        {"Host": "localhost", "Forwarded": "for=203.0.113.9"},
        {"Host": "localhost", "Via": "1.1 proxy"},
        {"Host": "localhost", "X-Real-Ip": "203.0.113.9"},
    ],
)
def test_a_proxy_on_this_machine_makes_nobody_local(headers: dict[str, str]) -> None:
    who = visitor(Access(), replace(HERE, headers=headers))
    assert who.role == "viewer"
    assert "you came through a proxy or by another name than localhost" in (who.refusal or "")


def test_a_key_is_asked_of_everyone_and_makes_a_runner() -> None:
    for visit in (HERE, ELSEWHERE):
        who = visitor(KEY, visit)
        assert who.role == "viewer" and (who.refusal or "").endswith("Give the runner key to become one.")
        assert visitor(KEY, replace(visit, keyed=True)) == Visitor(visit.session, "key")


def test_a_session_that_says_it_gave_a_key_is_nothing_where_there_is_none() -> None:
    assert visitor(Access(), replace(ELSEWHERE, keyed=True)).role == "viewer"
    assert visitor(NAMED, replace(ELSEWHERE, keyed=True)).role == "viewer"


def test_opened_on_purpose_everyone_is_a_runner() -> None:
    assert visitor(Access(open=True), ELSEWHERE) == Visitor("session 2", "open")


@pytest.mark.parametrize("runners", [("ann@example.org",), ("@example.org",), ("bob@b.org", "@example.org")])
@pytest.mark.parametrize("verified", [True, "true"])
def test_a_named_account_is_a_runner_by_its_name(runners: tuple[str, ...], verified: bool | str) -> None:
    who = visitor(Access(runners=runners), replace(ELSEWHERE, claims=ANN | {"email_verified": verified}))
    assert who == Visitor("account ann@example.org", "account")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"is_logged_in": False}, "Sign in to become one."),
        ({"email": "ann@example.org", "email_verified": True}, "Sign in to become one."),
        (ANN | {"is_logged_in": "true"}, "Sign in to become one."),  # a header may say so, a sign-in says True
        (ANN | {"email": ["ann@example.org"]}, "Sign in to become one."),
        (ANN | {"email": "ann@example.org.evil.org"}, "ann@example.org.evil.org is signed in but is not among"),
        (ANN | {"email": "joann@example.org"}, "joann@example.org is signed in but is not among"),
        (ANN | {"email_verified": False}, "does not say that this address is verified"),
        (ANN | {"email_verified": "false"}, "does not say that this address is verified"),
        (ANN | {"email_verified": None}, "does not say that this address is verified"),
        ({"is_logged_in": True, "email": "ann@example.org"}, "does not say that this address is verified"),
    ],
)
def test_others_are_not_and_read_why(claims: dict[str, object], words: str) -> None:
    who = visitor(NAMED, replace(ELSEWHERE, claims=claims, sign_in=True))
    assert who.role == "viewer" and words in (who.refusal or "")


@pytest.mark.parametrize(
    "email", ["x@sub.example.org", "x@badexample.org", "example.org", "@example.org", "a@example.org@b.org"]
)
def test_a_domain_is_meant_whole(email: str) -> None:
    who = visitor(Access(runners=("@example.org",)), replace(ELSEWHERE, claims=ANN | {"email": email}))
    assert who.role == "viewer"


def test_an_account_without_a_list_is_no_runner() -> None:
    assert visitor(Access(), replace(ELSEWHERE, claims=ANN, sign_in=True)).role == "viewer"
    assert visitor(KEY, replace(ELSEWHERE, claims=ANN, sign_in=True)).role == "viewer"


def test_a_list_without_a_provider_says_what_is_missing() -> None:
    assert "adds an [auth] section" in (visitor(NAMED, ELSEWHERE).refusal or "")


def test_a_list_and_a_key_are_two_ways() -> None:
    both = replace(NAMED, key=KEY.key)
    who = visitor(both, replace(ELSEWHERE, sign_in=True))
    sign_in, give = (visitor(x, replace(ELSEWHERE, sign_in=True)).refusal or "" for x in (NAMED, KEY))
    assert who.refusal == f"{sign_in} {give.rpartition('. ')[2]}", "the sentences of both, one after the other"
    assert visitor(both, replace(ELSEWHERE, keyed=True)).role == "key"
    assert visitor(both, replace(ELSEWHERE, claims=ANN)).role == "account"


def test_a_key_is_not_printed() -> None:
    assert "sixteen" not in repr(KEY)
