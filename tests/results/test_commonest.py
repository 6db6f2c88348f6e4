from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.data.images import Facts
from core.networks.families import of_line
from core.results import analysis, commonest
from core.results.collect import finished
from tests.rows import runs, seeds

LABELS = ["naevus", "melanoma"]


def facts(*counts: int, classes: int | None = None) -> Facts:
    return Facts((28, 28, 1), classes or len(counts), 4000, sum(counts) or 10000, "f", (), (), counts)


def told(*rows: dict[str, Any], target: float = 0.97, counts: tuple[int, ...] = (250, 9750)) -> str:
    known = facts(*counts, classes=2)
    points = analysis.points(finished(runs(*rows)), {"f": known.commonest})
    return commonest.no_better(points, target, known, LABELS)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((50, 50), False),
        ((740, 260), False),
        ((7700, 2300), True),
        ((1135, *[985] * 9), False),
        ((1700, *[922] * 9), True),
        ((19, *[11] * 9), False),  # as many by chance
    ],
    ids=str,
)
def test_classes_are_unequal_where_the_commonest_has_half_as_much_again(
    counts: tuple[int, ...], expected: bool
) -> None:
    assert facts(*counts).unequal is expected


def test_classes_that_were_not_counted_are_taken_to_be_equal() -> None:
    assert not facts(classes=2).unequal


def test_the_commonest_class_is_named_with_its_share_and_those_who_are_no_better() -> None:
    assert told(*seeds("mlp", 4, 0.975), *seeds("mlp", 8, 0.99)) == (
        "Whoever always says “melanoma” is right in 97.50 % of the test images: 1 network here is no better within "
        "the noise and reads nothing."
    )
    assert "2 networks here are" in told(*seeds("mlp", 4, 0.975), *seeds("mlp", 8, 0.97))
    assert "every network here is better" in told(*seeds("mlp", 8, 0.99))
    assert "the commonest class" in told(*seeds("mlp", 8, 0.99), target=0.5, counts=())


def test_it_is_told_only_where_it_matters() -> None:
    rows = [*seeds("mlp", 4, 0.6), *seeds("mlp", 8, 0.99)]
    even = (4000, 6000)
    assert told(*rows, target=0.97, counts=even) == "", "a network reads nothing, but did not reach the target either"
    assert told(*rows, target=0.69, counts=even) and told(*rows, target=0.5, counts=even)
    assert told(*rows, target=0.71, counts=even) == ""
    lucky = analysis.points(finished(runs(*seeds("mlp", 4, 0.98, test_images=20))), {"f": 0.86})
    assert commonest.no_better(lucky, 0.97, facts(14, 86), LABELS), "it reached the target and is left out"


def test_a_network_of_several_families_is_counted_once() -> None:
    (run,) = runs(*seeds("mlp", 4, 0.975))
    both = [run, replace(run, cell=run.cell.under(of_line("flatten dense(n) dense(n)"), 4))]
    points = analysis.points(both, {"f": 0.975})
    assert len(points) == 2 and "1 network " in commonest.no_better(points, 0.97, facts(250, 9750), LABELS)


def test_accuracy_alone_is_said_to_say_little() -> None:
    assert commonest.little(facts(250, 9750), LABELS).startswith("97.50 % of the test images are “melanoma”")
