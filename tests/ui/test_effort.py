from __future__ import annotations

from typing import TYPE_CHECKING

from core.data import datasets, npz
from core.finder.bisection import Finding, look
from core.finder.search import Spent, Standing
from core.ui.find import effort
from tests.finder.made import about, known, question

if TYPE_CHECKING:
    from core.finder.question import Question


def found(of: Question, *trials: dict[int, list[float]]) -> list[Finding]:
    return [look(x, known(some), of, 2) for x, some in zip(of.asked, trials, strict=True)]


def test_a_family_takes_its_halvings_and_five_seeds_at_both_ends() -> None:
    of = question(about(), only_smallest=False)
    assert effort.left(found(of, {}), of) == [6 + 4 + 4]  # of 32 widths, both ends with a seed by then
    assert effort.left(found(of, {1: [0.5], 4: [0.99]}), of) == [2 + 4 + 4]
    assert effort.left(found(of, {1: [0.5] * 5, 2: [0.99] * 2}), of) == [3]
    assert effort.left(found(of, {1: [0.5] * 5, 2: [0.99] * 5}), of) == [0]


def test_where_only_the_smallest_is_asked_for_others_take_little() -> None:
    of = question(about(), about("mlp"))
    whole, other = sorted(effort.left(found(of, {}, {}), of), reverse=True)
    assert whole > 10 and other == effort.OTHERS
    answered = found(of, {1: [0.5] * 5, 2: [0.99] * 5}, {})
    assert effort.left(answered, of) == [0, effort.OTHERS]


def test_what_is_left_is_told_in_seconds_by_the_runs_of_the_family() -> None:
    of = question(about(), only_smallest=False)
    dataset = datasets.Dataset("d", "D", datasets.PATH, npz.facts(datasets.PATH))
    findings = tuple(found(of, {1: [0.5] * 5, 2: [0.99] * 2}))
    standing = Standing(of, dataset, findings=findings)
    assert effort.seconds_left(standing) is None
    cells = effort.typical(of, dataset)
    assert len(cells) == len(set(cells)) == 14
    spent = (Spent(cells[0], "", 4.0), Spent(cells[1], "", 8.0))
    assert effort.seconds_left(Standing(of, dataset, findings=findings, spent=spent)) == 3 * 6.0


def test_the_grid_is_five_seeds_of_every_width() -> None:
    of = question(about(widths=[1, 2, 4]), about("mlp", widths=[3]))
    dataset = datasets.Dataset("d", "D", datasets.PATH, npz.facts(datasets.PATH))
    assert effort.grid(of) == 20
    cells = effort.grid_cells(of.asked[0], dataset)
    assert {(x.width, x.seed) for x in cells} == {(n, seed) for n in (1, 2, 4) for seed in range(5)}
