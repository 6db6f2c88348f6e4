from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.data.datasets import Dataset
from core.data.npz import Facts
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
    assert said.target == 0.97 and said.points == points(runs(*rows))
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
