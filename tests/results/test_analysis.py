from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recipe import ADADELTA, RMSPROP, Recipe
from core.results import analysis
from core.results.analysis import TurningPoint
from core.results.published import ARTICLE, Published
from tests.rows import runs, seeds

HELD_OUT = replace(ADADELTA, protocol="held_out").to_json()
OTHER = Recipe("adadelta", 1.0, 3).to_json()


def only(rows: Sequence[dict[str, Any]], target: float = 0.97) -> TurningPoint:
    (found,) = analysis.turning_points(runs(*rows), target)
    return found


def widths(point: TurningPoint) -> tuple[int | None, int | None, int | None]:
    """Return the widths below, at and above a turning point."""
    below, mark, above = (x.width if x else None for x in (point.below, point.mark, point.above))
    return below, mark, above


def deep(*means: tuple[int, float], **changed: Any) -> list[dict[str, Any]]:
    """Return a one-seed curve of deep CNNs from widths and accuracies."""
    return [row for n, accuracy in means for row in seeds("deep_cnn", n, accuracy, **changed)]


def test_points_are_means_over_seeds_of_finished_runs() -> None:
    found = analysis.points(
        runs(
            {"test_accuracy": 0.96},
            {"seed": 1, "test_accuracy": 0.98},
            {"seed": 2, "test_accuracy": 0.1, "state": "stopped"},
        )
    )
    assert len(found) == 1
    row = found.iloc[0]
    assert (row["mean"], row["low"], row["high"], row["seeds"], row["title"]) == (0.97, 0.96, 0.98, 2, "Deep CNN")
    assert row["sd"] == pytest.approx(math.sqrt(2) * 0.01)
    assert (row["parameters"], row["multiply_adds"], row["test_images"], row["origin"]) == (932, 49960, 10000, "own")
    assert (row["choosing"], row["protocol"], row["recipe_title"]) == (0.97, "article", str(ADADELTA))
    assert (row["wilson_low"], row["wilson_high"]) == analysis.wilson(0.97, 10000)


def test_one_seed_has_no_spread() -> None:
    assert math.isnan(analysis.points(runs({})).iloc[0]["sd"])


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": OTHER},
        {"fingerprint": "g"},
        {"origin": "reference"},
        {"dataset": "mnist_5k"},
        {"recipe": HELD_OUT, "held_out_accuracy": 0.9},
    ],
    ids=lambda x: "/".join(x),
)
def test_what_is_not_the_same_is_never_averaged_together(other: dict[str, Any]) -> None:
    table = runs({}, {**other, "test_accuracy": 0.5})
    found = analysis.points(table)
    assert sorted(found["mean"]) == [0.5, 0.97] and list(found["seeds"]) == [1, 1]
    assert only(table.to_dict("records"), 0.6).mark == only([{}], 0.6).mark, "the poor run pulls no mean down"


def test_no_runs_give_empty_tables() -> None:
    found = analysis.points(runs())
    assert found.empty and {*analysis.POINT, "mean", "wilson_low", "choosing"} <= set(found.columns)
    assert analysis.turning_points(runs(), 0.97) == []
    assert analysis.turning_points(runs({"state": "failed", "test_accuracy": None}), 0.97) == []
    assert analysis.front(found).empty


def test_networks_come_smallest_first() -> None:
    found = analysis.points(runs(*deep((4, 0.9), (1, 0.9), (2, 0.9)), *seeds("mlp", 1, 0.9)))
    assert list(found["parameters"]) == [408, 807, 932, 2358]


def test_a_held_out_network_is_chosen_by_the_held_out_images() -> None:
    found = analysis.finished(runs({"test_accuracy": 0.9, "recipe": HELD_OUT, "held_out_accuracy": 0.8}, {}))
    assert list(found["choosing"]) == [0.8, 0.97] and list(found["protocol"]) == ["held_out", "article"]
    again = analysis.finished(found)
    pd.testing.assert_frame_equal(again, found)


# counts, images and 95 % intervals as Newcombe (1998), Table I, method 3, prints them
@pytest.mark.parametrize(
    ("right", "images", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_against_the_textbook(right: int, images: int, low: float, high: float) -> None:
    assert analysis.wilson(right / images, images) == pytest.approx((low, high), abs=0.00005)


@pytest.mark.parametrize(("right", "images"), [(9700, 10000), (9999, 10000), (970, 1000), (1, 2), (3, 3), (0, 1)])
def test_wilson_against_its_formula(right: int, images: int) -> None:
    z, p = 1.959963984540054, right / images
    middle = (p + z * z / (2 * images)) / (1 + z * z / images)
    reach = z * math.sqrt(p * (1 - p) / images + z * z / (4 * images * images)) / (1 + z * z / images)
    assert analysis.wilson(p, images) == pytest.approx((middle - reach, middle + reach), abs=1e-12)


def test_wilson_stays_within_nought_and_one() -> None:
    assert analysis.wilson(1.0, 10) == pytest.approx((1 / (1 + 1.959963984540054**2 / 10), 1.0))
    assert analysis.wilson(1.0, 10)[1] <= 1.0
    assert analysis.wilson(0.0, 10)[0] == 0.0


def test_a_mean_is_read_as_the_nearest_count_of_images() -> None:
    assert analysis.wilson((0.9702 + 0.9705) / 2 + 1e-6, 10000) == analysis.wilson(0.9704, 10000)


def test_the_turning_point_is_the_smallest_width_whose_mean_reaches_the_target() -> None:
    rows = seeds("deep_cnn", 1, 0.90, 0.91) + seeds("deep_cnn", 2, 0.968, 0.971, 0.972, 0.966, 0.976)
    rows += seeds("deep_cnn", 4, 0.98, 0.96) + seeds("deep_cnn", 8, 0.99)
    found = only(rows)
    assert found.mark and found.below and found.above
    assert (found.mark.width, found.mark.parameters, found.mark.seeds, found.mark.passing) == (2, 932, 5, 3)
    assert found.mark.mean == pytest.approx(0.9706) and found.mark.choosing == found.mark.mean
    # deviations -26, 4, 14, -46, 54 of 1e-4: squares sum to 5,920
    assert found.mark.sd == pytest.approx(math.sqrt(5920 / 4) * 1e-4)
    assert (found.below.width, found.below.passing, found.below.seeds) == (1, 0, 2)
    assert (found.above.width, found.above.passing, found.above.seeds) == (4, 1, 2)
    assert found.best.width == 8 and found.origin == "own" and found.recipe == ADADELTA.to_json()
    assert widths(only(rows, 0.98)) == (4, 8, None)
    assert widths(only(rows, 0.9)) == (None, 1, 2)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        ([(1, 0.9), (2, 0.971), (3, 0.96), (4, 0.98)], (1, 2, 3)),  # a wider one fails again
        ([(1, 0.975), (2, 0.96), (3, 0.96), (4, 0.98)], (None, 1, 2)),
        ([(1, 0.9), (2, 0.95), (4, 0.99), (8, 0.96)], (2, 4, 8)),
        ([(8, 0.99), (1, 0.9), (4, 0.98), (2, 0.95)], (2, 4, 8)),  # rows in any order
        ([(1, 0.9), (2, 0.95), (4, 0.97)], (2, 4, None)),
        ([(1, 0.97), (2, 0.95)], (None, 1, 2)),
        ([(2, 0.98)], (None, 2, None)),
        ([(1, 0.9), (2, 0.95), (4, 0.96)], (4, None, None)),  # none reaches it: above the largest
        ([(1, 0.96), (2, 0.95), (4, 0.94)], (4, None, None)),
    ],
)
def test_brackets_of_curves(
    curve: list[tuple[int, float]], expected: tuple[int | None, int | None, int | None]
) -> None:
    found = only(deep(*curve))
    assert widths(found) == expected
    assert found.best.choosing == max(accuracy for _, accuracy in curve)


def test_a_family_that_never_reaches_it_names_the_smallest_of_its_best() -> None:
    assert only(deep((1, 0.9), (2, 0.95), (4, 0.95))).best.width == 2


def test_a_seed_that_reaches_it_does_not_carry_its_width() -> None:
    found = only(seeds("deep_cnn", 2, 0.98, 0.95) + seeds("deep_cnn", 4, 0.98, 0.97))
    assert widths(found) == (2, 4, None)
    assert found.below and (found.below.passing, found.below.seeds) == (1, 2)


# summed in floating point these means are 0.97 and, the last two, 0.9699999999999999
@pytest.mark.parametrize("accuracies", [(0.97,), (0.96, 0.98), (0.9682, 0.9709, 0.9709), (0.9709, 0.9682, 0.9709)])
def test_a_mean_exactly_at_the_target_reaches_it(accuracies: tuple[float, ...]) -> None:
    assert widths(only(seeds("deep_cnn", 2, *accuracies))) == (None, 2, None)
    short = (*accuracies[:-1], accuracies[-1] - 0.0001)  # one image of 10,000 fewer
    assert widths(only(seeds("deep_cnn", 2, *short))) == (2, None, None)


def test_a_seed_exactly_at_the_target_passes() -> None:
    target = 0.1 + 0.2  # a little above 0.3
    found = only(seeds("deep_cnn", 2, 0.3, 0.3, 0.4), target)
    assert found.mark and found.mark.passing == 3


def test_unfinished_runs_are_no_part_of_a_curve() -> None:
    unfinished = [
        x | {"state": state} for x, state in zip(deep((1, 0.99), (3, 0.99)), ("failed", "running"), strict=True)
    ]
    assert widths(only(unfinished + deep((2, 0.98), (4, 0.98)))) == (None, 2, 4)


@pytest.mark.parametrize(
    "change", [{"origin": "reference"}, {"recipe": OTHER}, {"fingerprint": "g"}], ids=lambda x: next(iter(x))
)
def test_curves_are_never_mixed(change: dict[str, Any]) -> None:
    poor, good = deep((1, 0.9), (2, 0.95), (8, 0.96)), deep((2, 0.98), (4, 0.99), **change)
    for rows in (poor + good, good + poor):
        found = only(rows)
        assert widths(found) == (None, 2, 4), "neighbours are of the curve itself"
        assert found.mark and (found.mark.seeds, found.mark.mean) == (1, 0.98)
        assert (found.origin, found.recipe) == (change.get("origin", "own"), change.get("recipe", ADADELTA.to_json()))
        assert only(rows, 0.955).best.choosing == 0.99


def test_of_two_curves_of_a_recipe_the_better_supported_speaks_then_the_smaller_then_the_higher() -> None:
    def reference(*rows: dict[str, Any]) -> list[dict[str, Any]]:
        return [x | {"origin": "reference"} for x in rows]

    lucky = deep((2, 0.98))
    for other, expected in (
        (reference(*seeds("deep_cnn", 1, 0.97)), ("reference", 1)),
        (reference(*seeds("deep_cnn", 2, 0.97, 0.971)), ("reference", 2)),
        (reference(*seeds("deep_cnn", 2, 0.99)), ("reference", 2)),
        (reference(*seeds("deep_cnn", 2, 0.975)), ("own", 2)),
        (reference(*seeds("deep_cnn", 3, 0.99, 0.99, 0.99)), ("reference", 3)),  # one seed may just be lucky
        (reference(*seeds("deep_cnn", 1, 0.9, 0.9, 0.9)), ("own", 2)),
    ):
        for rows in (lucky + other, other + lucky):
            found = only(rows)
            assert found.mark and (found.origin, found.mark.width) == expected


def test_families_come_smallest_first_and_those_that_never_reach_it_last() -> None:
    rows = [
        *seeds("mlp", 16, 0.95),
        *seeds("pooled_mlp", 64, 0.971),
        *seeds("cnn", 1, 0.96),
        *seeds("deep_cnn", 2, 0.98),
    ]
    found = analysis.turning_points(runs(*rows), 0.97)
    assert [x.family for x in found] == ["deep_cnn", "pooled_mlp", "cnn", "mlp"]
    assert [x.mark is None for x in found] == [False, False, True, True]


def test_held_out_runs_are_chosen_by_held_out_images_and_reported_on_test() -> None:
    def row(n: int, held_out: float, test: float, seed: int = 0) -> dict[str, Any]:
        changed: dict[str, Any] = {"recipe": HELD_OUT, "held_out_accuracy": held_out, "seed": seed}
        return seeds("deep_cnn", n, test, **changed)[0]

    found = only(
        [row(1, 0.9, 0.99), row(2, 0.96, 0.98), row(4, 0.968, 0.95), row(4, 0.976, 0.97, seed=1), row(8, 0.965, 0.99)]
    )
    assert widths(found) == (2, 4, 8)
    assert found.mark and (found.mark.mean, found.mark.passing) == (0.96, 1)
    assert found.mark.choosing == pytest.approx(0.972)
    assert found.below and found.below.passing == 0, "its test accuracy reaches it, but that did not choose"
    assert found.best.width == 4
    facts = found.facts()
    assert (facts["mean"], facts["passing"], facts["protocol"]) == (0.96, 1, "held_out")


def test_protocols_are_never_mixed_in_one_mark() -> None:
    held_out = seeds("deep_cnn", 2, 0.99, 0.99, recipe=HELD_OUT, held_out_accuracy=0.9)
    found = only(held_out + deep((2, 0.98)))
    assert found.mark and (found.mark.seeds, found.mark.mean, found.facts()["protocol"]) == (1, 0.98, "article")


FIELDS = ["family", "width", "parameters", "mean", "sd", "seeds", "passing", "bracket_below", "bracket_above"]


def plain(found: TurningPoint) -> dict[str, Any]:
    """Return the facts as a reader of the JSON gets them, which must be all of it."""
    facts = found.facts()
    read: dict[str, Any] = json.loads(json.dumps(facts, allow_nan=False))
    assert read == facts and list(facts)[: len(FIELDS)] == FIELDS
    return facts


def test_facts_are_plain_and_complete() -> None:
    rows = deep((1, 0.9), (3, 0.98)) + seeds("deep_cnn", 2, 0.96, 0.98)
    facts = plain(only(rows))
    sd = facts.pop("sd")
    assert sd == pytest.approx(0.02 / math.sqrt(2))
    assert facts == {
        "family": "deep_cnn", "width": 2, "parameters": 932, "mean": 0.97, "seeds": 2, "passing": 1,
        "bracket_below": 408, "bracket_above": 1582, "recipe": "Adadelta 1, 12 epochs, batch 128",
        "protocol": "article", "origin": "own",
    }  # fmt: skip


def test_facts_of_one_seed_and_of_equal_seeds() -> None:
    assert plain(only(deep((2, 0.98))))["sd"] is None
    facts = plain(only(seeds("deep_cnn", 2, 0.98, 0.98)))
    assert facts["sd"] == 0.0 and facts["bracket_below"] is None and facts["bracket_above"] is None


def test_facts_of_a_family_that_never_reaches_it() -> None:
    facts = plain(only(deep((1, 0.9), (2, 0.96))))
    assert [facts[x] for x in FIELDS] == ["deep_cnn", None, None, None, None, None, None, 932, None]


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] <= other[0] and one[1] >= other[1] and one != other


SIZES = st.one_of(st.integers(1, 6).map(float), st.just(math.nan))
ACCURACIES = st.one_of(st.integers(0, 6).map(lambda x: x / 6), st.just(math.nan))


@given(st.lists(st.tuples(SIZES, ACCURACIES), max_size=12))
def test_the_front_is_what_no_row_beats(rows: list[tuple[float, float]]) -> None:
    table = pd.DataFrame(rows, columns=["parameters", "mean"], dtype="float64").assign(row=range(len(rows)))
    found = analysis.front(table)
    kept = [rows[i] for i in found["row"]]
    known = [x for x in rows if not any(map(math.isnan, x))]
    left_out = [x for i, x in enumerate(rows) if i not in set(found["row"]) and x in known]
    assert not [x for x in kept if any(beats(y, x) for y in known)], "nothing on it is beaten"
    assert not [x for x in left_out if not any(beats(y, x) for y in kept)], "what is not is beaten by one on it"
    assert set(kept) <= set(known) and bool(kept) == bool(known)
    assert kept == sorted(kept) and len(set(found["row"])) == len(kept), "smallest first, no row twice"


@given(st.lists(st.tuples(st.floats(0.001, 1e12), st.floats(0.0, 1.0)), min_size=1, max_size=30))
def test_the_front_of_any_figures_rises(rows: list[tuple[float, float]]) -> None:
    found = analysis.front(pd.DataFrame(rows, columns=["size", "accuracy"]), "size", "accuracy")
    kept = list(found[["size", "accuracy"]].itertuples(index=False, name=None))
    assert kept and not any(beats(y, x) for x in kept for y in rows)
    steps = sorted(set(kept))
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(steps))


def test_the_front_by_hand() -> None:
    table = pd.DataFrame(
        {
            "name": ["a", "b", "c", "d", "e", "f", "g", "h"],
            "parameters": [100, 100, 100, 200, 300, 300, 50, 400],
            "mean": [0.9, 0.95, 0.95, 0.95, 0.97, 0.96, math.nan, 0.97],
        }
    )
    assert list(analysis.front(table)["name"]) == ["b", "c", "e"]
    assert list(analysis.front(table.iloc[::-1])["parameters"]) == [100, 100, 300]


ARTICLE_MLP, *_, ARTICLE_DEEP = ARTICLE
FIVE = (0.970, 0.971, 0.972, 0.973, 0.974)
# t(0.975; 4) = 2.776445, sd = sqrt(1e-5 / 4), and one more run: sqrt(1 + 1/5)
REACH = 2.776445 * math.sqrt(1e-5 / 4) * math.sqrt(1.2)


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
    found = analysis.agreement(published, runs(*seeds("mlp", 32, *FIVE)))
    assert found and found.published is published and found.agrees is agrees
    assert found.mean == pytest.approx(0.972) and found.seeds == 5 and found.sd == pytest.approx(math.sqrt(1e-5 / 4))
    assert found.difference == pytest.approx(-off, abs=1e-12)


def test_agreement_of_two_seeds_is_wide() -> None:
    two = runs(*seeds("mlp", 32, 0.970, 0.972))  # t(0.975; 1) = 12.7062, sd = 0.001 sqrt 2
    reach = 12.7062 * 0.001 * math.sqrt(2) * math.sqrt(1.5)
    for off, agrees in ((reach, True), (reach + 0.0002, False)):
        found = analysis.agreement(replace(ARTICLE_MLP, accuracy=0.971 + off), two)
        assert found and found.agrees is agrees


@pytest.mark.parametrize(
    ("accuracy", "agrees"), [(0.9749, True), (0.975, True), (0.9752, False), (0.965, True), (0.9648, False)]
)
def test_agreement_with_a_rounded_figure(accuracy: float, agrees: bool) -> None:
    found = analysis.agreement(ARTICLE_DEEP, runs(*seeds("deep_cnn", 2, *[accuracy] * 5)))
    assert found and found.agrees is agrees and found.difference == pytest.approx(accuracy - 0.97)


def test_one_seed_cannot_agree_or_differ() -> None:
    found = analysis.agreement(ARTICLE_MLP, runs(*seeds("mlp", 32, 0.9711)))
    assert found and (found.seeds, found.sd, found.agrees) == (1, None, None)
    assert found.difference == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        {"width": 16},
        {"family": "pooled_mlp"},
        {"recipe": OTHER},
        {"recipe": replace(RMSPROP, protocol="held_out").to_json(), "held_out_accuracy": 0.97},
        {"state": "stopped"},
    ],
    ids=["width", "family", "recipe", "protocol", "state"],
)
def test_agreement_is_of_the_same_network_and_recipe(change: dict[str, Any]) -> None:
    others = [x | change for x in seeds("mlp", 32, 0.5, 0.6, 0.7)]
    assert analysis.agreement(ARTICLE_MLP, runs(*others)) is None
    found = analysis.agreement(ARTICLE_MLP, runs(*others, *seeds("mlp", 32, 0.97, 0.98)))
    assert found and (found.mean, found.seeds) == (0.975, 2)


def test_agreement_takes_the_curve_with_most_seeds_and_pools_none() -> None:
    rows = seeds("mlp", 32, 0.95, 0.96) + seeds("mlp", 32, 0.97, 0.98, 0.99, origin="reference")
    for order in (rows, rows[::-1]):
        found = analysis.agreement(ARTICLE_MLP, runs(*order))
        assert found and found.mean == pytest.approx(0.98) and found.seeds == 3


@pytest.mark.parametrize("published", ARTICLE, ids=lambda x: x.family)
def test_every_figure_of_the_article_can_be_compared(published: Published) -> None:
    assert published.family and published.width
    found = analysis.agreement(published, runs(*seeds(published.family, published.width, *FIVE)))
    assert found and found.seeds == 5
