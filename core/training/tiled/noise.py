"""Random numbers that follow from where they are needed: Philox 4x32-10 (Salmon and others, 2011)."""

from __future__ import annotations

from core.training.tiled.code import Code, Name

ROUNDS = 10
FACTORS = (0xD2511F53, 0xCD9E8D57)
WEYL = (0x9E3779B9, 0xBB67AE85)  # added to the key after every round


def philox(code: Code, counter: list[Name], key: list[Name]) -> list[Name]:
    """Return four vectors of random 32-bit numbers for a counter of four and a key of two such vectors."""
    for turn in range(ROUNDS):
        keys = [
            code.new(f"add {code.whole} {k}, {code.integer(turn * w % 2**32)}") for k, w in zip(key, WEYL, strict=True)
        ]
        high, low = zip(*(_product(code, counter[2 * i], FACTORS[i]) for i in range(2)), strict=True)
        counter = [_xor(code, high[1], counter[1], keys[0]), low[1], _xor(code, high[0], counter[3], keys[1]), low[0]]
    return counter


def uniform(code: Code, bits: Name) -> Name:
    """Return numbers from 0 to below 1 of random bits, 24 of each."""
    part = code.new(f"lshr {code.whole} {bits}, {code.integer(8)}")
    return code.mul(code.new(f"sitofp {code.whole} {part} to {code.vector}"), code.constant(2.0**-24))


def _product(code: Code, x: Name, factor: int) -> tuple[Name, Name]:
    """Return the upper and the lower 32 bits of a product."""
    long = f"<{code.host.lanes} x i64>"

    def every(value: int) -> str:
        return f"<{', '.join([f'i64 {value}'] * code.host.lanes)}>"

    product = code.new(f"mul {long} {code.new(f'zext {code.whole} {x} to {long}')}, {every(factor)}")
    upper = code.new(f"lshr {long} {product}, {every(32)}")
    return code.new(f"trunc {long} {upper} to {code.whole}"), code.new(f"trunc {long} {product} to {code.whole}")


def _xor(code: Code, *values: Name) -> Name:
    first, *rest = values
    for value in rest:
        first = code.new(f"xor {code.whole} {first}, {value}")
    return first
