from __future__ import annotations

import pytest

from core.networks import counts
from core.networks.families import FAMILIES

EVERY = tuple(FAMILIES.values())


def test_weights_hold_every_family_that_fits() -> None:
    table = counts.weights(EVERY, (28, 28, 1), 10)
    assert set(table["family"]) == set(FAMILIES)
    for row in table.itertuples():
        assert row.parameters == FAMILIES[str(row.family)].build(row.width).parameters
    assert set(counts.weights(EVERY, (12, 12, 1), 10)["family"]) == {"mlp", "pooled_mlp", "cnn"}


@pytest.mark.parametrize("key", FAMILIES)
def test_layer_shares_add_up_to_the_network(key: str) -> None:
    table = counts.layer_shares(FAMILIES[key], (28, 28, 1), 10)
    totals = table.groupby("width")["parameters"].sum()
    assert {*FAMILIES[key].widths, 1, FAMILIES[key].max_width} <= set(totals.index)
    for width, total in totals.items():
        assert total == FAMILIES[key].build(width).parameters
    assert table["layer"].nunique() == table["order"].nunique()


def test_budgets() -> None:
    found = {x.family: (x.width, x.parameters) for x in counts.within(1000, EVERY, (28, 28, 1), 10)}
    assert found == {
        "mlp": (1, 807), "pooled_mlp": (4, 858), "cnn": (None, None), "deep_cnn": (2, 932), "lean": (9, 874),
        "tied": (14, 952),
    }  # fmt: skip
    assert {x.width for x in counts.within(counts.MAX_BUDGET, EVERY, (28, 28, 1), 10)} == {128, 1024}
    assert [x.family for x in counts.within(1000, EVERY, (12, 12, 1), 10)] == ["mlp", "pooled_mlp", "cnn"]
