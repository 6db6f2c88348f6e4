"""The one codec of runner, trainer and the tests' fake."""

from __future__ import annotations

import ast
import json
import os
from dataclasses import fields, replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import ROOT
from core.errors import ArgumentError, FeatherweightError, TrainingError
from core.networks.families import FAMILIES
from core.recipe import Recipe
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
from tests.recipes import recipes

NAMES = st.text(max_size=20)
LINES = [x.identity(n, dropout) for x in FAMILIES.values() for n in (1, 2, 128) for dropout in (False, True)]
NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
EPOCHS = st.builds(
    Epoch, st.integers(1, 1000), NUMBERS, NUMBERS, st.none() | NUMBERS, st.none() | NUMBERS, NUMBERS,
    st.none() | NUMBERS, st.none() | NUMBERS,
)  # fmt: skip
PATHS = NAMES | st.binary(max_size=20).map(os.fsdecode)  # a file's name need not be text that can be printed
MESSAGES: dict[type[Message], st.SearchStrategy[Message]] = {
    Job: st.builds(Job, NAMES, st.sampled_from(LINES), recipes(), st.integers(0, 2**31 - 1), PATHS),
    Stop: st.builds(Stop, NAMES),
    Ready: st.builds(Ready, NAMES, st.none() | NAMES, st.lists(NAMES).map(tuple), st.dictionaries(NAMES, NAMES)),
    Started: st.builds(Started, NAMES),
    EpochEnded: st.builds(EpochEnded, NAMES, EPOCHS),
    Finished: st.builds(Finished, NAMES, st.booleans(), st.none() | NAMES, st.none() | st.binary(max_size=200)),
    Failed: st.builds(Failed, st.none() | NAMES, NAMES, st.booleans()),
}
KINDS = get_args(Message)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NAMES,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(NAMES, x, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_a_message_is_one_line_and_comes_back_as_it_was(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(MESSAGES[kind])
    line = encode(message)
    assert line.isascii() and line.endswith("\n") and len(line.splitlines()) == 1
    heard = decode(line)
    assert type(heard) is kind and heard == message
    assert encode(heard) == line
    assert job_of(line) == getattr(message, "job", None)


def test_every_kind_of_message_is_tried() -> None:
    assert set(MESSAGES) == set(KINDS)


@pytest.mark.parametrize("path", ["core/training/__main__.py", "core/runner/local.py", "tests/fake_training.py"])
def test_trainer_runner_and_fake_speak_by_the_same_codec(path: str) -> None:
    used = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            used |= {f"{node.module}.{x.name}" for x in node.names}
        if isinstance(node, ast.Import):
            used |= {x.name for x in node.names}
    assert {"core.runs.messages.encode", "core.runs.messages.decode"} <= used
    assert not any(x.partition(".")[0] == "json" for x in used), "a second way to write a message"


@given(data=st.data())
def test_a_message_with_something_else_in_it_is_a_message_or_told(data: st.DataObject) -> None:
    message = data.draw(st.one_of(list(MESSAGES.values())))
    name = data.draw(st.sampled_from([x.name for x in fields(message)]))
    line = json.dumps(json.loads(encode(message)) | {name: data.draw(JSON)})
    try:
        heard = decode(line)
    except FeatherweightError as e:
        assert "\n" not in str(e)
        return
    assert type(heard) is type(message)


@given(st.text(max_size=100) | st.recursive(st.none() | st.integers() | NAMES, lambda x: st.lists(x)).map(json.dumps))
def test_whatever_else_comes_is_no_message(line: str) -> None:
    with pytest.raises(TrainingError):
        decode(line)


JOB: dict[str, Any] = json.loads(encode(Job("7", "flatten dense(2) dense(2)", Recipe("adam", 0.1, 3), 0, "data.npz")))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"layers": "rnn(2) flatten"}, "rnn"),
        ({"layers": []}, "line of text"),
        ({"layers": ""}, "layer"),
        ({"layers": "conv3(0) flatten"}, "width"),
        ({"seed": -1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"recipe": None}, "recipe"),
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


@pytest.mark.parametrize("value", ["%%%", "é", "YQ", 3, []])
def test_weights_that_are_no_base64_are_no_message(value: object) -> None:
    line = json.loads(encode(Finished("1", False, "XLA", b"weights")))
    with pytest.raises(TrainingError):
        decode(json.dumps(line | {"weights": value}))


@pytest.mark.parametrize("value", [None, [], {}, {"epoch": 1}, {"other": 1}])
def test_an_epoch_without_its_figures_is_no_message(value: object) -> None:
    line = json.loads(encode(EpochEnded("1", Epoch(1, 1, 1, 1, 1, 1))))
    with pytest.raises(TrainingError):
        decode(json.dumps(line | {"epoch": value}))


def test_a_line_that_is_cut_off_is_told_with_its_beginning() -> None:
    line = encode(Finished("1", False, "XLA", bytes(1000)))[:-20]
    with pytest.raises(TrainingError) as told:
        decode(line)
    said = str(told.value)
    assert repr(line[:80]) in said and len(said) < 400 and "\n" not in said


@pytest.mark.parametrize("line", ["", "3", "{}", '{"job": 3}', "garbage"])
def test_a_line_that_names_no_job_is_about_none(line: str) -> None:
    assert job_of(line) is None


def test_a_job_is_checked_when_it_is_made() -> None:
    job = Job("1", "flatten dense(2) dense(2)", Recipe("adam", 0.1, 3), 0, "data.npz")
    with pytest.raises(ArgumentError):
        replace(job, layers="dense(0)")


@pytest.mark.parametrize("name", [3, [], {}, True])
@pytest.mark.parametrize(
    "message",
    [
        Job("7", "flatten dense(2) dense(2)", Recipe("adam", 0.1, 3), 0, "data.npz"), Stop("7"), Started("7"),
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
