from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

from core.data.datasets import Dataset
from core.data.images import Facts
from core.recipe import RMSPROP, Protocol, Recipe
from core.runner.progress import Progress, Running
from core.runs import sweep
from core.runs.run import Cell, Epoch, Origin, Run, RunState
from core.runs.store import Store
from core.ui.grid import KeptGrid, grid, states

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


class Counted(Store):
    """A store that counts how often runs are asked for."""

    asked = 0

    def runs_of(self, cells: Iterable[Cell]) -> dict[Cell, Run]:
        self.asked += 1
        return super().runs_of(cells)


def test_who_looks_every_second_reads_the_store_only_when_a_run_began_or_ended(tmp_path: Path) -> None:
    store = Counted(tmp_path / "runs.sqlite3")
    first, second, elsewhere = sweep.cells(DIGITS, {"mlp": [1]}, range(3), RMSPROP)
    kept = KeptGrid(store, [first, second])

    def at(version: int, epochs: int) -> dict[Hashable, object]:
        done = tuple(Epoch(x, 1, 1, 1, 1, 1) for x in range(1, epochs + 1))
        now = Progress(running=(Running(first, 0.0, done),), queue=(elsewhere,), version=version)
        (row,) = kept.table(now).to_dict("records")
        return row

    for _ in range(30):
        assert at(1, 0) == at(1, 0)
    assert at(1, 1)["Seed 0"] != at(1, 0)["Seed 0"] and at(1, 7)["Seed 0"] == "▶ epoch 8 of 20"
    assert at(1, 7)["Seed 2"] == "… queued", "what another asked for is there too"
    assert store.asked == 1
    run = store.begin(second, parameters=1, multiply_adds=1, train_images=1, test_images=1, device="CPU", versions={})
    store.end(run, RunState.FAILED, seconds=1.0)
    assert at(2, 7)["Seed 1"] == "✗ failed" and store.asked == 2
    kept.table(Progress(version=2), fresh=True)
    assert store.asked == 3, "nobody says when another process trains"
