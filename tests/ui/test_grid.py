from __future__ import annotations

from pathlib import Path

from core.data.datasets import Dataset
from core.data.npz import Facts
from core.recipe import RMSPROP, Protocol, Recipe
from core.runner.progress import Progress, Running
from core.runs import sweep
from core.runs.run import Epoch, Origin, Run, RunState
from core.ui.grid import grid, states

DIGITS = Dataset("mnist", "MNIST", Path("mnist.npz"), Facts((28, 28, 1), 10, 60000, 10000, "f"))
SMALL = Dataset("small", "small", Path("small.npz"), Facts((12, 12, 1), 10, 60, 10, "g"))


def test_the_grid_says_the_state_of_every_cell() -> None:
    a, b, c, d, e, f = sweep.cells(DIGITS, {"mlp": [1]}, range(6))
    now = Progress(running=(Running(a, 0.0, (Epoch(1, 1, 1, 1, 1, 1),)),), queue=(b,))
    runs = {
        x: Run(1, Origin.OWN, x, state, 1, 1, 1, 1, "", test_accuracy=0.97123)
        for x, state in ((a, RunState.FAILED), (c, RunState.DONE), (d, RunState.FAILED), (e, RunState.STOPPED))
    }
    found = states([a, b, c, d, e, f], runs, now)
    assert list(found.values()) == ["running", "queued", "done", "failed", "stopped", "new"]
    table = grid([a, b, c, d, e, f], found, runs, now)
    assert table.to_dict("records") == [
        {
            "Family": "MLP", "Width n": 1, "Seed 0": "▶ epoch 2 of 20", "Seed 1": "… queued", "Seed 2": "✓ 97.12 %",
            "Seed 3": "✗ failed", "Seed 4": "◼ stopped", "Seed 5": "○ new",
        }
    ]  # fmt: skip


def test_a_held_out_run_says_its_accuracy_while_it_goes_on() -> None:
    (one,) = sweep.cells(DIGITS, {"mlp": [1]}, [0], protocol=Protocol.HELD_OUT)
    now = Progress(running=(Running(one, 0.0, (Epoch(1, 1, 1, None, None, 1, 0.5, 0.87654),)),))
    (row,) = grid([one], states([one], {}, now), {}, now).to_dict("records")
    assert row["Seed 0"] == "▶ epoch 2 of 20, held-out 87.65 %"
    now = Progress(running=(Running(one, 0.0),))
    (row,) = grid([one], states([one], {}, now), {}, now).to_dict("records")
    assert row["Seed 0"] == "▶ epoch 1 of 20"


def test_cells_of_another_recipe_or_set_get_rows_of_their_own() -> None:
    one = sweep.cells(DIGITS, {"mlp": [1]}, [0])
    other = sweep.cells(DIGITS, {"mlp": [1]}, [0], Recipe("sgd", 0.1, 1))
    third = sweep.cells(SMALL, {"mlp": [1]}, [1])
    cells = [*one, *other, *third]
    table = grid(cells, states(cells, {}, Progress()), {}, Progress())
    assert list(table["Recipe"]) == [str(RMSPROP), "SGD 0.1, 1 epoch, batch 128", str(RMSPROP)]
    assert list(table["Data set"]) == ["MNIST", "MNIST", "small"] and list(table["Seed 1"]) == ["", "", "○ new"]
