from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.networks.families import family
from core.recipe import ADADELTA
from core.results import analysis, by_width
from core.results.by_width import Known
from core.results.collect import Results
from core.runs import reference
from core.runs.run import Origin
from core.runs.store import Store
from tests.rows import runs, seeds

LONGER = dataclasses.replace(ADADELTA, epochs=20)
DROPOUT = dataclasses.replace(ADADELTA, dropout=True)


def widths(
    *rows: dict[str, Any], name: str = "mnist", dropout: bool = False, shipped: Store | None = None
) -> list[Known]:
    found = Results(name, analysis.finished(runs(*rows)), None)
    return by_width.widths(by_width.networks(found, shipped, family("deep_cnn"), dropout))


def test_a_mean_says_what_it_rests_on() -> None:
    rows = [
        *seeds("deep_cnn", 4, 0.98),
        *seeds("deep_cnn", 2, 0.96, 0.98, origin=Origin.REFERENCE),
        *seeds("mlp", 8, 0.9),
    ]
    assert widths(*rows) == [
        Known(2, "97.00 ± 1.41 %", "MNIST", "2 seeds, reference"),
        Known(4, "98.00 %", "MNIST", "one seed"),
    ]


def test_nothing_trained_is_nothing_known() -> None:
    assert widths() == [] == widths({"state": "failed"}) == widths(*seeds("mlp", 8, 0.9))


@pytest.mark.parametrize("order", [1, -1])
def test_the_familys_own_recipe_counts_before_others_and_most_seeds_before_fewer(order: int) -> None:
    rows = [
        *seeds("deep_cnn", 2, 0.99, 0.99, 0.99, recipe=LONGER.to_json()),
        *seeds("deep_cnn", 2, 0.96),
        *seeds("deep_cnn", 2, 0.97, 0.97, origin=Origin.REFERENCE),
    ][::order]
    assert widths(*rows) == [Known(2, "97.00 ± 0.00 %", "MNIST", "2 seeds, reference")]
    (other,) = widths(*rows[:3] if order > 0 else rows[-3:])
    assert other.rests_on == f"3 seeds, {LONGER}"


def test_networks_with_dropout_are_others() -> None:
    rows = [*seeds("deep_cnn", 2, 0.97), *seeds("deep_cnn", 4, 0.9, recipe=DROPOUT.to_json())]
    assert [x.width for x in widths(*rows)] == [2]
    assert widths(*rows, dropout=True) == [Known(4, "90.00 %", "MNIST", "one seed")]


def test_shipped_results_stand_in_where_the_embedded_digits_have_none() -> None:
    shipped = reference.store()
    stored = analysis.means(shipped.runs("mnist"))
    mean = stored[(stored["family"] == "deep_cnn") & (stored["width"] == 3)].iloc[0]["mean"]
    told = {x.width: x for x in widths(name="mnist_5k", shipped=shipped)}
    assert set(told) == {*family("deep_cnn").widths, *family("deep_cnn").between}
    assert told[3].accuracy.startswith(f"{100 * mean:.2f} ± ")
    assert (told[3].data, told[3].rests_on) == ("MNIST", "5 seeds, reference")
    own = seeds("deep_cnn", 2, 0.9, dataset="mnist_5k")
    assert widths(*own, name="mnist_5k", shipped=shipped) == [Known(2, "90.00 %", "MNIST, 5,000 digits", "one seed")]


def test_other_images_have_no_shipped_results(tmp_path: Path) -> None:
    assert widths(name="fashion_mnist", shipped=reference.store()) == []
    assert widths(name="mnist_5k", shipped=Store(tmp_path / "empty.sqlite3")) == []
