from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core import sweep
from core.datasets import Dataset
from core.errors import ArgumentError
from core.images import Facts
from core.progress import Progress
from core.recipes import ADADELTA, MAX_SEED, RMSPROP, Recipe
from core.runs import Epoch

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
    with pytest.raises(ArgumentError, match=r" sweep\..* 600\.$"):
        sweep.cells(DIGITS, dict.fromkeys(recipes, range(1, 101)), range(3), recipes)


@pytest.mark.parametrize(
    ("widths", "seeds", "words"),
    [
        ({"rnn": [1]}, [0], r" family\..* 'rnn'\.$"),
        ({"cnn": [0]}, [0], r" width .*'cnn'\..* 1 to 128\..* 0\.$"),
        ({"cnn": ["abc"]}, [0], r" width .*'cnn'\..* 'abc'\.$"),
        ({"cnn": [1]}, [-1], r" seed\..* -1\.$"),
        ({"cnn": range(1, 129)}, range(4), r" at most 500 cells \(families × widths × seeds\)\..* 512\.$"),
    ],
)
def test_bad_sweeps_are_refused(widths: dict[str, list[object]], seeds: list[int], words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        sweep.cells(DIGITS, widths, seeds)


def test_images_too_small_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"12×12 .*'deep_cnn'"):
        sweep.cells(SMALL, {"deep_cnn": [2]}, [0])


def test_seeds_follow_each_other_within_bounds() -> None:
    assert sweep.seeds(3, 2) == [3, 4]
    with pytest.raises(ArgumentError, match=rf" seed\..* {MAX_SEED - 1:,} .*\b2\..* {MAX_SEED}\.$"):
        sweep.seeds(MAX_SEED, 2)


def test_the_grid_says_the_state_of_every_cell() -> None:
    a, b, c, d, e, f = sweep.cells(DIGITS, {"mlp": [1]}, range(6))
    now = Progress(current=a, queue=(b,), epochs=(Epoch(1, 1, 1, 1, 1, 1),))
    states = sweep.states([a, b, c, d, e, f], {a: "failed", c: "done", d: "failed", e: "stopped"}, now)
    assert list(states.values()) == ["running", "queued", "done", "failed", "stopped", "new"]
    table = sweep.grid([a, b, c, d, e, f], states, {c: 0.97123}, now)
    assert table.to_dict("records") == [
        {
            "Family": "MLP", "Width n": 1, "Seed 0": "▶ epoch 2 of 20", "Seed 1": "… queued", "Seed 2": "✓ 97.12%",
            "Seed 3": "✗ failed", "Seed 4": "◼ stopped", "Seed 5": "○ new",
        }
    ]  # fmt: skip


def test_a_held_out_run_says_its_accuracy_while_it_goes_on() -> None:
    (one,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], protocol="held_out")
    now = Progress(current=one, epochs=(Epoch(1, 1, 1, None, None, 1, 0.5, 0.87654),))
    (row,) = sweep.grid([one], sweep.states([one], {}, now), {}, now).to_dict("records")
    assert row["Seed 0"] == "▶ epoch 2 of 20, held-out 87.65%"
    now = Progress(current=one)
    (row,) = sweep.grid([one], sweep.states([one], {}, now), {}, now).to_dict("records")
    assert row["Seed 0"] == "▶ epoch 1 of 20"


def test_a_protocol_takes_the_place_of_the_recipes_own() -> None:
    held_out = replace(RMSPROP, protocol="held_out")
    (own,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], protocol="held_out")
    (given,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], held_out)
    (back,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], held_out, "article")
    assert own == given and own.recipe == held_out and back.recipe == RMSPROP
    with pytest.raises(ArgumentError, match=r" protocol\..* article, held_out\..* 'zzz'\.$"):
        sweep.cells(DIGITS, {"mlp": [1]}, [0], protocol="zzz")


def test_cells_of_another_recipe_or_set_get_rows_of_their_own() -> None:
    one = sweep.cells(DIGITS, {"mlp": [1]}, [0])
    other = sweep.cells(DIGITS, {"mlp": [1]}, [0], Recipe("sgd", 0.1, 1))
    third = sweep.cells(SMALL, {"mlp": [1]}, [1])
    cells = [*one, *other, *third]
    table = sweep.grid(cells, sweep.states(cells, {}, Progress()), {}, Progress())
    assert list(table["Recipe"]) == [str(RMSPROP), "SGD 0.1, 1 epoch, batch 128", str(RMSPROP)]
    assert list(table["Data set"]) == ["MNIST", "MNIST", "small"] and list(table["Seed 1"]) == ["", "", "○ new"]


def test_number_lists() -> None:
    assert sweep.parse_numbers("1, 2,8-10,2", "widths") == [1, 2, 8, 9, 10]
    known = "whole numbers and ranges like 1,2,8-16|ranges that ascend and hold at most 500 numbers"
    for bad in ("", "a", "1-", "-1", "3-1", "1-1000", "1,,2", "1.5", "99999999999999"):
        with pytest.raises(ArgumentError, match=rf" widths\..* ({known})\..* '{bad}'\.$"):
            sweep.parse_numbers(bad, "widths")
