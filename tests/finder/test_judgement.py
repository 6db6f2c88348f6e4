from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.finder.judgement import judged, spread
from core.finder.trials import Outcome, Trial
from tests.finder.made import IMAGES, done, known

FLOOR = math.sqrt(0.97 * 0.03 / IMAGES)


def hopeless(width: int, count: int, bound: float = 0.96) -> list[Trial]:
    return [Trial(width, 100 + x, Outcome.HOPELESS, 2, 0.5, IMAGES, bound=bound) for x in range(count)]


def test_the_spread_is_never_below_the_images_noise() -> None:
    assert spread({}, 0.97) == 0
    assert spread(known({2: [0.97]}), 0.97) == pytest.approx(FLOOR)
    assert spread(known({2: [0.97] * 8, 3: [0.98] * 8}), 0.97) == pytest.approx(FLOOR)


def test_the_spread_is_pooled_over_widths_with_three_observations_of_the_images_noise() -> None:
    some = {2: [0.96, 0.98], 3: [0.97, 0.98, 0.99]}  # squares 0.0002 each, with 1 and 2 degrees of freedom
    wanted = math.sqrt((0.0002 + 0.0002 + 3 * FLOOR**2) / (3 + 3))
    assert spread(known(some), 0.97) == pytest.approx(wanted)
    far = {1: [0.6, 0.9]}  # of another kind of network
    assert spread(known(some | far), 0.97) == pytest.approx(wanted)
    given_up = {2: [*done(2, 0.96, 0.98), *hopeless(2, 3)], 3: done(3, 0.97, 0.98, 0.99)}
    assert spread(given_up, 0.97) == pytest.approx(wanted), "a hopeless run is in no figure"


@pytest.mark.parametrize(
    ("accuracies", "reaches", "settled", "told"),
    [
        ([0.9750], True, True, True),
        ([0.9650], False, True, True),
        ([0.9710], True, False, False),
        ([0.9690], False, False, False),
        ([0.9710] * 4, True, True, True),  # 0.001 is 2 standard errors then
        ([0.9705] * 7, True, False, False),
        ([0.9702] * 8, True, True, False),  # no more than eight
        ([0.9700] * 8, True, True, False),
        ([0.9698] * 8, False, True, False),
    ],
)
def test_more_seeds_are_heard_while_the_mean_is_near_the_target(
    accuracies: list[float], reaches: bool, settled: bool, told: bool
) -> None:
    found = judged(2, done(2, *accuracies), 0.97, 0.001, 8, 0.0)
    assert (found.reaches, found.settled, found.told) == (reaches, settled, told)
    assert found.mean == pytest.approx(accuracies[0]) and found.seeds == len(accuracies)


def test_the_bound_is_1_64_standard_errors() -> None:
    for count in (1, 2, 5):
        error = 0.002 / math.sqrt(count)
        near, far = (judged(2, done(2, *[0.97 + x * error] * count), 0.97, 0.002, 8, 0.0) for x in (1.63, 1.65))
        assert not near.settled and far.settled and far.told and not near.told
        assert far.chance == pytest.approx(0.9505, abs=1e-4)


def test_a_difference_that_need_not_be_told_apart_takes_no_more_seeds() -> None:
    some = done(2, *[0.9705] * 3)
    assert not judged(2, some, 0.97, 0.002, 8, 0.001).settled
    found = judged(2, some, 0.97, 0.001, 8, 0.001)  # 1.64 · 0.001 / √3 is 0.00095
    assert found.settled and not found.told and found.reaches


def test_equal_to_the_target_is_reached() -> None:
    assert judged(2, done(2, *[0.1 + 0.2] * 8), 0.3, 0.001, 8, 0.0).reaches
    assert judged(2, done(2, *[0.3] * 8), 0.1 + 0.2, 0.001, 8, 0.0).reaches, "a mean of shares is not exact"


def test_who_reads_no_more_than_the_commonest_class_reaches_nothing() -> None:
    some = done(2, *[0.902] * 5)
    assert judged(2, some, 0.9, 0.0001, 8, 0.0, commonest=0.5).reaches
    assert not judged(2, some, 0.9, 0.0001, 8, 0.0, commonest=0.9).reaches
    assert judged(2, done(2, *[0.91] * 5), 0.9, 0.0001, 8, 0.0, commonest=0.9).reaches


def test_hopeless_runs_count_against_a_width_and_are_in_no_mean() -> None:
    found = judged(2, hopeless(2, 1), 0.97, 0.002, 8, 0.0)
    assert (found.mean, found.reaches, found.settled, found.told, found.chance) == (None, False, True, True, 1)
    mixed = judged(2, [*done(2, 0.99, 0.99), *hopeless(2, 2)], 0.97, 0.002, 8, 0.0)
    assert mixed.mean == 0.99 and not mixed.reaches and mixed.settled and mixed.seeds == 4 and mixed.chance == 1
    fewer = judged(2, [*done(2, 0.99, 0.99), *hopeless(2, 1)], 0.97, 0.002, 8, 0.0)
    assert fewer.reaches and fewer.mean == 0.99
    # two seeds that read well do not outweigh one that could not come near
    far = judged(2, [*done(2, 0.972, 0.972), *hopeless(2, 1, bound=0.9)], 0.97, 0.002, 8, 0.0)
    assert not far.reaches and far.mean == 0.972


def test_a_run_that_failed_is_not_heard() -> None:
    failed = replace(done(2, 0.1)[0], outcome=Outcome.FAILED)
    found = judged(2, [failed], 0.97, 0.002, 8, 0.0)
    assert found.seeds == 0 and not found.settled and not found.reaches
    assert judged(2, [failed, *done(2, 0.98)], 0.97, 0.002, 8, 0.0).mean == 0.98


@given(
    st.lists(st.floats(0, 1), max_size=12),
    st.integers(0, 4),
    st.floats(0.01, 0.99),
    st.floats(0, 0.1),
    st.floats(0, 0.1),
    st.floats(0, 1),
)
def test_whatever_is_heard_a_judgement_is_sound(
    accuracies: list[float], given_up: int, target: float, s: float, apart: float, share: float
) -> None:
    found = judged(2, [*done(2, *accuracies), *hopeless(2, given_up, bound=0.0)], target, s, 8, apart, share)
    assert found.seeds == len(accuracies) + given_up
    assert 0.5 <= found.chance <= 1 and (found.mean is None) == (not accuracies)
    assert not found.told or found.settled
    assert found.settled or found.seeds < 8
    if found.reaches:
        assert found.mean is not None and found.mean >= target - 1e-9 and 2 * given_up < found.seeds
