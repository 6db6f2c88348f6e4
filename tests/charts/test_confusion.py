from __future__ import annotations

import math

import numpy as np
import pytest

from core.charts import confusion, pixels
from core.export import charts as export_charts
from tests.rendered import words

COUNTS = np.array([[1, 1, 0, 0], [0, 2, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]])


def test_the_commonest_confusions_by_hand() -> None:
    common = confusion.confusions(COUNTS, "abcd")
    assert common[["True", "Answered", "Images"]].to_numpy().tolist() == [["a", "b", 1], ["c", "a", 1]]
    assert list(common["Share of the class"]) == [0.5, 0.5]
    assert len(confusion.confusions(COUNTS, "abcd", most=1)) == 1


def test_a_table_has_a_row_for_each_class_and_answer() -> None:
    rows = confusion.table(COUNTS, "abcd")
    assert len(rows) == 16 and list(rows["count"]) == list(COUNTS.ravel())
    assert list(rows[rows["right"]]["label"]) == list("abcd") == list(rows[rows["right"]]["answer"])
    assert rows.groupby("label")["share"].sum().tolist() == [1, 1, 1, 0], "a class without images has no shares"


def test_accuracies_by_class_are_written_as_everywhere() -> None:
    small, large = np.array([[96, 4], [2, 98]]), np.array([[99, 1], [0, 100]])
    chart = confusion.accuracies([("small", small), ("large", large)], "ab")
    said = words(chart)
    assert "97 %" in said and {"small", "large", "a", "b"} <= set(said)
    assert [x for x in said if "%" in x] == [x for x in said if x.endswith(" %")]
    rows = next(iter(chart.to_dict()["datasets"].values()))
    assert [(x["network"], x["class"], x["accuracy"]) for x in rows] == [
        ("small", "a", 0.96), ("small", "b", 0.98), ("large", "a", 0.99), ("large", "b", 1.0)
    ]  # fmt: skip


def test_a_class_without_images_has_no_accuracy() -> None:
    rows = next(iter(confusion.accuracies([("n", COUNTS)], "abcd").to_dict()["datasets"].values()))
    assert [x["class"] for x in rows] == list("abc") and not [x for x in rows if math.isnan(x["accuracy"])]


def test_probabilities_are_written_where_there_are_any() -> None:
    said = words(confusion.probabilities(np.array([0.0004, 0.0296, 0.97]), 1, "abc"))
    assert "97.0 %" in said and "3.0 %" in said and "0.0 %" not in said


@pytest.mark.parametrize("scheme", export_charts.SCHEMES)
def test_numbers_read_on_their_fields(scheme: str) -> None:
    theme = export_charts.theme(scheme)
    counts = np.array([[90, 1, 3, 20], [5, 80, 10, 2], [0, 0, 70, 1], [4, 6, 8, 99]])
    for chart in (
        confusion.matrix(counts, "abcd", theme),
        confusion.change(counts, counts.T, "abcd", theme),
    ):
        rows = chart.to_dict()["datasets"].values()
        for row in next(iter(rows)):
            field = pixels.rgb(theme["chartCategoricalColors"][row["sign"] == "positive"])
            share = confusion.DEEPEST * row["shade"] ** 0.5
            mixed = share * field + (1 - share) * pixels.rgb(theme["backgroundColor"])
            low, high = sorted(confusion.luminance(x) for x in (mixed, pixels.rgb(row["ink"])))
            assert (high + 0.05) / (low + 0.05) > 3.5


def test_long_names_are_written_whole_and_leave_room_for_what_they_name() -> None:
    names = ["adipose tissue", "colorectal adenocarcinoma epithelium", "non-small cell carcinoma"]
    counts, theme = np.array([[5, 1, 0], [2, 4, 0], [0, 0, 6]]), export_charts.theme("light")
    plain, named = (confusion.matrix(counts, x, theme) for x in ("abc", names))
    assert words(named).count(names[1]) == 2, "on both axes"
    assert named.to_dict()["width"] == named.to_dict()["height"] > plain.to_dict()["width"] + 150
    assert set(names) <= set(words(confusion.accuracies([("n", counts)], names)))
    wide = confusion.probabilities(np.array([0.1, 0.2, 0.7]), None, names)
    assert set(names) <= set(words(wide)) and 230 < wide.to_dict()["width"] <= 350
    short = confusion.probabilities(np.array([0.1, 0.2, 0.7]), None, "abc")
    assert short.to_dict()["width"] == 230
