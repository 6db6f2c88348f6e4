"""Whatever a file says its Keras model is, it is read or refused in a sentence."""

from __future__ import annotations

import copy
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import ArgumentError
from core.networks.keras_models.read import MAX_BYTES, from_config, read
from tests.keras_configs import (
    BATCHNORM,
    CHAIN,
    CONV,
    FLAT,
    FLATTEN,
    HEAD,
    LAST,
    OLD_CONV,
    SAME,
    TAIL,
    Config,
    built,
    graph,
    layer,
    model,
    packed,
    sentence,
)

POOL = ("GlobalMaxPooling2D", {"keepdims": True})
REFUSED: dict[str, tuple[object, str]] = {
    "nothing": (None, "JSON"),
    "a number": (3, "JSON"),
    "a list": ([model(FLATTEN, HEAD)], "JSON"),
    "text": (json.dumps(model(FLATTEN, HEAD)), "JSON"),
    "another object": ({"a": 1}, "class_name"),
    "a layer": (layer(*HEAD), "'Dense'"),
    "a subclass": ({"class_name": "MyModel", "config": {}}, "'MyModel'"),
    "no layers": ({"class_name": "Sequential", "config": {"layers": []}}, "list"),
    "only an input": (model(), "layers"),
    "no config": ({"class_name": "Sequential"}, "config"),
    "a layer that is text": (model(FLATTEN) | {"config": {"layers": ["Dense"]}}, "Layer 1"),
    "LSTM": (model(FLATTEN, ("LSTM", {"units": 3}), HEAD), "Layer 2, 'lstm_2' (LSTM)"),
    "padding": (model(("ZeroPadding2D", {}), FLATTEN, HEAD), "'zeropadding2d_1'"),
    "spatial dropout": (model(("SpatialDropout2D", {"rate": 0.5}), FLATTEN, HEAD), "'spatialdropout2d_1'"),
    "dilation": (model(("Conv2D", CONV | {"dilation_rate": [2, 2]}), FLATTEN, HEAD), "dilation_rate 1"),
    "groups": (model(("Conv2D", CONV | {"groups": 4}), FLATTEN, HEAD), "groups 1"),
    "channels first": (model(("Conv2D", CONV | {"data_format": "channels_first"}), FLATTEN, HEAD), "channels_last"),
    "causal": (model(("Conv2D", CONV | {"padding": "causal"}), FLATTEN, HEAD), "valid or same"),
    "strides that differ": (model(("Conv2D", CONV | {"strides": [2, 1]}), FLATTEN, HEAD), "(2, 1)"),
    "a large kernel": (model(("Conv2D", CONV | {"kernel_size": 99}), FLATTEN, HEAD), "kernel_size"),
    "a pool of one": (model(("MaxPooling2D", {"pool_size": 1}), FLATTEN, HEAD), "pool_size"),
    "too many filters": (model(("Conv2D", CONV | {"filters": 5000}), FLATTEN, HEAD), "5000"),
    "filters as text": (model(("Conv2D", CONV | {"filters": "8"}), FLATTEN, HEAD), "'8'"),
    "half a filter": (model(("Conv2D", CONV | {"filters": 8.5}), FLATTEN, HEAD), "8.5"),
    "a huge number": (model(("Conv2D", CONV | {"filters": 10**5000}), FLATTEN, HEAD), "number of thousands of digits"),
    "a bias of text": (model(FLATTEN, ("Dense", {"units": 10, "use_bias": "no"})), "true or false"),
    "selu": (model(("Conv2D", CONV | {"activation": "selu"}), FLATTEN, HEAD), "'selu'"),
    "a function": (
        model(("Activation", {"activation": {"class_name": "function", "config": "f"}}), FLATTEN, HEAD), "'f'",
    ),
    "relu6": (model(("ReLU", {"max_value": 6.0}), FLATTEN, HEAD), "no max_value"),
    "elu": (model(("ELU", {"alpha": 0.5}), FLATTEN, HEAD), "alpha 1"),
    "softmax before": (model(FLATTEN, ("Softmax", {}), HEAD), "'softmax_2'"),
    "softmax over rows": (model(("Softmax", {"axis": 2}), FLATTEN, HEAD), "axis"),
    "keepdims": (model(POOL, HEAD), "keepdims False"),
    "norm of rows": (model((BATCHNORM, {"axis": 1}), FLATTEN, HEAD), "axis -1 or 3"),
    "norm without scale": (model((BATCHNORM, {"scale": False}), FLATTEN, HEAD), "scale True"),
    "a momentum that is none": (model((BATCHNORM, {"momentum": float("nan")}), FLATTEN, HEAD), "momentum"),
    "a rate of one": (model(("Dropout", {"rate": 1}), FLATTEN, HEAD), "rate"),
    "a rate without end": (model(("Dropout", {"rate": float("inf")}), FLATTEN, HEAD), "rate"),
    "noise": (model(("Dropout", {"rate": 0.5, "noise_shape": [None, 1]}), FLATTEN, HEAD), "no noise_shape"),
    "other rescaling": (model(("Rescaling", {"scale": 1 / 127.5, "offset": -1}), FLATTEN, HEAD), "1/255"),
    "late rescaling": (model(("Conv2D", CONV), ("Rescaling", {"scale": 1 / 255}), FLATTEN, HEAD), "before every"),
    "one sigmoid": (model(FLATTEN, ("Dense", {"units": 1, "activation": "sigmoid"})), "Dense(2)"),
    "many sigmoids": (model(FLATTEN, ("Dense", {"units": 5}), ("Activation", {"activation": "sigmoid"})), "softmax"),
    "one class": (model(FLATTEN, ("Dense", {"units": 1})), "two classes"),
    "no end": (model(("Conv2D", CONV), FLATTEN), "softmax"),
    "classes for each pixel": (model(("Conv2D", CONV | {"activation": "softmax"})), "(26, 26, 8)"),
    "dense on an image": (model(HEAD), "Dense"),
    "a small image": (model(*[("MaxPooling2D", {"pool_size": 2})] * 5, FLATTEN, HEAD), "pixels"),
    "no shape": (model(FLATTEN, HEAD, shape=None), "keras.Input"),
    "any size": (model(FLATTEN, HEAD, shape=[None, None, None, 1]), "height"),
    "a row": (model(HEAD, shape=[None, 784]), "[None, 784]"),
    "many layers": (model(*[("Conv2D", SAME)] * 65, FLATTEN, HEAD), "64 layers"),
    "very many layers": (model(*[("ReLU", {})] * 1000, FLATTEN, HEAD), "64 layers"),
    "another's layer": (model(FLATTEN, HEAD) | {"registered_name": "mine>Net"}, "mine>Net"),
    "a projection": (
        graph(*CHAIN, ("side", "Conv2D", SAME, ["image"]), ("add", "Add", {}, ["two side"]), *TAIL),
        "'add' (Add): expected an identity shortcut",
    ),
    "three summands": (graph(*CHAIN, ("add", "Add", {}, ["one two image"]), *TAIL), "'add'"),
    "twice itself": (graph(*CHAIN, ("add", "Add", {}, ["two two"]), *TAIL), "'add'"),
    "an empty block": (
        graph(*CHAIN, ("off", "Dropout", {"rate": 0.1}, ["two"]), ("add", "Add", {}, ["two off"]), *TAIL), "'add'",
    ),
    "overlapping blocks": (
        graph(
            *CHAIN, ("three", "Conv2D", SAME, ["two"]), ("first", "Add", {}, ["one three"]),
            ("four", "Conv2D", SAME, ["first"]), ("add", "Add", {}, ["four two"]), *TAIL,
        ),
        "overlap",
    ),
    "other shapes": (graph(("one", "Conv2D", CONV, ["image"]), ("add", "Add", {}, ["one image"]), *TAIL), "shape"),
    "an addition of one": (model(("Add", {}), FLATTEN, HEAD), "functional"),
    "two in one": (graph(*CHAIN, ("add", "Concatenate", {}, ["two one"]), *TAIL), "'add' (Concatenate): expected one"),
    "a circle": (graph(("one", "Conv2D", SAME, ["two"]), CHAIN[1], ("add", "ReLU", {}, ["two"]), *TAIL), "lead"),
    "a missing layer": (graph(("one", "Conv2D", SAME, ["other"]), (*FLAT, ["one"]), (*LAST, ["flat"])), "'other'"),
    "deep blocks": (
        graph(
            *[(f"c{i}", "Conv2D", SAME, [f"c{i - 1}" if i else "image"]) for i in range(11)],
            *[(f"a{i}", "Add", {}, [f"{f'a{i - 1}' if i else 'c10'} c{9 - i}"]) for i in range(10)],
            (*FLAT, ["a9"]), (*LAST, ["flat"]),
        ),
        "brackets",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_a_line_cannot_say_is_refused_in_a_sentence(what: str) -> None:
    config, expected = REFUSED[what]
    with pytest.raises(ArgumentError) as error:
        from_config(config)
    assert expected in sentence(error.value)


def file(folder: Path, what: str) -> Path:
    """Return a file that is no model."""
    good = json.dumps(model(FLATTEN, HEAD)).encode()
    keras, text = folder / "mine.keras", folder / "mine.json"
    contents = {
        "not JSON": b"{'a': 1}", "empty": b"", "not text": b"\xff\xfe\x00", "deep": b"[" * 10**6,
        "digits": b'{"class_name": ' + b"9" * 5000 + b"}", "other JSON": b"[1, 2]", "NaN": b"NaN",
        "a large one": b" " * (MAX_BYTES + 1),
    }  # fmt: skip
    if what in contents:
        text.write_bytes(contents[what])
        return text
    match what:
        case "h5":
            return folder / "mine.h5"
        case "another":
            return folder / "mine.onnx"
        case "missing":
            return text
        case "a folder":
            keras.mkdir()
            return keras
        case "no zip":
            keras.write_bytes(good)
            return keras
        case "no config":
            return packed(keras, "model.weights.h5", good)
        case "lzma":
            return packed(keras, "config.json", good, zipfile.ZIP_LZMA)
        case "a bomb":
            return packed(keras, "config.json", b" " * 50_000_000)
        case "a bomb that says it is small":
            whole = packed(keras, "config.json", b" " * 50_000_000).read_bytes()
            keras.write_bytes(whole.replace((50_000_000).to_bytes(4, "little"), (1000).to_bytes(4, "little")))
            return keras
        case "damaged":
            whole = packed(keras, "config.json", good).read_bytes()
            keras.write_bytes(whole[:45] + b"????" + whole[49:])
            return keras
    raise AssertionError(what)


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ("h5", "model.to_json()"), ("another", "mine.onnx"), ("missing", "no such file"), ("a folder", "no such file"),
        ("not JSON", "JSON"), ("empty", "JSON"), ("not text", "JSON"), ("deep", "within each other"),
        ("digits", "too large"), ("other JSON", "[1, 2]"), ("NaN", "JSON"), ("a large one", "4,000,000"),
        ("no zip", "zip"), ("no config", "config.json"), ("lzma", "damaged"), ("a bomb", "4,000,000"),
        ("a bomb that says it is small", ""), ("damaged", "damaged"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_model_is_refused_in_a_sentence(tmp_path: Path, what: str, expected: str) -> None:
    with pytest.raises(ArgumentError) as error:
        read(file(tmp_path, what))
    assert expected in sentence(error.value)


WHOLE: list[Config] = [
    model(("Rescaling", {"scale": 1 / 255}), ("Conv2D", OLD_CONV), (BATCHNORM, {"axis": -1, "momentum": 0.9}),
          ("LeakyReLU", {"alpha": 0.3}), ("MaxPooling2D", {"pool_size": [2, 2], "strides": [2, 2]}),
          ("SeparableConv2D", CONV), ("Dropout", {"rate": 0.5}), FLATTEN, ("Dense", {"units": 10}), ("Softmax", {})),
    graph(*CHAIN, ("add", "Add", {}, ["one two"]), *TAIL),
    graph(("inner", "Sequential", {"layers": [layer("Conv2D", SAME)]}, ["image", "inner:1"]), (*FLAT, ["inner:2"]),
          (*LAST, ["flat"]), old=True),
]  # fmt: skip
WORDS = [
    "class_name",
    "layers",
    "image",
    "one",
    "two",
    "flat",
    "Add",
    "Sequential",
    "Model",
    "softmax",
    "same",
    "\ud800",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4) | st.sampled_from(WORDS)
    | st.sampled_from([0, 1, 2, 28, 10**400, -1, 4097]),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=3), x, max_size=3),
    max_leaves=6,
)  # fmt: skip


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every place within a configuration: what holds it, and its key there."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from places(value[key])


@settings(max_examples=400)
@given(st.sampled_from(WHOLE), st.data())
def test_whatever_a_configuration_says_it_is_read_or_refused(whole: Config, data: st.DataObject) -> None:
    config = copy.deepcopy(whole)
    for _ in range(data.draw(st.integers(1, 3))):
        every = list(places(config))
        holder, key = data.draw(st.sampled_from(every))
        match data.draw(st.sampled_from(["other", "other", "gone", "twice", "moved"])):
            case "other":
                holder[key] = data.draw(values)
            case "gone":
                del holder[key]
            case "twice" if isinstance(holder, list):
                holder.insert(key, copy.deepcopy(holder[key]))
            case _:
                there, place = data.draw(st.sampled_from(every))
                holder[key] = copy.deepcopy(there[place])
        if not list(places(config)):
            break
    try:
        imported = from_config(config)
    except ArgumentError as e:
        sentence(e)
    else:
        for n in {1, imported.width}:
            assert built(imported, n).output_shape == (imported.classes,)
        assert all(x.isprintable() for x in imported.notes)


@settings(max_examples=100)
@given(st.data())
def test_whatever_bytes_a_file_has_it_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "hostile.keras"
    content = bytearray(packed(path, "config.json", json.dumps(WHOLE[0]).encode()).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(content)))
        content[start : start + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=4))
    path.write_bytes(content)
    try:
        imported = read(path)
    except ArgumentError as e:
        sentence(e)
    else:
        assert built(imported, imported.width).output_shape == (imported.classes,)
