"""Positions of the sliders: each is a line, each line of theirs is found again, and so are the article's families."""

from __future__ import annotations

from dataclasses import fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.networks import blueprint
from core.networks.blueprint import Blueprint
from core.networks.families import FAMILIES, Family, of_line
from core.networks.line import Line

LEAN = "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg"
POSITIONS = st.builds(
    Blueprint,
    st.booleans(),
    st.sampled_from(blueprint.BLOCKS),
    st.sampled_from(blueprint.CONVOLUTIONS),
    st.sampled_from(blueprint.KERNELS),
    st.sampled_from(list(blueprint.KINDS)),
    st.sampled_from(list(blueprint.GROWTHS)),
    st.sampled_from(list(blueprint.PADDINGS)),
    st.sampled_from(list(blueprint.POOLINGS)),
    st.sampled_from(list(blueprint.BRIDGES)),
    st.sampled_from(blueprint.HIDDEN),
    st.sampled_from(blueprint.MULTIPLES),
    st.sampled_from(blueprint.ACTIVE),
    st.booleans(),
    st.sampled_from(blueprint.RATES),
)


ARTICLE = {key: x for key, x in FAMILIES.items() if x.article}


@pytest.mark.parametrize("chosen", ARTICLE.values(), ids=ARTICLE)
def test_each_of_the_article_s_families_is_a_position(chosen: Family) -> None:
    found = blueprint.position(Line.of(chosen.text))
    assert found is not None and str(found.line()) == chosen.text
    for n in (1, 2, 7):
        assert of_line(str(found.line())).build(n) == chosen.build(n)


def test_the_lean_network_is_a_position() -> None:
    found = blueprint.position(Line.of(LEAN))
    assert found == Blueprint(
        stem=True, blocks=1, convolutions=4, kind="separable", padding="first", bridge="average", activation="leaky"
    )
    assert str(found.line()) == LEAN


@given(POSITIONS)
def test_a_position_s_line_is_found_again(stands: Blueprint) -> None:
    line = stands.line()
    try:
        assert Line.of(str(line)) == line
    except ArgumentError as e:  # more than 64 layers, or filters that doubled too often
        assert "at most" in str(e)
        return
    found = blueprint.position(line)
    assert found is not None and found.line() == line


@pytest.mark.parametrize(
    "text",
    [
        "conv3(n) conv5(n) flatten",
        "conv3(n) residual[conv3(n, same)] flatten",
        "conv3(n+1) flatten",
        "conv3x1(n) flatten",
        "conv3(n) maxpool3 flatten",
        "conv3(n, as a) conv3(n) conv3(n) flatten dense(3n)",
        "14x[conv3(n)] flatten",
        "flatten dense(n) dense(2n)",
        "conv1(classes, linear) globalavg softmax",
    ],
)
def test_what_the_sliders_cannot_say_has_no_position(text: str) -> None:
    assert blueprint.position(Line.of(text)) is None


@pytest.mark.parametrize("name", [x.name for x in fields(Blueprint)])
def test_every_slider_changes_the_line_of_some_position(name: str) -> None:
    start = Blueprint(stem=True, hidden=1, padding="first", pooling="average")
    others = {
        "stem": False, "blocks": 1, "convolutions": 3, "kernel": 5, "kind": "separable", "growth": "convolution",
        "padding": "same", "pooling": "stride", "bridge": "average", "hidden": 2, "multiple": 4, "activation": "elu",
        "normed": True, "dropout": 0.25,
    }  # fmt: skip
    values = {x.name: getattr(start, x.name) for x in fields(Blueprint)} | {name: others[name]}
    assert Blueprint(**values).line() != start.line()
