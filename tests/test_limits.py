from __future__ import annotations

from dataclasses import replace

import pytest

from core.errors import LimitError
from core.limits import SHARED, VARIABLES, Ask, Limits, largest

LIMITS = Limits(cells=10, waiting=12, queue=20, weights=1000, multiply_adds=9000, epochs=5)
FITS = Ask(cells=10, weights=1000, multiply_adds=9000, epochs=5)


def test_what_just_fits_is_allowed() -> None:
    LIMITS.check(FITS, mine=2, others=8)
    with pytest.raises(LimitError):
        LIMITS.check(FITS, mine=2, others=9)


@pytest.mark.parametrize(
    ("asked", "mine", "others", "sentence"),
    [
        (
            replace(FITS, weights=1001),
            0,
            0,
            "A network may have 1,000 weights here (FEATHERWEIGHT_MAX_WEIGHTS). Received: 1,001.",
        ),
        (
            replace(FITS, multiply_adds=9001),
            0,
            0,
            "A network may take 9,000 multiply-adds for an image here (FEATHERWEIGHT_MAX_MULTIPLY_ADDS). "
            "Received: 9,001.",
        ),
        (replace(FITS, epochs=6), 0, 0, "A run may take 5 epochs here (FEATHERWEIGHT_MAX_EPOCHS). Received: 6."),
        (replace(FITS, cells=11), 0, 0, "A sweep may have 10 runs here (FEATHERWEIGHT_MAX_CELLS). Received: 11."),
        (
            FITS,
            3,
            0,
            "You may have 12 runs waiting or running (FEATHERWEIGHT_MAX_WAITING). "
            "Received: 10, and 3 runs of yours on the way already.",
        ),
        (
            FITS,
            2,
            9,
            "The queue holds 20 runs (FEATHERWEIGHT_MAX_QUEUE). Received: 10, and 11 runs on the way already.",
        ),
    ],
)
def test_one_too_many_is_one_sentence(asked: Ask, mine: int, others: int, sentence: str) -> None:
    with pytest.raises(LimitError) as caught:
        LIMITS.check(asked, mine, others)
    assert str(caught.value) == sentence
    Limits().check(asked, mine, others)  # nothing set, nothing refused


def test_one_is_not_one_runs() -> None:
    with pytest.raises(LimitError, match=r" 1 run .* 2\.$"):
        Limits(cells=1).check(replace(FITS, cells=2), 0, 0)


def test_a_shared_machine_has_limits_where_nothing_is_set() -> None:
    assert Limits().shared() == SHARED
    assert all(getattr(SHARED, name) for name in VARIABLES)
    assert Limits(epochs=7, queue=9000).shared() == replace(SHARED, epochs=7, queue=9000)


def test_the_largest_counts() -> None:
    assert largest([(932, 7, 12), (5, 9, 20), (26506, 8, 1)]) == Ask(3, 26506, 9, 20)
    assert largest([]) == Ask(0, 0, 0, 0)
