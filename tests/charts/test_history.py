from __future__ import annotations

import pytest

from core.charts.history import histories, history
from core.runs.run import Epoch
from tests.rendered import rendered, words

HELD_OUT = [Epoch(1, 1.0, 0.5, None, None, 2.0, 0.9, 0.6), Epoch(2, 1.0, 0.5, 0.8, 0.99, 2.0, 0.7, 0.8)]


def test_histories_have_a_line_a_seed() -> None:
    epochs = [Epoch(n, 1.0, 0.5, 1.0, 1 - 0.5 / n, 2.0) for n in (1, 2, 3)]
    drawn = histories({1: epochs, 0: epochs[:2]}, "test").to_dict()
    (rows,) = drawn["datasets"].values()
    assert [(x["seed"], x["epoch"]) for x in rows] == [
        ("seed 0", 1), ("seed 0", 2), ("seed 1", 1), ("seed 1", 2), ("seed 1", 3)
    ]  # fmt: skip
    assert rows[-1]["accuracy"] == pytest.approx(1 - 0.5 / 3)
    assert drawn["encoding"]["x"]["scale"]["domain"] == [1, 3] and "test images" in drawn["encoding"]["y"]["title"]
    assert [kind for kind, *_ in rendered(drawn)].count("symbol") == 5


def test_histories_of_held_out_runs_are_of_the_held_out_images() -> None:
    drawn = histories({0: HELD_OUT}, "held-out").to_dict()
    (rows,) = drawn["datasets"].values()
    assert [x["accuracy"] for x in rows] == [0.6, 0.8] and "held-out images" in drawn["encoding"]["y"]["title"]


def test_a_history_of_one_epoch_can_be_drawn() -> None:
    drawn = rendered(histories({0: [Epoch(1, 1.0, 0.5, 1.0, 0.5, 2.0)]}, "test").to_dict())
    assert "symbol" in [kind for kind, *_ in drawn], "a line of one epoch is a point"


@pytest.mark.parametrize(("field", "training", "watched"), [("Accuracy", 0.5, [0.6, 0.8]), ("Loss", 1.0, [0.9, 0.7])])
def test_a_history_has_a_line_for_training_and_one_for_what_is_watched(
    field: str, training: float, watched: list[float]
) -> None:
    drawn = history(HELD_OUT, 12, field, "held-out").to_dict()
    (rows,) = drawn["datasets"].values()
    assert drawn["encoding"]["y"]["field"] == field
    assert [x[field] for x in rows if x["images"] == "training"] == [training, training]
    assert [x[field] for x in rows if x["images"] == "held-out"] == watched
    assert drawn["encoding"]["x"]["scale"]["domain"] == [1, 12], "room for all the planned epochs"
    assert [kind for kind, *_ in rendered(drawn)].count("symbol") >= 4


@pytest.mark.parametrize("field", ["Accuracy", "Loss"])
def test_a_history_before_the_first_epoch_can_be_drawn(field: str) -> None:
    assert rendered(history([], 12, field, "test").to_dict()) == []


def test_accuracies_are_written_on_the_axis_as_everywhere() -> None:
    epochs = [Epoch(n, 0.1, 0.965 + n / 1000, 0.1, 0.966 + n / 1000, 2.0) for n in range(1, 6)]
    for chart in (histories({0: epochs}, "test"), history(epochs, 5, "Accuracy", "test")):
        written = words(chart)
        assert "97.0 %" in written
        assert [x for x in written if x.endswith("%")] == [x for x in written if x.endswith(" %")]
    assert not [x for x in words(history(epochs, 5, "Loss", "test")) if "%" in x]


@pytest.mark.parametrize("span", [0.3, 0.05, 0.005, 0.0005, 0.00005])
def test_no_two_heights_are_written_alike(span: float) -> None:
    epochs = [Epoch(n, 0.1, 0.97 - span / n, 0.1, 0.97 - span / n, 2.0) for n in range(1, 6)]
    written = [x for x in words(histories({0: epochs}, "test")) if x.endswith(" %")]
    assert len(written) == len(set(written)) >= 2
