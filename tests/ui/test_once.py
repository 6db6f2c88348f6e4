from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from core.ui.once import Once


def test_it_is_made_once_however_many_come_at_the_same_time() -> None:
    start, made = Barrier(8), list[object]()

    def make() -> object:
        made.append(object())
        return made[-1]

    shared = Once(make)

    def come(_: int) -> object:
        start.wait(timeout=10)
        return shared()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(come, range(8))) == set(made) and len(made) == 1


def test_a_failure_is_not_kept() -> None:
    answers = iter([ValueError("not yet"), "made"])

    def make() -> str:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)

    shared = Once(make)
    with pytest.raises(ValueError, match="not yet"):
        shared()
    assert shared() == "made" == shared()


def test_what_is_cleared_is_made_anew() -> None:
    shared = Once(object)
    first = shared()
    assert shared() is first
    shared.clear()
    assert shared() is not first
