from __future__ import annotations

import pytest

from core.recipe import Recipe
from core.runner.progress import LONGEST_REST, REST, Progress, Running
from core.runs.run import Cell

CELL = Cell("tiny", "f", "mlp", 2, Recipe("sgd", 0.1, 3), 0)


@pytest.mark.parametrize(
    ("took", "rested", "anew"),
    [
        (1.0, REST - 0.1, False),
        (1.0, REST + 0.1, True),
        (60.0, LONGEST_REST - 0.1, False),
        (60.0, LONGEST_REST + 0.1, True),
        (0.0, 0.0, True),
    ],
)
def test_while_runs_follow_each_other_a_page_rests_between_two_drawings(took: float, rested: float, anew: bool) -> None:
    for now in (
        Progress(ready=True, running=(Running(CELL, 0.0),), version=8),
        Progress(ready=True, queue=(CELL,), version=8),
    ):
        assert now.outdates(7, took, rested) is anew
        assert not now.outdates(8, took, rested), "it shows what there is"


@pytest.mark.parametrize("now", [Progress(ready=True, version=8), Progress(held=True, queue=(CELL,), version=8)])
def test_the_end_of_a_sweep_is_shown_at_once(now: Progress) -> None:
    assert now.outdates(7, 60.0, 0.0)
