"""What ``train`` prints of a set whose classes are unequal."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.cli import terminal
from core.cli.main import main
from core.runs.run import Cell, Epoch, RunState
from core.runs.store import Store


@pytest.fixture(autouse=True)
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let training be a record of a network of zeros, which always says the first class."""
    for variable in ("HOME", "DATA"):
        monkeypatch.setenv(f"FEATHERWEIGHT_{variable}", str(tmp_path / variable.lower()))

    def follow(_settings: Any, store: Store, cells: list[Cell]) -> None:
        for cell in set(cells) - set(store.runs_of(cells)):
            network = cell.network((12, 12, 1), 2)
            counts = {"parameters": network.parameters, "multiply_adds": 1, "train_images": 400, "test_images": 400}
            run = store.begin(cell, **counts, device="CPU", versions={})
            store.add_epoch(run, Epoch(1, 0.1, 0.9, 0.1, 0.975, 1.0))
            file = io.BytesIO()
            np.savez(
                file,
                allow_pickle=False,
                **{str(i): np.zeros(x, np.float32) for i, x in enumerate(network.weight_shapes)},
            )
            store.end(run, RunState.DONE, seconds=1.0, weights=file.getvalue())

    monkeypatch.setattr(terminal, "follow", follow)


@pytest.mark.parametrize(("every", "balanced"), [(40, 0.5), (2, None)], ids=["unequal", "equal"])
def test_balanced_accuracy_stands_beside_where_classes_are_unequal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], every: int, balanced: float | None
) -> None:
    y = (np.arange(400) % every == 0).astype(np.uint8)
    x = np.random.default_rng(0).integers(0, 256, (400, 12, 12)).astype(np.uint8)
    (tmp_path / "data").mkdir()
    np.savez(tmp_path / "data" / "lesion.npz", x_train=x, x_test=x, y_train=y, y_test=y)
    words = ["train", "mlp", "4", "--data", "lesion"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "test accuracy 97.50 %" in out and ("balanced accuracy 50.00 %" in out) is (balanced is not None)
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["balanced_accuracy"] == balanced
