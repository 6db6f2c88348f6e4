from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.networks.families import FAMILIES
from core.recipe import Recipe
from core.results import analysis, tables
from core.results.analysis import Point
from core.results.collect import finished
from core.results.published import ARTICLE, OTHERS
from tests.rows import runs, seeds

TUTORIALS = {key: x.tutorial_network().parameters for key, x in FAMILIES.items()}


def points(*rows: dict[str, Any]) -> list[Point]:
    return analysis.points(finished(runs(*rows)))


def networks(*rows: dict[str, Any], sizes: list[float] | None = None) -> pd.DataFrame:
    found = points(*rows)
    return tables.networks(found, [x.parameters for x in found] if sizes is None else sizes)


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return tables.runs(runs(*rows))


def test_tables_for_people_turn_shares_into_per_cent() -> None:
    shown = tables.for_people(table({}), {"test_accuracy": "Accuracy, %", "width": "n"})
    assert shown.to_dict("records") == [{"Accuracy, %": 97.0, "n": 2}]
    assert tables.for_people(table({}), {"width": "n"}).to_dict("records") == [{"n": 2}]


def test_a_share_that_is_not_known_stays_unknown() -> None:
    shown = tables.for_people(table({"test_accuracy": None}, {}), {"test_accuracy": "Accuracy, %"})
    assert np.isnan(shown["Accuracy, %"].iloc[0]) and shown["Accuracy, %"].iloc[1] == 97.0


def test_a_table_for_people_leaves_the_rows_as_they_were() -> None:
    rows = table({})
    before = rows.copy()
    tables.for_people(rows, {"test_accuracy": "Accuracy, %"})
    pd.testing.assert_frame_equal(rows, before)


def test_every_column_that_people_see_exists() -> None:
    given = [*seeds("deep_cnn", 2, 0.96, 0.98), *seeds("mlp", 16, 0.9)]
    turning = tables.turning_points(analysis.turning_points(points(*given), 0.97), TUTORIALS)
    made = {
        "turning points": (turning, tables.TURNING_POINTS),
        "networks": (networks(*given), tables.NETWORKS),
        "runs": (table(*given), tables.RUNS),
        "published": (pd.DataFrame(asdict(x) for x in (*ARTICLE, *OTHERS)), tables.PUBLISHED),
    }
    for rows, titles in made.values():
        shown = tables.for_people(rows, titles)
        assert list(shown.columns) == list(titles.values()) and len(shown) == len(rows) > 0
        assert set(titles.values()) <= tables.TITLES and len(set(titles.values())) == len(titles)


def test_the_names_of_networks_tell_them_apart() -> None:
    other = Recipe("adadelta", 1.0, 3).to_json()
    found = networks(
        *seeds("deep_cnn", 2, 0.97),
        *seeds("deep_cnn", 2, 0.96, recipe=other),
        *seeds("deep_cnn", 2, 0.95, origin="reference"),
        *seeds("deep_cnn", 4, 0.98),
        *seeds("mlp", 2, 0.9),
    )
    names = {accuracy: name for accuracy, name in zip(found["mean"], found["name"], strict=True)}
    assert names[0.97] == "Deep CNN, n = 2, Adadelta 1, 12 epochs, batch 128"
    assert names[0.95] == names[0.97] + ", reference"
    assert len(set(names.values())) == 5


def test_networks_of_two_copies_of_an_image_set_have_names_of_their_own() -> None:
    # both are shown when the images are not at hand
    found = networks(*seeds("deep_cnn", 2, 0.97), *seeds("deep_cnn", 2, 0.5, fingerprint="g"))
    assert found["name"].is_unique and list(found.sort_values("mean")["front"]) == [False, True]


def test_the_front_is_of_the_unit_that_is_shown() -> None:
    rows = [*seeds("deep_cnn", 1, 0.9), *seeds("deep_cnn", 2, 0.97), *seeds("mlp", 32, 0.96)]
    by_weights = networks(*rows)
    assert list(by_weights["front"]) == [True, True, False] and list(by_weights["size"]) == [408, 932, 26506]
    assert list(networks(*rows, sizes=[30.0, 40.0, 5.0])["front"]) == [False, True, True]


def test_turning_points_are_facts_with_a_title_and_the_tutorial_network() -> None:
    found = analysis.turning_points(points(*seeds("deep_cnn", 2, 0.98), *seeds("mlp", 16, 0.9)), 0.97)
    deep, mlp = tables.turning_points(found, TUTORIALS).to_dict("records")
    assert (deep["title"], deep["tutorial"], deep["width"], deep["mean"]) == ("Deep CNN", 1_199_882, 2, 0.98)
    assert (mlp["title"], mlp["tutorial"], mlp["bracket_below"]) == ("MLP", 669_706, 13_002)
    assert pd.isna(mlp["width"]) and pd.isna(mlp["mean"])


@pytest.mark.parametrize(
    "titles", [tables.TURNING_POINTS, tables.NETWORKS, tables.RUNS], ids=["turning", "networks", "runs"]
)
def test_what_is_a_share_is_told_in_per_cent(titles: dict[str, str]) -> None:
    shares = {"mean", "sd", "low", "high", "wilson_low", "wilson_high", "test_accuracy", "held_out_accuracy"}
    assert {x for x, title in titles.items() if title.endswith("%")} == shares & set(titles)


def test_a_row_of_a_network_says_all_of_its_point() -> None:
    recipe = FAMILIES["deep_cnn"].recipe
    (point,) = points(*seeds("deep_cnn", 2, 0.96, 0.98, origin="reference"))
    (row,) = tables.networks([point], [3.728]).to_dict("records")
    assert row == {
        "dataset": "mnist", "fingerprint": "f", "origin": "reference", "family": "deep_cnn", "title": "Deep CNN",
        "recipe": recipe.to_json(), "recipe_title": str(recipe), "width": 2, "parameters": 932, "test_images": 10000,
        "mean": 0.97, "sd": point.sd, "low": 0.96, "high": 0.98, "wilson_low": point.interval[0],
        "wilson_high": point.interval[1], "seeds": 2, "size": 3.728, "front": True,
        "name": f"Deep CNN, n = 2, {recipe}, reference",
    }  # fmt: skip
    assert np.isnan(networks({})["sd"]).all(), "one seed has no spread"


def test_a_row_by_width_names_family_and_image_set() -> None:
    found = tables.by_width(points(*seeds("cnn", 2, 0.96, 0.98, dataset="mnist_5k"), *seeds("cnn", 4, 0.98)))
    assert found[["title", "width", "parameters", "data", "seeds", "origin"]].to_numpy().tolist() == [
        ["CNN", 2, 4802, "MNIST, 5,000 digits", 2, "own"],
        ["CNN", 4, FAMILIES["cnn"].build(4).parameters, "MNIST", 1, "own"],
    ]
    assert list(found["mean"]) == [0.97, 0.98] and set(found["recipe_title"]) == {str(FAMILIES["cnn"].recipe)}
    assert list(tables.by_width([]).columns) == list(found.columns) and tables.by_width([]).empty


def test_a_row_of_a_run_has_its_titles() -> None:
    (row,) = table({"weights": "kept", "test_loss": 0.25, "recipe": Recipe("adam", 0.003, 2, 64).to_json()}).to_dict(
        "records"
    )
    assert row["title"] == "Deep CNN" and row["recipe_title"] == "Adam 0.003, 2 epochs, batch 64"
    assert (row["test_loss"], row["weights"], row["origin"], row["formulation"]) == (0.25, "kept", "own", "XLA")


def test_a_row_per_class_with_its_images_and_its_accuracy() -> None:
    table = tables.classes(np.array([[9, 1, 0], [1, 1, 0], [0, 0, 0]]), ["a", "b", "c"])
    assert table.drop(columns="accuracy").to_numpy().tolist() == [["a", 10, 9], ["b", 2, 1], ["c", 0, 0]]
    np.testing.assert_allclose(table["accuracy"], [0.9, 0.5, math.nan])
    assert list(tables.for_people(table, tables.CLASSES)["Accuracy, %"])[:2] == [90, 50]
