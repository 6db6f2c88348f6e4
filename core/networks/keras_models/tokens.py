"""A layer of a Keras model as a layer of a line, with notes on what is trained otherwise here."""

from __future__ import annotations

import math
from collections.abc import Mapping

from core.networks.keras_models.config import Found, said, short
from core.networks.layer import ACTIVATIONS, LEAK, keras_activation
from core.networks.layers import BatchNormalization
from core.networks.notation import MAX_MULTIPLIER, MAX_SIDE, MAX_STRIDE, MAX_WIDTH, Token, Width

# By Keras's name, of which swish has two.
NAMES = {keras_activation(x): x for x in ACTIVATIONS} | {"swish": "swish"}
DEFAULTS = {
    "glorotuniform": ("kernel", "depthwise", "pointwise"),
    "zeros": ("bias", "beta", "moving_mean"),
    "ones": ("gamma", "moving_variance"),
}  # what each array starts as
SHOWN = 3  # names or values in one note; the others are counted
PIXEL = 1 / 255


class Notes:
    """What is trained otherwise here than in the file: a sentence for each thing, with the layers it is about."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[dict[str, None], dict[str, None]]] = {}

    def add(self, text: str, found: Found, value: str = "") -> None:
        """Add a layer to a sentence.

        Args:
            text: the sentence without its full stop; ``{}`` is where the values go.
            found: the layer.
            value: what the file says.
        """
        values, names = self._found.setdefault(text, ({}, {}))
        values[value] = None
        names[said(found.name)] = None

    def sentences(self) -> tuple[str, ...]:
        """Return them, in the order of the first layer of each."""
        return tuple(
            f"{text.format(_listed(values, 'or'))}: {_listed(names, 'and')}."
            for text, (values, names) in self._found.items()
        )


def token(found: Found, image: bool, notes: Notes) -> Token | None:
    """Return a layer as one of a line, or None for one that changes nothing.

    Args:
        found: the layer; no model, input or addition.
        image: whether an image enters it, not a row of numbers.
        notes: gets what is trained otherwise here.

    Raises:
        ArgumentError: naming the layer, what was expected and what came.
    """
    _note(found, notes)
    match found.kind:
        case "Conv2D":
            return _convolution("conv", found, notes, _whole(found, "filters", MAX_WIDTH))
        case "SeparableConv2D":
            return _convolution("separable", found, notes, _whole(found, "filters", MAX_WIDTH))
        case "DepthwiseConv2D":
            return _convolution("depthwise", found, notes, None)
        case "Dense":
            width, bias = _whole(found, "units", MAX_WIDTH), _truth(found, "use_bias", True)
            return Token("dense", width=Width(plus=width), bias=bias, activation=_activation(found, notes))
        case "MaxPooling2D" | "AveragePooling2D":
            return _pooling("maxpool" if found.kind.startswith("Max") else "avgpool", found)
        case "GlobalAveragePooling2D" | "GlobalMaxPooling2D":
            _only(found, {"data_format": (None, "channels_last"), "keepdims": (None, False)})
            return Token("globalavg" if found.kind.startswith("GlobalAverage") else "globalmax")
        case "Flatten":
            _only(found, {"data_format": (None, "channels_last")})
            return Token("flatten")
        case "Dropout":
            return _dropout(found)
        case "BatchNormalization":
            return _batchnorm(found, image, notes)
        case "Rescaling":
            _check_rescaling(found, notes)
            return None
        case _:
            name = _activation(found, notes) if found.kind == "Activation" else _alone(found, found.kind, notes)
            return None if name == "linear" else Token(name)


def _convolution(name: str, found: Found, notes: Notes, width: int | None) -> Token:
    ones = (None, 1, [1, 1], (1, 1))
    _only(found, {"dilation_rate": ones, "groups": (None, 1), "data_format": (None, "channels_last")})
    return Token(
        name,
        size=_sides(found, "kernel_size", 1),
        width=None if width is None else Width(plus=width),
        same=_same(found),
        stride=0 if (stride := _stride(found, (1, 1))) == 1 else stride,
        multiplier=1 if name == "conv" else _whole(found, "depth_multiplier", MAX_MULTIPLIER, 1),
        bias=_truth(found, "use_bias", True),
        activation=_activation(found, notes),
    )


def _pooling(name: str, found: Found) -> Token:
    _only(found, {"data_format": (None, "channels_last")})
    size = _sides(found, "pool_size", 2, (2, 2))
    stride = _stride(found, size)
    return Token(name, size=size, same=_same(found), stride=0 if size == (stride, stride) else stride)


def _dropout(found: Found) -> Token | None:
    _only(found, {"noise_shape": (None,)})
    given = _number(found, "rate")
    rate = min(round(given, 6), 0.999999)  # a line holds six digits
    if not 0 <= given < 1:
        raise found.refused("a rate from 0 to below 1", said(found.config["rate"]))
    return Token("dropout", rate=rate) if rate else None


def _batchnorm(found: Found, image: bool, notes: Notes) -> Token:
    last = 3 if image else 1
    _only(
        found,
        {
            "axis": (None, -1, last, [-1], [last]),
            "center": (None, True),
            "scale": (None, True),
            "renorm": (None, False),
        },
    )
    for name, ours in (("momentum", BatchNormalization.MOMENTUM), ("epsilon", BatchNormalization.EPSILON)):
        theirs = _number(found, name, ours)
        if not math.isclose(theirs, ours, rel_tol=1e-6):
            notes.add(f"The {name} of batch norm is {ours} here, not {{}}", found, f"{theirs:g}")
    return Token("batchnorm")


def _check_rescaling(found: Found, notes: Notes) -> None:
    scale, offset = _number(found, "scale"), _number(found, "offset", 0.0)
    if not math.isclose(scale, PIXEL, rel_tol=1e-4) or offset:
        raise found.refused(
            "a scale of 1/255 and no offset, as pixels are from 0 to 1 here", f"{scale:g} and {offset:g}"
        )
    notes.add("Rescaling is left out, as pixels are from 0 to 1 here already", found)


def _activation(found: Found, notes: Notes) -> str:
    """Return the activation that a layer has as its argument."""
    given = found.config.get("activation")
    if isinstance(given, dict) and isinstance(given.get("class_name"), str):
        kind, config = given["class_name"], given.get("config")
        if isinstance(config, dict):
            return _alone(Found(kind, found.name, found.where, config), kind, notes)
        given = config if kind == "function" else kind
    if given is None:
        return "linear"
    if not isinstance(given, str) or given not in NAMES:
        raise found.refused(f"an activation of {', '.join(NAMES)}", said(given))
    return NAMES[given]


def _alone(found: Found, kind: str, notes: Notes) -> str:
    """Return the activation that a layer of its own is."""
    match kind:
        case "ReLU":
            _only(found, {"max_value": (None,), "negative_slope": (None, 0), "threshold": (None, 0)})
            return "relu"
        case "LeakyReLU":
            slope = _number(found, "alpha" if "alpha" in found.config else "negative_slope", 0.3)
            if not math.isclose(slope, LEAK, rel_tol=1e-6):
                notes.add(f"The slope of a leaky ReLU below zero is {LEAK} here, not {{}}", found, f"{slope:g}")
            return "leaky"
        case "ELU":
            _only(found, {"alpha": (None, 1)})
            return "elu"
        case "Softmax":
            _only(found, {"axis": (None, -1, 1, [-1], [1])})
            return "softmax"
    raise found.refused(f"an activation of {', '.join(NAMES)}", short(kind))


def _note(found: Found, notes: Notes) -> None:
    """Note what all kinds of layers may have and none has here."""
    for name, value in found.config.items():
        if value is None or not isinstance(name, str):
            continue
        array, _, what = name.rpartition("_")
        if what in ("regularizer", "constraint"):
            notes.add(f"{what.capitalize()}s are not kept ({{}})", found, short(_class(value)))
        elif what == "initializer" and not _default(array, value):
            notes.add("Weights start as Keras's defaults do here, not as {}", found, short(_class(value)))
    if found.config.get("trainable") is False:
        notes.add("What is frozen in the file is trained here", found)
    policy = found.config.get("dtype")
    inner = policy.get("config") if isinstance(policy, dict) else None
    precision = inner.get("name") if isinstance(inner, dict) else policy
    if isinstance(precision, str) and precision != "float32":
        notes.add("Numbers are float32 here, not {}", found, short(precision))
    if found.training is False:
        notes.add("What is called with training=False in the file is trained like the rest here", found)
    elif found.training is not None:
        raise found.refused("a call without training", f"training={said(found.training)}")


def _class(value: object) -> str:
    """Return the class of a regularizer, say, that is written as its name or as an object."""
    kind = value.get("class_name") if isinstance(value, dict) else value
    return kind if isinstance(kind, str) else said(kind)


def _default(array: str, value: object) -> bool:
    """Return whether an array starts as Keras lets it where nobody says otherwise."""
    config = value.get("config") if isinstance(value, dict) else None
    kind = _class(value).lower().replace("_", "")
    if kind == "variancescaling" and isinstance(config, dict):  # as Keras once wrote GlorotUniform
        found = (config.get("scale"), config.get("mode"), config.get("distribution"))
        kind = "glorotuniform" if found == (1, "fan_avg", "uniform") else kind
    return array in DEFAULTS.get(kind, ())


def _only(found: Found, allowed: Mapping[str, tuple[object, ...]]) -> None:
    """Raise ``ArgumentError`` for an argument that is none of the values that a line can say."""
    for name, values in allowed.items():
        value = found.config.get(name)
        if value not in values or (isinstance(value, bool) and not any(value is x for x in values)):
            shown = [str(x) for x in values if x is not None and not isinstance(x, list | tuple)]
            raise found.refused(f"{name} {' or '.join(shown)}" if shown else f"no {name}", said(value))


def _whole(found: Found, name: str, most: int, default: int | None = None) -> int:
    value = found.config.get(name, default)
    if type(value) is not int or not 1 <= value <= most:
        raise found.refused(f"{name} from 1 to {most:,}", said(value))
    return value


def _number(found: Found, name: str, default: float | None = None) -> float:
    value = found.config.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e9 < value < 1e9:
        raise found.refused(f"{name} to be a number", said(value))
    return float(value)


def _truth(found: Found, name: str, default: bool) -> bool:
    value = found.config.get(name, default)
    if not isinstance(value, bool):
        raise found.refused(f"{name} true or false", said(value))
    return value


def _same(found: Found) -> bool:
    _only(found, {"padding": (None, "valid", "same")})
    return found.config.get("padding") == "same"


def _pair(value: object) -> tuple[int, int] | None:
    """Return height and width that are written as one number or as two."""
    both = value if isinstance(value, list | tuple) else (value, value)
    if len(both) != 2 or not all(type(x) is int for x in both):
        return None
    return both[0], both[1]


def _sides(found: Found, name: str, least: int, default: tuple[int, int] | None = None) -> tuple[int, int]:
    value = found.config.get(name, default)
    pair = _pair(value)
    if pair is None or not all(1 <= x <= MAX_SIDE for x in pair) or max(pair) < least:
        raise found.refused(f"{name} of two whole numbers from {least} to {MAX_SIDE}", said(value))
    return pair


def _stride(found: Found, default: tuple[int, int]) -> int:
    value = found.config.get("strides")
    pair = default if value is None else _pair(value)
    if pair is None or pair[0] != pair[1] or not 1 <= pair[0] <= MAX_STRIDE:
        raise found.refused(f"strides that are equal, from 1 to {MAX_STRIDE}", said(pair or value))
    return pair[0]


def _listed(names: Mapping[str, None], last: str) -> str:
    """Return names for a sentence: ``a, b and c``, or how many there are beyond the first ones."""
    shown = list(names)
    if len(shown) > SHOWN + 1:
        shown = [*shown[:SHOWN], f"{len(shown) - SHOWN} more"]
    return f" {last} ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)
