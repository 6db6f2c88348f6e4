"""Activations, their slopes and the functions they need, on vectors."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from core.networks.layer import LEAK
from core.training.tiled.code import Code, Name

# Polynomials of Cephes (Moshier, expf.c and logf.c), for the fraction that is left of an argument.
EXP = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LOG = (
    7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
    -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
)  # fmt: skip
LN2 = (0.693359375, -2.12194440e-4)  # in two parts, so that a multiple of the first is exact
LOWEST, HIGHEST = -87.3, 88.3  # what e may be raised to within normal float32
# Abramowitz and Stegun, 7.1.26: the error function to 1.5e-7.
ERF = (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592)
ERF_SCALE = 0.3275911


def _polynomial(code: Code, factors: Sequence[float], x: Name) -> Name:
    value = code.constant(factors[0])
    for factor in factors[1:]:
        value = code.fma(value, x, code.constant(factor))
    return value


def _exp_parts(code: Code, x: Name) -> tuple[Name, Name]:
    """Return a power of 2 and ``p``, of which ``2**n * (1 + p)`` is e to the power of ``x``."""
    low, high = code.constant(LOWEST), code.constant(HIGHEST)
    x = code.select(code.compare("olt", x, low), low, x)  # what is not a number stays none
    x = code.select(code.compare("ogt", x, high), high, x)
    times = code.call("rint", code.mul(x, code.constant(1 / math.log(2))))
    rest = code.fma(times, code.constant(-LN2[0]), x)
    rest = code.fma(times, code.constant(-LN2[1]), rest)
    part = code.fma(_polynomial(code, EXP, rest), code.mul(rest, rest), rest)
    exponent = code.new(f"fptosi {code.vector} {times} to {code.whole}")
    biased = code.new(f"add {code.whole} {exponent}, {code.integer(127)}")
    shifted = code.new(f"shl {code.whole} {biased}, {code.integer(23)}")
    return code.new(f"bitcast {code.whole} {shifted} to {code.vector}"), part


def exp(code: Code, x: Name) -> Name:
    """Return e to the power of ``x``."""
    power, part = _exp_parts(code, x)
    return code.mul(code.add(part, code.constant(1)), power)


def expm1(code: Code, x: Name) -> Name:
    """Return e to the power of ``x``, less 1, exact for small ``x`` as well."""
    power, part = _exp_parts(code, x)
    return code.fma(power, part, code.sub(power, code.constant(1)))


def log(code: Code, x: Name) -> Name:
    """Return the natural logarithm of ``x``, a normal number above 0."""
    bits = code.new(f"bitcast {code.vector} {x} to {code.whole}")
    # the exponent of x / (sqrt(2) / 2), so that the fraction lies around 1
    moved = code.new(f"sub {code.whole} {bits}, {code.integer(0x3F3504F3)}")
    exponent = code.new(f"ashr {code.whole} {moved}, {code.integer(23)}")
    up = code.new(f"shl {code.whole} {exponent}, {code.integer(23)}")
    fraction = code.new(f"sub {code.whole} {bits}, {up}")
    z = code.sub(code.new(f"bitcast {code.whole} {fraction} to {code.vector}"), code.constant(1))
    power = code.new(f"sitofp {code.whole} {exponent} to {code.vector}")
    square = code.mul(z, z)
    value = code.mul(_polynomial(code, LOG, z), code.mul(z, square))
    value = code.fma(power, code.constant(LN2[1]), value)
    value = code.fma(square, code.constant(-0.5), value)
    return code.fma(power, code.constant(LN2[0]), code.add(z, value))


def _erf(code: Code, x: Name) -> Name:
    size = code.call("fabs", x)
    t = code.div(code.constant(1), code.fma(size, code.constant(ERF_SCALE), code.constant(1)))
    below = code.mul(_polynomial(code, (*ERF, 0.0), t), _bell(code, x))
    return code.call("copysign", code.sub(code.constant(1), below), x)


def _bell(code: Code, x: Name) -> Name:
    """Return e to the power of ``-x * x``."""
    return exp(code, code.mul(x, code.new(f"fneg {code.vector} {x}")))


def _sigmoid(code: Code, x: Name) -> Name:
    one = code.constant(1)
    return code.div(one, code.add(exp(code, code.new(f"fneg {code.vector} {x}")), one))


def _tanh(code: Code, x: Name) -> Name:
    twice = expm1(code, code.add(x, x))
    return code.div(twice, code.add(twice, code.constant(2)))


def _positive(code: Code, x: Name) -> Name:
    return code.compare("ogt", x, code.zero)


def _half_erf(code: Code, x: Name) -> Name:
    """Return the normal distribution's cumulated share up to ``x``."""
    return code.fma(_erf(code, code.mul(x, code.constant(math.sqrt(0.5)))), code.constant(0.5), code.constant(0.5))


def _gelu_slope(code: Code, x: Name) -> Name:
    density = code.mul(
        _bell(code, code.mul(x, code.constant(math.sqrt(0.5)))), code.constant(1 / math.sqrt(2 * math.pi))
    )
    return code.fma(x, density, _half_erf(code, x))


def _swish_slope(code: Code, x: Name) -> Name:
    s = _sigmoid(code, x)
    return code.mul(s, code.fma(x, code.sub(code.constant(1), s), code.constant(1)))


def _tanh_slope(code: Code, y: Name) -> Name:
    return code.fma(y, code.new(f"fneg {code.vector} {y}"), code.constant(1))


def _elu_slope(code: Code, y: Name) -> Name:
    return code.select(_positive(code, y), code.constant(1), code.add(y, code.constant(1)))


Way = Callable[[Code, Name], Name]

ACTIVATIONS: dict[str, Way] = {
    "linear": lambda code, x: x,
    "softmax": lambda code, x: x,  # only ever the last layer's, where the loss takes it in
    "relu": lambda code, x: code.select(_positive(code, x), x, code.zero),
    "leaky": lambda code, x: code.select(_positive(code, x), x, code.mul(x, code.constant(LEAK))),
    "elu": lambda code, x: code.select(_positive(code, x), x, expm1(code, x)),
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "gelu": lambda code, x: code.mul(x, _half_erf(code, x)),
    "swish": lambda code, x: code.mul(x, _sigmoid(code, x)),
}

# The slope where the activation gave y, for those whose result tells it: what entered need not be kept.
SLOPES: dict[str, Way] = {
    "elu": _elu_slope,
    "tanh": _tanh_slope,
    "sigmoid": lambda code, y: code.mul(y, code.sub(code.constant(1), y)),
}
# The slope where x entered, for the others.
SLOPES_OF_X: dict[str, Way] = {"gelu": _gelu_slope, "swish": _swish_slope}


def sloped(code: Code, activation: str, gradient: Name, y: Callable[[], Name]) -> Name:
    """Return the gradient of what entered an activation, from that of what it gave, which is read where needed."""
    match activation:
        case "linear" | "softmax":
            return gradient
        case "relu":
            return code.select(_positive(code, y()), gradient, code.zero)
        case "leaky":
            return code.select(_positive(code, y()), gradient, code.mul(gradient, code.constant(LEAK)))
        case _:
            return code.mul(gradient, SLOPES[activation](code, y()))
