from __future__ import annotations

import pytest

from core.charts import brackets
from core.networks.line import Line


def found(text: str) -> list[tuple[int, int, str, int]]:
    return [(x.first, x.last, x.label, x.lane) for x in brackets.brackets(Line.of(text).spans(True))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("conv3(n) flatten", []),
        ("conv3(n) 4x[separable3(n)] globalavg", [(2, 5, "4×", 0)]),
        ("shared3[conv3(n, same)] globalavg", [(1, 3, "3×\nshared", 0)]),
        ("conv3(n) residual[conv3(n, same) batchnorm] relu globalavg", [(2, 4, "+", 0)]),
        ("1x[conv3(n)] globalavg", []),
        ("2x[conv3(n)] maxpool2 3x[conv3(n)] globalavg", [(1, 2, "2×", 0), (4, 6, "3×", 0)]),
    ],
)
def test_groups_have_brackets_from_their_first_row_to_their_last(
    text: str, expected: list[tuple[int, int, str, int]]
) -> None:
    assert found(text) == expected


def test_a_group_within_a_repeat_is_there_at_each_copy() -> None:
    text = "conv3(n, same) 2x[residual[conv3(n, same) shared2[conv3(n, same)]] maxpool2] globalavg"
    assert found(text) == [
        (3, 4, "2×\nshared", 0),
        (8, 9, "2×\nshared", 0),
        (2, 5, "+", 1),
        (7, 10, "+", 1),
        (2, 11, "2×", 2),
    ]


def test_no_two_brackets_of_a_lane_meet() -> None:
    drawn = brackets.brackets(Line.of("2x[3x[2x[conv3(n, same)] 2x[residual[relu]]] 2x[batchnorm]]").spans(True))
    assert len(drawn) == 1 + 2 + 2 + 6 + 6 + 12
    for x in drawn:
        for y in drawn:
            if x is not y and x.lane == y.lane:
                assert x.last < y.first or y.last < x.first, (x, y)
            if x is not y and x.first <= y.first and y.last <= x.last and x.lane <= y.lane:
                raise AssertionError((x, y))


def test_brackets_take_room_where_there_are_some() -> None:
    one, two = (brackets.brackets(Line.of(x).spans(True)) for x in ("2x[conv3(n)]", "2x[2x[conv3(n)]]"))
    assert brackets.room([]) == 0 < brackets.room(one) < brackets.room(two)
