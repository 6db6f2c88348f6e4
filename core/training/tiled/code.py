"""Text of LLVM functions on vectors that hold one number of every image of a tile."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from core.training.tiled.blocking import Part
from core.training.tiled.host import Host

Name = str  # of a value in LLVM's text, or a constant of it
Names = list[Name]
Pointer = tuple[Name, int]  # where a loop begins to read or write, and bytes to the next turn
Body = Callable[[Names, Names, Name], Sequence[Name] | None]
BlockBody = Callable[[int, Names, Names], Sequence[Name] | None]


def number(x: float) -> str:
    """Return a float32 constant as LLVM writes it: its bits, as those of the equal float64."""
    (rounded,) = struct.unpack("f", struct.pack("f", x))
    return f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"


class Code:
    """A function that is being written, line by line.

    Attributes:
        host: the processor it is for.
        lines: of its body.
        used: declarations of what it calls.
    """

    def __init__(self, host: Host) -> None:
        self.host = host
        self.lines: list[str] = []
        self.used: set[str] = set()
        self._names = 0
        self._block = "entry"
        self.vector = f"<{host.lanes} x float>"
        self.whole = f"<{host.lanes} x i32>"
        self.bits = f"<{host.lanes} x i1>"

    def new(self, text: str) -> Name:
        """Write an instruction that gives a value, and return that value's name."""
        self._names += 1
        self.lines.append(f"  %v{self._names} = {text}")
        return f"%v{self._names}"

    def do(self, text: str) -> None:
        """Write an instruction that gives no value."""
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Begin a block."""
        self.lines.append(f"{name}:")
        self._block = name

    def fresh(self) -> str:
        """Return the name of a block to come."""
        self._names += 1
        return f"b{self._names}"

    def at(self, pointer: Name, offset: int | Name) -> Name:
        """Return a pointer so many bytes on."""
        return pointer if offset == 0 else self.new(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def load(self, pointer: Name, offset: int = 0, kind: str = "") -> Name:
        """Return what lies there: a vector of float32, or of the kind that is given."""
        kind = kind or self.vector
        return self.new(f"load {kind}, ptr {self.at(pointer, offset)}, align {self._alignment(kind)}")

    def store(self, value: Name, pointer: Name, offset: int = 0, kind: str = "", align: int = 0) -> None:
        """Put a vector of float32, or what kind is given, there."""
        kind = kind or self.vector
        align = align or self._alignment(kind)
        self.do(f"store {kind} {value}, ptr {self.at(pointer, offset)}, align {align}")

    def store_some(self, value: Name, pointer: Name, offset: int, count: int) -> None:
        """Put the first numbers of a vector there, which need not be aligned."""
        if count == self.host.lanes:
            self.store(value, pointer, offset, align=4)
            return
        for lane in range(count):
            one = self.new(f"extractelement {self.vector} {value}, i64 {lane}")
            self.store(one, pointer, offset + 4 * lane, "float")

    def _alignment(self, kind: str) -> int:
        if kind == self.vector or kind == self.whole:
            return self.host.width
        return 8 if kind in ("i64", "ptr", "double") else 4 if kind in ("i32", "float") else 1

    def spread(self, scalar: Name, kind: str = "float") -> Name:
        """Return a vector of one number."""
        one = f"<{self.host.lanes} x {kind}>"
        first = self.new(f"insertelement {one} poison, {kind} {scalar}, i64 0")
        return self.new(f"shufflevector {one} {first}, {one} poison, {self.whole} zeroinitializer")

    def weight(self, pointer: Name, offset: int = 0) -> Name:
        """Return a vector of one number that lies there."""
        return self.spread(self.load(pointer, offset, "float"))

    def constant(self, x: float) -> Name:
        """Return a vector of a number known beforehand."""
        return f"<{', '.join([f'float {number(x)}'] * self.host.lanes)}>"

    def integer(self, x: int) -> Name:
        """Return a vector of a whole number known beforehand."""
        return f"<{', '.join([f'i32 {x}'] * self.host.lanes)}>"

    def call(self, name: str, *values: Name, kind: str = "") -> Name:
        """Return what one of LLVM's own functions gives for vectors of a kind, float32 unless it is given."""
        kind = kind or self.vector
        suffix = f"v{self.host.lanes}{'i32' if kind == self.whole else 'f32'}"
        self.used.add(f"declare {kind} @llvm.{name}.{suffix}({', '.join([kind] * len(values))})")
        return self.new(f"call {kind} @llvm.{name}.{suffix}({', '.join(f'{kind} {x}' for x in values)})")

    def fma(self, a: Name, b: Name, c: Name) -> Name:
        """Return ``a * b + c``."""
        return self.call("fma", a, b, c)

    def add(self, a: Name, b: Name) -> Name:
        return self.new(f"fadd {self.vector} {a}, {b}")

    def sub(self, a: Name, b: Name) -> Name:
        return self.new(f"fsub {self.vector} {a}, {b}")

    def mul(self, a: Name, b: Name) -> Name:
        return self.new(f"fmul {self.vector} {a}, {b}")

    def div(self, a: Name, b: Name) -> Name:
        return self.new(f"fdiv {self.vector} {a}, {b}")

    def compare(self, how: str, a: Name, b: Name) -> Name:
        """Return whether ``a`` is so (``ogt``, ``oeq``) to ``b``, of each lane."""
        return self.new(f"fcmp {how} {self.vector} {a}, {b}")

    def select(self, condition: Name, a: Name, b: Name) -> Name:
        """Return ``a`` where the condition holds, else ``b``."""
        return self.new(f"select {self.bits} {condition}, {self.vector} {a}, {self.vector} {b}")

    def largest(self, a: Name, b: Name) -> Name:
        """Return the larger of each two numbers; ``a`` where they are equal."""
        return self.select(self.compare("olt", a, b), b, a)

    def total(self, value: Name) -> Name:
        """Return the sum of a vector's lanes, in pairs, as a scalar."""
        name = f"llvm.vector.reduce.fadd.v{self.host.lanes}f32"
        self.used.add(f"declare float @{name}(float, {self.vector})")
        return self.new(f"call reassoc float @{name}(float 0.0, {self.vector} {value})")

    @property
    def zero(self) -> Name:
        return "zeroinitializer"

    def loop(
        self, times: int | Name, body: Body, pointers: Sequence[Pointer] = (), values: Sequence[Name] = ()
    ) -> Names:
        """Write a loop and return the vectors that it leaves.

        Args:
            times: how often, at least once.
            body: of a turn's pointers, vectors and number, from 0, to the vectors for the next one.
            pointers: where the first turn reads and writes, and bytes from turn to turn.
            values: vectors that the first turn begins with.
        """
        if times == 1:
            return list(body([x for x, _ in pointers], list(values), "0") or ())
        before, head, after = self._block, self.fresh(), self.fresh()
        self.do(f"br label %{head}")
        self.label(head)
        place = len(self.lines)
        index, held = f"%{head}.i", [f"%{head}.v{i}" for i in range(len(values))]
        moved = [f"%{head}.p{i}" if step else x for i, (x, step) in enumerate(pointers)]
        ended = list(body(moved, held, index) or ())
        on = self.new(f"add nuw nsw i64 {index}, 1")
        steps = [(i, step, self.at(moved[i], step)) for i, (_, step) in enumerate(pointers) if step]
        more = self.new(f"icmp ult i64 {on}, {times}")
        latch = self._block
        self.do(f"br i1 {more}, label %{head}, label %{after}")
        self.label(after)
        phis = [f"  {index} = phi i64 [0, %{before}], [{on}, %{latch}]"]
        for i, _, next_ in steps:
            phis.append(f"  {moved[i]} = phi ptr [{pointers[i][0]}, %{before}], [{next_}, %{latch}]")
        for name, first, last in zip(held, values, ended, strict=True):
            phis.append(f"  {name} = phi {self.vector} [{first}, %{before}], [{last}, %{latch}]")
        self.lines[place:place] = phis
        return ended

    def blocks(
        self, found: Sequence[Part], pointers: Sequence[Pointer], body: BlockBody, values: Sequence[Name] = ()
    ) -> Names:
        """Write loops over things in blocks and return the vectors that they leave.

        Args:
            found: the blocks, as :func:`core.training.tiled.blocking.parts` gives them.
            pointers: to the first thing, and bytes from thing to thing.
            body: of a block's size, its pointers and vectors, to the vectors for the next block.
            values: vectors that the first block begins with.
        """
        held = list(values)
        for part in found:
            at = [(self.at(p, part.start * step), part.size * step) for p, step in pointers]
            held = self.loop(part.count, _sized(body, part.size), at, held)
        return held

    def span(self, start: Name, end: Name, step: Name, body: Callable[[Name], None]) -> None:
        """Write a loop over 64-bit whole numbers from ``start`` to below ``end``, which may be none."""
        before, head, inside, after = self._block, self.fresh(), self.fresh(), self.fresh()
        self.do(f"br label %{head}")
        self.label(head)
        place = len(self.lines)
        index = f"%{head}.i"
        more = self.new(f"icmp ult i64 {index}, {end}")
        self.do(f"br i1 {more}, label %{inside}, label %{after}")
        self.label(inside)
        body(index)
        on = self.new(f"add i64 {index}, {step}")
        self.lines.insert(place, f"  {index} = phi i64 [{start}, %{before}], [{on}, %{self._block}]")
        self.do(f"br label %{head}")
        self.label(after)

    def claim(self, counter: Name, end: int, body: Callable[[Name], None]) -> None:
        """Write a loop over the whole numbers below ``end`` that no other thread has taken.

        Args:
            counter: where the next of them stands, eight bytes.
            end: how many there are.
            body: of a number.
        """
        head, inside, after = self.fresh(), self.fresh(), self.fresh()
        self.do(f"br label %{head}")
        self.label(head)
        index = self.new(f"atomicrmw add ptr {counter}, i64 1 monotonic")
        more = self.new(f"icmp ult i64 {index}, {end}")
        self.do(f"br i1 {more}, label %{inside}, label %{after}")
        self.label(inside)
        body(index)
        self.do(f"br label %{head}")
        self.label(after)

    def text(self, name: str, parameters: str, linkage: str = "internal") -> str:
        """Return the function as LLVM reads it."""
        body = "\n".join(self.lines)
        return f"define {linkage} void @{name}({parameters}) nounwind {{\nentry:\n{body}\n  ret void\n}}\n"


def _sized(body: BlockBody, size: int) -> Body:
    return lambda pointers, values, _: body(size, pointers, values)
