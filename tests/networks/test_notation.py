"""The line of text: its one form, what it counts, and a sentence for every bad one."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.networks.families import FAMILIES, of_line
from core.networks.layers import Conv2D, Dense, DepthwiseConv2D, MaxPooling2D, SeparableConv2D
from core.networks.line import Line, Span
from core.networks.network import Network
from core.networks.notation import MAX_LAYERS, MAX_TEXT
from core.networks.polynomial import Polynomial
from tests.networks import stacks

DEEP = "conv3(n) conv3(n) maxpool2 conv3(2n) conv3(2n) maxpool2 flatten"
LEAN = "conv3(n, same, leaky) maxpool2 4x[separable3(n, leaky)] globalavg"
SHARED = "conv3(n, same, leaky) maxpool2 shared4[separable3(n, same, leaky)] globalavg"
TIED = """conv3(n, same, leaky) maxpool2
  3x[depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear) conv1(n, nobias, leaky)]
  depthwise3x1(as a, nobias, linear) depthwise1x3(as b, nobias, linear) conv1(classes, nobias, linear) globalavg softmax
"""
COUNTED = [  # a line, its polynomial on MNIST, and a count published for one width
    (DEEP, (63, 335, 10), 2, 932),
    (LEAN, (4, 60, 10), 8, 746),
    (SHARED, (1, 30, 10), 8, 314),
    (TIED, (3, 26, 0), 9, 477),
]


@pytest.mark.parametrize(("text", "polynomial", "n", "weights"), COUNTED, ids=["deep", "lean", "shared", "tied"])
def test_lines_are_counted(text: str, polynomial: tuple[int, int, int], n: int, weights: int) -> None:
    chosen = of_line(text)
    assert chosen.polynomial() == Polynomial(*polynomial)
    assert chosen.build(n).parameters == weights
    for width in range(1, 20):
        assert chosen.polynomial()(width) == chosen.build(width).parameters


@pytest.mark.parametrize("text", [x for x, *_ in COUNTED] + [x.layers for x in FAMILIES.values()])
def test_a_line_written_again_is_the_same(text: str) -> None:
    line = Line.of(text)
    assert Line.of(str(line)) == line and str(Line.of(str(line))) == str(line)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("  CONV3( N ,SAME )\n\tflatten", "conv3(n, same) flatten"),
        ("conv3x3(1n, relu) flatten dense(classes, softmax)", "conv3(n) flatten"),
        (
            "conv3(leaky, nobias, n, as k, stride2, same) flatten",
            "conv3(n, same, stride2, as k, nobias, leaky) flatten",
        ),
        ("conv3x1(2n+4) flatten", "conv3x1(2n+4) flatten"),
        ("conv3(3*n) flatten dropout.25", "conv3(3n) flatten dropout0.25"),
        ("flatten dropout0.00001", "flatten dropout0.00001"),
        ("conv3(6n/84) flatten", "conv3(6n/84) flatten"),
        ("conv3(n, stride1) flatten", "conv3(n) flatten"),
        ("conv1(classes, linear) globalavg softmax", "conv1(classes, linear) globalavg softmax"),
        ("flatten dense(classes, nobias, softmax)", "flatten dense(classes, nobias, softmax)"),
        (
            "conv3(4) residual[ conv3(4,same) ] 2x[ shared3[conv1(4)] ] flatten",
            "conv3(4) residual[conv3(4, same)] 2x[shared3[conv1(4)]] flatten",
        ),
    ],
)
def test_there_is_one_form_of_a_line(text: str, written: str) -> None:
    assert str(Line.of(text)) == written


def test_layers_are_what_is_written() -> None:
    line = Line.of(
        "conv3x1(2n, same, stride2, leaky) separable5(n+4, multiplier2, nobias) depthwise3(tanh) maxpool2 flatten "
        "dense(7, elu)"
    )
    assert line.layers(3, 9, False)[:4] == (
        Conv2D(6, (3, 1), "leaky", same=True, stride=2),
        SeparableConv2D(7, 5, multiplier=2, bias=False),
        DepthwiseConv2D(3, "tanh"),
        MaxPooling2D(),
    )
    assert line.layers(3, 9, False)[-2:] == (Dense(7, "elu"), Dense(9, "softmax"))


BAD = [  # a line, what its sentence names, and what it says came
    ("conv3(3x)", "Layer 1, conv3(3x)", "3x"),
    ("conv3(n) conv3(n) conv3(3x)", "Layer 3, conv3(3x)", "3x"),
    ("", "at least one layer", "none"),
    ("   ", "at least one layer", "none"),
    ("dense(classes, softmax)", "at least one layer", "none"),
    ("konv3(n)", "Layer 1, konv3", "konv3"),
    ("conv(n)", "Layer 1, conv", "none"),
    ("conv0(n)", "Layer 1, conv0", "0"),
    ("conv99(n)", "Layer 1, conv99", "99"),
    ("conv3x(n)", "Layer 1, conv3x", "conv3x"),
    ("conv3", "Layer 1, conv3", "none"),
    ("conv3()", "Layer 1, conv3()", "nothing"),
    ("conv3(n,)", "Layer 1, conv3(n,)", "nothing"),
    ("conv3(n, n)", "Layer 1, conv3(n, n)", "n"),
    ("conv3(n, relu, leaky)", "Layer 1, conv3(n, relu, leaky)", "leaky"),
    ("conv3(n, foo)", "Layer 1, conv3(n, foo)", "foo"),
    ("conv3(0)", "Layer 1, conv3(0)", "0"),
    ("conv3(-1)", "Layer 1, conv3(-1)", "-1"),
    ("conv3(n-1)", "Layer 1, conv3(n-1)", "n-1"),
    ("conv3(n*n)", "Layer 1, conv3(n*n)", "n*n"),
    ("conv3(1.5n)", "Layer 1, conv3(1.5n)", "1.5n"),
    ("conv3(4097)", "Layer 1, conv3(4097)", "4097"),
    ("conv3(9999n)", "Layer 1, conv3(9999n)", "9999n"),
    ("conv3(n) maxpool2x3 flatten", "Layer 2, maxpool2x3", "none"),
    ("conv1(n) shared62[separable31x30(n, same, stride16, multiplier64, nobias, sigmoid)] globalavg", "3,500", "more"),
    ("4x[flatten dense(classes, softmax)]", "outside of brackets", "it within"),
    ("conv3(n/999)", "Layer 1, conv3(n/999)", "n/999"),
    ("conv3(n/0)", "Layer 1, conv3(n/0)", "n/0"),
    ("conv3(n, stride0)", "Layer 1, conv3(n, stride0)", "stride0"),
    ("conv3(n, multiplier2)", "Layer 1, conv3(n, multiplier2)", "multiplier2"),
    ("conv3(n, as 9)", "Layer 1, conv3(n, as 9)", "as 9"),
    ("conv3(n", "Layer 1, conv3", "a line that ends without one"),
    ("conv3)n(", "Layer 1, conv3", "conv3)"),
    ("flatten dense3(n)", "Layer 2, dense3", "dense3"),
    ("depthwise3(n)", "Layer 1, depthwise3(n)", "n"),
    ("flatten(2)", "Layer 1, flatten(2)", "2"),
    ("maxpool1", "Layer 1, maxpool1", "1"),
    ("maxpool", "Layer 1, maxpool", "none"),
    ("flatten dropout dense(n)", "Layer 2, dropout", "none"),
    ("flatten dropout1.5", "Layer 2, dropout1.5", "1.5"),
    ("flatten dropout0", "Layer 2, dropout0", "0"),
    ("4x[conv3(n)", "Expected ] for every [", "a line that ends without one"),
    ("conv3(n)] flatten", "Expected [ before ]", "a ] after layer 1"),
    ("conv3(n) repeat[conv3(n)]", "After layer 1", "repeat["),
    ("0x[conv3(n)]", "After nothing", "0x["),
    ("99x[conv3(n)]", "After nothing", "99x["),
    ("2x[]", "After nothing", "none with a use"),
    ("residual[dropout0.5]", "After nothing", "none with a use"),
    ("64x[2x[relu]] flatten", "at most 64 layers", "more"),
    ("flatten dense(n, softmax) dense(n)", "Layer 2, dense(n, softmax)", "softmax in layer 2 of 3"),
    ("softmax flatten", "Layer 1, softmax", "softmax in layer 1 of 2"),
    ("[[[[", "After nothing", "["),
    ("relu " * 65, "at most 64 layers", "more"),
    ("x" * (MAX_TEXT + 1), f"at most {MAX_TEXT:,} characters", f"{MAX_TEXT + 1:,}"),
    ("residual[" * 9 + "relu" + "]" * 9, "at most 8 brackets", "more"),
]


@pytest.mark.parametrize(("text", "named", "received"), BAD, ids=[x[:24] for x, *_ in BAD])
def test_a_bad_line_is_one_sentence_that_names_the_place(text: str, named: str, received: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Line.of(text)
    said = str(error.value)
    assert named in said and said.endswith(f"Received: {received}.") and "xpected " in said
    assert "\n" not in said and len(said) < 420


NETWORKS = [  # a line that can be read and not be built on MNIST, and what its sentence names
    ("conv3(n) dense(n)", "Dense", "layer 2"),
    ("conv3(n)", "Dense", "softmax layer at the end"),
    ("flatten conv3(n)", "Conv 3×3", "layer 2"),
    ("globalavg maxpool2", "Max pool 2×2", "layer 2"),
    ("flatten globalmax", "Global max", "layer 2"),
    ("conv3(4) residual[conv3(4)] flatten", "26×26×4", "24×24×4"),
    ("residual[conv3(n, same)] flatten", "28×28×1", "28×28×3"),
    ("conv3(4, as a) conv3(4, as a) flatten", "'a'", "Layer 2"),
    ("conv3(4, as a) flatten dense(4, as a)", "'a'", "Layer 3"),
    ("conv3(1, as a) conv3(1, as a, leaky) flatten", "'a'", "activation"),
    ("conv3(1, as a) conv3(1, as a, same) flatten", "'a'", "Layer 2"),
    ("flatten dense(7, softmax)", "10 numbers", "7"),
    ("conv1(classes, linear) softmax", "10 numbers", "28×28×10"),
    ("5x[maxpool2] flatten", "too small", "layer 5"),
    ("conv1(n) 9x[depthwise3(multiplier64, same)] globalavg", "262,144", "layer 5"),
]


@pytest.mark.parametrize(("text", "named", "also"), NETWORKS, ids=[x for x, *_ in NETWORKS])
def test_layers_that_do_not_fit_are_one_sentence_that_names_the_place(text: str, named: str, also: str) -> None:
    with pytest.raises(ArgumentError) as error:
        of_line(text).build(min(3, of_line(text).max_width))
    said = str(error.value)
    assert named in said and also in said and "\n" not in said and len(said) < 420


PARTS = """conv3 conv3(n)
separable3(2n,same) depthwise3 dense(n) maxpool2 flatten batchnorm dropout0.5 globalavg softmax
residual[ 4x[ shared2[ ] ( ) , n 2n n+4 6n/7 classes as a same nobias leaky stride2 x 99 0 -1 é ² \x00"""
word = st.sampled_from(PARTS.split())


@given(st.text(max_size=60) | st.lists(word, max_size=12).map(" ".join) | st.lists(word, max_size=12).map("".join))
@example("9" * 5000)
@example("conv" + "3" * 3000)
@example("[" * 3000)
def test_any_text_is_a_line_or_a_sentence(text: str) -> None:
    try:
        line = Line.of(text)
    except ArgumentError as e:
        assert len(str(e)) < 500
        return
    assert Line.of(str(line)) == line
    assert len(line.layers(1, 3, True)) <= 2 * MAX_LAYERS + 1
    try:
        Network((28, 28, 1), line.layers(1, 10, True))
    except ArgumentError as e:
        assert "\n" not in str(e) and len(str(e)) < 500


@given(stacks.lines((28, 28, 1), 10))
def test_a_random_line_written_again_is_the_same(line: Line) -> None:
    assert Line.of(str(line)) == line
    assert line.match(line.identity(1, True), True) == 1


# One name for one network -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "n", "other", "m"),
    [
        (DEEP, 4, "2x[conv3(2n)] maxpool2 2x[conv3(4n)] maxpool2 flatten dense(classes, softmax)", 2),
        (LEAN, 8, "conv3(8, same, leaky) maxpool2 separable3(8, leaky) 3x[separable3(8, leaky)] globalavg", 1),
        (SHARED, 8, "conv3(n, same, leaky) maxpool2 2x[2x[separable3(n, same, as k, leaky)]] globalavg", 8),
        ("conv3(n, as a) conv3(n, as b) flatten", 2, "conv3(n) conv3(n, as once) flatten", 2),
        ("conv3(n) dropout0.5 flatten", 2, "conv3(n) flatten", 2),
        ("conv3(24n/12) flatten", 1, "conv3(n) flatten", 2),
        ("conv3(n) maxpool2(stride2) flatten", 3, "conv3(n) maxpool2 flatten dense(classes, as z, softmax)", 3),
    ],
)
def test_the_same_network_has_the_same_identity(one: str, n: int, other: str, m: int) -> None:
    identity = Line.of(one).identity(n, False)
    assert Line.of(other).identity(m, False) == identity
    assert Line.of(one).match(identity, False) == n and Line.of(other).match(identity, False) == m


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DEEP, DEEP.replace("2n", "3n")),
        (LEAN, LEAN.replace("leaky", "relu")),
        (LEAN, LEAN.replace("4x[", "3x[")),
        (LEAN, LEAN.replace("4x[", "shared4[")),
        ("conv3(n) conv3(n) flatten", "conv3(1, as a) conv3(n, as a) flatten"),
        ("conv1(4) residual[conv1(4) conv1(4)] flatten", "conv1(4) conv1(4) residual[conv1(4)] flatten"),
    ],
)
def test_another_network_has_another(one: str, other: str) -> None:
    n = min(8, Line.of(one).max_width)
    identity = Line.of(one).identity(n, False)
    assert all(Line.of(other).identity(m, False) != identity for m in range(1, min(16, Line.of(other).max_width) + 1))
    assert Line.of(other).match(identity, False) is None


def test_groups_are_spans_of_the_layers() -> None:
    line = Line.of("conv3(4) dropout0.1 2x[residual[conv3(4, same) relu] maxpool2] shared3[conv1(4)] flatten")
    repeat, residual, shared = line.spans(False)
    assert repeat == Span("repeat", 2, 1, 8, 0)
    assert residual == Span("residual", 1, 1, 3, 1)
    assert shared == Span("shared", 3, 9, 11, 0)
    layers = line.layers(1, 10, False)
    assert [x.kind for x in layers[1:5]] == ["Conv2D", "Activation", "Add", "MaxPooling2D"]
    assert line.spans(True)[0] == Span("repeat", 2, 2, 9, 0), "dropout is a layer where it is in"
