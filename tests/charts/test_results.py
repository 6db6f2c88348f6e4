from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pytest

from core.charts import results as results_chart
from core.networks.families import MNIST_CLASSES, MNIST_SHAPE
from core.recipe import Protocol, Recipe
from core.results import analysis, sentences, tables
from core.results.collect import finished
from core.results.published import ARTICLE, OTHERS, Published
from core.results.sizes import sizes
from core.results.units import UNITS
from tests.rendered import rendered, words
from tests.rows import runs, seeds

EVERYBODY = (*ARTICLE, *OTHERS)
ROWS = [
    *seeds("deep_cnn", 1, 0.93, 0.94),
    *seeds("deep_cnn", 2, 0.968, 0.972),
    *seeds("cnn", 2, 0.975),
    *seeds("mlp", 32, 0.969, 0.971),
]
LOG = pytest.mark.parametrize("errors", [False, True], ids=["accuracy", "errors"])


def networks(rows: Sequence[dict[str, Any]], unit: str = "weights") -> pd.DataFrame:
    points = analysis.points(finished(runs(*rows)))
    return tables.networks(points, sizes(points, unit, MNIST_SHAPE, MNIST_CLASSES))


def draw(rows: Sequence[dict[str, Any]] = ROWS, published: Sequence[Published] = EVERYBODY, **changed: Any) -> Any:
    """Return the specification of the chart; ``front`` says whether to draw it."""
    points = networks(rows, changed.get("unit", "weights"))
    front = points[points["front"] & changed.pop("front", True)]
    return results_chart.results(points, front, published, changed.pop("target", 0.97), **changed).to_dict()


def layers(drawn: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for layer in drawn["layer"]:
        yield from layers(layer) if "layer" in layer else [layer]


def layer(drawn: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
    """Return the layers whose marks are as wanted."""
    return [x for x in layers(drawn) if wanted.items() <= x["mark"].items()]


def rows_of(drawn: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = drawn["datasets"][part["data"]["name"]]
    return rows


def symbols(drawn: dict[str, Any]) -> int:
    return sum(kind == "symbol" for kind, *_ in rendered(drawn))


def figures(drawn: dict[str, Any], *fields: str) -> list[float]:
    """Return what the layers draw on these channels."""
    return [
        row[part["encoding"][field]["field"]]
        for part in layers(drawn)
        for row in rows_of(drawn, part)
        for field in fields
        if "field" in part["encoding"].get(field, {})
    ]


@LOG
@pytest.mark.parametrize("unit", UNITS)
def test_the_chart_renders_in_every_unit(unit: str, errors: bool) -> None:
    published = EVERYBODY if unit == "weights" else ()
    drawn = draw(published=published, unit=unit, errors=errors, selected=networks(ROWS)["name"][0])
    assert symbols(drawn) == 4 + len(published) + 1
    for part in layer(drawn, type="point"):
        assert UNITS[unit].axis in part["encoding"]["x"]["title"]
        assert part["encoding"]["x"]["scale"]["type"] == "log"
        assert part["encoding"]["y"]["scale"].get("type", "linear") == ("log" if errors else "linear")
    json.dumps(drawn, allow_nan=False)


@LOG
@pytest.mark.parametrize("accuracies", [(0.97,), (1.0, 1.0), (0.0, 0.0), (1.0,), (0.0,), (0.0, 1.0)], ids=str)
@pytest.mark.parametrize("published", [(), EVERYBODY], ids=["alone", "published"])
def test_one_network_can_be_drawn(accuracies: tuple[float, ...], published: Sequence[Published], errors: bool) -> None:
    drawn = draw(seeds("deep_cnn", 2, *accuracies), published, errors=errors)
    assert symbols(drawn) == 1 + len(published)
    heights, sizes = figures(drawn, "y", "y2"), figures(drawn, "x")
    assert all(math.isfinite(x) and x >= 0 for x in heights) and all(math.isfinite(x) and x > 0 for x in sizes)
    if errors:
        assert min(heights) >= 0.5 / 10000, "half an image stands for no error at all"
    for part in layers(drawn):
        for channel in ("x", "y"):
            low, high = part["encoding"].get(channel, {}).get("scale", {}).get("domain", (1, 2))
            assert low < high and (low > 0 or not errors)


@LOG
@pytest.mark.parametrize("target", [0.5, 0.97, 0.999, 1.0])
def test_the_target_is_drawn_where_it_is(target: float, errors: bool) -> None:
    drawn = draw(target=target, errors=errors)
    (rule,) = [x for x in layer(drawn, type="rule") if "strokeDash" in x["mark"]]
    (row,) = rows_of(drawn, rule)
    assert row["height"] == pytest.approx(max(1 - target, 0.00005) if errors else target)
    assert f"{100 * target:.1f} %" in row["text"]
    rendered(drawn)


def shares(drawn: dict[str, Any]) -> dict[str, tuple[float, str]]:
    """Return the height of each line across the chart, with where its words are: above it or below."""
    rules = [x for x in layer(drawn, type="rule") if "strokeDash" in x["mark"]]
    found = {}
    for part in [x for x in layer(drawn, type="text", align="right") if x["encoding"].get("text")]:
        (row,) = rows_of(drawn, part)
        side = {"top": "below", "bottom": "above"}[part["mark"]["baseline"]]
        found[row["text"]] = (row["height"], side)
    assert len(rules) == len(found)
    return found


@LOG
@pytest.mark.parametrize(
    ("target", "commonest", "sides"),
    [
        (0.97, 0.975, ("below", "above")),
        (0.975, 0.975, ("below", "above")),
        (0.975, 0.971, ("above", "below")),
        (0.99, 0.9, ("below", "below")),
        (0.97, 0.995, ("below", "above")),
    ],
)
def test_what_the_commonest_class_reads_is_a_line_whose_words_meet_no_other(
    target: float, commonest: float, sides: tuple[str, str], errors: bool
) -> None:
    drawn = draw(published=(), target=target, commonest=commonest, errors=errors)
    lines = shares(drawn)
    goal, common = sorted(lines, key=lambda x: "commonest" in x)
    assert lines[common][0] == pytest.approx(1 - commonest if errors else commonest)
    assert common == f"always the commonest class {sentences.goal(commonest)}"
    assert (lines[goal][1], lines[common][1]) == sides
    rendered(drawn)


@LOG
@pytest.mark.parametrize(("target", "commonest"), [(0.52, 0.5), (0.94, 0.93)])
def test_below_a_low_line_there_is_room_for_its_words(target: float, commonest: float, errors: bool) -> None:
    rows = seeds("mlp", 32, 0.97)
    lowest = max(
        y
        for kind, _, y in rendered(draw(rows, (), target=target, commonest=commonest, errors=errors))
        if kind == "rule"
    )
    assert 300 < lowest < 465, "pixels of 480 from the top"


def test_the_commonest_class_has_a_line_only_where_it_is_near_what_is_drawn() -> None:
    points = networks(ROWS)  # from 0.92 on

    def shown(commonest: float, errors: bool = False) -> bool:
        return results_chart.shows(points, (), 0.97, commonest, errors)

    assert [shown(x) for x in (0.1135, 0.5, 0.89, 0.91, 0.975, 1.0)] == [False, False, False, True, True, True]
    assert [shown(x, True) for x in (0.1135, 0.5, 0.91, 0.975, 1.0)] == [False, False, True, True, True]
    ends = [draw(commonest=x)["layer"][0]["encoding"]["y"]["scale"]["domain"] for x in (None, 0.975)]
    assert ends[0] == ends[1], "within, it changes no axis"


@LOG
def test_better_is_up(errors: bool) -> None:
    places = [x for x in rendered(draw(published=(), errors=errors, front=False)) if x[0] == "symbol"]
    heights = [y for *_, y in places]  # pixels from the top, the smallest network first
    assert list(networks(ROWS)["mean"]) == pytest.approx([0.935, 0.97, 0.975, 0.97])
    assert heights[0] > heights[1] > heights[2] and heights[1] == pytest.approx(heights[3], abs=0.01)
    assert [x for _, x, _ in places] == sorted(x for _, x, _ in places)


def test_marks_stand_at_the_mean_and_bars_span_both_noises() -> None:
    drawn = draw(seeds("deep_cnn", 2, 0.96, 0.98), (), front=False)
    (mean,), (noise,) = layer(drawn, type="point"), layer(drawn, type="errorbar")
    (bar,) = [x for x in layer(drawn, type="rule") if "strokeDash" not in x["mark"]]

    def ends(part: dict[str, Any], *channels: str) -> list[float]:
        (row,) = rows_of(drawn, part)
        return [row[part["encoding"][x]["field"]] for x in channels]

    assert ends(mean, "x", "y") == [932, 0.97]
    assert ends(bar, "y", "y2") == [0.96, 0.98]
    assert ends(noise, "y", "y2") == pytest.approx(analysis.wilson(0.97, 10000))


def test_errors_are_what_is_missing_to_one_while_tooltips_stay_accuracies() -> None:
    drawn = draw(seeds("deep_cnn", 2, 0.96, 0.98), ARTICLE[:1], errors=True, front=False)
    theirs, ours = layer(drawn, type="point")
    (row,), (other,) = rows_of(drawn, ours), rows_of(drawn, theirs)
    assert row["mean"] == pytest.approx(0.03) and other["height"] == pytest.approx(0.0289)
    told = {x["title"]: x["field"] for x in ours["encoding"]["tooltip"]}
    assert [row[told[x]] for x in ("Mean accuracy", "Lowest seed", "Highest seed")] == ["97.00 %", "96.00 %", "98.00 %"]


def test_the_ring_is_there_only_when_a_network_is_selected() -> None:
    ring = {"size": 420}
    assert layer(draw(), **ring) == layer(draw(selected=None), **ring) == layer(draw(selected="gone"), **ring) == []
    name = networks(ROWS)["name"][1]
    drawn = draw(selected=name)
    (found,) = layer(drawn, **ring)
    assert [x["name"] for x in rows_of(drawn, found)] == [name]
    assert symbols(drawn) == symbols(draw()) + 1


def test_published_results_are_hollow_marks_of_their_own() -> None:
    own = layer(draw(published=()), type="point")
    assert [x["mark"]["filled"] for x in own] == [True] and len(rows_of(draw(published=()), own[0])) == 4
    drawn = draw()
    article, others, ours = layer(drawn, type="point")  # ours last: nothing may cover what is clicked
    assert [x["mark"]["filled"] for x in (ours, article, others)] == [True, False, False]
    assert len({x["mark"].get("shape") for x in (article, others)}) == 2
    assert [x["size"] for x in rows_of(drawn, article)] == [26506, 17418, 4802, 932]
    assert [x["size"] for x in rows_of(drawn, others)] == [575, 931, 697, 997, 1936, 3003, 5196]
    for part in (article, others):
        assert {"Rules", "Published"} <= {x["title"] for x in part["encoding"]["tooltip"]}
        assert all(x["rules"] and x["source"] for x in rows_of(drawn, part))
    for published in (ARTICLE, OTHERS):
        assert symbols(draw(published=published)) == 4 + len(published)


def test_the_front_is_drawn_only_when_asked_for() -> None:
    def stepped(drawn: dict[str, Any]) -> list[dict[str, Any]]:
        return layer(drawn, interpolate="step-after")

    drawn = draw()
    (found,) = stepped(drawn)
    assert [x["size"] for x in rows_of(drawn, found)] == [408, 932, 4802]
    assert stepped(draw(front=False)) == []


def test_recipes_and_origins_have_lines_of_their_own() -> None:
    other = Recipe("adadelta", 1.0, 3).to_json()
    rows = [*ROWS, *seeds("deep_cnn", 1, 0.9, recipe=other), *seeds("deep_cnn", 2, 0.95, recipe=other)]
    rows += [*seeds("deep_cnn", 1, 0.91, origin="reference"), *seeds("deep_cnn", 2, 0.96, origin="reference")]
    line = next(x for x in layer(draw(rows), type="line") if "detail" in x["encoding"])
    assert {x["field"] for x in line["encoding"]["detail"]} == {"recipe", "origin"}
    assert line["encoding"]["strokeDash"]["field"] == "recipe_brief"
    assert "strokeDash" not in next(x for x in layer(draw(), type="line") if "detail" in x["encoding"])["encoding"]
    # of the deep CNN three lines of two networks each; of CNN and MLP one of one
    assert sum(kind == "line" for kind, *_ in rendered(draw(rows, front=False))) == 5


def test_a_click_gives_the_name_of_the_network() -> None:
    drawn = draw()
    (clicked,) = [x for x in drawn["params"] if x["name"] == results_chart.SELECTION]
    assert clicked["select"]["fields"] == ["name"]
    (marks,) = [x for x in layer(drawn, type="point") if x.get("name") in clicked["views"]]
    assert marks["mark"]["filled"] and [x["name"] for x in rows_of(drawn, marks)] == list(networks(ROWS)["name"])


def test_the_tooltip_tells_the_size_in_other_units_too() -> None:
    def titles(unit: str) -> list[str]:
        part = layer(draw(published=(), unit=unit), type="point")[0]
        return [x["title"] for x in part["encoding"]["tooltip"]]

    assert UNITS["float32"].title in titles("float32") and "Weights" in titles("float32")
    assert titles("weights").count("Weights") == 1


def test_the_legend_says_what_the_marks_mean() -> None:
    points = networks(ROWS)
    said = results_chart.legend(points, Protocol.ARTICLE)
    assert "10,000 test images" in said and "standard deviation" in said and "Wilson" in said
    assert "held-out" not in said and "aler" not in said
    assert "held-out" in results_chart.legend(points, Protocol.HELD_OUT)
    assert "commonest" not in said and "97.50 %" in results_chart.legend(points, Protocol.ARTICLE, 0.975)
    both = networks([*ROWS, *seeds("mlp", 16, 0.9, origin="reference")])
    assert "Paler marks are reference runs." in results_chart.legend(both, Protocol.ARTICLE)


@LOG
def test_the_accuracy_is_written_on_the_axis_as_everywhere(errors: bool) -> None:
    points = networks(ROWS)
    labels = words(results_chart.results(points, points[:0], (), 0.97, errors=errors))
    assert ("5 %" if errors else "95.0 %") in labels and "target 97.0 %" in labels
    assert not [x for x in labels if x.endswith("%") and not x.endswith(" %")]
