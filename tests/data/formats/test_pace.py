from __future__ import annotations

import pytest

from core.data.formats.pace import count, paced


def test_who_waits_is_told_twenty_times_a_second_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("core.data.formats.pace.time.monotonic", lambda: now[0])
    told: list[float] = []
    tell = paced(lambda share, _: told.append(share), 0.5, 1.0)
    for i in range(1_001):  # a second of a thousand images
        now[0] = 100 + i / 1_000
        tell(i / 1_000, "reading")
    assert 15 <= len(told) <= 21
    assert told[0] == 0.5 and told == sorted(told) and told[-1] <= 1


def test_counts_have_their_noun() -> None:
    assert [count(x, "picture") for x in (0, 1, 2_000)] == ["0 pictures", "1 picture", "2,000 pictures"]
