"""Generated functions, run: loops, vectors, mathematics and random numbers against NumPy and SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import erf

from core.networks.layer import ACTIVATIONS as NUMPY
from core.networks.layers import Array
from core.training.tiled import machine, maths, noise
from core.training.tiled.blocking import even, parts, tile
from core.training.tiled.code import Code, Name
from core.training.tiled.host import Host, host
from core.training.tiled.shuffles import transposed

# Code for a processor with AVX2 alone runs on one with AVX-512 as well.
own = host()
pytestmark = pytest.mark.skipif(own is None, reason="this processor has no AVX2")
HOSTS = [Host(8, 16, "haswell"), *([own] if own else [])]


def run(host: Host, write: Callable[[Code], None], *arrays: Array) -> None:
    """Run a function that is given where some arrays lie, as %a0, %a1 and so on."""
    code = Code(host)
    write(code)
    names = [f"%a{i}" for i in range(len(arrays))]
    text = code.text("it", ", ".join(f"ptr {x}" for x in names), "")
    loaded = machine.load("\n".join([*sorted(code.used), text]), host)
    loaded.function("it", len(arrays))(*(x.ctypes.data for x in arrays))


def aligned(values: Array) -> Array:
    room = np.zeros(values.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    made: Array = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    made[...] = values
    return made


def mapped(host: Host, way: Callable[[Code, Name], Name], x: Array) -> Array:
    """Return what a function gives for each number."""
    x = aligned(x.astype(np.float32))
    y = aligned(np.zeros_like(x))

    def write(code: Code) -> None:
        def turn(p: list[Name], _: object, __: Name) -> list[Name]:
            code.store(way(code, code.load(p[0])), p[1])
            return []

        code.loop(len(x) // host.lanes, turn, [("%a0", host.width), ("%a1", host.width)])

    run(host, write, x, y)
    return y


NUMBERS = np.concatenate([np.linspace(-30, 30, 4000), np.linspace(-1e-3, 1e-3, 96)])


@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
@pytest.mark.parametrize("name", sorted(set(NUMPY) - {"softmax"}))
def test_activations_are_numpys(name: str, host: Host) -> None:
    got = mapped(host, maths.ACTIVATIONS[name], NUMBERS)
    np.testing.assert_allclose(got, NUMPY[name](NUMBERS), rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
@pytest.mark.parametrize("name", sorted(set(NUMPY) - {"softmax"}))
def test_slopes_are_those_of_the_activations(name: str, host: Host) -> None:
    at = np.linspace(-6, 6, 4000) + 1e-4  # not at a kink
    step = 1e-6
    expected = (NUMPY[name](at + step) - NUMPY[name](at - step)) / (2 * step)

    def slope(code: Code, x: Name) -> Name:
        if name in maths.SLOPES_OF_X:
            return maths.SLOPES_OF_X[name](code, x)
        return maths.sloped(code, name, code.constant(1), lambda: maths.ACTIVATIONS[name](code, x))

    np.testing.assert_allclose(mapped(host, slope, at), expected, rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", ["tanh", "elu"])
def test_what_is_near_zero_stays_exact(name: str) -> None:
    near = -np.geomspace(1e-9, 0.5, 4096)
    expected = {"tanh": np.tanh, "elu": np.expm1}[name](near.astype(np.float32).astype(float))
    np.testing.assert_allclose(mapped(HOSTS[0], maths.ACTIVATIONS[name], near), expected, rtol=5e-7)


@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
def test_exponentials_logarithms_and_the_error_function(host: Host) -> None:
    wide = np.linspace(-86, 86, 4096)
    np.testing.assert_allclose(mapped(host, maths.exp, wide), np.exp(wide.astype(np.float32).astype(float)), rtol=3e-7)
    positive = np.geomspace(1e-30, 1e30, 4096)
    np.testing.assert_allclose(mapped(host, maths.log, positive), np.log(positive), rtol=3e-7, atol=2e-7)
    near = np.linspace(0.5, 2, 4096).astype(np.float32)
    np.testing.assert_allclose(mapped(host, maths.log, near), np.log(near.astype(float)), rtol=0, atol=2e-7)
    np.testing.assert_allclose(mapped(host, maths._erf, NUMBERS), erf(NUMBERS), rtol=0, atol=5e-7)


def test_what_overflows_ends_finite_and_what_is_no_number_stays_none() -> None:
    odd = np.array([np.inf, -np.inf, 1e30, -1e30, np.nan, 0, 88.4, -104] * 2)
    got = mapped(HOSTS[0], maths.exp, odd)[:8]
    assert np.isfinite(got[[0, 1, 2, 3, 5, 6, 7]]).all() and np.isnan(got[4])
    assert got[0] > 1e38 and 0 <= got[1] < 1e-37 and got[5] == 1


# The vectors that Random123 is tested with.
KNOWN = [
    ([0] * 4, [0] * 2, [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
    ([2**32 - 1] * 4, [2**32 - 1] * 2, [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]),
    (
        [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
        [0xA4093822, 0x299F31D0],
        [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN, ids=["zeros", "ones", "pi"])
@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
def test_random_bits_are_philox(counter: list[int], key: list[int], expected: list[int], host: Host) -> None:
    y = aligned(np.zeros((4, host.lanes), np.uint32))

    def write(code: Code) -> None:
        drawn = noise.philox(code, [code.integer(x) for x in counter], [code.integer(x) for x in key])
        for i, bits in enumerate(drawn):
            code.store(bits, "%a0", i * host.width, code.whole)

    run(host, write, y)
    assert (y == np.array(expected, np.uint32)[:, None]).all()


@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
def test_rows_become_columns(host: Host) -> None:
    n = host.lanes
    x, y = aligned(np.arange(n * n, dtype=np.float32).reshape(n, n)), aligned(np.zeros((n, n), np.float32))

    def write(code: Code) -> None:
        for i, column in enumerate(transposed(code, [code.load("%a0", i * host.width) for i in range(n)])):
            code.store(column, "%a1", i * host.width)

    run(host, write, x, y)
    np.testing.assert_array_equal(y, x.T)


@pytest.mark.parametrize("host", HOSTS, ids=lambda x: x.cpu)
@pytest.mark.parametrize("times", [1, 2, 7])
def test_a_loop_carries_vectors_and_moves_pointers(times: int, host: Host) -> None:
    x = aligned(np.arange(times * host.lanes, dtype=np.float32))
    y = aligned(np.zeros(host.lanes, np.float32))

    def write(code: Code) -> None:
        moving = [("%a0", host.width)]
        (total,) = code.loop(times, lambda p, v, _: [code.add(v[0], code.load(p[0]))], moving, [code.constant(0.5)])
        code.store(total, "%a1")

    run(host, write, x, y)
    np.testing.assert_array_equal(y, x.reshape(times, -1).sum(0) + 0.5)


@pytest.mark.parametrize(("start", "end", "step"), [(0, 0, 1), (0, 5, 1), (3, 20, 4), (7, 3, 1)])
def test_a_span_may_be_empty(start: int, end: int, step: int) -> None:
    seen = np.zeros(32, np.int64)

    def write(code: Code) -> None:
        def body(i: Name) -> None:
            code.store("1", code.at("%a0", code.new(f"mul i64 {i}, 8")), 0, "i64")

        code.span(str(start), str(end), str(step), body)

    run(HOSTS[0], write, seen)
    assert list(np.flatnonzero(seen)) == list(range(start, end, step))


@pytest.mark.parametrize(("total", "size"), [(1, 1), (26, 13), (26, 9), (3, 8), (7, 7)])
def test_parts_cover_everything_once(total: int, size: int) -> None:
    covered = [part.start + i for part in parts(total, size) for i in range(part.count * part.size)]
    assert covered == list(range(total))
    assert all(part.size <= size for part in parts(total, size))
    assert even(total, size) <= size and -(-total // even(total, size)) == -(-total // size)


@pytest.mark.parametrize("registers", [16, 32])
@pytest.mark.parametrize(
    ("columns", "filters", "taps", "across"), [(26, 2, 9, 3), (26, 64, 9, 3), (1, 1, 1, 1), (5, 3, 49, 7)]
)
def test_a_block_fits_the_registers(columns: int, filters: int, taps: int, across: int, registers: int) -> None:
    pixels, side = tile(columns, filters, taps, across, 1, registers)
    assert 1 <= pixels <= columns and 1 <= side <= filters
    assert pixels * side + pixels + across <= registers or pixels == side == 1
