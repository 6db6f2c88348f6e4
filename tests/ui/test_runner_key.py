from __future__ import annotations

import hmac

import pytest

from core.errors import AccessError
from core.ui import runner_key
from core.ui.runner_key import CEILING, FREE, LONGEST, RunnerKey

RIGHT = "correct horse battery"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def key(clock: Clock) -> RunnerKey:
    return RunnerKey(RIGHT, clock)


def refused(key: RunnerKey, session: str, given: str = "guess 0123456789") -> str:
    with pytest.raises(AccessError) as caught:
        key.prove(session, given)
    assert RIGHT not in str(caught.value) and given not in str(caught.value)
    return str(caught.value)


def test_the_right_key_is_right_also_with_space_around_it(key: RunnerKey) -> None:
    for _ in range(2 * FREE):  # no attempt is used up
        key.prove("a", RIGHT)
        key.prove("a", f" {RIGHT}\n")
    assert f" {FREE - 1} " in refused(key, "a")


@pytest.mark.parametrize("given", [RIGHT[:-1], RIGHT + "x", RIGHT.upper(), "ключ", "\ud800", "x" * 10_000])
def test_anything_else_is_wrong(key: RunnerKey, given: str) -> None:
    assert f" {FREE - 1} " in refused(key, "a", given), "an attempt that counts"


def test_nothing_is_no_attempt(key: RunnerKey) -> None:
    for _ in range(FREE + 1):
        assert refused(key, "a", " \t") == "Type the runner key first."
    key.prove("a", RIGHT)


def test_five_wrong_ones_make_a_session_wait_longer_each_time(key: RunnerKey, clock: Clock) -> None:
    said = [refused(key, "a") for _ in range(FREE)]
    assert said[0] == "That is not the runner key. 4 more attempts before you have to wait."
    assert " 1 more attempt " in said[3]
    assert said[4] == "That is not the runner key. Wait 60 s before the next attempt."
    clock.now += 59.5
    assert refused(key, "a", RIGHT.swapcase()) == "Too many wrong keys. Wait 1 s, then try again."
    with pytest.raises(AccessError, match=r" 1 s,"):
        key.prove("a", RIGHT)  # the right one too, or waiting would not slow a guess down
    clock.now += 0.5
    for wait in (120, 240, 480, 900, 900):
        assert f" {wait} s " in refused(key, "a")
        clock.now += wait
    key.prove("a", RIGHT)


def test_the_right_key_forgives_the_wrong_ones(key: RunnerKey) -> None:
    for _ in range(3):
        for _ in range(FREE - 1):
            refused(key, "a")
        key.prove("a", RIGHT)
    assert f" {FREE - 1} " in refused(key, "a"), "all attempts are there again"


def test_another_session_need_not_wait(key: RunnerKey) -> None:
    for _ in range(FREE):
        refused(key, "a")
    key.prove("b", RIGHT)
    assert " 60 s" in refused(key, "a"), "this one has to"


def test_all_sessions_together_are_bounded(key: RunnerKey, clock: Clock) -> None:
    for number in range(CEILING):
        refused(key, f"session {number}")
        clock.now += 0.5
    assert " 30 s," in refused(key, "a new one")
    clock.now += 30
    key.prove("a new one", RIGHT)


def test_sessions_of_long_ago_are_forgotten(key: RunnerKey, clock: Clock) -> None:
    for number in range(1000):
        refused(key, f"session {number}")
        clock.now += 2
    assert len(key._wrong) <= LONGEST / 2 + 1


def test_keys_are_compared_in_constant_time_and_one_length(key: RunnerKey, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int]] = []

    def compare(a: bytes, b: bytes) -> bool:
        seen.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    class Watched:
        compare_digest = staticmethod(compare)

    monkeypatch.setattr(runner_key, "hmac", Watched)
    refused(key, "a", "0")
    key.prove("a", RIGHT)
    assert seen == [(32, 32), (32, 32)]
