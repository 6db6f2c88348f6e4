"""Races of recipes: who is given more seeds, who drops out, and what is left."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from core.finder.race import LEFT, Race, candidates, race
from core.networks.families import FAMILIES
from core.recipe import ADADELTA, LEAN, Protocol, Recipe
from core.runs.run import Cell, Origin, Run, RunState

LIKE = Cell("mnist_5k", "f", "deep_cnn", 2, replace(ADADELTA, protocol=Protocol.HELD_OUT), 0)


def run_of(cell: Cell, accuracy: float | None, state: RunState = RunState.DONE) -> Run:
    return Run(
        1, Origin.OWN, cell, state, 932, 1, 4000, 1000, "2026-11-28", epochs=cell.recipe.epochs,
        held_out_accuracy=accuracy, test_accuracy=0.1,
    )  # fmt: skip


def raced(recipes: tuple[Recipe, ...], read: Callable[[Cell], float | None]) -> tuple[Race, list[Run]]:
    """Race to the end, with runs that read what a function says and fail where it says nothing."""
    runs: list[Run] = []
    while True:
        found = race(LIKE, recipes, runs)
        if not found.next:
            return found, runs
        known = {x.cell for x in runs}
        assert not known & set(found.next), "nothing is asked for twice"
        for cell in found.next:
            accuracy = read(cell)
            runs.append(run_of(cell, accuracy, RunState.DONE if accuracy is not None else RunState.FAILED))


@pytest.mark.parametrize("key", FAMILIES)
def test_candidates_take_as_long_as_the_family_s_own_recipe_which_is_one_of_them(key: str) -> None:
    start = FAMILIES[key].recipe
    found = candidates(start)
    assert found[0] == replace(start, protocol=Protocol.HELD_OUT) and len(set(found)) == len(found) > 4
    assert {(x.epochs, x.batch_size, x.dropout, x.precision) for x in found} == {
        (start.epochs, start.batch_size, start.dropout, start.precision)
    }
    assert {x.protocol for x in found} == {Protocol.HELD_OUT}, "never the test images"


def test_the_best_recipe_wins_with_a_fraction_of_the_runs() -> None:
    recipes = candidates(ADADELTA)
    rng = random.Random(1)
    best = recipes[-2]
    found, runs = raced(recipes, lambda x: (0.95 if x.recipe == best else 0.9) + rng.gauss(0, 0.005))
    assert found.winner == best
    assert {x.recipe for x in found.entrants} == set(recipes) and len(found.entrants) == len(recipes)
    assert len(runs) < 2.5 * len(recipes)
    rounds = [x.round for x in found.entrants]
    assert rounds == sorted(rounds, reverse=True) and rounds.count(max(rounds)) == LEFT
    assert [len(x.accuracies) for x in found.entrants] == [2 ** (x - 1) for x in rounds]


def test_a_lucky_seed_does_not_win_against_more_seeds() -> None:
    recipes = candidates(ADADELTA)
    lucky, good = recipes[0], recipes[1]

    def read(cell: Cell) -> float:
        if cell.recipe == lucky:
            return 0.99 if cell.seed == 0 else 0.8
        return 0.95 if cell.recipe == good else 0.7

    assert raced(recipes, read)[0].winner == good


def test_a_recipe_that_fails_drops_out_and_one_that_was_stopped_is_trained_again() -> None:
    recipes = candidates(ADADELTA)
    found, _ = raced(recipes, lambda x: None if x.recipe == recipes[0] else 0.9)
    assert found.winner == recipes[1], "of equals the first"
    assert next(x for x in found.entrants if x.recipe == recipes[0]).accuracies == ()
    nothing, _ = raced(recipes, lambda x: None)
    assert nothing.winner is None and not nothing.next
    first = race(LIKE, recipes, []).next
    runs = [run_of(x, 0.5, RunState.STOPPED if x.recipe == recipes[2] else RunState.DONE) for x in first]
    assert [x.recipe for x in race(LIKE, recipes, runs).next] == [recipes[2]]


def test_runs_of_other_networks_images_and_seeds_do_not_count() -> None:
    recipes = candidates(LEAN)
    first = race(LIKE, recipes, []).next
    others = [
        changed
        for x in first
        for changed in (replace(x, width=3, layers=""), replace(x, fingerprint="g"), replace(x, seed=7))
    ]
    assert race(LIKE, recipes, [run_of(x, 0.9) for x in others]).next == first
    assert race(LIKE, recipes, [run_of(x, 0.9) for x in others], first_seed=7).next != first
