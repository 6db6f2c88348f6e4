from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from core import analysis, known, reference
from core.families import family
from core.known import Known
from core.recipes import ADADELTA
from core.results import Results
from core.store import Store
from tests.rows import runs, seeds

LONGER = dataclasses.replace(ADADELTA, epochs=20)


def found(*rows: dict[str, Any], name: str = "mnist") -> Results:
    return Results(name, analysis.finished(runs(*rows)), None)


def widths(*rows: dict[str, Any], name: str = "mnist") -> list[Known]:
    return known.widths(known.networks(found(*rows, name=name), None), family("deep_cnn"), name)


def test_a_mean_says_what_it_rests_on() -> None:
    rows = [*seeds("deep_cnn", 4, 0.98), *seeds("deep_cnn", 2, 0.96, 0.98, origin="reference"), *seeds("mlp", 8, 0.9)]
    assert widths(*rows) == [
        Known(2, "97.00 ± 1.41 %", "of the test images of MNIST (2 seeds, reference)"),
        Known(4, "98.00 %", "of the test images of MNIST (one seed)"),
    ]


def test_nothing_trained_is_nothing_known() -> None:
    assert widths() == [] == widths({"state": "failed"}) == widths(*seeds("mlp", 8, 0.9))


@pytest.mark.parametrize("order", [1, -1])
def test_the_familys_own_recipe_counts_before_others_and_most_seeds_before_fewer(order: int) -> None:
    rows = [
        *seeds("deep_cnn", 2, 0.99, 0.99, 0.99, recipe=LONGER.to_json()),
        *seeds("deep_cnn", 2, 0.96),
        *seeds("deep_cnn", 2, 0.97, 0.97, origin="reference"),
    ][::order]
    assert widths(*rows) == [Known(2, "97.00 ± 0.00 %", "of the test images of MNIST (2 seeds, reference)")]
    (other,) = widths(*rows[:3] if order > 0 else rows[-3:])
    assert other.rests_on == f"of the test images of MNIST (3 seeds, {LONGER})"


def test_beside_the_embedded_digits_stand_the_shipped_results_unless_there_are_own_ones() -> None:
    shipped = reference.store()
    rows = known.networks(found(*seeds("deep_cnn", 2, 0.9, dataset="mnist_5k"), name="mnist_5k"), shipped)
    told = {x.width: x for x in known.widths(rows, family("deep_cnn"), "mnist_5k")}
    assert told[2] == Known(2, "90.00 %", "of the test images of MNIST, 5,000 digits (one seed)")
    stored = analysis.means(shipped.runs("mnist"))
    mean = stored[(stored["family"] == "deep_cnn") & (stored["width"] == 3)].iloc[0]["mean"]
    assert told[3].accuracy.startswith(f"{100 * mean:.2f} ± ")
    assert told[3].rests_on == "of the test images of MNIST (5 seeds, reference)"


def test_other_images_have_no_shipped_results(tmp_path: Path) -> None:
    assert known.networks(found(name="fashion_mnist"), reference.store()).empty
    assert known.networks(found(name="mnist_5k"), Store(tmp_path / "empty.sqlite3")).empty


def test_shipped_results_on_the_set_itself_are_counted_once() -> None:
    shipped = reference.store()
    rows = known.networks(Results("mnist", analysis.finished(shipped.runs("mnist")), None), shipped)
    pd.testing.assert_frame_equal(rows.drop(columns="data"), analysis.means(shipped.runs("mnist")))
