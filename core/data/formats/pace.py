"""How often those who wait are told, and counts as they stand in sentences."""

from __future__ import annotations

import time

from core.data.formats.found import Told

_SECONDS = 0.05  # between two tellings: smooth for a person, nothing beside the work


def paced(told: Told, start: float = 0.0, end: float = 1.0) -> Told:
    """Return what may be called for every image of a stretch of the work and tells twenty times a second at most.

    Args:
        told: who is told.
        start: the share of the whole that is done when the stretch begins.
        end: the share that is done when it ends.
    """
    last = 0.0

    def tell(share: float, what: str) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _SECONDS:
            last = now
            told(start + (end - start) * min(max(share, 0.0), 1.0), what)

    return tell


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "picture"), count(2_000, "picture")
    ('1 picture', '2,000 pictures')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
