from __future__ import annotations

import pytest

from core.errors import ArgumentError
from core.runs.sweep import numbers


def test_number_lists() -> None:
    assert numbers("1, 2,8-10,2", "widths") == [1, 2, 8, 9, 10]
    for bad in ("", "a", "1-", "-1", "3-1", "1-1000", "1,,2", "1.5", "99999999999999"):
        with pytest.raises(ArgumentError, match=r"^Invalid widths. Expected .* Received: "):
            numbers(bad, "widths")


def test_a_list_is_as_long_as_a_sweep_may_be() -> None:
    assert len(numbers("1-250,251-500,500", "seeds")) == 500
    with pytest.raises(ArgumentError, match=r"^Invalid seeds. Expected at most 500 numbers\. Received: "):
        numbers("1-250,251-501", "seeds")
