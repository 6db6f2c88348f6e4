"""Recipes: their bounds, and JSON that is equal exactly where recipes are."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given

from core.errors import ArgumentError
from core.recipe import (
    ADADELTA,
    LEAN,
    MAX_SEED,
    OPTIMIZERS,
    RMSPROP,
    Initialization,
    Protocol,
    Recipe,
    Schedule,
    seed_number,
)
from tests.recipes import recipes

FIELDS = (
    "optimizer, learning_rate, epochs, batch_size, dropout, precision, protocol, schedule, warmup, beta2, "
    "weight_decay, clip, label_smoothing, shift, initialization"
)


@given(recipes())
def test_json_round_trip(recipe: Recipe) -> None:
    again = Recipe.from_json(recipe.to_json())
    assert again == recipe
    assert again.to_json() == recipe.to_json()
    assert hash(again) == hash(recipe)


@given(recipes(), recipes())
def test_json_is_equal_exactly_where_recipes_are(one: Recipe, other: Recipe) -> None:
    assert (one == other) == (one.to_json() == other.to_json())


@pytest.mark.parametrize(
    "other",
    [
        Recipe("adadelta", 1, 12),
        Recipe("adadelta", "1.0", 12),  # type: ignore[arg-type]
        Recipe("adadelta", np.float32(1), np.int64(12)),  # type: ignore[arg-type]
        Recipe("adadelta", 1.0, "12", 128.0),  # type: ignore[arg-type]
        Recipe("adadelta", 1.0, 12, 128, False, "float32", Protocol.ARTICLE),
        Recipe(
            "adadelta",
            1.0,
            12,
            schedule=Schedule.CONSTANT,
            warmup=0,
            beta2=0.999,
            weight_decay=0,
            clip=0,
            label_smoothing=0,
            shift=0,
            initialization=Initialization.GLOROT,
        ),
        Recipe("adadelta", 1.0, 12, schedule="constant", clip="0", shift="0"),  # type: ignore[arg-type]
        Recipe.from_json('{"epochs": 12, "learning_rate": 1, "optimizer": "adadelta", "protocol": "article"}'),
        Recipe.from_json('{"epochs": 12, "learning_rate": 1, "optimizer": "adadelta"}'),
    ],
)
def test_however_a_recipe_is_written_its_json_is_one(other: Recipe) -> None:
    assert other == ADADELTA
    assert other.to_json() == ADADELTA.to_json()
    assert (type(other.learning_rate), type(other.epochs), type(other.batch_size)) == (float, int, int)


def test_json_is_canonical() -> None:
    # The store identifies runs by this text: a changed one would forget every run that people have.
    assert ADADELTA.to_json() == (
        '{"batch_size": 128, "dropout": false, "epochs": 12, "learning_rate": 1.0, '
        '"optimizer": "adadelta", "precision": "float32"}'
    )
    assert replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json() == (
        '{"batch_size": 128, "dropout": false, "epochs": 12, "learning_rate": 1.0, '
        '"optimizer": "adadelta", "precision": "float32", "protocol": "held_out"}'
    )
    assert LEAN.to_json() == (
        '{"batch_size": 128, "beta2": 0.99, "clip": 0.5, "dropout": false, "epochs": 60, "initialization": "he", '
        '"learning_rate": 0.05, "optimizer": "adam", "precision": "float32", "schedule": "cosine", "warmup": 0.1}'
    )


@given(recipes())
def test_json_names_only_what_recipes_did_not_always_have_where_it_is_another(recipe: Recipe) -> None:
    always = {"batch_size", "dropout", "epochs", "learning_rate", "optimizer", "precision"}
    plain = Recipe("adamw", 0.001, 12)
    others = {name for name in Recipe.__slots__ if getattr(recipe, name) != getattr(plain, name)}
    assert set(json.loads(recipe.to_json())) == always | others


@pytest.mark.parametrize(
    "rate", [0, -0.1, 10.001, math.nan, math.inf, -math.inf, "abc", "nan", "", None, [1]], ids=repr
)
def test_a_bad_learning_rate_is_answered_in_one_sentence(rate: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        Recipe("adam", rate, 1)
    expected = f"Invalid learning rate. Expected a number above 0 and at most 10. Received: {rate!r}."
    assert str(error.value) == expected


@pytest.mark.parametrize("rate", [True, 10**400], ids=["True", "10**400"])
def test_numbers_that_are_no_rates_are_refused(rate: Any) -> None:
    with pytest.raises(ArgumentError, match=r"learning rate\..* 0 .* 10\. .* (True|1000)"):
        Recipe("adam", rate, 1)


@pytest.mark.parametrize("value", [0, -1, 10**9, "abc", None, 2.5, True, "", math.nan, math.inf], ids=repr)
def test_bad_epochs_batch_and_seed_are_answered_in_one_sentence(value: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        Recipe("adam", 0.001, value)
    said = str(error.value)
    assert "number of epochs." in said and " 1 to 1,000." in said and said.endswith(f" {value!r}.")
    with pytest.raises(ArgumentError) as error:
        Recipe("adam", 0.001, 1, value)
    said = str(error.value)
    assert "batch size." in said and " 1 to 4,096." in said and said.endswith(f" {value!r}.")
    if value not in (0, 10**9):
        with pytest.raises(ArgumentError) as error:
            seed_number(value)
        said = str(error.value)
        assert " seed." in said and " 0 to 2,147,483,647." in said and said.endswith(f" {value!r}.")


def test_the_bounds_themselves_are_accepted() -> None:
    assert Recipe("sgd", 10, 1000, 4096).to_json() == Recipe("sgd", 10.0, 1000, 4096).to_json()
    assert Recipe("sgd", 1e-300, 1, 1).learning_rate == 1e-300
    assert seed_number("0") == 0
    assert seed_number(MAX_SEED) == 2**31 - 1
    with pytest.raises(ArgumentError, match=r"Received: 1001\.$"):
        Recipe("sgd", 1, 1001)
    with pytest.raises(ArgumentError, match=r"Received: 4097\.$"):
        Recipe("sgd", 1, 1, 4097)
    with pytest.raises(ArgumentError, match=r"Received: 2147483648\.$"):
        seed_number(2**31)


@pytest.mark.parametrize(
    ("changed", "choices"),
    [
        ({"optimizer": "lion"}, ", ".join(OPTIMIZERS)),
        ({"optimizer": "Adam"}, ", ".join(OPTIMIZERS)),
        ({"optimizer": None}, ", ".join(OPTIMIZERS)),
        ({"optimizer": ["adam"]}, ", ".join(OPTIMIZERS)),
        ({"precision": "float16"}, "float32, bfloat16"),
        ({"protocol": "held-out"}, "article, held_out"),
        ({"protocol": None}, "article, held_out"),
        ({"dropout": 1}, "true or false"),
        ({"dropout": "yes"}, "true or false"),
        ({"schedule": "linear"}, "constant, cosine, step"),
        ({"schedule": None}, "constant, cosine, step"),
        ({"clip": -0.1}, "0 to 1000"),
        ({"clip": 1001}, "0 to 1000"),
        ({"clip": "x"}, "0 to 1000"),
        ({"clip": True}, "0 to 1000"),
        ({"beta2": 0}, "above 0 and below 1"),
        ({"beta2": 1}, "above 0 and below 1"),
        ({"shift": 3}, "0 to 2"),
        ({"shift": 0.5}, "0 to 2"),
    ],
    ids=str,
)
def test_other_bad_values_are_answered_in_one_sentence(changed: dict[str, Any], choices: str) -> None:
    values: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.001, "epochs": 1} | changed
    with pytest.raises(ArgumentError) as error:
        Recipe(**values)
    ((name, value),), said = changed.items(), str(error.value)
    assert f" {name}" in said and f" {choices}. " in said and said.endswith(f" {value!r}.")
    with pytest.raises(ArgumentError) as error:
        Recipe.from_json(json.dumps(values))
    assert str(error.value) == said


@pytest.mark.parametrize(
    "changed",
    [
        {"optimizer": "sgd", "beta2": 0.99},
        {"optimizer": "adam", "weight_decay": 0.004},
        {"warmup": 0.1},
        {"warmup": 0.1, "schedule": "step"},
        {"warmup": 0.51, "schedule": "cosine"},
        {"optimizer": "adamw", "weight_decay": 1.01},
        {"label_smoothing": 0.51},
        {"label_smoothing": math.nan},
        {"initialization": "zeros"},
        {"initialization": ["he"]},
    ],
    ids=str,
)
def test_what_does_not_go_together_or_is_out_of_bounds_is_refused(changed: dict[str, Any]) -> None:
    values: dict[str, Any] = {"optimizer": "adam", "learning_rate": 0.001, "epochs": 1} | changed
    with pytest.raises(ArgumentError, match=r"^Invalid .*\. Expected .*\. Received: .*\.$"):
        Recipe(**values)


def test_bounds_of_what_not_all_have_are_accepted() -> None:
    most = {"clip": 1000, "label_smoothing": 0.5, "shift": 2, "schedule": "cosine", "warmup": 0.5, "weight_decay": 1}
    recipe = Recipe("adamw", 1, 1, **most)  # type: ignore[arg-type]
    assert Recipe.from_json(recipe.to_json()) == recipe and recipe.schedule is Schedule.COSINE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "3",
        "null",
        '"adam"',
        "{}",
        '{"optimizer": "adam"}',
        '{"optimizer": "adam", "learning_rate": 0.1, "epochs": 1, "momentum": 0.9}',
    ],
)
def test_what_is_no_recipe_is_answered_in_one_sentence(text: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Recipe.from_json(text)
    said = str(error.value)
    assert " recipe. " in said and f" {FIELDS}. " in said and said.endswith(f" {text!r}.")


def test_json_with_a_bad_value_names_the_value() -> None:
    with pytest.raises(ArgumentError, match=r"learning rate\..* nan\.$"):
        Recipe.from_json('{"optimizer": "adam", "learning_rate": NaN, "epochs": 1}')


def test_recipes_read_as_people_say_them() -> None:
    assert str(RMSPROP) == "RMSprop 0.001, 20 epochs, batch 128"
    assert str(ADADELTA) == "Adadelta 1, 12 epochs, batch 128"
    assert str(Recipe("sgd", 0.01, 1, 32, True, "bfloat16")) == "SGD 0.01, 1 epoch, batch 32, dropout, bfloat16"
    assert str(LEAN) == "Adam 0.05, cosine to 0, warm-up 10 %, 60 epochs, batch 128, beta2 0.99, clip 0.5, He normal"
    assert str(replace(ADADELTA, protocol=Protocol.HELD_OUT)) == "Adadelta 1, 12 epochs, batch 128, held-out"
