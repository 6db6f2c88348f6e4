from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.finder.trials import Gains, Outcome, gains, matching, trials
from core.recipe import Protocol
from tests.finder.made import about
from tests.rows import runs, seeds

HISTORIES = [(0.5, 0.8, 0.9), (0.6, 0.8, 0.92), (0.4, 0.8, 0.88)]  # gains 0.4, 0.32, 0.48 and 0.1, 0.12, 0.08


def of(accuracies: Sequence[float]) -> Any:
    return lambda run: accuracies


def test_what_runs_gain_from_each_epoch() -> None:
    found = gains(HISTORIES)
    assert found.mean == pytest.approx((0.4, 0.1, 0)) and found.sd == pytest.approx((0.08, 0.02, 0))


def test_a_run_is_hopeless_below_the_gain_and_its_deviations() -> None:
    found = replace(gains(HISTORIES), reach=3)  # 0.4 and 0.24, or 0.1 and 0.06, still might come
    assert found.bound((0.259,), 0.9) == pytest.approx(0.899) and found.bound((0.261,), 0.9) is None
    assert found.bound((0.5, 0.739), 0.9) == pytest.approx(0.899) and found.bound((0.5, 0.741), 0.9) is None
    assert found.bound((0.5, 0.8, 0.1), 0.9) is None, "after the last epoch it is finished"
    assert found.bound((0.2, 0.8), 0.9) == pytest.approx(0.84), "what an epoch gives that came too late changes nothing"


def test_few_runs_say_little_of_what_might_come() -> None:
    rng = random.Random(1)
    reaches = [gains([(rng.random(), 1.0) for _ in range(k)]).reach for k in (3, 5, 10, 100)]
    assert reaches == sorted(reaches, reverse=True) and reaches[0] > 20 and 3 < reaches[-1] < 3.15
    # as rare for a normal gain as three deviations of one that is known: 0.13 %, drawn 20,000 times
    beyond = 0
    for _ in range(20_000):
        some = [rng.gauss(0, 1) for _ in range(6)]
        known = gains([(-x, 0.0) for x in some[:5]])
        beyond += some[5] > known.mean[0] + known.reach * known.sd[0]
    assert 5 < beyond < 60


@pytest.mark.parametrize("some", [[], HISTORIES[:2], [*HISTORIES[:2], ()], [*HISTORIES, (0.5, 0.9)]])
def test_fewer_than_three_runs_of_one_length_say_nothing(some: list[tuple[float, ...]]) -> None:
    found = gains(some)
    assert found == Gains() and found.bound((0,), 0.99) is None


@given(st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=3, max_size=9))
def test_none_of_the_runs_that_it_is_known_by_is_hopeless_at_what_it_reached_less_its_surprise(
    some: list[list[float]],
) -> None:
    found = gains(some)
    assert all(x >= 0 for x in found.sd) and found.mean[-1] == found.sd[-1] == 0
    worst = min(x[-1] for x in some)
    # no value of k is further from its mean than (k - 1) / sqrt(k) deviations (Samuelson): up to nine, below three
    assert (len(some) - 1) / math.sqrt(len(some)) < 3
    assert all(found.bound(x, worst - 1e-9) is None for x in some)


def test_runs_are_found_by_network_and_recipe_whatever_they_were_asked_for_by() -> None:
    line = "conv3(n) conv3(n) maxpool2 conv3(2n) conv3(2n) maxpool2 flatten"
    fixed = "conv3(2) conv3(2) maxpool2 conv3(4) conv3(4) maxpool2 flatten"
    article = about("deep_cnn", [1, 2, 4])
    rows = [
        *seeds("deep_cnn", 2, 0.97, 0.96),
        *(x | {"family": line, "id": 7, "seed": 5} for x in seeds("deep_cnn", 4, 0.98)),
        *(x | {"family": fixed, "width": 1, "seed": 6} for x in seeds("deep_cnn", 2, 0.975)),
        *(x | {"seed": 9} for x in seeds("cnn", 2, 0.9)),
        *(x | {"seed": 8, "recipe": about("mlp").recipe.to_json()} for x in seeds("deep_cnn", 2, 0.9)),
        *seeds("deep_cnn", 8, 0.99),
    ]
    found = matching(article, runs(*rows))
    assert sorted(found) == [(2, 0), (2, 1), (2, 6), (4, 5)]


def test_a_finished_run_goes_before_another_and_ones_own_before_a_shipped_one() -> None:
    asked = about("deep_cnn", [2])
    (row,) = seeds("deep_cnn", 2, 0.97)
    stopped, shipped, mine = (
        row | {"id": 1, "state": "stopped"},
        row | {"id": 2, "origin": "reference", "test_accuracy": 0.96},
        row | {"id": 3},
    )
    for order in ([stopped, shipped], [shipped, stopped]):
        assert matching(asked, runs(*order))[2, 0].id == 2
    for order in ([shipped, mine, stopped], [mine, stopped, shipped]):
        assert matching(asked, runs(*order))[2, 0].id == 3


def test_what_counts_of_the_runs() -> None:
    asked, known = about("deep_cnn", [1, 2]), replace(gains(HISTORIES), reach=3)
    rows = seeds("deep_cnn", 2, *[0.7] * 6)
    for row, state in zip(rows, ("done", "stopped", "stopped", "failed", "interrupted", "running"), strict=True):
        row |= {"state": state, "epochs": 2, "message": "no memory" if state == "failed" else None}
    histories = {1: (0.2, 0.7), 2: (0.3, 0.8)}
    found = trials(asked, matching(asked, runs(*rows)), known, 0.9, 10_000, lambda run: histories[run.seed])
    assert [(x.seed, x.outcome) for x in found[2]] == [
        (0, Outcome.DONE),
        (1, Outcome.HOPELESS),
        (3, Outcome.FAILED),
    ], "one that was stopped and is not hopeless is trained anew, as are those that were interrupted"
    assert found[2][2].why == "no memory" and found[2][1].epochs == 2 and found[2][0].images == 10_000


def test_without_evidence_a_stopped_run_is_trained_anew() -> None:
    asked = about("deep_cnn", [2])
    (row,) = seeds("deep_cnn", 2, 0.1, state="stopped")
    assert trials(asked, matching(asked, runs(row)), Gains(), 0.9, 10_000, of((0.1, 0.1))) == {}


def test_the_accuracy_that_chooses_is_heard() -> None:
    asked = about("deep_cnn", [2], protocol=Protocol.HELD_OUT)
    (row,) = seeds("deep_cnn", 2, 0.97, held_out_accuracy=0.91, recipe=asked.recipe.to_json())
    (found,) = trials(asked, matching(asked, runs(row)), Gains(), 0.9, 10_000, of(()))[2]
    assert found.accuracy == 0.91
