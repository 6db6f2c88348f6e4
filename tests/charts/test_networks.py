from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from core.charts import networks
from core.networks.families import FAMILIES, family
from core.networks.line import Line
from core.results import tables
from core.results.analysis import points
from tests.rendered import words
from tests.rows import runs, seeds

DEEP = family("deep_cnn")


def curves() -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"title": x.title, "family": key, "width": n, "parameters": x.build(n).parameters}
            for key, x in FAMILIES.items()
            for n in (1, 2, 4)
        ]
    )


def drawn(*rows: dict[str, Any], width: int = 2) -> Any:
    known = tables.by_width(points(runs(*rows)))
    return networks.weights_by_width(curves(), known, DEEP, width, DEEP.build(width).parameters)


def test_the_chosen_network_and_what_is_known_stand_on_the_curves() -> None:
    said = words(drawn(*seeds("deep_cnn", 2, 0.96, 0.98), *seeds("deep_cnn", 4, 0.985)))
    assert "you are here: 932" in said
    assert sorted(x for x in said if "%" in x) == ["97.0 %", "98.5 %"], "as shares are written everywhere"


def test_nothing_known_is_curves_alone() -> None:
    said = words(drawn())
    assert "you are here: 932" in said and not [x for x in said if "%" in x]


def test_shares_of_layers_are_written_as_everywhere() -> None:
    rows = pd.DataFrame(
        [
            {"width": n, "layer": f"{i} {x.label}", "order": i, "parameters": x.parameters}
            for n in (1, 2, 4)
            for i, x in enumerate(DEEP.build(n).summary())
            if x.parameters
        ]
    )
    chart = networks.shares(rows, 2)
    said = words(chart)
    assert {"0 %", "50 %", "100 %"} <= set(said) and not [x for x in said if "%" in x and not x.endswith(" %")]
    order = chart.to_dict()["layer"][0]["encoding"]["color"]["scale"]["domain"]
    assert order == list(rows["layer"][: len(order)]) and len(order) == 5


def test_a_network_is_a_block_a_layer_with_its_weights() -> None:
    summary = DEEP.build(2).summary()
    said = words(networks.blocks(summary))
    assert "Input" in said and [x for x in said if x.startswith("Dense · ")] == [f"Dense · {summary[-1].parameters:,}"]
    (rows,) = networks.blocks(summary).to_dict()["datasets"].values()
    assert len(rows) == 1 + len(summary) and sum(x["parameters"] for x in rows) == 932
    assert all(x["half"] == -x["start"] and abs((2 * x["half"]) ** 2 - x["values"]) < 1e-6 for x in rows)


def test_a_layer_with_another_ones_weights_says_whose() -> None:
    text = "conv3(n, same) shared3[separable3(n, same)] globalavg dense(n, nobias)"
    network, spans = family(text).build(4), Line.of(text).spans(True)
    chart = networks.blocks(network.summary(), spans)
    said = words(chart)
    weights = network.summary()[1].parameters
    assert [x for x in said if x.startswith("Separable")] == [
        f"Separable 3×3 · {weights}",
        *["Separable 3×3 · as layer 2"] * 2,
    ]
    rows = next(x for x in chart.to_dict()["datasets"].values() if "layer" in x[0])
    assert [x["kind"] for x in rows] == ["no weights", *["weights"] * 4, "no weights", *["weights"] * 2]
    (label,) = next(x for x in chart.to_dict()["datasets"].values() if "label" in x[0])
    assert label["label"] == "3×\nshared" and label["y"] == 3.5, "beside the middle of rows 2 to 4"


@pytest.mark.parametrize(("layers", "least"), [(10, 30), (23, 30), (40, 15), (64, 15)])
def test_rows_of_deep_networks_are_less_high(layers: int, least: int) -> None:
    text = f"{layers - 2}x[conv1(n)] globalavg"
    chart = networks.blocks(family(text).build(2).summary(), Line.of(text).spans(False))
    assert least <= chart.height / (layers + 1) <= 30
    assert layers < 24 or chart.height <= 15 * 65
    bars, *others = chart.to_dict()["layer"]
    assert len(others) == 4, "names, shapes, and a bracket's lines and label"
    assert bars["encoding"]["y"]["scale"]["domain"] == [0, layers + 1]
