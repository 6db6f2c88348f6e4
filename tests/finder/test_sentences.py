"""What is told of a search in sentences."""

from __future__ import annotations

from dataclasses import replace

from core.finder import telling
from core.finder.bisection import Finding, Verdict, look
from core.finder.trials import Outcome, Trial
from core.recipe import Protocol
from core.runs.run import Run, RunState
from tests.finder.made import IMAGES, about, done, known, question
from tests.rows import runs


def test_where_accuracy_does_not_grow_is_told_once_a_pair() -> None:
    of = question(about(widths=[1, 2, 4, 8]))
    trials = known({1: [0.9] * 5, 2: [0.99] * 5, 4: [0.95] * 5, 8: [0.999] * 5})
    found = look(of.asked[0], trials, of, 2)
    assert found.uneven == ((2, 4),)
    assert telling.uneven(found).count("reads more than") == 1 and "n = 2 reads more than n = 4" in telling.uneven(
        found
    )
    assert telling.uneven(replace(found, uneven=())) == ""


def test_seeds_that_were_stopped_are_not_among_those_of_a_mean() -> None:
    of = question(about(widths=[1, 2]))
    hopeless = [Trial(2, seed, Outcome.HOPELESS, 2, 0.5, IMAGES) for seed in (3, 4)]
    finding = look(of.asked[0], {1: done(1, *[0.9] * 5), 2: [*done(2, 0.98, 0.98, 0.98), *hopeless]}, of, 2)
    told = telling.answer(finding, 0.97)
    assert "98.00 % over 3 seeds, 2 more stopped as hopeless" in told and "5 seeds" not in told


def test_a_family_whose_smallest_network_is_too_large_says_how_large_it_is() -> None:
    asked = about(widths=[1, 2])
    told = telling.answer(Finding(asked, Verdict.NOT_SMALLER, ()), 0.97)
    assert "408" in told and "nothing is known" not in told


def held_out(width: int, seed: int, accuracy: float) -> Run:
    (run,) = runs({"family": "deep_cnn", "width": width, "seed": seed, "test_accuracy": accuracy})
    recipe = replace(about().recipe, protocol=Protocol.HELD_OUT)
    return replace(run, cell=replace(run.cell, recipe=recipe))


def test_the_test_images_are_told_where_held_out_images_decided() -> None:
    of = question(about(widths=[1, 2], protocol=Protocol.HELD_OUT))
    found = look(of.asked[0], known({1: [0.9] * 5, 2: [0.99] * 5}), of, 2)
    some = [
        held_out(2, 0, 0.96),
        held_out(2, 1, 0.98),
        held_out(1, 0, 0.5),
        replace(held_out(2, 2, 0.1), state=RunState.STOPPED),
    ]
    assert "97.00 ± 1.41 % of the test images over 2 seeds" in telling.tested(found, some)
    assert telling.tested(found, []) == ""
    article = question(about(widths=[1, 2]))
    decided = look(article.asked[0], known({1: [0.9] * 5, 2: [0.99] * 5}), article, 2)
    assert telling.tested(decided, some) == "", "the test images have been told already"
