"""The families against the article's numbers and against Keras, at every width."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.networks.families import FAMILIES, Family, family
from core.networks.layers import Shape
from core.networks.network import Network
from core.networks.polynomial import Polynomial
from tests.conftest import WRITTEN, Article

# Images of digits, of photographs, and of neither square nor a power of two; each with its number of classes.
SHAPES: list[tuple[Shape, int]] = [((28, 28, 1), 10), ((32, 32, 3), 100), ((20, 24, 1), 2)]

POLYNOMIALS = {
    "mlp": ((1, 796, 10), "n² + 796n + 10"),
    "pooled_mlp": ((1, 208, 10), "n² + 208n + 10"),
    "cnn": ((1170, 56, 10), "1170n² + 56n + 10"),
    "deep_cnn": ((63, 335, 10), "63n² + 335n + 10"),
}


def multiplications(layer: Any) -> int:
    """Return multiplications per image: a kernel is used once at each place of its layer's output."""
    return math.prod(layer.output.shape[1:-1]) * math.prod(layer.kernel.shape) if layer.weights else 0


def check(network: Network, layers: list[Any]) -> None:
    """Assert that our arithmetic gives what Keras has built, layer by layer."""
    rows = network.summary()
    assert [x.kind for x in network.layers] == [type(x).__name__ for x in layers]
    assert [x.input_shape for x in rows] == [x.input.shape[1:] for x in layers]
    assert [x.output_shape for x in rows] == [x.output.shape[1:] for x in layers]
    assert [x.parameters for x in rows] == [x.count_params() for x in layers]
    assert [x.multiply_adds for x in rows] == [multiplications(x) for x in layers]
    assert network.weight_shapes == tuple(tuple(w.shape) for x in layers for w in x.trainable_weights)
    assert network.output_shape == layers[-1].output.shape[1:]


@pytest.mark.parametrize(("shape", "classes"), SHAPES, ids=["28x28x1", "32x32x3", "20x24x1"])
@pytest.mark.parametrize("key", WRITTEN)
def test_every_width_counts_as_keras_counts(keras: Any, article: Article, key: str, shape: Shape, classes: int) -> None:
    chosen = family(key)
    keras.utils.clear_session()
    for n in sorted({*range(1, 65), *chosen.widths}):
        with_dropout = chosen.build(n, shape, classes, dropout=True)
        model = article(chosen.key, n, shape, classes, dropout=True)
        check(with_dropout, model.layers)
        # Keras takes most of the time here, so the model without Dropout is built below at the swept widths only.
        plain = chosen.build(n, shape, classes)
        check(plain, [x for x in model.layers if not isinstance(x, keras.layers.Dropout)])
        assert plain.parameters == with_dropout.parameters == model.count_params()
        assert plain.multiply_adds == with_dropout.multiply_adds
    for n in chosen.widths:
        model = article(chosen.key, n, shape, classes)
        check(chosen.build(n, shape, classes), model.layers)
        assert chosen.build(n, shape, classes).parameters == model.count_params()


@pytest.mark.parametrize("key", POLYNOMIALS)
def test_polynomial_is_the_article_s(key: str) -> None:
    (a, b, c), text = POLYNOMIALS[key]
    found = family(key).polynomial()
    assert isinstance(found, Polynomial)
    assert (found.a, found.b, found.c) == (a, b, c)
    assert str(found) == text


@pytest.mark.parametrize(("shape", "classes"), SHAPES, ids=["28x28x1", "32x32x3", "20x24x1"])
@pytest.mark.parametrize("chosen", FAMILIES.values(), ids=FAMILIES)
def test_polynomials_are_the_counts_at_every_width(chosen: Family, shape: Shape, classes: int) -> None:
    weights = chosen.polynomial(shape, classes)
    multiply_adds = chosen.multiply_adds_polynomial(shape, classes)
    for n in range(1, chosen.max_width + 1):
        network = chosen.build(n, shape, classes)
        assert (weights(n), multiply_adds(n)) == (network.parameters, network.multiply_adds)


@pytest.mark.parametrize(
    ("key", "n", "text"),
    [
        ("deep_cnn", 2, "63·2² + 335·2 + 10 = 932"),
        ("mlp", 32, "32² + 796·32 + 10 = 26,506"),
        ("pooled_mlp", 64, "64² + 208·64 + 10 = 17,418"),
        ("cnn", 2, "1170·2² + 56·2 + 10 = 4,802"),
    ],
)
def test_polynomial_with_n_put_in(key: str, n: int, text: str) -> None:
    assert family(key).polynomial().at(n) == text


@pytest.mark.parametrize(("shape", "classes"), SHAPES, ids=["28x28x1", "32x32x3", "20x24x1"])
def test_a_line_made_thinner_claims_no_polynomial_and_is_the_sum_of_its_layers(shape: Shape, classes: int) -> None:
    lenet = "conv5(6n/84, tanh) avgpool2 conv5(16n/84, tanh) avgpool2 flatten dense(84n/84, tanh)"
    chosen = family(lenet)
    count, adds = chosen.polynomial(shape, classes), chosen.multiply_adds_polynomial(shape, classes)
    assert not isinstance(count, Polynomial) and chosen.max_width == 84
    for n in range(1, 85):
        network = chosen.build(n, shape, classes)
        widths = [max(1, round(w * n / 84)) for w in (6, 16, 84)]
        assert [x.output_shape[-1] for x in network.summary() if x.parameters] == [*widths, classes]
        assert (count(n), adds(n)) == (network.parameters, network.multiply_adds)
    assert count.at(84).endswith(f" = {count(84):,}") and count.at(84).count("+") == 3


def test_a_line_without_n_is_one_network() -> None:
    chosen = family("conv3(2) conv3(2) maxpool2 conv3(4) conv3(4) maxpool2 flatten")
    assert chosen.max_width == 1 and chosen.build(1).parameters == 932
    assert chosen.polynomial() == Polynomial(0, 0, 932)
    with pytest.raises(ArgumentError):
        chosen.build(2)


@given(st.lists(st.integers(0, 10**6), min_size=4, max_size=6))
def test_values_beyond_the_third_are_checked(values: list[int]) -> None:
    try:
        found = Polynomial.through(dict(enumerate(values, 1)))
    except ArgumentError:
        return
    assert [found(n) for n in range(1, len(values) + 1)] == values


@pytest.mark.parametrize("values", [(1, 3, 6), (1, 8, 27, 64), (1, 4, 9, 17)], ids=["half", "cubes", "fourth"])
def test_no_polynomial_is_claimed_that_is_none(values: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError):
        Polynomial.through(dict(enumerate(values, 1)))


@pytest.mark.parametrize(
    ("polynomial", "text", "at_3"),
    [
        (Polynomial(0, 12, 3), "12n + 3", "12·3 + 3 = 39"),
        (Polynomial(1, 0, 0), "n²", "3² = 9"),
        (Polynomial(2, -3, 0), "2n² - 3n", "2·3² - 3·3 = 9"),
        (Polynomial(0, 1, 1), "n + 1", "3 + 1 = 4"),
        (Polynomial(0, 0, 0), "0", "0 = 0"),
    ],
)
def test_a_polynomial_shows_only_the_terms_it_has(polynomial: Polynomial, text: str, at_3: str) -> None:
    assert (str(polynomial), polynomial.at(3)) == (text, at_3)


@given(st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9), st.integers(-(10**9), 10**9))
def test_three_values_determine_a_polynomial(a: int, b: int, c: int) -> None:
    polynomial = Polynomial(a, b, c)
    assert polynomial(5) == 25 * a + 5 * b + c
    assert Polynomial.through({n: polynomial(n) for n in (1, 2, 3)}) == polynomial


def test_the_article_s_numbers() -> None:
    points = {("mlp", 32): 26_506, ("pooled_mlp", 64): 17_418, ("cnn", 2): 4_802, ("deep_cnn", 2): 932}
    assert {(key, n): family(key).build(n).parameters for key, n in points} == points
    assert family("mlp").build(512).parameters == 669_706
    assert family("cnn").build(32).parameters == 1_199_882
    written = {key: family(key) for key in WRITTEN}
    tutorials = {key: x.tutorial_network().parameters for key, x in written.items()}
    assert tutorials == {"mlp": 669_706, "pooled_mlp": 669_706, "cnn": 1_199_882, "deep_cnn": 1_199_882}
    assert {key: x.widths for key, x in written.items()} == {
        "mlp": (512, 256, 128, 64, 32, 16),
        "pooled_mlp": (512, 256, 128, 64, 32, 16),
        "cnn": (32, 16, 8, 4, 2, 1),
        "deep_cnn": (32, 16, 8, 4, 2, 1),
    }
    assert {key: x.max_width for key, x in written.items()} == {
        "mlp": 1024,
        "pooled_mlp": 1024,
        "cnn": 128,
        "deep_cnn": 128,
    }
    recipes = {key: (x.recipe.optimizer, x.recipe.learning_rate, x.recipe.epochs) for key, x in written.items()}
    assert recipes == {
        "mlp": ("rmsprop", 0.001, 20),
        "pooled_mlp": ("rmsprop", 0.001, 20),
        "cnn": ("adadelta", 1.0, 12),
        "deep_cnn": ("adadelta", 1.0, 12),
    }
    assert {(x.recipe.batch_size, x.recipe.dropout) for x in written.values()} == {(128, False)}


def test_where_the_article_finds_the_weights() -> None:
    shares = {
        (key, n): max(family(key).build(n).summary(), key=lambda x: x.share) for key, n in (("mlp", 32), ("cnn", 2))
    }
    assert shares["mlp", 32].parameters == 25_120
    assert round(shares["mlp", 32].share, 2) == 0.95
    assert shares["cnn", 2].parameters == 4_616
    assert round(shares["cnn", 2].share, 2) == 0.96


def test_the_tutorial_network_follows_the_data() -> None:
    found = family("pooled_mlp").tutorial_network((32, 32, 3), 100)
    assert found == family("mlp").build(512, (32, 32, 3), 100)


def test_each_family_is_filed_under_its_key_and_described() -> None:
    assert list(FAMILIES)[:4] == list(WRITTEN), "charts give colours and shapes in this order"
    for key, chosen in FAMILIES.items():
        assert family(key) is chosen
        assert chosen.key == key
        assert chosen.title and chosen.description.endswith(".")
        assert all(a > b for a, b in pairwise(chosen.widths))
        assert chosen.max_width >= max(chosen.widths)


# Widths --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", FAMILIES)
@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        10**9,
        "abc",
        None,
        2.5,
        True,
        False,
        "",
        " ",
        "0",
        "-1",
        "--7",
        "+7",
        "2.0",
        "1e1",
        "1_0",
        "２",
        "²",
        "٣",
        "7 7",
        "9" * 30,
        math.nan,
        math.inf,
        [3],
        b"7",
        3 + 0j,
    ],
    ids=repr,
)
def test_a_bad_width_is_answered_in_one_sentence(key: str, value: object) -> None:
    chosen = family(key)
    most = f"{chosen.max_width:,}"
    with pytest.raises(ArgumentError) as error:
        chosen.build(value)
    said = str(error.value)
    assert f"width for family '{key}'." in said and f" 1 to {most}." in said and said.endswith(f" {value!r}.")


@pytest.mark.parametrize("value", [7, "7", " 7 ", "07", 7.0, np.int64(7), np.float32(7)], ids=repr)
def test_a_width_is_read_from_a_url_or_an_array(value: object) -> None:
    width = family("cnn").width(value)
    assert width == 7
    assert type(width) is int


@given(st.text(alphabet="0123456789-+._eE ²２", max_size=6) | st.text() | st.floats() | st.integers() | st.none())
@example("--7")
@example("-")
@example("7" * 99)
def test_any_value_gives_a_width_or_the_sentence(value: object) -> None:
    try:
        width = family("cnn").width(value)
    except ArgumentError as e:
        shown = repr(value) if len(repr(value)) <= 80 else f"{value!r:.79}…"
        assert str(e) == f"Invalid width for family 'cnn'. Expected a whole number from 1 to 128. Received: {shown}."
    else:
        assert type(width) is int
        assert 1 <= width <= 128
        assert width == (int(value) if isinstance(value, str) else value)


@pytest.mark.parametrize("key", FAMILIES)
def test_the_bounds_themselves_are_accepted(key: str) -> None:
    chosen = family(key)
    for n in (1, chosen.max_width):
        assert chosen.build(n).parameters == chosen.polynomial()(n)
    with pytest.raises(ArgumentError, match=f"Received: {chosen.max_width + 1}\\.$"):
        chosen.build(chosen.max_width + 1)


@pytest.mark.parametrize("key", ["resnet", "", "CNN", None, 3, ["cnn"]], ids=repr)
def test_an_unknown_family_is_answered_in_one_sentence(key: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        family(key)
    said = str(error.value)
    assert " family." in said and f" {', '.join(FAMILIES)}." in said and said.endswith(f" {key!r}.")


# Image sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "shape", "layer", "got"),
    [
        ("pooled_mlp", (1, 28, 1), "Max pool 2×2", "1×28"),
        ("cnn", (4, 4, 1), "Conv 3×3", "2×2"),
        ("cnn", (28, 5, 3), "Max pool 2×2", "24×1"),
        ("deep_cnn", (15, 28, 1), "Max pool 2×2", "1×8"),
        ("deep_cnn", (8, 8, 1), "Conv 3×3", "2×2"),
    ],
)
def test_images_too_small_are_answered_in_one_sentence(key: str, shape: Shape, layer: str, got: str) -> None:
    with pytest.raises(ArgumentError) as error:
        family(key).build(2, shape)
    size, said = f"{shape[0]}×{shape[1]}", str(error.value)
    assert said.startswith(f"Images of {size} are too small for the family '{key}': {layer} ")
    assert said.endswith(f" {got}.") and "\n" not in said


@pytest.mark.parametrize("key", WRITTEN)
def test_exactly_the_images_that_keras_refuses_are_refused(keras: Any, article: Article, key: str) -> None:
    def ours(shape: Shape) -> bool:
        try:
            family(key).build(1, shape)
        except ArgumentError:
            return False
        return True

    def theirs(shape: Shape) -> bool:
        try:
            article(key, 1, shape)
        except ValueError:
            return False
        return True

    shapes: list[Shape] = [(side, across, 1) for side in range(1, 19) for across in (side, 28)]
    accepted = {shape for shape in shapes if ours(shape)}
    assert accepted == {shape for shape in shapes if theirs(shape)}


# The inverse ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("shape", "classes"), SHAPES, ids=["28x28x1", "32x32x3", "20x24x1"])
@pytest.mark.parametrize("chosen", FAMILIES.values(), ids=FAMILIES)
def test_largest_within_is_what_trying_every_width_finds(chosen: Family, shape: Shape, classes: int) -> None:
    counts = [chosen.build(n, shape, classes).parameters for n in range(1, chosen.max_width + 1)]

    def tried(budget: int) -> tuple[int, int] | None:
        return max(((n, count) for n, count in enumerate(counts, start=1) if count <= budget), default=None)

    around = [count + step for count in counts[:40] + counts[-3:] for step in (-1, 0, 1)]
    for budget in [-1, 0, 10, *around, 10**12]:
        assert chosen.largest_within(budget, shape, classes) == tried(budget)


def test_budgets_by_hand() -> None:
    assert family("deep_cnn").largest_within(932) == (2, 932)
    assert family("deep_cnn").largest_within(931) == (1, 408)
    assert family("deep_cnn").largest_within(407) is None
    assert family("mlp").largest_within(669_705) == (511, 511**2 + 796 * 511 + 10)


def test_multiply_adds_by_hand() -> None:
    assert family("mlp").build(32).multiply_adds == 784 * 32 + 32 * 32 + 32 * 10
    convolutions = 26 * 26 * 9 * 1 * 2 + 24 * 24 * 9 * 2 * 2 + 10 * 10 * 9 * 2 * 4 + 8 * 8 * 9 * 4 * 4
    assert family("deep_cnn").build(2).multiply_adds == convolutions + 4 * 4 * 4 * 10
