"""Training images moved by some pixels before a tile takes them in."""

from __future__ import annotations

from dataclasses import dataclass

from core.training.tiled.code import Code, Name

PARAMETERS = "ptr noalias %to, ptr noalias %row, i64 %down, i64 %right"
USED = {
    "declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)",
    "declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)",
    *(f"declare i64 @llvm.s{x}.i64(i64, i64)" for x in ("min", "max")),
}


@dataclass(frozen=True, slots=True)
class Rows:
    """How an image lies in memory.

    Attributes:
        height: its lines.
        line_bytes: from one to the next.
        pixel_bytes: of a pixel, with all of its channels.
    """

    height: int
    line_bytes: int
    pixel_bytes: int


def shift(code: Code, rows: Rows) -> None:
    """Write what copies an image moved down and to the right, zeros coming in; what is negative goes the other way."""

    def bounded(which: str, a: Name, b: Name | int) -> Name:
        return code.new(f"call i64 @llvm.s{which}.i64(i64 {a}, i64 {b})")

    def less(a: Name | int, b: Name) -> Name:
        return code.new(f"sub i64 {a}, {b}")

    code.used |= USED
    line, pixel = rows.line_bytes, rows.pixel_bytes
    code.do(f"call void @llvm.memset.p0.i64(ptr %to, i8 0, i64 {rows.height * line}, i1 false)")
    aside = code.new(f"mul i64 %right, {pixel}")
    length = bounded("max", less(line, bounded("max", aside, less(0, aside))), 0)
    there, here = bounded("max", aside, 0), bounded("max", less(0, aside), 0)
    first = bounded("max", "%down", 0)
    last = bounded("max", bounded("min", code.new(f"add i64 %down, {rows.height}"), rows.height), 0)

    def one(i: Name) -> None:
        to = code.at(code.at("%to", code.new(f"mul i64 {i}, {line}")), there)
        start = code.at(code.at("%row", code.new(f"mul i64 {less(i, '%down')}, {line}")), here)
        code.do(f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {start}, i64 {length}, i1 false)")

    code.span(first, last, "1", one)
