"""The loops over a set's images: what every thread does of an epoch, and how threads wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace

from core.networks.tiles import STREAMS
from core.training.tiled import meeting
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.control import Control
from core.training.tiled.host import Host
from core.training.tiled.shifting import Rows
from core.training.tiled.stage import BYTES

UNUSUAL = 0x8040  # bits of MXCSR: numbers too small to be normal are zero, which they are a hundred times as fast

# What an epoch is given, in order, each in eight bytes: pointers, and whole numbers.
JOB = (
    "weights", "first_memory", "second_memory", "sums", "tiles", "tile_bytes", "rows", "labels", "order", "images",
    "batch", "factors", "shifts", "results", "threads", "meeting", "seed", "updates", "kept",
)  # fmt: skip
NUMBERS = ("tile_bytes", "images", "batch", "threads", "seed", "updates")
PARAMETERS = "ptr noalias %job, i64 %thread"


@dataclass(frozen=True, slots=True)
class Late:
    """A kernel whose gradient is computed at the end of a batch.

    Attributes:
        first: weights before it.
        size: its weights.
        shares: blocks of it that threads have to share.
    """

    first: int
    size: int
    shares: int


@dataclass(frozen=True, slots=True)
class Shape:
    """What the loops must know of a network.

    Attributes:
        row_bytes: from one image to the next.
        vectors: of weights.
        kept_bytes: that are kept of a tile until the end of its batch.
        late: what is computed then, in the order of the weights.
        clips: whether gradients are shortened to a norm.
        shifted: how images lie that are moved while training; None where they are not.
        tile_bytes: of a tile without the room for those.
    """

    row_bytes: int
    vectors: int
    kept_bytes: int
    late: tuple[Late, ...]
    clips: bool
    shifted: Rows | None
    tile_bytes: int

    def room(self, lanes: int) -> int:
        """Return the bytes that a thread needs for a tile and its moved images."""
        moved = lanes * self.row_bytes if self.shifted else 0
        return self.tile_bytes + -(-moved // 64) * 64

    def stride(self, host: Host) -> int:
        """Return bytes from one stream's sums to the next; one vector more, as some are written beyond the end."""
        return (self.vectors + 1) * host.width

    def ranges(self, lanes: int) -> list[tuple[int, int, bool]]:
        """Return vectors of weights from and to, and whether all of their gradients are computed at a batch's end."""
        found, done = [], 0
        for late in self.late:
            start, end = -(-late.first // lanes), (late.first + late.size) // lanes
            found += [(done, start, False), (start, end, True)]
            done = end
        return [(a, b, late) for a, b, late in [*found, (done, self.vectors, False)] if a < b]


def loops(host: Host, shape: Shape) -> Iterator[tuple[str, set[str]]]:
    """Yield LLVM's text of ``@train`` and ``@test`` and what they need beside the network's own functions."""
    yield meeting.text(), meeting.USED
    yield from (_function(host, shape, train) for train in (True, False))


def _function(host: Host, shape: Shape, train: bool) -> tuple[str, set[str]]:
    code = Code(host)
    # all are read at the beginning, where every later block can see them
    kinds = {name: "i64" if name in NUMBERS else "ptr" for name in JOB}
    job = SimpleNamespace(**{name: code.load("%job", 8 * i, kind) for i, (name, kind) in enumerate(kinds.items())})
    control = Control(host)
    with_flags = _unusual_as_zero(code)
    tile = code.at(job.tiles, code.new(f"mul i64 {job.tile_bytes}, %thread"))
    streams, patience = code.at(job.meeting, meeting.COUNTER), code.new("alloca i64")
    found = code.new(f"alloca {code.vector}, align {host.width}")
    code.store(str(meeting.PATIENCE[0]), patience, 0, "i64")
    seed = code.new(f"trunc i64 {job.seed} to i32")
    code.store(seed, tile, control.noise + host.width, "i32")

    def prepare() -> None:
        code.do(f"call void @prepared(ptr {tile}, ptr {job.weights}, ptr {job.sums})")

    def batch(start: Name) -> None:
        after = code.new(f"add i64 {start}, {job.batch}")
        end = _least(code, after, job.images)
        count = code.new(f"sub i64 {end}, {start}")
        share = code.new(f"fdiv float 1.0, {code.new(f'uitofp i64 {count} to float')}")
        number = code.new(f"udiv i64 {start}, {job.batch}")
        update = code.new(f"add i64 {job.updates}, {number}")
        code.store(code.new(f"trunc i64 {update} to i32"), tile, control.noise + host.width + 4, "i32")
        prepare()
        code.claim(streams, STREAMS, lambda s: stream(s, start, end, share))
        _updated(code, job, shape, number, _tiles(code, count), patience, found)

    def stream(number: Name, start: Name, end: Name, share: Name) -> None:
        for i in range(2):
            code.store(code.zero, tile, control.sums + i * host.width)
        sums = code.at(job.sums, code.new(f"mul i64 {number}, {shape.stride(host)}"))
        first = code.new(f"add i64 {start}, {code.new(f'mul i64 {number}, {host.lanes}')}")

        def one(at: Name) -> None:
            _fill(code, job, shape, tile, at, end, share, shape.shifted is not None and train)
            if shape.kept_bytes and train:
                before = code.new(f"udiv i64 {code.new(f'sub i64 {at}, {start}')}, {host.lanes}")
                kept = code.at(job.kept, code.new(f"mul i64 {before}, {shape.kept_bytes}"))
                code.store(kept, tile, control.kept, "ptr")
            code.do(f"call void @{'trained' if train else 'tested'}(ptr {tile}, ptr {job.weights}, ptr {sums})")

        code.span(first, end, str(STREAMS * host.lanes), one)
        results = code.at(job.results, code.new(f"mul i64 {number}, 16"))
        for i in range(2):
            total = code.new(f"fpext float {code.total(code.load(tile, control.sums + i * host.width))} to double")
            before = code.load(results, 8 * i, "double")
            code.store(code.new(f"fadd double {before}, {total}"), results, 8 * i, "double")

    if train:
        code.span("0", job.images, job.batch, batch)
    else:
        prepare()
        code.claim(streams, STREAMS, lambda s: stream(s, "0", job.images, "1.0"))
    with_flags()
    return code.text("train" if train else "test", PARAMETERS, ""), code.used


def _updated(
    code: Code, job: SimpleNamespace, shape: Shape, number: Name, tiles: Name, patience: Name, found: Name
) -> None:
    """Write what ends a batch: gradients that have waited, and this thread's part of the update."""

    def meet() -> None:
        code.do(f"call void @meet(ptr {job.meeting}, i64 {job.threads}, ptr {patience})")

    def own(start: int, end: int) -> str:
        """Return from where to where this thread's part of something goes."""
        bounds = []
        for thread in ("%thread", code.new("add i64 %thread, 1")):
            part = code.new(f"udiv i64 {code.new(f'mul i64 {thread}, {end - start}')}, {job.threads}")
            bounds.append(code.new(f"add i64 {part}, {start}"))
        return f"i64 {bounds[0]}, i64 {bounds[1]}"

    meet()
    for index, late in enumerate(shape.late):
        sums = code.at(job.sums, late.first * BYTES)
        code.do(f"call void @late{index}(ptr {sums}, ptr {job.kept}, i64 {tiles}, {own(0, late.shares)})")
    if shape.late:
        meet()
    scale = "1.0"
    if shape.clips:
        for start, end, late_ in shape.ranges(code.host.lanes):
            if not late_:
                code.do(f"call void @gather(ptr {job.sums}, {own(start, end)})")
        meet()
        code.do(f"call void @scale(ptr {job.sums}, ptr {found})")
        scale = code.load(found, 0, "float")
        meet()  # nobody may change the sums before all have read them
    there = code.at(job.factors, code.new(f"mul i64 {number}, 8"))
    factors = [code.load(there, 4 * i, "float") for i in range(2)]
    given = ", ".join(f"float {x}" for x in (*factors, scale))
    arrays = ", ".join(f"ptr {x}" for x in (job.weights, job.sums, job.first_memory, job.second_memory))
    for start, end, late_ in shape.ranges(code.host.lanes):
        name = "update_late" if late_ or shape.clips else "update"
        code.do(f"call void @{name}({arrays}, {given}, {own(start, end)})")
    meet()


def _tiles(code: Code, count: Name) -> Name:
    """Return how many tiles so many images fill."""
    return code.new(f"udiv i64 {code.new(f'add i64 {count}, {code.host.lanes - 1}')}, {code.host.lanes}")


def _fill(
    code: Code, job: SimpleNamespace, shape: Shape, tile: Name, first: Name, end: Name, share: Name, shifted: bool
) -> None:
    """Write into a tile which images it holds, moved or not; lanes past the end repeat the first and count nothing."""
    control = Control(code.host)

    def lane(p: Names, _: Names, number: Name) -> None:
        own = code.new(f"add i64 {first}, {number}")
        inside = code.new(f"icmp ult i64 {own}, {end}")
        at = code.new(f"select i1 {inside}, i64 {own}, i64 {first}")
        there = code.load(code.at(job.order, code.new(f"mul i64 {at}, 4")), 0, "i32")
        image = code.new(f"sext i32 {there} to i64")
        label = code.load(code.at(job.labels, code.new(f"mul i64 {image}, 4")), 0, "i32")
        code.store(label, p[0], control.labels, "i32")
        code.store(code.new(f"select i1 {inside}, float {share}, float 0.0"), p[0], control.real, "float")
        code.store(code.new(f"trunc i64 {own} to i32"), p[0], control.noise, "i32")
        row = code.at(job.rows, code.new(f"mul i64 {image}, {shape.row_bytes}"))
        if shifted:
            moves = code.at(job.shifts, code.new(f"mul i64 {image}, 2"))
            down, right = (code.new(f"sext i8 {code.load(moves, i, 'i8')} to i64") for i in range(2))
            aside = code.new(f"mul i64 {number}, {shape.row_bytes}")
            moved = code.at(code.at(tile, shape.tile_bytes), aside)
            code.do(f"call void @shift(ptr {moved}, ptr {row}, i64 {down}, i64 {right})")
            row = moved
        code.store(row, p[1], control.rows, "ptr")

    code.loop(code.host.lanes, lane, [(tile, 4), (tile, 8)])


def _least(code: Code, a: Name, b: Name) -> Name:
    return code.new(f"select i1 {code.new(f'icmp ult i64 {a}, {b}')}, i64 {a}, i64 {b}")


def _unusual_as_zero(code: Code) -> Callable[[], None]:
    """Have the processor take numbers too small to be normal as zero; what is returned writes how it was before."""
    code.used |= {"declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)"}
    before, during = code.new("alloca i32"), code.new("alloca i32")
    code.do(f"call void @llvm.x86.sse.stmxcsr(ptr {before})")
    flags = code.new(f"or i32 {code.load(before, 0, 'i32')}, {UNUSUAL}")
    code.store(flags, during, 0, "i32")
    code.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {during})")
    return lambda: code.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {before})")
