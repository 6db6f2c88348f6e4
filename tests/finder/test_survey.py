from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import settings
from core.data import datasets
from core.data.datasets import Dataset
from core.data.images import Facts
from core.finder.bisection import Verdict
from core.finder.question import Asked, Question, asked
from core.finder.survey import Heard, cells, commonest, hear, measured, starts, survey
from core.finder.trials import Gains
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE, of_line, own
from core.networks.line import Line
from core.recipe import Protocol
from core.runs import sweep
from tests.finder.made import about, done, known, question
from tests.rows import runs, seeds

FACTS = Facts(MNIST_SHAPE, 10, 60_000, 10_000, "f")
MNIST = Dataset("mnist", "MNIST", Path("mnist.npz"), FACTS)
LINE = "conv3(n) conv3(n) maxpool2 conv3(2n) conv3(2n) maxpool2 flatten"  # the deep CNN's


def heard(asked: Asked, **accuracies: Any) -> Heard:
    """Return what is heard of a family: ``n2=[0.97]`` is its width 2."""
    return Heard(asked, known({int(n[1:]): some for n, some in accuracies.items()}), Gains())


def begin(of: Question, **widths: int) -> dict[str, int]:
    return {x.key: widths.get(x.key, x.family.start) for x in of.asked}


def next_of(of: Question, *some: Heard, **widths: int) -> tuple[str, int] | None:
    _, following = survey(of, some, begin(of, **widths), 0.1)
    return (following.asked.key, following.next[0]) if following and following.next else None


def test_the_family_that_is_likeliest_to_be_smaller_comes_first() -> None:
    mlp, deep = about("mlp"), about("deep_cnn")
    of = question(mlp, deep)
    assert next_of(of, heard(mlp), heard(deep)) == ("deep_cnn", 2)
    assert next_of(of, heard(mlp), heard(deep), mlp=1, deep_cnn=32) == ("mlp", 1)
    # n = 16 of the deep CNN is too small: its answer has more weights than the MLP's 1,600 of n = 2
    assert next_of(of, heard(mlp), heard(deep, n16=[0.9]), mlp=1) == ("mlp", 1)
    assert next_of(of, heard(mlp, n4=[0.99]), heard(deep, n16=[0.9])) == ("mlp", 2)


def test_once_one_is_found_the_others_are_asked_for_fewer_weights_alone() -> None:
    deep, cnn = about("deep_cnn"), about("cnn")
    found = heard(deep, n1=[0.9] * 5, n2=[0.99] * 5)  # 932 weights
    findings, following = survey(question(deep, cnn), [found, heard(cnn)], begin(question(deep, cnn)), 0.1)
    assert findings[0].verdict is Verdict.FOUND and findings[1].verdict is Verdict.NOT_SMALLER and following is None
    both = question(deep, cnn, only_smallest=False)
    assert next_of(both, found, heard(cnn)) == ("cnn", 2)
    lean = about("lean")
    assert next_of(question(deep, lean), found, heard(lean)) == ("lean", 9), "874 weights, the most below 932"
    assert next_of(question(deep, lean), found, heard(lean, n9=[0.9])) is None
    assert next_of(question(deep, lean), found, heard(lean, n9=[0.99])) == ("lean", 5)


def test_a_family_that_does_not_reach_the_target_ends_no_other() -> None:
    one, other = about("cnn", [1]), about("deep_cnn", [1])
    of = question(one, other)
    findings, following = survey(of, [heard(one, n1=[0.5]), heard(other)], begin(of), 0.1)
    assert findings[0].verdict is Verdict.NOT_REACHED and following and following.asked is other


def test_the_same_family_twice_is_answered_twice_and_ends() -> None:
    deep = about("deep_cnn", [1, 2])
    of = question(deep, deep)
    findings, following = survey(of, [heard(deep, n1=[0.9] * 5, n2=[0.99] * 5)] * 2, begin(of), 0.1)
    assert [x.verdict for x in findings] == [Verdict.FOUND] * 2 and following is None


def test_it_begins_where_runs_of_any_recipe_have_reached_the_target() -> None:
    deep, mlp, cnn = about("deep_cnn"), about("mlp"), about("cnn")
    of = question(deep, mlp, cnn)
    other = about("deep_cnn", epochs=99).recipe.to_json()
    mine = runs(*seeds("deep_cnn", 3, 0.98, recipe=other), *seeds("deep_cnn", 5, 0.99), *seeds("deep_cnn", 1, 0.9))
    shipped = runs(*seeds("deep_cnn", 2, 0.99), *seeds("mlp", 24, 0.98), *seeds("mlp", 16, 0.9))
    found = starts(of, mine, shipped)
    assert found == {"deep_cnn": 3, "mlp": 24, "cnn": FAMILIES["cnn"].start}, "one's own images go before others'"


def test_runs_are_heard_whatever_they_were_asked_for_by() -> None:
    line = of_line(LINE)
    named = own("mine", "My own", Line.of(LINE))
    rows = runs(*seeds("deep_cnn", 2, 0.97, 0.96, fingerprint="f"))
    recipe = FAMILIES["deep_cnn"].recipe
    for family in (FAMILIES["deep_cnn"], line, named):
        one = asked(family, recipe, MNIST_SHAPE, MNIST_CLASSES, [1, 2, 3])
        (found,) = hear(question(one), MNIST, rows, lambda run: (0.5, run.test_accuracy or 0))
        assert [x.accuracy for x in found.trials[2]] == [0.97, 0.96], family.key
    (other,) = hear(question(about("deep_cnn", epochs=5)), MNIST, rows, lambda run: ())
    assert other.trials == {}


@pytest.mark.parametrize("key", ["deep_cnn", LINE, "named"])
def test_what_is_asked_for_is_the_cells_of_a_sweep(key: str) -> None:
    family = own("mine", "My own", Line.of(LINE)) if key == "named" else FAMILIES.get(key) or of_line(key)
    recipe = FAMILIES["deep_cnn"].recipe
    one = asked(family, recipe, MNIST_SHAPE, MNIST_CLASSES)
    of = question(one, target=0.97)
    _, following = survey(of, [Heard(one, known({1: [0.9], 2: [0.99]}), Gains())], {one.key: 2}, 0.1)
    assert following
    made = cells(following, MNIST)
    assert made == sweep.cells(MNIST, {"deep_cnn": [2]}, [1, 2, 3, 4], recipe)
    assert {x.layers for x in made} == {one.layers[1]} and {x.recipe for x in made} == {one.recipe}
    assert {x.chosen.key for x in made} == {"mine" if key == "named" else family.key}
    assert not cells(survey(of, [Heard(one, {1: done(1, *[0.99] * 5)}, Gains())], {one.key: 2}, 0.1)[0][0], MNIST)


def test_gains_are_those_of_the_familys_finished_runs() -> None:
    rows = runs(*seeds("deep_cnn", 2, 0.97, 0.96, 0.95), *seeds("deep_cnn", 4, 0.98, state="stopped"))
    (found,) = hear(question(), MNIST, rows, lambda run: (0.5, run.test_accuracy or 0))
    assert found.gains.mean == pytest.approx((0.46, 0)) and set(found.trials) == {2}


def test_the_images_that_choose_are_counted() -> None:
    assert measured(MNIST, Protocol.ARTICLE) == 10_000 and measured(MNIST, Protocol.HELD_OUT) == 10_000
    small = Dataset("s", "s", Path("s"), Facts((8, 8, 1), 2, 600, 50, "f", (), (450, 150), (10, 40)))
    assert measured(small, Protocol.ARTICLE) == 50 and measured(small, Protocol.HELD_OUT) == 100
    assert commonest(small, Protocol.ARTICLE) == 0.8 and commonest(small, Protocol.HELD_OUT) == 0.75
    assert commonest(MNIST, Protocol.HELD_OUT) == 0.1, "classes that were not counted are taken to be equally common"


def test_the_held_out_images_of_the_embedded_digits_are_as_many_as_are_measured() -> None:
    from core.data import npz
    from core.data.images import held_out

    found = datasets.find(settings.load(), datasets.EMBEDDED)
    counted = len(held_out(npz.read(found.path).y_train))
    assert abs(measured(found, Protocol.HELD_OUT) - counted) <= found.facts.classes
