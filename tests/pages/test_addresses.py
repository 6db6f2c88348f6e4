"""Anything may stand in a page's address: the page opens, with a sentence where one is due, never with a traceback."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from streamlit.testing.v1 import AppTest

from core import ROOT
from core.networks.families import FAMILIES
from core.recipe import OPTIMIZERS
from core.ui import recipe_more

if TYPE_CHECKING:
    from tests.pages.conftest import Bring, Visit

Sentences = Callable[[AppTest], list[str]]
PAGES = ("app.py", "pages/train.py", "pages/find.py", "pages/results.py", "pages/draw.py", "pages/inspect.py")
# Where else the choices of a page are drawn.
PARTS = {
    "pages/train.py": ["core/ui/recipe_choice.py", "core/ui/family_choice.py"],
    "pages/find.py": ["core/ui/find/controls.py", "core/ui/family_choice.py"],
    "pages/results.py": ["core/ui/recipe_choice.py"],
    "pages/inspect.py": ["core/ui/inspect/choice.py", "core/ui/inspect/maps.py"],
}
# What a page reads itself, or binds by a name that is no text in its source.
OWN = {
    "app.py": ["n"],
    "pages/train.py": ["layers", *recipe_more.NAMES],
    "pages/find.py": ["layers"],
    "pages/inspect.py": ["family", "n", "origin", "recipe", "images"],
}
SENSIBLE = ("2", "1", "true", "false", "97", "MLP", "Deep CNN", "mlp", "deep_cnn", "MNIST", "MNIST, 5,000 digits",
            "mnist_5k", "My own", "Held-out", "held_out", "Adam", "weights", "Weights", "Feature maps", "Layers",
            "reference", "own", "RMSprop 0.001, 20 epochs, batch 128",
             "MLP, n = 32: 26,506 weights, seed 0, reference", "no other", "A test image", "maps", "errors",
             "layers", "reference-1", "reference-12", "own-1", "none", "drawing", "float32",
             "adamw", "cosine", "step", "he", "0.1")  # fmt: skip
ODD = ("", " ", "1e999", "-1e999", "1e-999", "nan", "inf", "9" * 400, "-0", "0", "1_0", "0x10", "²", "٣", "null", "[]",
       "{}", "<b>", "../mnist", "%00", "\x00", "\x1b[2J", "a\nb", "\u202e", "😄", "x" * 5000)  # fmt: skip


def parameters(page: str) -> list[str]:
    """Return the names that a page binds to its address, as the sources of its parts say, and those it reads itself."""
    parts = [ROOT / page, *(ROOT / x for x in PARTS.get(page, []))]
    source = "\n".join(x.read_text("utf-8") for x in parts)
    keys = re.findall(r'key=f?"([^"]+)",\s*bind="query-params"', source)
    assert len(keys) == source.count('bind="query-params"')
    chosen = re.findall(r'links\.choose(?:_several|_number)?\(.*?\bkey="([^"]+)"', source, re.DOTALL)
    assert len(chosen) == source.count("links.choose")
    named = {"{key}": list(FAMILIES), "{optimizer}": list(OPTIMIZERS)}
    for mark, names in named.items():
        keys = [y for x in keys for y in ([x.replace(mark, name) for name in names] if mark in x else [x])]
    return [*keys, *chosen, "data", "on", *OWN.get(page, []), "unknown"]


value = (
    st.sampled_from(SENSIBLE)
    | st.sampled_from(ODD)
    | st.text(max_size=20)
    | st.integers().map(str)
    | st.floats().map(str)
)
values = value | st.lists(value, min_size=1, max_size=4)


@pytest.mark.parametrize("page", PAGES)
def test_the_address_tells_a_file_from_the_set_of_that_title(
    visit: Visit, sentences: Sentences, bring: Bring, page: str
) -> None:
    for name in ("MNIST", "mnist", "Fashion-MNIST"):
        bring(name, 28, 28)
    titles = {"mnist": "MNIST", "MNIST": "MNIST (your file)", "Fashion-MNIST": "Fashion-MNIST (your file)"}
    for name, title in titles.items():
        for said in (name, *([title] if title not in titles else [])):  # what is a set's key is not another's title
            at = visit(page, data=said)
            box = at.selectbox(key="data")
            assert sentences(at) == [] and box.value == name and box.options.count(title) == 1
            assert at.query_params["data"] == name


@pytest.mark.usefixtures("shipped")
@pytest.mark.parametrize("page", PAGES)
def test_whatever_stands_in_the_address_the_page_opens(visit: Visit, sentences: Sentences, page: str) -> None:
    names = parameters(page)

    # one visit takes a fifth of a second; what a page keeps between visits is bounded and no concern of an address
    @settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.dictionaries(st.sampled_from(names), values, min_size=1, max_size=6))
    @example(dict.fromkeys(names, "1e999"))
    @example({name: ["2", "<b>", "2"] for name in names})
    @example(dict.fromkeys(names, "0") | {"recipe": "own", "optimizer": "adamw", "schedule": "cosine"})
    @example(dict.fromkeys(names, "-1") | {"recipe": "own", "optimizer": "adamw", "schedule": "cosine"})
    @example(dict.fromkeys(names, "nan") | {"recipe": "own", "optimizer": "adamw", "schedule": "cosine"})
    @example(dict.fromkeys(names, "1e999") | {"recipe": "own", "optimizer": "adamw", "schedule": "cosine"})
    def opens(query: dict[str, str | list[str]]) -> None:
        at = visit(page, **query)
        sentences(at)  # fails on a traceback
        assert len(at.get("page_link")) >= len(PAGES)

    opens()
