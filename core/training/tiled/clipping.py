"""Gradients shortened to a norm, all of a network's together."""

from __future__ import annotations

from core.training.tiled.code import Code, Name, Names

# Over a range of vectors: the sums of every stream, and where to begin and end.
GATHER = "ptr noalias %g, i64 %from, i64 %to"
# Over all: their sums, and where the factor goes.
SCALE = "ptr noalias %g, ptr noalias %found"


def gather(code: Code, streams: int, stride: int) -> None:
    """Write what adds the sums of every stream to those of the first, in order, and leaves zeros in the others."""

    def one(i: Name) -> None:
        g = code.at("%g", code.new(f"mul i64 {i}, {code.host.width}"))
        total = code.load(g)
        for stream in range(1, streams):
            total = code.add(total, code.load(g, stream * stride))
            code.store(code.zero, g, stream * stride)
        code.store(total, g)

    code.span("%from", "%to", "1", one)


def scale(code: Code, weights: int, clip: float) -> None:
    """Write the factor that shortens the first stream's sums to a norm; 1 where they are no longer.

    Every thread computes it of all weights in the same order, so that its bits do not depend on their number.
    """
    lanes, v = code.host.lanes, code.host.width
    whole, rest = divmod(weights, lanes)

    def more(p: Names, held: Names, _: Name) -> Names:
        g = code.load(p[0])
        return [code.fma(g, g, held[0])]

    squares = code.loop(whole, more, [("%g", v)], [code.zero])[0] if whole else code.zero
    if rest:  # what lies behind the last weight means nothing
        kept = ", ".join(f"i1 {str(lane < rest).lower()}" for lane in range(lanes))
        last = code.select(f"<{kept}>", code.load("%g", whole * v), code.zero)
        squares = code.fma(last, last, squares)
    total = code.spread(code.total(squares))
    norm = code.call("sqrt", total)
    longer = code.compare("ogt", norm, code.constant(clip))
    code.store(code.select(longer, code.div(code.constant(clip), norm), code.constant(1)), "%found", align=4)
