from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.data.datasets import Dataset
from core.data.images import Facts
from core.errors import ArgumentError
from core.recipe import ADADELTA, MAX_SEED, RMSPROP, Protocol, Recipe
from core.runs import sweep
from core.runs.run import Cell, Origin, Run, RunState

DIGITS = Dataset("mnist", "MNIST", Path("mnist.npz"), Facts((28, 28, 1), 10, 60000, 10000, "f"))
SMALL = Dataset("small", "small", Path("small.npz"), Facts((12, 12, 1), 10, 60, 10, "g"))


def test_cells_come_small_networks_first_with_their_seeds_together() -> None:
    made = sweep.cells(DIGITS, {"deep_cnn": ["4", 2, 2], "mlp": [16]}, [0, 1])
    assert [(x.family, x.width, x.seed) for x in made] == [
        ("deep_cnn", 2, 0), ("deep_cnn", 2, 1), ("deep_cnn", 4, 0), ("deep_cnn", 4, 1), ("mlp", 16, 0), ("mlp", 16, 1)
    ]  # fmt: skip
    assert made[0].recipe == ADADELTA and made[-1].recipe == RMSPROP


def test_each_family_may_have_a_recipe_and_their_cells_count_together() -> None:
    recipes = {"mlp": ADADELTA, "cnn": RMSPROP}
    made = sweep.cells(DIGITS, {"mlp": [1], "cnn": [1]}, [0], recipes)
    assert [(x.family, x.recipe) for x in made] == list(recipes.items())
    with pytest.raises(ArgumentError, match="Received: 600"):
        sweep.cells(DIGITS, dict.fromkeys(recipes, range(1, 101)), range(3), recipes)


@pytest.mark.parametrize(
    ("widths", "seeds", "words"),
    [
        ({"rnn": [1]}, [0], "Invalid family"),
        ({"cnn": [0]}, [0], "Invalid width for family 'cnn'. Expected a whole number from 1 to 128. Received: 0."),
        ({"cnn": ["abc"]}, [0], "Received: 'abc'."),
        ({"cnn": [1]}, [-1], "Invalid seed"),
        ({"cnn": range(1, 129)}, range(4), r"at most 500 cells \(families × widths × seeds\). Received: 512."),
    ],
)
def test_bad_sweeps_are_refused(widths: dict[str, list[object]], seeds: list[int], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        sweep.cells(DIGITS, widths, seeds)


def test_images_too_small_are_refused() -> None:
    with pytest.raises(ArgumentError, match="Images of 12×12 are too small for the family 'deep_cnn'"):
        sweep.cells(SMALL, {"deep_cnn": [2]}, [0])


def test_seeds_follow_each_other_within_bounds() -> None:
    assert sweep.seeds(3, 2) == [3, 4]
    with pytest.raises(ArgumentError, match="as the first of 2"):
        sweep.seeds(MAX_SEED, 2)


def test_a_protocol_takes_the_place_of_the_recipes_own() -> None:
    held_out = replace(RMSPROP, protocol=Protocol.HELD_OUT)
    (own,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], protocol=Protocol.HELD_OUT)
    (given,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], held_out)
    (back,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], held_out, Protocol.ARTICLE)
    assert own == given and own.recipe == held_out and back.recipe == RMSPROP


def finished(cell: Cell) -> Run:
    return Run(1, Origin.OWN, cell, RunState.DONE, 1, 1, 1, 1, "", test_accuracy=0.97123)


def test_what_is_new_is_neither_finished_nor_on_its_way() -> None:
    a, b, c, d = sweep.cells(DIGITS, {"mlp": [1]}, range(4))
    runs = {a: finished(a), b: replace(finished(b), state=RunState.STOPPED)}
    assert sweep.new([a, b, c, d, b], runs, [c]) == [b, d]
    assert sweep.new([a, b], runs) == [b] and sweep.new([], runs) == []


def test_further_seeds_come_after_the_last_of_the_same_network_and_recipe() -> None:
    like, *_ = sweep.cells(DIGITS, {"mlp": [1]}, [0])
    others = sweep.cells(DIGITS, {"mlp": [2]}, [9]) + sweep.cells(DIGITS, {"mlp": [1]}, [9], Recipe("sgd", 0.1, 1))
    runs = [finished(x) for x in (*sweep.cells(DIGITS, {"mlp": [1]}, [0, 4]), *others)]
    found = sweep.further(DIGITS, runs, like, 2)
    assert [(x.width, x.recipe, x.seed) for x in found] == [(1, like.recipe, 5), (1, like.recipe, 6)]
    assert [x.seed for x in sweep.further(DIGITS, [], like, 1)] == [0]
