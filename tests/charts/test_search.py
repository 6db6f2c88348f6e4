from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from core.charts import search as charts
from core.finder.bisection import Finding, Verdict, look
from core.finder.judgement import Judgement
from core.finder.question import Asked, Question, asked
from core.finder.trials import Outcome, Trial
from core.networks.families import FAMILIES
from tests.rendered import rendered, words

SHAPE, CLASSES = (28, 28, 1), 10


def about(key: str, widths: Sequence[int] | None = None) -> Asked:
    return asked(FAMILIES[key], FAMILIES[key].recipe, SHAPE, CLASSES, widths)


def finding(key: str, read: dict[int, list[float]], verdict: Verdict | None = None) -> Finding:
    """Return what is known of a family after runs that read so much; below 0.5 they were hopeless."""
    one = about(key)
    outcomes = {x: Outcome.DONE if x >= 0.5 else Outcome.HOPELESS for some in read.values() for x in some}
    trials = {n: [Trial(n, i, outcomes[x], 12, x, 1000) for i, x in enumerate(some)] for n, some in read.items()}
    found = look(one, trials, Question((one,), 0.9), one.family.start)
    return found if verdict is None else Finding(one, verdict, found.judgements, found.above, found.below)


def scales(drawn: dict[str, Any]) -> set[str]:
    """Return what the axes of all layers span."""
    channels = [x["encoding"][c] for x in drawn["layer"] for c in ("x", "y") if c in x["encoding"]]
    return {str(x["scale"]) for x in channels if "scale" in x}


def test_a_run_is_a_mark_hollow_where_it_was_hopeless() -> None:
    table = charts.runs([finding("deep_cnn", {1: [0.4], 2: [0.93, 0.95]})], 0.7)
    assert list(table["weights"]) == [408, 932, 932] and list(table["hollow"]) == [True, False, False]
    assert list(table["accuracy"]) == [0.4, 0.93, 0.95]
    assert list(table["height"]) == [0.7, 0.93, 0.95], "what reads too little stands at the foot"


def test_every_run_and_every_lane_is_drawn() -> None:
    one, other = finding("deep_cnn", {1: [0.8], 2: [0.93, 0.95]}), finding("tied", {})
    marks = [kind for kind, *_ in rendered(charts.search([one, other], 0.9, "held-out").to_dict())]
    # three runs, a symbol a family, and two arrows of the one that nothing is known of
    assert marks.count("symbol") == 3 + 2 + 2


def test_axes_and_height_are_the_same_however_far_the_search_is() -> None:
    begun = charts.search([finding("deep_cnn", {}), finding("tied", {})], 0.9, "test").to_dict()
    far = [finding("deep_cnn", {1: [0.2], 2: [0.99], 32: [0.999]}), finding("tied", {8: [0.95], 4: [0.91]})]
    later = charts.search(far, 0.9, "test").to_dict()
    assert scales(begun) == scales(later) and len(scales(begun)) == 2
    assert begun["height"] == later["height"] == charts.height(2)


@pytest.mark.parametrize(("target", "low"), [(0.9, 0.7), (0.97, 0.91), (0.5, 0.0)])
def test_the_axis_of_accuracies_follows_from_the_target(target: float, low: float) -> None:
    drawn = charts.search([finding("deep_cnn", {})], target, "test").to_dict()
    heights = [x["encoding"]["y"] for x in drawn["layer"] if "y" in x["encoding"]]
    (domain,) = {tuple(x["scale"]["domain"]) for x in heights if "scale" in x}
    assert domain == pytest.approx((low, 1.0))


@pytest.mark.parametrize(
    ("read", "left", "right", "known"),
    [
        ({}, 408, None, (False, False)),
        ({2: [0.99]}, 408, 932, (False, True)),
        ({1: [0.7]}, 408, None, (True, False)),
        ({1: [0.7], 4: [0.99]}, 408, 2358, (True, True)),
    ],
)
def test_a_band_holds_the_bracket(
    read: dict[int, list[float]], left: int, right: int | None, known: tuple[bool, bool]
) -> None:
    found = finding("deep_cnn", read)
    row = charts.lane(found)
    last = found.asked.parameters[-1]
    assert (row["left"], row["right"]) == (left, right or last)
    assert (row["left_known"], row["right_known"]) == known and row["answer"] is None


def test_a_family_that_has_an_answer_has_a_mark_on_its_lane() -> None:
    row = charts.lane(finding("deep_cnn", {1: [0.7] * 5, 2: [0.99] * 5}))
    assert (row["answer"], row["left"], row["right"]) == (932, 408, 932) and "932 weights" in row["words"]


@pytest.mark.parametrize("verdict", [Verdict.NOT_REACHED, Verdict.NOT_SMALLER, Verdict.FAILED])
def test_where_there_is_no_answer_there_is_no_band(verdict: Verdict) -> None:
    found = finding("deep_cnn", {1: [0.7]}, verdict)
    row = charts.lane(found)
    assert row["left"] is row["right"] is row["answer"] is None
    marks = [kind for kind, *_ in rendered(charts.search([found], 0.9, "test").to_dict())]
    assert marks.count("symbol") == 2, "its run and its name"


def test_a_lane_is_named_and_the_target_is_a_line() -> None:
    said = words(charts.search([finding("deep_cnn", {}), finding("mlp", {})], 0.9, "held-out"))
    assert {"Deep CNN: nothing known yet", "MLP: nothing known yet", "target 90.0 %"} <= set(said)
    assert any("held-out" in x for x in said)


def test_a_search_whose_runs_were_all_hopeless_can_be_drawn() -> None:
    judgement = Judgement(2, (Trial(2, 0, Outcome.HOPELESS, 3, 0.2, 1000),), None, False, True, True, 1.0)
    one = about("deep_cnn")
    found = Finding(one, Verdict.SEARCHING, (judgement,), below=judgement)
    assert rendered(charts.search([found], 0.9, "test").to_dict())
