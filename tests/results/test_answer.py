from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.data.datasets import Dataset
from core.data.images import Facts
from core.networks.families import FAMILIES
from core.recipe import ADADELTA, Protocol
from core.results import sentences
from core.results.analysis import points, turning_points
from core.results.answer import answer
from core.results.collect import Results, finished
from core.runs import reference
from tests.rows import runs, seeds

HELD_OUT = replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json()
TUTORIALS = {key: x.tutorial_network().parameters for key, x in FAMILIES.items()}


def results(*rows: dict[str, Any], name: str = "mnist") -> Results:
    return Results(name, finished(runs(*rows)), None)


def test_the_answer_is_that_of_the_points_and_their_turning_points() -> None:
    rows = [*seeds("mlp", 16, 0.9), *seeds("deep_cnn", 1, 0.9, 0.91), *seeds("deep_cnn", 2, 0.97, 0.98)]
    found = results(*rows, *seeds("cnn", 1, 0.99, state="stopped"))
    said = answer(found, 0.97)
    assert said.target == 0.97 and said.points == points(runs(*rows), {"f": 0.1})
    assert said.turning == turning_points(said.points, 0.97)
    assert said.tutorials == {x: TUTORIALS[x] for x in ("deep_cnn", "mlp")}
    assert said.sentence == sentences.answer(said.turning, 0.97, "MNIST", TUTORIALS)
    assert "Deep CNN of 932 weights" in said.sentence
    assert [x.split(":")[0] for x in said.lines] == ["**Deep CNN**", "**MLP**"], "a line a family, the smallest first"
    assert said.lines == [sentences.turning_point(x, 0.97, TUTORIALS[x.family]) for x in said.turning]


def test_the_answer_follows_the_target() -> None:
    found = results(*seeds("deep_cnn", 2, 0.96), *seeds("deep_cnn", 4, 0.985))
    marks = [x.turning[0].mark for x in (answer(found, y) for y in (0.95, 0.97, 0.99))]
    assert [x and x.width for x in marks] == [2, 4, None]
    assert answer(found, 0.99).sentence == "No network here reaches 99.0 % on MNIST."


def test_images_too_small_for_other_families_have_an_answer() -> None:
    network = FAMILIES["mlp"].build(4, (5, 5, 1), 10)
    rows = seeds("mlp", 4, 0.98, dataset="small", parameters=network.parameters)
    small = Dataset("small", "small", Path("small.npz"), Facts((5, 5, 1), 10, 60, 10, "f"))
    said = answer(Results("small", finished(runs(*rows)), small), 0.97)
    assert [x.mark and x.mark.parameters for x in said.turning] == [network.parameters]
    assert said.tutorials == {"mlp": FAMILIES["mlp"].tutorial_network((5, 5, 1), 10).parameters}


def test_without_runs_of_the_protocol_there_is_no_answer() -> None:
    found = results(*seeds("deep_cnn", 2, 0.98), name="mnist_5k").only(Protocol.HELD_OUT)
    said = answer(found, 0.97)
    assert (said.points, said.turning, said.tutorials, said.lines) == ([], [], {}, [])
    assert "MNIST, 5,000 digits" in said.sentence and said.sentence.startswith("No finished run")


LESION = Facts((28, 28, 1), 2, 4000, 10000, "f", ("naevus", "melanoma"), (3900, 100), (9750, 250))


def unequal(*rows: dict[str, Any], facts: Facts = LESION) -> Results:
    return replace(results(*rows, name="lesion"), dataset=Dataset("lesion", "lesion", Path("lesion.npz"), facts))


def test_networks_no_better_than_the_commonest_class_are_left_out_and_counted() -> None:
    rows = [*seeds("deep_cnn", 1, 0.975), *seeds("deep_cnn", 2, 0.976, 0.976), *seeds("mlp", 4, 0.99)]
    said = answer(unequal(*rows), 0.97)
    assert [(x.family, x.mark and x.mark.width) for x in said.turning] == [("mlp", 4), ("deep_cnn", None)]
    assert [x.commonest for x in said.points] == [0.975] * 3 and said.turning[0].facts()["commonest"] == 0.975
    assert "an MLP of" in said.sentence
    assert "“naevus” is right in 97.50 %" in said.sentence and "2 networks" in said.sentence
    assert "reads nothing" in said.lines[1] and "97.60 %" in said.lines[1]
    none = answer(unequal(*rows[:1]), 0.97)
    assert none.turning[0].mark is None and "1 network " in none.sentence


def test_shipped_runs_are_held_to_the_classes_of_their_own_images() -> None:
    rows = seeds("deep_cnn", 2, 0.975, fingerprint="of the reference", origin="reference")
    (found,) = answer(unequal(*rows), 0.97).turning
    assert found.mark and found.mark.commonest == 0.5


@pytest.mark.parametrize(("target", "told"), [(0.99, True), (0.97, True), (0.88, True), (0.5, True)])
def test_the_share_is_told_wherever_the_target_is_not_far_above(target: float, told: bool) -> None:
    assert ("Whoever always says" in answer(unequal(*seeds("mlp", 4, 0.995)), target).sentence) is told


def test_of_equally_common_classes_nothing_is_said() -> None:
    counts = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
    digits = Facts((28, 28, 1), 10, 60000, 10000, "f", (), (), counts)
    found = replace(unequal(*seeds("mlp", 4, 0.1135), *seeds("mlp", 32, 0.98), facts=digits), name="mnist")
    assert "Whoever" not in answer(found, 0.5).sentence
    assert not answer(found, 0.5).points[0].reads, "it always says 1"
    assert "“1” is right in 11.35 %" in answer(found, 0.11).sentence, "it would have reached that"


def test_runs_on_contents_of_before_are_told_where_there_are_no_others() -> None:
    gone = finished(runs(*seeds("mlp", 4, 0.98, 0.97)))
    said = answer(replace(unequal(), outdated=gone), 0.97)
    assert said.points == [] and "2 finished runs" in said.sentence and "replaced" in said.sentence
    held_out = answer(replace(unequal(), outdated=gone).only(Protocol.HELD_OUT), 0.97)
    assert held_out.sentence.startswith("No finished run")


@pytest.mark.parametrize(("protocol", "width"), [(Protocol.ARTICLE, 4), (Protocol.HELD_OUT, 2)])
def test_each_protocol_answers_for_itself(protocol: Protocol, width: int) -> None:
    rows = seeds("deep_cnn", 2, 0.96) + seeds("deep_cnn", 4, 0.98)
    found = results(*rows, *seeds("deep_cnn", 2, 0.5, recipe=HELD_OUT, held_out_accuracy=0.99)).only(protocol)
    said = answer(found, 0.97)
    assert [x.mark and x.mark.width for x in said.turning] == [width]
    assert ("held-out" in said.lines[0]) is (protocol is Protocol.HELD_OUT)


def test_tutorial_networks_are_those_for_the_images_of_the_set() -> None:
    facts = Facts((12, 12, 1), 4, 20, 8, "f")
    found = replace(results(*seeds("mlp", 4, 0.9)), dataset=Dataset("mnist", "MNIST", Path("mnist.npz"), facts))
    tutorials = answer(found, 0.97).tutorials
    assert tutorials == {"mlp": FAMILIES["mlp"].tutorial_network((12, 12, 1), 4).parameters}
    assert tutorials != TUTORIALS


def test_the_shipped_answer_is_a_few_hundred_weights() -> None:
    shipped = Results(reference.DATASET, finished(reference.store().runs()), None)
    said = answer(shipped, 0.97)
    assert len(said.lines) == len(said.turning) == sum(bool(x.reference) for x in FAMILIES.values())
    first = said.turning[0].mark
    assert first and f"{first.parameters:,} weights" in said.sentence and "tutorial" in said.sentence
    assert all("(reference)" in x for x in said.lines)
