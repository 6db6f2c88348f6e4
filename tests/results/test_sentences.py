from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from core.networks.families import FAMILIES
from core.recipe import ADADELTA, Protocol
from core.results import analysis, sentences
from core.results.agreement import Agreement
from core.results.analysis import Point, TurningPoint
from core.results.collect import finished
from core.results.published import ARTICLE
from tests.rows import runs, seeds

TUTORIALS = {key: x.tutorial_network().parameters for key, x in FAMILIES.items()}
HELD_OUT = replace(ADADELTA, protocol=Protocol.HELD_OUT).to_json()


def points(*rows: dict[str, Any]) -> list[Point]:
    return analysis.points(finished(runs(*rows)))


def turning(*rows: dict[str, Any], target: float = 0.97) -> list[TurningPoint]:
    return analysis.turning_points(points(*rows), target)


def answer(*rows: dict[str, Any], target: float = 0.97, data: str = "MNIST") -> str:
    return sentences.answer(turning(*rows, target=target), target, data, TUTORIALS)


def told(*rows: dict[str, Any], target: float = 0.97) -> str:
    (point,) = turning(*rows, target=target)
    return sentences.turning_point(point, target, TUTORIALS[point.family])


def test_shares_are_told_as_per_cent() -> None:
    assert sentences.percent(0.97036) == "97.04 %" and sentences.percent(0.97, 1) == "97.0 %"
    assert sentences.percent(1.0) == "100.00 %" and sentences.percent(0.0) == "0.00 %"
    assert sentences.spread(0.97036, 0.00149) == "97.04 ± 0.15 %"
    assert sentences.spread(0.97036, 0.0) == "97.04 ± 0.00 %"
    assert sentences.spread(0.97036, None) == "97.04 %"


ARTICLE_ROWS = [
    *seeds("mlp", 32, 0.9711),
    *seeds("pooled_mlp", 64, 0.9704),
    *seeds("cnn", 2, 0.9748),
    *seeds("deep_cnn", 2, 0.97),
]


def test_the_answer_has_the_ratios_of_the_article() -> None:
    said = answer(*ARTICLE_ROWS)
    assert said.startswith("The smallest network here that reads 97.0 % of MNIST is a Deep CNN of 932 weights: ")
    assert said.endswith(".") and said.count(".0 %") == 1
    assert "1,287 times fewer than the tutorial’s CNN" in said and "1,199,882" in said
    _, cnn, pooled_mlp, mlp = said.removesuffix(".").split(", ")
    assert pooled_mlp.startswith("18.7 times ") and pooled_mlp.endswith(" Pooled MLP (17,418)")
    assert cnn.startswith("5.2 times ") and cnn.endswith(" CNN (4,802)")
    assert mlp.startswith("28.4 times ") and mlp.endswith(" the MLP (26,506)")


@pytest.mark.parametrize(
    ("rows", "ratio"),
    [
        (seeds("mlp", 32, 0.9711), "25.3 times fewer"),
        (seeds("pooled_mlp", 64, 0.9704), "38.4 times fewer"),
        (seeds("cnn", 2, 0.9748), "250 times fewer"),
        (seeds("deep_cnn", 2, 0.97), "1,287 times fewer"),
    ],
    ids=["mlp", "pooled_mlp", "cnn", "deep_cnn"],
)
def test_each_family_is_measured_against_its_tutorial_network(rows: list[dict[str, Any]], ratio: str) -> None:
    assert ratio in answer(*rows) and ratio in told(*rows)


def test_the_answer_follows_the_target() -> None:
    rows = [*seeds("mlp", 32, 0.98), *seeds("deep_cnn", 2, 0.96), *seeds("deep_cnn", 4, 0.985)]
    assert "Deep CNN of 932 " in answer(*rows, target=0.955) and "95.5 %" in answer(*rows, target=0.955)
    assert "Deep CNN of 2,358 " in answer(*rows)
    none = answer(*rows, target=0.99, data="mine")
    assert " 99.0 % " in none and none.endswith(" mine.") and "MLP" not in none and "CNN" not in none
    assert "MLP" not in answer(*rows, target=0.982), "a family that does not reach it is no match"


def test_an_answer_of_no_families() -> None:
    assert sentences.answer([], 0.97, "MNIST", TUTORIALS) == "No network here reaches 97.0 % on MNIST."


def test_two_families_of_equal_size_tie() -> None:
    one, other = turning(*ARTICLE_ROWS)[:2]
    assert one.mark and other.mark
    same = tuple(replace(x, parameters=932) for x in other.mark.runs)
    tied = replace(other, mark=replace(other.mark, runs=same))
    assert ", as many as the CNN." in sentences.answer([one, tied], 0.97, "MNIST", TUTORIALS)


def test_the_tutorial_network_itself_is_no_cut() -> None:
    said = answer(*seeds("mlp", 512, 0.98))
    assert "669,706" in said and "tutorial’s MLP" in said and "times fewer" not in said
    assert "times fewer" not in told(*seeds("mlp", 512, 0.98))


@pytest.mark.parametrize("told_by", [answer, told], ids=["answer", "turning point"])
def test_a_network_larger_than_its_tutorial_network_is_not_called_fewer(told_by: Any) -> None:
    assert "fewer" not in told_by(*seeds("mlp", 1024, 0.98))


def test_the_article_before_a_name_that_is_spelt_out() -> None:
    assert " an MLP of 26,506 " in answer(*seeds("mlp", 32, 0.98))


def test_a_turning_point_with_its_chance_and_bracket() -> None:
    rows = [
        *seeds("deep_cnn", 1, 0.90, 0.91, 0.92, 0.93, 0.94),
        *seeds("deep_cnn", 2, 0.968, 0.971, 0.972, 0.966, 0.976),
        *seeds("deep_cnn", 3, 0.98, 0.98, 0.98),
    ]
    assert told(*rows) == (
        "**Deep CNN**: 932 weights (n = 2): 3 of 5 seeds reach 97.0 %, mean 97.06 ± 0.38 %; next width down: 408, "
        "0 of 5; next width up: 1,582, 3 of 3. Between 408 and 1,582. 1,287 times fewer than its tutorial network."
    )


@pytest.mark.parametrize(
    ("widths", "words"),
    [
        ({2: 0.98, 4: 0.98}, "Below 2,358; nothing narrower was trained."),
        ({1: 0.9, 2: 0.98}, "Above 408; nothing wider was trained."),
        ({2: 0.98}, "No other width was trained."),
    ],
)
def test_a_bracket_that_is_open(widths: dict[int, float], words: str) -> None:
    said = told(*[row for n, accuracy in widths.items() for row in seeds("deep_cnn", n, accuracy)])
    assert words in said and "Between" not in said
    assert ("next width down" in said) is (1 in widths) and ("next width up" in said) is (4 in widths)


def test_one_seed_has_no_chance_to_tell() -> None:
    said = told(*seeds("deep_cnn", 2, 0.98))
    assert said.startswith("**Deep CNN**: 932 weights (n = 2): its one seed reaches 97.0 %, mean 98.00 %.")
    assert "±" not in said


def test_a_family_that_never_reaches_it_says_so() -> None:
    said = told(*seeds("cnn", 1, 0.9), *seeds("cnn", 2, 0.96, 0.965), *seeds("cnn", 4, 0.96))
    assert said == ("**CNN**: never reaches 97.0 % here; the best mean is 96.25 %, with 4,802 weights (n = 2).")


@pytest.mark.parametrize(
    ("accuracies", "target", "figures"),
    [
        ([0.9700, 0.9700, 0.9700, 0.9699, 0.9700], 0.97, ["97.0", "96.998"]),
        ([0.9699], 0.97, ["97.0", "96.99"]),
        ([0.549999], 0.55, ["55.0", "54.9999"]),  # 100 * 0.55 is above 55
        ([0.97 - 2e-9], 0.97, ["97.0", "96.9999998"]),
        ([0.97249], 0.9725, ["97.25", "97.249"]),
    ],
)
def test_a_mean_just_below_the_target_is_told_with_enough_digits(
    accuracies: list[float], target: float, figures: list[str]
) -> None:
    goal, mean, _ = told(*seeds("cnn", 2, *accuracies), target=target).split(" %")
    assert [goal.split()[-1], mean.split()[-1]] == figures


def test_held_out_runs_that_never_reach_it_say_which_images_the_mean_is_on() -> None:
    rows = seeds("deep_cnn", 2, 0.99, recipe=HELD_OUT, held_out_accuracy=0.968)
    said = told(*rows)
    assert said.startswith("**Deep CNN**: never ") and " held-out images is 96.80 %, " in said and "99.0" not in said


def test_a_family_of_which_no_network_reads_anything_says_so() -> None:
    known = analysis.points(finished(runs(*seeds("cnn", 2, 0.975))), {"f": 0.975})

    def said(target: float) -> str:
        (point,) = analysis.turning_points(known, target)
        return sentences.turning_point(point, target, TUTORIALS["cnn"])

    assert said(0.97).startswith("**CNN**: reads nothing here") and "97.50 %" in said(0.97)
    assert said(0.99).startswith("**CNN**: never reaches 99.0 %")


def test_runs_that_do_not_count_are_told_with_what_to_do() -> None:
    assert sentences.outdated(0, "mine") == ""
    assert sentences.outdated(1, "mine").startswith("The 1 finished run on mine does not count: it is on ")
    many = sentences.outdated(1200, "mine")
    assert "1,200 finished runs" in many and "Train again" in many and "back" in many
    assert "left out" in sentences.outdated(2, "mine", others=True)


def test_reference_runs_are_marked() -> None:
    reached = told(*seeds("cnn", 2, 0.98, origin="reference"))
    missed = told(*seeds("cnn", 2, 0.9, origin="reference"))
    assert reached.startswith("**CNN** (reference): 4,802") and missed.startswith("**CNN** (reference): never")


def test_held_out_runs_say_which_images_chose_and_which_report() -> None:
    rows = seeds("deep_cnn", 2, 0.96, 0.97, recipe=HELD_OUT)
    rows = [x | {"held_out_accuracy": y} for x, y in zip(rows, (0.968, 0.974), strict=True)]
    assert told(*rows).startswith(
        "**Deep CNN**: 932 weights (n = 2): 1 of 2 seeds reach 97.0 % on the held-out images, mean 97.10 %; "
        "on the test images 96.50 ± 0.71 %."
    )


def found(**changed: Any) -> Agreement:
    same: dict[str, Any] = {"mean": 0.972, "sd": 0.0015, "seeds": 5, "difference": 0.0009, "agrees": True}
    return Agreement(ARTICLE[0], **(same | changed))


def test_a_verdict_in_a_few_words() -> None:
    assert sentences.verdict(found()) == "our 5 seeds agree"
    assert sentences.verdict(found(agrees=False)) == "our 5 seeds differ by +0.09 points"
    assert sentences.verdict(found(agrees=False, difference=-0.01)).endswith(" −1.00 points")
    assert sentences.verdict(found(seeds=1, sd=None, agrees=None)) == "our one seed has no spread"


def test_a_published_figure_beside_ours() -> None:
    said = "MLP, n = 32: published 97.11 %, ours 97.20 ± 0.15 % (+0.09 points)"
    assert sentences.agreement(found()) == said
    assert sentences.agreement(found(sd=None)) == said.replace(" ± 0.15", "")
    deep = replace(found(mean=0.965, difference=-0.005), published=ARTICLE[3])
    assert sentences.agreement(deep) == (
        "Deep CNN, n = 2: published “97 %”, which may be 96.5 % to 97.5 %, ours 96.50 ± 0.15 % (−0.50 points)"
    )


def test_a_network_with_both_its_noises() -> None:
    two, one = points(*seeds("deep_cnn", 2, 0.96, 0.98), *seeds("deep_cnn", 4, 0.97))
    # Wilson of 9,700 in 10,000 by hand
    noise = "The 10,000 test images alone leave 96.65 % to 97.32 % open."
    assert sentences.network(two) == f"932 weights, 97.00 ± 1.41 % over 2 seeds. {noise}"
    assert sentences.network(one) == f"2,358 weights, 97.00 % in one seed. {noise}"


def test_versions_in_order() -> None:
    assert sentences.versions({"numpy": "2.4.6", "keras": "3.15.1"}) == "keras 3.15.1, numpy 2.4.6"
    assert sentences.versions({}) == ""


def test_no_sentence_tells_what_is_no_number() -> None:
    rows = [*ARTICLE_ROWS, *seeds("mlp", 16, 0.9, 0.91)]
    point = points(*rows)[0]
    said = [answer(*rows), *(sentences.turning_point(x, 0.97, TUTORIALS[x.family]) for x in turning(*rows))]
    assert point.sd is None
    assert not [x for x in (*said, sentences.network(point)) if "nan" in x.lower() or "None" in x]


def test_marks_are_counted_by_where_they_come_from() -> None:
    def told(*rows: dict[str, Any]) -> str:
        return sentences.marks(points(*rows))

    assert told() == "Trained networks appear as marks with their mean test accuracy: none so far."
    both = [*seeds("deep_cnn", 2, 0.97, 0.98), *seeds("deep_cnn", 4, 0.98), *seeds("mlp", 8, 0.9, origin="reference")]
    assert told(*both).endswith(": 2 trained here, 1 reference, paler.")
    assert told(*both[:2]).startswith("The marks are networks trained on MNIST, ")
    assert told(*both[:2]).endswith(": 1 trained here.")
    assert told(both[-1]).endswith(": 1 reference.")
    digits = told(*seeds("deep_cnn", 2, 0.97, dataset="mnist_5k"))
    assert digits.startswith("The marks are networks trained on MNIST, 5,000 digits, ")


def test_no_network_is_as_sure_as_it_can_be() -> None:
    assert [sentences.probability(x) for x in (0.0, 0.123, 0.9994, 0.9995, 1.0)] == [
        "0.0 %", "12.3 %", "99.9 %", "> 99.9 %", "> 99.9 %"
    ]  # fmt: skip
