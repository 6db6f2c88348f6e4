from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from core.recipe import RMSPROP, Protocol, Recipe
from core.results.agreement import agreement
from core.results.analysis import Point, points
from core.results.collect import finished
from core.results.published import ARTICLE, Published
from tests.rows import runs, seeds

OTHER = Recipe("adadelta", 1.0, 3).to_json()
ARTICLE_MLP, *_, ARTICLE_DEEP = ARTICLE
FIVE = (0.970, 0.971, 0.972, 0.973, 0.974)
# t(0.975; 4) = 2.776445, sd = sqrt(1e-5 / 4), and one more run: sqrt(1 + 1/5)
REACH = 2.776445 * math.sqrt(1e-5 / 4) * math.sqrt(1.2)


def networks(*rows: dict[str, Any]) -> list[Point]:
    return points(finished(runs(*rows)))


@pytest.mark.parametrize(
    ("off", "agrees"),
    [
        (0.0, True),
        (-REACH - 0.00004, True),
        (-REACH - 0.00006, False),
        (REACH + 0.00004, True),
        (REACH + 0.00006, False),
    ],
)
def test_agreement_is_a_prediction_interval_and_the_rounding(off: float, agrees: bool) -> None:
    published = replace(ARTICLE_MLP, accuracy=0.972 + off)
    found = agreement(published, networks(*seeds("mlp", 32, *FIVE)))
    assert found and found.published is published and found.agrees is agrees
    assert found.mean == pytest.approx(0.972) and found.seeds == 5 and found.sd == pytest.approx(math.sqrt(1e-5 / 4))
    assert found.difference == pytest.approx(-off, abs=1e-12)


def test_agreement_of_two_seeds_is_wide() -> None:
    two = networks(*seeds("mlp", 32, 0.970, 0.972))  # t(0.975; 1) = 12.7062, sd = 0.001 sqrt 2
    reach = 12.7062 * 0.001 * math.sqrt(2) * math.sqrt(1.5)
    for off, agrees in ((reach, True), (reach + 0.0002, False)):
        found = agreement(replace(ARTICLE_MLP, accuracy=0.971 + off), two)
        assert found and found.agrees is agrees


@pytest.mark.parametrize(
    ("accuracy", "agrees"), [(0.9749, True), (0.975, True), (0.9752, False), (0.965, True), (0.9648, False)]
)
def test_agreement_with_a_rounded_figure(accuracy: float, agrees: bool) -> None:
    found = agreement(ARTICLE_DEEP, networks(*seeds("deep_cnn", 2, *[accuracy] * 5)))
    assert found and found.agrees is agrees and found.difference == pytest.approx(accuracy - 0.97)


def test_one_seed_cannot_agree_or_differ() -> None:
    found = agreement(ARTICLE_MLP, networks(*seeds("mlp", 32, 0.9711)))
    assert found and (found.seeds, found.sd, found.agrees) == (1, None, None)
    assert found.difference == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 16},
        {"family": "pooled_mlp"},
        {"recipe": OTHER},
        {"recipe": replace(RMSPROP, protocol=Protocol.HELD_OUT).to_json(), "held_out_accuracy": 0.97},
        {"state": "stopped"},
        {"train_images": 4000, "fingerprint": "g"},
    ],
    ids=["width", "family", "recipe", "protocol", "state", "images"],
)
def test_agreement_is_of_the_same_network_recipe_and_number_of_images(change: dict[str, Any]) -> None:
    others = [x | change for x in seeds("mlp", 32, 0.5, 0.6, 0.7)]
    assert agreement(ARTICLE_MLP, networks(*others)) is None
    found = agreement(ARTICLE_MLP, networks(*others, *seeds("mlp", 32, 0.97, 0.98)))
    assert found and (found.mean, found.seeds) == (0.975, 2)


def test_agreement_takes_the_curve_with_most_seeds_and_pools_none() -> None:
    rows = seeds("mlp", 32, 0.95, 0.96) + seeds("mlp", 32, 0.97, 0.98, 0.99, origin="reference")
    for order in (rows, rows[::-1]):
        found = agreement(ARTICLE_MLP, networks(*order))
        assert found and found.mean == pytest.approx(0.98) and found.seeds == 3


@pytest.mark.parametrize("published", ARTICLE, ids=lambda x: x.family)
def test_every_figure_of_the_article_can_be_compared(published: Published) -> None:
    assert published.family and published.width
    found = agreement(published, networks(*seeds(published.family, published.width, *FIVE)))
    assert found and found.seeds == 5
