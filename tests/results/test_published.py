from __future__ import annotations

import dataclasses

import pytest

from core.networks.families import FAMILIES
from core.results.published import ARTICLE, ARTICLE_SOURCE, OTHERS, Published

EVERY = (*ARTICLE, *OTHERS)

# shared/ARTICLE.md, copied by hand: family, turning point, its weights, its accuracy, optimiser
TURNING_POINTS = [
    ("mlp", 32, 26506, 0.9711, "97.11 %", "RMSprop, 20 epochs"),
    ("pooled_mlp", 64, 17418, 0.9704, "97.04 %", "RMSprop, 20 epochs"),
    ("cnn", 2, 4802, 0.9748, "97.48 %", "Adadelta 1.0, 12 epochs"),
    ("deep_cnn", 2, 932, 0.97, "“97 %”", "Adadelta 1.0, 12 epochs"),
]
# weights, accuracy in per cent, words of the rules, of the source and of the network
TABLE = [
    (
        575,
        98.00,
        ["575", "820", "pruned", "epoch and seed chosen on the test set"],
        ["hexhowells", "Neural Golfing", "2025"],
        ["conv4x4(4)", "conv3x3(5)", "conv3x3(4)", "PReLU", "dense10"],
    ),
    (931, 98.12, ["nothing pruned", "epoch and seed chosen on the test set"], ["hexhowells", "repository"], ["ReLU"]),
    (
        697,
        99.03,
        ["best of about 700 runs", "chosen on the test set"],
        ["JoshWarn", "Parameter-Efficient-MNIST"],
        ["conv3x3(6)", "4 separable convs (5, 9, 10, 8)", "GAP", "LeakyReLU 0.2"],
    ),
    (997, 98.76, ["last epoch", "learning-rate schedule driven by"], ["JoshWarn", "logs"], ["same skeleton, wider"]),
    (
        1936,
        99.10,
        ["validation split", "one run"],
        ["ruslangrimov", "mnist-minimal-model"],
        ["conv3x3(8)", "sep(26)", "three times", "dense16-dense10"],
    ),
    (
        3003,
        99.16,
        ["validation split", "augmented", "4 bits"],
        ["Gural & Murmann", "ICML 2019"],
        ["avgpool", "conv3x3(5)-conv3x3(8)-conv3x3(11)"],
    ),
    (
        5196,
        99.40,
        ["rotation augmentation", "15 epochs", "1 seed"],
        ["School of AI"],
        ["seven narrow convs", "batch norm", "1x1 transitions", "GAP"],
    ),
]


@pytest.mark.parametrize(
    ("row", "expected"), list(zip(ARTICLE, TURNING_POINTS, strict=True)), ids=[x[0] for x in TURNING_POINTS]
)
def test_the_turning_points_of_the_article(row: Published, expected: tuple[str, int, int, float, str, str]) -> None:
    family, width, parameters, accuracy, stated, recipe = expected
    assert (row.family, row.width, row.parameters, row.accuracy, row.stated) == (
        family,
        width,
        parameters,
        accuracy,
        stated,
    )
    assert FAMILIES[family].build(width).parameters == parameters
    assert recipe in row.rules and "batch 128" in row.rules and "one run" in row.rules and "test set" in row.rules
    assert row.source == ARTICLE_SOURCE and "January 2020" in row.source
    assert row.name == f"{FAMILIES[family].title}, n = {width}"


@pytest.mark.parametrize(("row", "expected"), list(zip(OTHERS, TABLE, strict=True)), ids=[str(x[0]) for x in TABLE])
def test_the_other_results(row: Published, expected: tuple[int, float, list[str], list[str], list[str]]) -> None:
    parameters, percent, rules, source, network = expected
    assert row.parameters == parameters and row.accuracy == pytest.approx(percent / 100, abs=1e-12)
    assert row.stated.startswith(f"{percent:.2f} %")
    assert [x for x in rules if x not in row.rules] == []
    assert [x for x in source if x not in row.source] == []
    assert [x for x in network if x not in row.network] == []
    assert row.family is None and row.width is None


def test_a_mean_over_seeds_says_so() -> None:
    assert [x.stated for x in OTHERS if "mean" in x.stated] == ["98.76 % mean (sd 0.105, n = 223)"]


@pytest.mark.parametrize("row", EVERY, ids=lambda x: x.name)
def test_every_result_carries_its_rules_and_its_source(row: Published) -> None:
    assert row.name.strip() and row.rules.strip() and row.source.strip() and row.stated.strip()
    assert row.network.strip() or row.family, "what the network is"
    assert 0.9 < row.accuracy < 1 and row.parameters > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        row.accuracy = 1.0  # type: ignore[misc]


def test_accuracies_are_rounded_as_they_are_stated() -> None:
    assert [x.rounding for x in EVERY if x.stated != "“97 %”"] == [0.00005] * 10
    assert [x.rounding for x in EVERY if x.stated == "“97 %”"] == [0.005]


def test_names_tell_the_results_apart() -> None:
    assert len({x.name for x in EVERY}) == len(EVERY) == 11
