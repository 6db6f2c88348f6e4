from __future__ import annotations

import numpy as np
import pytest

from core.networks.families import FAMILIES
from core.networks.layers import Array
from core.networks.network import Network
from core.results.panel import Answer, Reader, ask, sentence
from core.results.trained import Trained
from tests.rows import runs


def reader(parameters: int, network: Network, *weights: Array) -> Reader:
    (run,) = runs({"family": "mlp", "width": 1, "parameters": parameters, "weights": "kept"})
    chosen = Trained(str(parameters), run, network)
    return Reader(chosen.name, chosen, weights)


def answer(parameters: int, choice: int) -> Answer:
    return Answer(reader(parameters, FAMILIES["mlp"].build(1)), np.where(np.arange(10) == choice, 0.91, 0.01))


def answers(*choices: int) -> list[Answer]:
    return [answer(10 ** (i + 3), x) for i, x in enumerate(choices)]


def test_an_answer_is_the_most_probable_class() -> None:
    found = answer(932, 4)
    assert found.choice == 4 and found.confidence == pytest.approx(0.91)


def test_all_readers_answer_in_their_order() -> None:
    network = FAMILIES["mlp"].build(2)
    draw = np.random.default_rng(0)
    readers = [
        reader(network.parameters, network, *(draw.normal(size=x) for x in network.weight_shapes)) for _ in range(3)
    ]
    image = draw.random((28, 28, 1))
    found = ask(readers, image)
    assert [x.reader for x in found] == readers
    for x in found:
        assert x.probabilities.shape == (10,) and x.probabilities.sum() == pytest.approx(1)
        assert np.array_equal(x.probabilities, network.predict(x.reader.weights, image[None])[0])


@pytest.mark.parametrize(
    ("choices", "truth", "said"),
    [
        ([7, 7, 7], 7, "The smallest network that reads it: 1,000 weights. All of them do."),
        ([1, 7, 7], 7, "The smallest network that reads it: 10,000 weights. 2 of 3 do."),
        ([7, 1, 1], 7, "The smallest network that reads it: 1,000 weights. 1 of 3 do."),
        ([7], 7, "The smallest network that reads it: 1,000 weights."),
        ([1, 1, 2], 7, "None of the networks reads it as 7."),
        ([1], 7, "The one network here does not read it as 7."),
        ([7, 7, 7], None, "All 3 networks take it for 7, the smallest with 1,000 weights."),
        ([1, 7, 7], None, "2 of 3 networks take it for 7; the smallest of them has 10,000 weights."),
        ([7, 7, 1], None, "2 of 3 networks take it for 7; the smallest of them has 1,000 weights."),
        (
            [1, 7, 1, 7],
            None,
            "The networks do not agree. The largest, of 1,000,000 weights, takes it for 7; the smallest that agrees "
            "has 10,000 weights.",
        ),
        (
            [1, 2, 3],
            None,
            "The networks do not agree. The largest, of 100,000 weights, takes it for 3; no other agrees with it.",
        ),
        ([7], None, "The one network here, of 1,000 weights, takes it for 7."),
    ],
)
def test_the_sentence_says_no_more_than_is_known(choices: list[int], truth: int | None, said: str) -> None:
    assert sentence(answers(*choices), truth) == said


def test_classes_go_by_their_names() -> None:
    said = sentence(answers(1, 1), None, "abc".__getitem__)
    assert said == sentence(answers(1, 1), None).replace(" 1, ", " b, ") and " b, " in said
