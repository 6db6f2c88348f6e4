"""The one codec of runner, trainer and the tests' fake."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArgumentError, TrainingError
from core.networks.families import FAMILIES
from core.recipe import OPTIMIZERS, PRECISIONS, Protocol, Recipe
from core.runs.messages import (
    EpochEnded,
    Failed,
    Finished,
    Job,
    Message,
    Ready,
    Started,
    Stop,
    decode,
    encode,
    job_of,
)
from core.runs.run import Epoch

NAMES = st.text(max_size=20)
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
RECIPES = st.builds(
    Recipe,
    st.sampled_from(list(OPTIMIZERS)),
    st.floats(1e-6, 10),
    st.integers(1, 1000),
    st.integers(1, 4096),
    st.booleans(),
    st.sampled_from(PRECISIONS),
    st.sampled_from(Protocol),
)
EPOCHS = st.builds(
    Epoch, st.integers(1, 1000), NUMBERS, NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS, NUMBERS,
    st.none() | NUMBERS, st.none() | NUMBERS,
)  # fmt: skip
MESSAGES: st.SearchStrategy[Message] = st.one_of(
    st.builds(Job, NAMES, st.sampled_from(list(FAMILIES)), st.integers(1, 128), RECIPES, st.integers(0, 99), NAMES),
    st.builds(Stop, NAMES),
    st.builds(Ready, NAMES, st.none() | NAMES, st.lists(NAMES).map(tuple), st.dictionaries(NAMES, NAMES)),
    st.builds(Started, NAMES),
    st.builds(EpochEnded, NAMES, EPOCHS),
    st.builds(Finished, NAMES, st.booleans(), st.none() | NAMES, st.none() | st.binary(max_size=200)),
    st.builds(Failed, st.none() | NAMES, NAMES, st.booleans()),
)


@given(MESSAGES)
def test_a_message_is_one_line_and_comes_back_as_it_was(message: Message) -> None:
    line = encode(message)
    assert line.endswith("\n") and line.count("\n") == 1
    assert decode(line) == message


@given(st.text(max_size=100) | st.recursive(st.none() | st.integers() | NAMES, lambda x: st.lists(x)).map(json.dumps))
def test_whatever_else_comes_is_no_message(line: str) -> None:
    with pytest.raises(TrainingError):
        decode(line)


JOB: dict[str, Any] = json.loads(encode(Job("7", "mlp", 2, Recipe("adam", 0.1, 3), 0, "data.npz")))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"family": "rnn"}, "rnn"),
        ({"width": 0}, "width"),
        ({"seed": -1}, "seed"),
        ({"recipe": {"optimizer": "adam"}}, "recipe"),
        ({"recipe": JOB["recipe"] | {"epochs": 0}}, "epochs"),
        ({"data": None}, "data"),
    ],
)
def test_a_job_that_cannot_be_is_told_with_its_argument(changes: dict[str, Any], named: str) -> None:
    line = json.dumps(JOB | changes)
    with pytest.raises(ArgumentError, match=named):
        decode(line)
    assert job_of(line) == "7"


@pytest.mark.parametrize("changes", [{"kind": "nonsense"}, {"more": 1}, {"kind": "finished"}])
def test_a_message_with_other_fields_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(TrainingError):
        decode(json.dumps(JOB | changes))


def test_weights_that_are_no_base64_are_no_message() -> None:
    line = json.loads(encode(Finished("1", False, "XLA", b"weights")))
    with pytest.raises(TrainingError):
        decode(json.dumps(line | {"weights": "%%%"}))


@pytest.mark.parametrize("line", ["", "3", "{}", '{"job": 3}', "garbage"])
def test_a_line_that_names_no_job_is_about_none(line: str) -> None:
    assert job_of(line) is None


def test_a_job_is_checked_when_it_is_made() -> None:
    job = Job("1", "mlp", 2, Recipe("adam", 0.1, 3), 0, "data.npz")
    with pytest.raises(ArgumentError):
        replace(job, width=0)


@pytest.mark.parametrize("name", [3, [], {}, True])
@pytest.mark.parametrize(
    "message",
    [
        Job("7", "mlp", 2, Recipe("adam", 0.1, 3), 0, "data.npz"), Stop("7"), Started("7"),
        EpochEnded("7", Epoch(1, 1, 1, 1, 1, 1)), Finished("7", False, None, None), Failed("7", "why"),
    ],
)  # fmt: skip
def test_a_job_is_named_by_text(message: Message, name: object) -> None:
    line = json.dumps(json.loads(encode(message)) | {"job": name})
    with pytest.raises(TrainingError):
        decode(line)
    assert job_of(line) is None


@pytest.mark.parametrize("message", [Stop("7"), Started("7"), Finished("7", False, None, None)])
def test_only_a_failure_may_be_of_no_job(message: Message) -> None:
    with pytest.raises(TrainingError):
        decode(json.dumps(json.loads(encode(message)) | {"job": None}))
    assert decode(encode(Failed(None, "why"))) == Failed(None, "why")


def test_a_line_of_brackets_is_told() -> None:
    with pytest.raises(TrainingError):
        decode("[" * 100_000)
    assert job_of("[" * 100_000) is None
