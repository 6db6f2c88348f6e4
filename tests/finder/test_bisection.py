from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.finder.bisection import Verdict, look
from core.finder.question import Asked, lattice
from core.finder.trials import Outcome, Trial
from tests.finder.made import IMAGES, about, done, known, question, searched

WIDE = about("mlp")  # 1 to 512 in 48 steps


def with_widths(widths: tuple[int, ...]) -> Asked:
    return replace(WIDE, widths=widths, parameters=tuple(785 * n for n in widths), layers=tuple(map(str, widths)))


some_widths = st.sets(st.integers(1, 2000), min_size=1, max_size=60).map(lambda x: tuple(sorted(x)))
lattices = st.one_of(st.integers(1, 512).map(lattice), some_widths)


@given(st.data())
def test_on_any_curve_that_grows_the_smallest_width_is_found_whatever_the_widths(data: st.DataObject) -> None:
    widths = data.draw(lattices)
    means = sorted(data.draw(st.lists(st.floats(0.11, 1), min_size=len(widths), max_size=len(widths))))
    target = data.draw(st.one_of(st.floats(0.12, 0.99), st.sampled_from(means).filter(lambda x: x < 1)))
    reads = dict(zip(widths, means, strict=True))
    asked = question(with_widths(widths), target=target, seeds=data.draw(st.integers(1, 9)))
    finding, runs = searched(asked, lambda n, seed: reads[n], data.draw(st.integers(1, 1024)))
    wanted = next((n for n in widths if reads[n] >= target - 1e-9), None)
    assert (finding.above and finding.above.width) == wanted
    if wanted is None:
        assert finding.below and finding.below.width == widths[-1]
        assert finding.verdict is (Verdict.NOT_REACHED if finding.below.told else Verdict.UNTOLD)
        return
    before = [n for n in widths if n < wanted]
    assert (finding.below and finding.below.width) == (before[-1] if before else None)
    assert finding.verdict in (Verdict.FOUND, Verdict.UNTOLD) and not finding.uneven
    assert finding.parameters == 785 * wanted
    ends = {x.width: x.seeds for x in (finding.above, finding.below) if x}
    assert all(x >= asked.ends for x in ends.values()), "both ends rest on enough seeds"
    assert len(runs) == len(set(runs))


@given(st.sampled_from([16, 32, 64, 128, 512]), st.data())
def test_it_takes_far_fewer_runs_than_the_grid(most: int, data: st.DataObject) -> None:
    widths = lattice(most)
    wanted, start = data.draw(st.sampled_from(widths)), data.draw(st.sampled_from(widths))
    asked = question(with_widths(widths), target=0.9)
    finding, runs = searched(asked, lambda n, seed: 0.95 if n >= wanted else 0.8, start)
    assert finding.above and finding.above.width == wanted and finding.verdict is Verdict.FOUND
    assert len(runs) <= 20 and len(runs) <= 0.25 * 5 * len(widths)
    assert len({n for n, _ in runs}) <= 12


@given(st.data())
def test_with_noise_it_ends_and_the_bracket_closes(data: st.DataObject) -> None:
    widths = data.draw(lattices)
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    means = {n: 0.97 - 0.1 / n for n in widths}
    asked = question(
        with_widths(widths),
        target=data.draw(st.floats(0.85, 0.985)),
        seeds=data.draw(st.integers(1, 8)),
        tell_apart=data.draw(st.sampled_from([0, 0.001, 0.01])),
    )
    finding, runs = searched(asked, lambda n, seed: rng.gauss(means[n], 0.01), 8)
    assert len(runs) == len(set(runs)) <= 8 * len(widths)
    if finding.above is None:
        assert finding.below and finding.below.width == widths[-1]
        assert finding.verdict is (Verdict.NOT_REACHED if finding.below.told else Verdict.UNTOLD)
    else:
        assert finding.verdict in (Verdict.FOUND, Verdict.UNTOLD)
        place = widths.index(finding.above.width)
        assert (finding.below.width if finding.below else None) == (widths[place - 1] if place else None)
        assert finding.sure is not None and 0.25 <= finding.sure <= 1


@given(st.data())
def test_runs_that_there_are_already_are_used_wherever_they_lie(data: st.DataObject) -> None:
    widths = lattice(64)
    wanted = data.draw(st.sampled_from(widths))
    had = data.draw(st.sets(st.tuples(st.sampled_from(widths), st.integers(0, 30)), max_size=60))

    def reads(n: int, seed: int) -> float:
        return 0.95 if n >= wanted else 0.8

    trials: dict[int, list[Trial]] = {}
    for n, seed in sorted(had):
        trials.setdefault(n, []).append(Trial(n, seed, Outcome.DONE, 12, reads(n, seed), IMAGES))
    finding, runs = searched(question(with_widths(widths), target=0.9), reads, 8, trials)
    assert finding.above and finding.above.width == wanted and not had.intersection(runs)
    again, none = searched(question(with_widths(widths), target=0.9), reads, 8, trials)
    assert again == finding and not none, "the same trials always give the same"


def test_the_width_to_begin_with_is_that_which_is_known() -> None:
    assert look(about("deep_cnn"), {}, question(), 5).next == (5, (0,))
    assert look(about("deep_cnn", [1, 2, 4, 8]), {}, question(), 5).next == (4, (0,))
    assert look(about("deep_cnn", [16, 32]), {}, question(), 5).next == (16, (0,))


def test_it_goes_on_by_doublings_and_halves_the_bracket() -> None:
    asked, one = question(), about()
    assert look(one, known({4: [0.9]}), asked, 4).next == (8, (0,))
    assert look(one, known({4: [0.99]}), asked, 4).next == (2, (0,))
    assert look(one, known({4: [0.9], 16: [0.99]}), asked, 4).next == (8, (0,))
    assert look(one, known({4: [0.9], 8: [0.9712]}), asked, 4).next == (8, (1,)), "its seed cannot tell yet"
    closed = look(one, known({4: [0.9], 5: [0.99]}), asked, 4)
    assert closed.verdict is Verdict.SEARCHING and closed.next == (5, (1, 2, 3, 4))
    last = look(one, known({4: [0.9], 5: [0.99] * 5}), asked, 4)
    assert last.next == (4, (1, 2, 3, 4))


def test_seeds_that_are_there_are_filled_up() -> None:
    had = [replace(x, seed=seed) for x, seed in zip(done(5, 0.99, 0.99), (1, 7), strict=True)]
    found = look(about(), {4: done(4, *[0.9] * 5), 5: had}, question(), 4)
    assert found.next == (5, (0, 2, 3))


def test_n_1_reaches_and_there_is_nothing_below() -> None:
    finding, runs = searched(question(), lambda n, seed: 0.99, 8)
    assert finding.verdict is Verdict.FOUND and finding.above and finding.above.width == 1
    assert finding.below is None and finding.sure == pytest.approx(1) and len(runs) == 8


def test_no_width_reaches() -> None:
    finding, runs = searched(question(), lambda n, seed: 0.9, 2)
    assert finding.verdict is Verdict.NOT_REACHED and finding.above is None and finding.parameters is None
    assert [n for n, _ in runs] == [2, 4, 8, 16, 32]


def test_what_eight_seeds_cannot_tell_is_said() -> None:
    finding, runs = searched(question(), lambda n, seed: 0.97 if n >= 3 else 0.9, 4)
    assert finding.verdict is Verdict.UNTOLD and finding.above and finding.above.width == 3
    assert sum(n == 3 for n, _ in runs) == 8
    quick, fewer = searched(question(tell_apart=0.01), lambda n, seed: 0.97 if n >= 3 else 0.9, 4)
    assert quick.verdict is Verdict.UNTOLD and len(fewer) < len(runs)


@pytest.mark.parametrize("beat", [932, 933])
def test_a_family_is_only_asked_for_fewer_weights_than_another_gets_by_with(beat: int) -> None:
    first = look(about(), {}, question(), 8, beat=beat)
    assert first.next == (2 if beat == 933 else 1, (0,)), "the largest that would do comes first"
    finding, runs = searched(question(), lambda n, seed: 0.99 if n > 2 else 0.9, 8, beat=beat)
    assert finding.verdict is Verdict.NOT_SMALLER and len(runs) == 1


def test_a_family_of_which_no_network_is_small_enough_is_given_up_at_once() -> None:
    finding, runs = searched(question(), lambda n, seed: 0.99, 8, beat=408)
    assert finding.verdict is Verdict.NOT_SMALLER and not runs


def test_a_family_that_gets_by_with_fewer_is_searched_to_its_end() -> None:
    finding, runs = searched(question(), lambda n, seed: 0.99 if n > 2 else 0.9, 8, beat=10_000)
    assert finding.verdict is Verdict.FOUND and finding.above and finding.above.width == 3
    assert all(about().weights(n) < 10_000 for n, _ in runs)


def test_a_run_that_failed_ends_the_search_in_a_family_and_says_why() -> None:
    failed = Trial(4, 1, Outcome.FAILED, 2, 0.3, IMAGES, "Training diverged at epoch 3.")
    finding = look(about(), {4: [*done(4, 0.99), failed]}, question(), 4)
    assert finding.verdict is Verdict.FAILED and finding.next is None
    assert finding.message == "n = 4, seed 1: Training diverged at epoch 3." and finding.above


def test_widths_of_which_the_smaller_reads_more_are_named() -> None:
    some = known({2: [0.95] * 5, 4: [0.98] * 5, 8: [0.955] * 5, 16: [0.99] * 5})
    finding = look(about(), some, question(), 4)
    assert finding.uneven == ((4, 8),)
    within = known({2: [0.95] * 5, 4: [0.9805] * 5, 8: [0.9803] * 5})
    assert look(about(), within, question(), 4).uneven == ()


@given(st.dictionaries(st.sampled_from(lattice(32)), st.lists(st.floats(0, 1), min_size=1, max_size=3), max_size=12))
def test_uneven_widths_are_neighbours_in_the_wrong_order(some: dict[int, list[float]]) -> None:
    finding = look(about(), known(some), question(), 4)
    means = [(x.width, x.mean or 0) for x in finding.judgements]
    wrong = {(a, b) for (a, first), (b, second) in pairwise(means) if first > second}
    assert wrong.issuperset(finding.uneven)


def test_on_a_curve_that_is_uneven_the_search_still_ends_at_a_bracket() -> None:
    means = {1: 0.9, 2: 0.98, 3: 0.9, 4: 0.9, 5: 0.99}
    asked = question(about("deep_cnn", list(means)))
    for start in means:
        finding, _ = searched(asked, lambda n, seed: means[n], start)
        assert finding.verdict is Verdict.FOUND and finding.above and finding.above.width in (2, 5)


def test_a_network_that_reads_no_more_than_the_commonest_class_is_not_taken() -> None:
    asked = question(target=0.9)
    finding, _ = searched(asked, lambda n, seed: 0.901 if n < 4 else 0.95, 8, commonest=0.9)
    assert finding.above and finding.above.width == 4


def test_hopeless_runs_close_the_bracket_from_below() -> None:
    given_up = [Trial(4, x, Outcome.HOPELESS, 2, 0.5, IMAGES) for x in range(5)]
    finding = look(about(), {4: given_up, 5: done(5, *[0.99] * 5)}, question(), 4)
    assert finding.verdict is Verdict.FOUND and finding.below and finding.below.mean is None
    assert finding.below.seeds == 5
