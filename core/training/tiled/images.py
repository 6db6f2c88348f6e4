"""Images from rows in memory into a tile, an image a lane."""

from __future__ import annotations

from collections.abc import Callable

from core.training.tiled.blocking import parts
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.shuffles import transposed
from core.training.tiled.tensors import Tensor

Way = Callable[[Name, Name], None]
PARAMETERS = "ptr noalias %x, ptr noalias %rows"  # the tile's first tensor, and a pointer to each lane's row


def load(code: Code, tensor: Tensor, pixel_bytes: int) -> None:
    """Write what fills the first tensor, with bytes divided by 255 to the last bit.

    Args:
        code: where to.
        tensor: the network's input.
        pixel_bytes: 1 for bytes, 4 for float32, which are taken as they are.
    """
    lanes, v = code.host.lanes, code.host.width
    lines, run = tensor.height, tensor.width * tensor.channels
    if not tensor.framed:
        lines, run = 1, lines * run
    kind = "i8" if pixel_bytes == 1 else "float"
    vector = f"<{lanes} x {kind}>"

    def rows(offset: Name) -> list[Name]:
        """Return where each lane's row goes on; read anew, as there are more rows than registers for them."""
        return [code.at(code.load("%rows", 8 * lane, "ptr"), offset) for lane in range(lanes)]

    def write(column: Name, place: Name, offset: int) -> None:
        code.store(_scaled(code, column) if pixel_bytes == 1 else column, place, offset)

    def square(place: Name, offset: Name) -> None:
        found = [code.new(f"load {vector}, ptr {q}, align 1") for q in rows(offset)]
        for i, column in enumerate(transposed(code, found, kind)):
            write(column, place, i * v)

    def single(place: Name, offset: Name) -> None:
        column = "poison"
        for lane, q in enumerate(rows(offset)):
            value = code.new(f"load {kind}, ptr {q}, align 1")
            column = code.new(f"insertelement {vector} {column}, {kind} {value}, i64 {lane}")
        write(column, place, 0)

    def line(place: Name, number: Name) -> None:
        start = code.new(f"mul i64 {number}, {run * pixel_bytes}")
        for part in parts(run, min(lanes, run)):
            # what is left at the end is read once more together with what is before it
            at = part.start if part.size == lanes else max(run - lanes, 0)
            size, way = (1, single) if run < lanes else (lanes, square)

            def turn(p: Names, _: object, i: Name, at: int = at, size: int = size, way: Way = way) -> None:
                there = code.new(f"mul i64 {i}, {size * pixel_bytes}")
                there = code.new(f"add i64 {there}, {at * pixel_bytes}")
                way(p[0], code.new(f"add i64 {there}, {start}"))

            code.loop(run if run < lanes else part.count, turn, [(code.at(place, at * v), size * v)])

    code.loop(lines, lambda p, _, number: line(p[0], number), [("%x", tensor.pitch * v)])


def _scaled(code: Code, column: Name) -> Name:
    """Return bytes as :func:`core.training.forward.scaled` has them."""
    whole = code.new(f"zext <{code.host.lanes} x i8> {column} to {code.whole}")
    part = code.mul(code.new(f"sitofp {code.whole} {whole} to {code.vector}"), code.constant(1 / 256))
    return code.add(part, code.mul(part, code.constant(1 / 255)))
