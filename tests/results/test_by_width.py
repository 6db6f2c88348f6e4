from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from core.networks.families import family
from core.recipe import ADADELTA
from core.results import analysis, by_width
from core.results.by_width import Reading
from core.results.collect import Results, finished
from core.runs import reference
from core.runs.run import Origin
from core.runs.store import Store
from tests.rows import runs, seeds

LONGER = dataclasses.replace(ADADELTA, epochs=20)
DROPOUT = dataclasses.replace(ADADELTA, dropout=True)


def results(name: str, *rows: dict[str, Any]) -> Results:
    return Results(name, finished(runs(*rows)), None)


def widths(
    *rows: dict[str, Any], name: str = "mnist", dropout: bool = False, shipped: Store | None = None
) -> list[Reading]:
    deep = family("deep_cnn")
    return by_width.readings(by_width.networks(results(name, *rows), shipped, deep, dropout), deep)


def test_a_mean_says_what_it_rests_on() -> None:
    rows = [
        *seeds("deep_cnn", 4, 0.98),
        *seeds("deep_cnn", 2, 0.96, 0.98, origin=Origin.REFERENCE),
        *seeds("mlp", 8, 0.9),
    ]
    assert widths(*rows) == [
        Reading(2, "97.00 ± 1.41 %", "MNIST", "2 seeds, reference"),
        Reading(4, "98.00 %", "MNIST", "one seed"),
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
    assert widths(*rows) == [Reading(2, "97.00 ± 0.00 %", "MNIST", "2 seeds, reference")]
    (other,) = widths(*rows[:3] if order > 0 else rows[-3:])
    assert other.rests_on == f"3 seeds, {LONGER}"


def test_networks_with_dropout_are_others() -> None:
    rows = [*seeds("deep_cnn", 2, 0.97), *seeds("deep_cnn", 4, 0.9, recipe=DROPOUT.to_json())]
    assert [x.width for x in widths(*rows)] == [2]
    assert widths(*rows, dropout=True) == [Reading(4, "90.00 %", "MNIST", "one seed")]


def test_shipped_results_stand_in_where_the_embedded_digits_have_none() -> None:
    shipped = reference.store()
    stored = analysis.points(finished(shipped.runs("mnist")))
    (mean,) = (x.mean for x in stored if (x.curve.family, x.width) == ("deep_cnn", 3))
    told = {x.width: x for x in widths(name="mnist_5k", shipped=shipped)}
    assert set(told) == set(family("deep_cnn").reference)
    assert told[3].accuracy.startswith(f"{100 * mean:.2f} ± ")
    assert (told[3].data, told[3].rests_on) == ("MNIST", "5 seeds, reference")
    own = seeds("deep_cnn", 2, 0.9, dataset="mnist_5k")
    assert widths(*own, name="mnist_5k", shipped=shipped) == [Reading(2, "90.00 %", "MNIST, 5,000 digits", "one seed")]


def test_other_images_have_no_shipped_results(tmp_path: Path) -> None:
    assert widths(name="fashion_mnist", shipped=reference.store()) == []
    assert widths(name="mnist_5k", shipped=Store(tmp_path / "empty.sqlite3")) == []


def test_other_digits_are_told_beside_or_in_place_of_a_width() -> None:
    deep = family("deep_cnn")
    mnist = results("mnist", *seeds("deep_cnn", 2, 0.97, 0.98, origin="reference"), *seeds("deep_cnn", 4, 0.98))
    digits = results(
        "mnist_5k",
        *seeds("deep_cnn", 2, 0.9, 0.91, dataset="mnist_5k"),
        *seeds("deep_cnn", 8, 0.95, dataset="mnist_5k"),
        *seeds("deep_cnn", 8, 0.99, dataset="mnist_5k", recipe=LONGER.to_json()),
    )
    known, also = (by_width.networks(x, None, deep, False) for x in (mnist, digits))
    assert by_width.readings(known, deep, also) == [
        Reading(2, "97.50 ± 0.71 %", "MNIST", "2 seeds, reference; yours on MNIST, 5,000 digits: 90.50 ± 0.71 %"),
        Reading(4, "98.00 %", "MNIST", "one seed"),
        Reading(8, "95.00 %", "MNIST, 5,000 digits", "one seed"),
    ]
