"""Which widths grow with n, and which stay as they are."""

from __future__ import annotations

import pytest

from core.networks.keras_models.read import from_config
from tests.keras_configs import CONV, FLAT, FLATTEN, HEAD, LAST, POOLED, SAME, built, dense, graph, line, model


@pytest.mark.parametrize(
    ("units", "width", "expected"),
    [
        ((), 1, "flatten"),
        ((16,), 16, "flatten dense(n)"),
        ((5,), 5, "flatten dense(n)"),
        ((8, 24), 8, "flatten dense(n) dense(3n)"),
        ((7, 14), 14, "flatten dense(7n/14) dense(14n/14)"),
        ((300, 100), 100, "flatten dense(3n) dense(n)"),
        ((120, 84), 12, "flatten dense(10n) dense(7n)"),
        ((4096, 4095), 256, "flatten dense(4096n/256) dense(4095n/256)"),
    ],
)
def test_widths_are_multiples_of_what_divides_them_or_of_the_largest(
    units: tuple[int, ...], width: int, expected: str
) -> None:
    imported = from_config(model(FLATTEN, *dense(*units), HEAD))
    assert (imported.width, str(imported.line)) == (width, expected)
    assert [x.leaving for x in built(imported).steps()][1:-1] == [(x,) for x in units]


def test_what_must_fit_the_image_or_the_classes_stays_as_wide_as_it_is() -> None:
    ten, many = CONV | {"filters": 10, "padding": "same"}, CONV | {"filters": 32}
    softmax = ("Activation", {"activation": "softmax"})
    assert line(model(("Conv2D", many), ("Conv2D", ten), ("ReLU", {}), POOLED, softmax)) == (
        "conv3(n, linear) conv3(classes, same) globalavg softmax"
    )
    assert line(model(("Conv2D", many), ("Conv2D", ten), POOLED, HEAD)) == (
        "conv3(32n/32, linear) conv3(10n/32, same, linear) globalavg"
    )
    both = graph(
        ("one", "Conv2D", ten, ["image"]), ("two", "Conv2D", ten, ["one"]), ("add", "Add", {}, ["one two"]),
        ("pool", *POOLED, ["add"]), ("soft", *softmax, ["pool"]),
    )  # fmt: skip
    assert line(both) == ("conv3(classes, same, linear) residual[conv3(classes, same, linear)] globalavg softmax")
    single = SAME | {"filters": 1}
    image = graph(
        ("one", "Conv2D", single, ["image"]), ("add", "Add", {}, ["one image"]), (*FLAT, ["add"]), (*LAST, ["flat"])
    )
    assert line(image) == "residual[conv3(1, same, linear)] flatten"
    doubled = ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2})
    imported = from_config(model(("Conv2D", CONV | {"filters": 5}), doubled, POOLED, softmax))
    assert str(imported.line) == "conv3(5, linear) depthwise3(multiplier2, linear) globalavg softmax"
    assert (imported.classes, imported.width) == (10, 1)
