from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.finder.question import Question, asked, lattice
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE, of_line
from core.recipe import Protocol
from tests.finder.made import about, question


@given(st.integers(1, 5000))
def test_widths_ascend_to_the_last_in_steps_that_eight_seeds_can_tell_apart(most: int) -> None:
    found = lattice(most)
    assert found[:32] == tuple(range(1, min(most, 32) + 1)) and found[-1] == most
    assert list(found) == sorted(set(found))
    assert all(b / a < 1.21 for a, b in pairwise(found[31:]))


@pytest.mark.parametrize(
    "changed",
    [
        {"target": 0},
        {"target": 1},
        {"target": "much"},
        {"target": float("nan")},
        {"tell_apart": -0.001},
        {"tell_apart": 0.2},
        {"seeds": 0},
        {"seeds": 51},
        {"seeds": 2.5},
        {"runs": 0},
        {"runs": 501},
        {"minutes": 0},
        {"minutes": float("inf")},
        {"minutes": 1e9},
    ],
)
def test_what_is_out_of_bounds_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match="Received"):
        question(**changed)


def test_numbers_may_be_typed() -> None:
    found = question(target="0.97", tell_apart="0.002", seeds="4", runs="7", minutes="1.5")  # type: ignore[arg-type]
    assert (found.target, found.tell_apart, found.seeds, found.runs, found.minutes) == (0.97, 0.002, 4, 7, 1.5)
    assert found.ends == 4 and question().ends == 5


def test_there_is_a_family_and_one_protocol() -> None:
    with pytest.raises(ArgumentError):
        Question((), 0.97)
    with pytest.raises(ArgumentError, match="protocol"):
        question(about("mlp"), about("cnn", protocol=Protocol.HELD_OUT))


def test_a_family_is_asked_about_with_its_networks() -> None:
    found = about("deep_cnn", [4, 2, 2, 1])
    assert found.widths == (1, 2, 4) and found.parameters == (408, 932, 2358) and found.weights(2) == 932
    assert about("deep_cnn").widths == lattice(32)
    with pytest.raises(ArgumentError):
        about("deep_cnn", [0])


def test_networks_that_do_not_fit_the_images_are_refused() -> None:
    with pytest.raises(ArgumentError, match="8×8"):
        asked(FAMILIES["deep_cnn"], FAMILIES["deep_cnn"].recipe, (8, 8, 1), 10)


def test_of_widths_with_the_same_network_the_smallest_is_tried() -> None:
    halves = of_line("flatten dense(n/4)")
    found = asked(halves, halves.recipe, MNIST_SHAPE, MNIST_CLASSES)
    assert len(set(found.layers)) == len(found.layers) < len(lattice(max(halves.widths)))
    assert all(halves.identity(n, False) == x for n, x in zip(found.widths, found.layers, strict=True))
    assert found.widths[0] == 1 and list(found.parameters) == sorted(set(found.parameters))


def test_a_recipe_is_that_of_its_cells_where_there_is_no_dropout_to_be_had() -> None:
    plain = of_line("flatten dense(n)")
    dropping = replace(plain.recipe, dropout=True)
    assert not asked(plain, dropping, MNIST_SHAPE, MNIST_CLASSES, [2]).recipe.dropout
    assert about("mlp", [2], dropout=True).recipe.dropout
