from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.networks.families import FAMILIES
from core.recipe import ADADELTA, Protocol, Recipe
from core.results import analysis
from core.results.analysis import Curve, Point, TurningPoint
from core.results.collect import finished
from core.runs import reference
from core.runs.run import Origin
from tests.rows import runs, seeds

HELD_OUT = replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json()
OTHER = Recipe("adadelta", 1.0, 3).to_json()


def points(*rows: dict[str, Any]) -> list[Point]:
    return analysis.points(finished(runs(*rows)))


def turning_points(*rows: dict[str, Any], target: float = 0.97) -> list[TurningPoint]:
    return analysis.turning_points(points(*rows), target)


def only(rows: Sequence[dict[str, Any]], target: float = 0.97) -> TurningPoint:
    (found,) = turning_points(*rows, target=target)
    return found


def widths(point: TurningPoint) -> tuple[int | None, int | None, int | None]:
    """Return the widths below, at and above a turning point."""
    below, mark, above = (x.width if x else None for x in (point.below, point.mark, point.above))
    return below, mark, above


def deep(*means: tuple[int, float], **changed: Any) -> list[dict[str, Any]]:
    """Return a one-seed curve of deep CNNs from widths and accuracies."""
    return [row for n, accuracy in means for row in seeds("deep_cnn", n, accuracy, **changed)]


def test_points_are_means_over_seeds_of_finished_runs() -> None:
    (found,) = points(
        {"test_accuracy": 0.96},
        {"seed": 1, "test_accuracy": 0.98},
        {"seed": 2, "test_accuracy": 0.1, "state": "stopped"},
    )
    assert (found.mean, found.low, found.high, found.seeds, found.width) == (0.97, 0.96, 0.98, 2, 2)
    assert found.sd == pytest.approx(math.sqrt(2) * 0.01)
    assert (found.parameters, found.multiply_adds, found.test_images) == (932, 49960, 10000)
    assert (
        found.curve == Curve("mnist", "f", Origin.OWN, FAMILIES["deep_cnn"], ADADELTA)
        and found.curve.title == "Deep CNN"
    )
    assert found.choosing == 0.97 and [x.seed for x in found.runs] == [0, 1]
    assert [found.passing(x) for x in (0.96, 0.97, 0.98, 0.99)] == [2, 1, 1, 0]
    assert found.interval == analysis.wilson(0.97, 10000)


def test_one_seed_has_no_spread() -> None:
    (found,) = points({})
    assert found.sd is None


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
    rows: list[dict[str, Any]] = [{}, {**other, "test_accuracy": 0.5}]
    found = points(*rows)
    assert sorted(x.mean for x in found) == [0.5, 0.97] and [x.seeds for x in found] == [1, 1]
    assert only(rows, 0.6).mark == only([{}], 0.6).mark, "the poor run pulls no mean down"


def test_no_runs_give_no_points() -> None:
    failed = {"state": "failed", "test_accuracy": None}
    assert points() == points(failed) == []
    assert turning_points() == turning_points(failed) == []
    assert analysis.front(pd.DataFrame(columns=["parameters", "mean"], dtype="float64")).empty


def test_networks_come_smallest_first() -> None:
    found = points(*deep((4, 0.9), (1, 0.9), (2, 0.9)), *seeds("mlp", 1, 0.9))
    assert [x.parameters for x in found] == [408, 807, 932, 2358]


def test_a_held_out_network_is_chosen_by_the_held_out_images() -> None:
    held_out = {"test_accuracy": 0.9, "recipe": HELD_OUT, "held_out_accuracy": 0.8}
    found = finished(runs(held_out, {}))
    assert [x.choosing for x in found] == [0.8, 0.97] and finished(found) == found
    assert [x.recipe.protocol for x in found] == [Protocol.HELD_OUT, Protocol.ARTICLE]
    (point,) = points(held_out)
    assert (point.choosing, point.mean) == (0.8, 0.9) and (point.passing(0.8), point.passing(0.9)) == (1, 0)


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
    assert (found.mark.width, found.mark.parameters, found.mark.seeds, found.mark.passing(0.97)) == (2, 932, 5, 3)
    assert found.mark.mean == pytest.approx(0.9706) and found.mark.choosing == found.mark.mean
    # deviations -26, 4, 14, -46, 54 of 1e-4: squares sum to 5,920
    assert found.mark.sd == pytest.approx(math.sqrt(5920 / 4) * 1e-4)
    assert (found.below.width, found.below.passing(0.97), found.below.seeds) == (1, 0, 2)
    assert (found.above.width, found.above.passing(0.97), found.above.seeds) == (4, 1, 2)
    assert found.best.width == 8 and (found.family, found.target) == ("deep_cnn", 0.97)
    assert found.curve == found.mark.curve and (found.curve.origin, found.curve.recipe) == (Origin.OWN, ADADELTA)
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
    assert found.below and (found.below.passing(0.97), found.below.seeds) == (1, 2)


# summed in floating point these means are 0.97 and, the last two, 0.9699999999999999
@pytest.mark.parametrize("accuracies", [(0.97,), (0.96, 0.98), (0.9682, 0.9709, 0.9709), (0.9709, 0.9682, 0.9709)])
def test_a_mean_exactly_at_the_target_reaches_it(accuracies: tuple[float, ...]) -> None:
    assert widths(only(seeds("deep_cnn", 2, *accuracies))) == (None, 2, None)
    short = (*accuracies[:-1], accuracies[-1] - 0.0001)  # one image of 10,000 fewer
    assert widths(only(seeds("deep_cnn", 2, *short))) == (2, None, None)


def test_a_seed_exactly_at_the_target_passes() -> None:
    target = 0.1 + 0.2  # a little above 0.3
    found = only(seeds("deep_cnn", 2, 0.3, 0.3, 0.4), target)
    assert found.mark and found.mark.passing(target) == 3


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
        assert found.curve.origin == change.get("origin", "own")
        assert found.curve.recipe.to_json() == change.get("recipe", ADADELTA.to_json())
        assert found.curve.fingerprint == change.get("fingerprint", "f")
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
            assert found.mark and (found.curve.origin, found.mark.width) == expected


def test_families_come_smallest_first_and_those_that_never_reach_it_last() -> None:
    rows = [
        *seeds("mlp", 16, 0.95),
        *seeds("pooled_mlp", 64, 0.971),
        *seeds("cnn", 1, 0.96),
        *seeds("deep_cnn", 2, 0.98),
    ]
    found = turning_points(*rows)
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
    assert found.mark and (found.mark.mean, found.mark.passing(0.97)) == (0.96, 1)
    assert found.mark.choosing == pytest.approx(0.972)
    assert found.below and found.below.passing(0.97) == 0, "its test accuracy reaches it, but that did not choose"
    assert found.best.width == 4
    facts = found.facts()
    assert (facts["mean"], facts["passing"], facts["protocol"]) == (0.96, 1, "held_out")


def test_protocols_are_never_mixed_in_one_mark() -> None:
    held_out = seeds("deep_cnn", 2, 0.99, 0.99, recipe=HELD_OUT, held_out_accuracy=0.9)
    found = only(held_out + deep((2, 0.98)))
    assert found.mark and (found.mark.seeds, found.mark.mean, found.facts()["protocol"]) == (1, 0.98, "article")


def test_a_network_no_better_than_always_saying_the_commonest_class_reads_nothing() -> None:
    rows = deep((1, 0.975), (2, 0.977), (4, 0.979), (8, 0.99))  # of 10,000 the noise about 0.975 is 0.003
    known = analysis.points(finished(runs(*rows)), {"f": 0.975, "g": 0.1})
    assert [(x.commonest, x.reads) for x in known] == [(0.975, False), (0.975, False), (0.975, True), (0.975, True)]
    for target, mark in ((0.5, 4), (0.97, 4), (0.978, 4), (0.985, 8), (0.995, None)):
        (found,) = analysis.turning_points(known, target)
        assert (found.mark and found.mark.width) == mark and found.best.width == 8
        assert found.facts()["commonest"] == 0.975
    (found,) = analysis.turning_points(known[:2], 0.97)
    assert (found.mark, found.below, found.best) == (None, known[1], known[1])
    assert [x.reads for x in points(*rows)] == [True] * 4, "nothing is known of the classes"


def test_of_unequal_classes_it_takes_the_noise_of_the_test_images_into_account() -> None:
    def reads(images: int) -> bool:
        (found,) = analysis.points(finished(runs({"test_accuracy": 0.98, "test_images": images})), {"f": 0.975})
        return found.reads

    assert [reads(x) for x in (100, 1000, 10_000)] == [False, False, True]


def test_a_seed_that_reads_nothing_does_not_pass() -> None:
    rows = seeds("deep_cnn", 2, 0.975, 0.99, 0.99)
    (found,) = analysis.points(finished(runs(*rows)), {"f": 0.975})
    assert found.reads and [found.passing(x) for x in (0.9, 0.97, 0.98, 0.995)] == [2, 2, 2, 0]


def test_what_held_out_images_chose_reads_nothing_by_the_test_images() -> None:
    rows = deep((2, 0.975), recipe=HELD_OUT, held_out_accuracy=0.99) + deep((4, 0.99), recipe=HELD_OUT)
    rows[1]["held_out_accuracy"] = 0.98
    (found,) = analysis.turning_points(analysis.points(finished(runs(*rows)), {"f": 0.975}), 0.97)
    assert found.mark and found.mark.width == 4


def test_a_family_that_reads_nothing_comes_last() -> None:
    rows = [*seeds("mlp", 4, 0.975), *seeds("deep_cnn", 4, 0.979)]
    found = analysis.turning_points(analysis.points(finished(runs(*rows)), {"f": 0.975}), 0.99)
    assert [x.family for x in found] == ["deep_cnn", "mlp"]
    assert [x.best.reads for x in found] == [True, False]


@given(st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0, 1))
def test_beyond_a_share_is_what_the_interval_is(counts: tuple[int, int], share: float) -> None:
    right, images = counts
    low = analysis.wilson(right / images, images)[0]
    if abs(low - share) > 1e-9:
        assert analysis.beyond(right / images, images, share) == (low > share)


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
        "protocol": "article", "origin": "own", "commonest": 0.0,
    }  # fmt: skip


def test_facts_of_one_seed_and_of_equal_seeds() -> None:
    assert plain(only(deep((2, 0.98))))["sd"] is None
    facts = plain(only(seeds("deep_cnn", 2, 0.98, 0.98)))
    assert facts["sd"] == 0.0 and facts["bracket_below"] is None and facts["bracket_above"] is None


def test_facts_of_a_family_that_never_reaches_it() -> None:
    facts = plain(only(deep((1, 0.9), (2, 0.96))))
    assert [facts[x] for x in FIELDS] == ["deep_cnn", None, None, None, None, None, None, 932, None]


def shipped() -> pd.DataFrame:
    """Return a row per shipped run, straight from the file that they came in."""
    with closing(sqlite3.connect(f"{reference.PATH.as_uri()}?immutable=1", uri=True)) as connection:
        return pd.read_sql_query(
            """
            SELECT family, width, recipe, parameters, test_accuracy
            FROM runs JOIN epochs ON run = id AND epoch = (SELECT MAX(epoch) FROM epochs WHERE run = id)
            WHERE state = 'done' AND dataset = 'mnist'
            """,
            connection,
        )


def test_points_of_the_shipped_results_are_what_pandas_computes() -> None:
    table = shipped()
    found = analysis.points(finished(reference.store().runs("mnist")))
    networks = table.groupby(["family", "width", "recipe", "parameters"])["test_accuracy"]
    expected = networks.agg(["mean", "std", "min", "max", "count"])
    assert len(found) == len(expected) > 40 and sum(x.seeds for x in found) == len(table)
    for x in found:
        key = (x.curve.family, x.width, x.curve.recipe.to_json(), x.parameters)
        row = expected.loc[key]
        assert x.sd is not None and x.seeds == row["count"] > 1
        told = (x.mean, x.sd, x.low, x.high, x.choosing)
        assert told == pytest.approx(tuple(row[["mean", "std", "min", "max", "mean"]]), rel=0, abs=1e-12)
        for target in (0.9, 0.97, 0.985):
            assert x.passing(target) == (networks.get_group(key) >= target).sum()


@pytest.mark.parametrize("target", [0.9, 0.95, 0.97, 0.98, 0.99, 0.999])
def test_turning_points_of_the_shipped_results_are_what_pandas_finds(target: float) -> None:
    table = shipped().assign(passing=lambda x: x["test_accuracy"] >= target)
    usual = {key: x.recipe.to_json() for key, x in FAMILIES.items()}
    table = table[table["recipe"] == table["family"].map(usual)]
    runs_ = [x for x in reference.store().runs("mnist") if x.recipe == FAMILIES[x.family].recipe]
    found = analysis.turning_points(analysis.points(finished(runs_)), target)
    assert sorted(x.family for x in found) == sorted(key for key, x in FAMILIES.items() if x.reference)
    for x in found:
        assert x.curve.recipe == FAMILIES[x.family].recipe
        curve = table[table["family"] == x.family].groupby("width")
        means, weights, facts = curve["test_accuracy"].mean(), curve["parameters"].first(), x.facts()
        assert x.best.width == means.idxmax() and x.best.mean == pytest.approx(means.max(), rel=0, abs=1e-12)
        reaching = means[means >= target - 1e-12].index
        if reaching.empty:
            below, mark, above = means.index.max(), None, None
            assert [facts[y] for y in ("width", "mean", "sd", "seeds", "passing")] == [None] * 5
        else:
            mark = reaching.min()
            below, above = means.index[means.index < mark].max(), means.index[means.index > mark].min()
            seeds_of = curve.get_group(mark)
            assert (facts["width"], facts["parameters"]) == (mark, weights[mark])
            assert (facts["seeds"], facts["passing"]) == (len(seeds_of), seeds_of["passing"].sum())
            sd = seeds_of["test_accuracy"].std()
            assert (facts["mean"], facts["sd"]) == pytest.approx((means[mark], sd), rel=0, abs=1e-12)
        beside = [None if y is None or pd.isna(y) else y for y in (below, above)]
        assert [widths(x)[0], widths(x)[2]] == beside
        expected = [None if y is None else weights[y] for y in beside]
        assert [facts["bracket_below"], facts["bracket_above"]] == expected
    reached = [x.mark.parameters for x in found if x.mark]
    assert reached == sorted(reached) and [x.mark is None for x in found] == sorted(x.mark is None for x in found)


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
