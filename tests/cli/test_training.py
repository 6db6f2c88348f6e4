from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from core.recipe import RMSPROP, Protocol
from core.runs import sweep
from tests.cli.typed import start

FEW = "The epochs are those of the recipe. With {} images instead of MNIST’s 60,000 that is {} of the updates."


@pytest.mark.parametrize(
    ("images", "changed", "share"),
    [
        (4_000, {}, " 7 % "),
        (30_000, {}, " 50 % "),
        (60_000, {"protocol": Protocol.HELD_OUT}, " 83 % "),
        (4_000, {"learning_rate": 0.5}, " 7 % "),
        (60_000, {}, None),
        (54_000, {}, None),
        (4_000, {"epochs": 300}, None),
        (4_000, {"batch_size": 8}, None),
    ],
)
def test_few_updates_are_those_of_few_images(images: int, changed: dict[str, object], share: str | None) -> None:
    recipe = replace(RMSPROP, **changed)  # type: ignore[arg-type]  # one of its own
    sentence = sweep.few_updates(images, recipe, RMSPROP)
    assert share in sentence if share and sentence else sentence is share is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("train mlp 4", [FEW.format("600", "1 %")]),
        ("train mlp 4 --protocol held_out", [FEW.format("500", "1 %")]),
        ("train mlp 4 --epochs 2", []),
        ("sweep --families mlp,pooled_mlp --widths 4", [FEW.format("600", "1 %")]),
    ],
)
def test_train_and_sweep_say_once_that_a_small_set_means_few_updates(
    tmp_path: Path, words: str, said: list[str]
) -> None:
    with start(tmp_path, *words.split(), "--data", "tiny", images=600, stderr=subprocess.PIPE) as process:
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert [x for x in err.splitlines() if ": epoch " not in x] == said
