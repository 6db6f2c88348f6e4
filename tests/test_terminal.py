from __future__ import annotations

from dataclasses import replace

import pytest
from rich import progress

from core import terminal
from core.progress import Progress
from core.recipes import RMSPROP
from core.runs import Cell, Epoch

ARTICLE = Epoch(3, 0.5, 0.8, 0.4, 0.87654, 1.0)
HELD_OUT = Epoch(3, 0.5, 0.8, None, None, 1.0, 0.4, 0.76543)


@pytest.mark.parametrize(
    ("protocol", "epoch", "words"), [("article", ARTICLE, "test 87.65%"), ("held_out", HELD_OUT, "held-out 76.54%")]
)
def test_the_bar_says_what_every_epoch_is_measured_on(protocol: str, epoch: Epoch, words: str) -> None:
    bar = progress.Progress(disable=True)
    task = bar.add_task("Starting", total=None, words="")
    cell = Cell("mnist", "f", "mlp", 8, replace(RMSPROP, protocol=protocol), 0)
    for epochs, shown in ((), ""), ((epoch,), words):
        terminal._show(bar, task, Progress(current=cell, epochs=epochs, total=1))
        assert bar.tasks[0].fields["words"] == shown
