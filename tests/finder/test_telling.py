from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from core.finder.bisection import Finding, look
from core.finder.question import Question
from core.finder.search import Phase, Spent, Standing
from core.finder.telling import facts
from core.finder.trials import Outcome, Trial
from core.runs.run import Cell
from tests.finder.made import IMAGES, about, done, known, question
from tests.finder.test_survey import MNIST

NAMED = {
    "width", "parameters", "mean", "seeds", "bracket_below", "bracket_above", "verdict", "runs", "seconds", "grid_runs",
}  # fmt: skip


def standing(of: Question, *findings: Finding, **more: Any) -> Standing:
    return Standing(of, MNIST, Phase.ENDED, findings, **more)


def told(of: Standing) -> dict[str, Any]:
    """Return what is told, after a way through JSON."""
    found: dict[str, Any] = json.loads(json.dumps(facts(of), allow_nan=False))
    return found


def test_a_family_is_told_as_plain_values() -> None:
    of = question(about(widths=[1, 2, 4]))
    hopeless = Trial(1, 5, Outcome.HOPELESS, 2, 0.5, IMAGES, "stopped")
    trials = {1: [*done(1, *[0.9] * 5), hopeless], 2: done(2, *[0.98] * 5)}
    finding = look(of.asked[0], trials, of, 2)
    cells = [Cell("mnist", "f", "deep_cnn", 2, of.asked[0].recipe, seed) for seed in (0, 1)]
    spent = (
        *(Spent(x, "it halves the bracket", 2.5) for x in cells),
        Spent(Cell("mnist", "f", "mlp", 2, about("mlp").recipe, 0), "", 9.0),
    )
    found = told(standing(of, finding, spent=spent, seconds=7.0))
    assert found["phase"] == "ended" and found["target"] == 0.97 and found["dataset"] == "mnist"
    assert found["protocol"] == "article" and found["seconds"] == 7
    (family,) = found["families"]
    assert set(family) >= NAMED | {"family"}
    assert (family["family"], family["width"], family["parameters"]) == ("deep_cnn", 2, 932)
    assert (family["bracket_below"], family["bracket_above"]) == (408, 932) and family["verdict"] == "found"
    assert abs(family["mean"] - 0.98) < 1e-9 and family["seeds"] == 5
    assert family["seconds"] == 5 and family["grid_runs"] == 15, "what another family took is not its own"
    assert len(family["runs"]) == 11
    for run in family["runs"]:
        assert set(run) >= {"width", "seed", "epochs", "accuracy", "why"}
    (given_up,) = [x for x in family["runs"] if x["seed"] == 5]
    assert given_up["epochs"] == 2 and given_up["accuracy"] == 0.5 and given_up["why"]


def test_a_family_that_nothing_is_known_of_is_told_too() -> None:
    of = question(about(widths=[1, 2]), about("mlp", [1]))
    findings = [look(x, {}, of, 2) for x in of.asked]
    for family in told(standing(of, *findings))["families"]:
        assert family["width"] is family["parameters"] is family["mean"] is family["bracket_below"] is None
        assert family["verdict"] == "searching" and family["runs"] == [] and family["seconds"] == 0


def test_what_the_ways_of_ending_are_called() -> None:
    of = question(about(widths=[1, 2]))
    (one,) = of.asked
    failed = Trial(2, 0, Outcome.FAILED, 1, 0.1, IMAGES, "no memory")
    ways = {
        "found": look(one, known({1: [0.9] * 5, 2: [0.99] * 5}), of, 2),
        "cannot be told apart": look(one, known({1: [0.9] * 5, 2: [0.97] * 8}), of, 2),
        "not reached": look(one, known({2: [0.9]}), of, 2),
        "not smaller": look(one, known({1: [0.9], 2: [0.9]}), of, 2, beat=900),
        "failed": look(one, {2: [failed]}, of, 2),
    }
    for verdict, finding in ways.items():
        found = told(standing(of, finding))
        assert found["families"][0]["verdict"] == verdict and found["answer"]
    assert told(standing(of, ways["failed"]))["families"][0]["message"]


def test_a_search_that_has_not_begun_is_told() -> None:
    of = question()
    found = told(Standing(of, MNIST))
    assert found["families"] == [] and found["phase"] == "searching" and found["problem"] is None
    assert told(replace(Standing(of, MNIST), problem="Why."))["problem"] == "Why."
