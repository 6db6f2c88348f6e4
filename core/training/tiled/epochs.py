"""The loops over a set's images: what every thread does of an epoch, and how threads wait for each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.training.tiled.code import Code, Name
from core.training.tiled.control import Control
from core.training.tiled.host import Host

STREAMS = 8  # sums of gradients, each over tiles of its own: the same ones for any number of threads
PATIENCE = 4000  # looks at what another thread must have done before the system may give the core to others
UNUSUAL = 0x8040  # bits of MXCSR: numbers too small to be normal are zero, which they are a hundred times as fast

# What an epoch is given, in order, each in eight bytes: pointers, and whole numbers.
JOB = (
    "weights", "first_memory", "second_memory", "sums", "tiles", "tile_bytes", "rows", "labels", "order", "images",
    "batch", "rates", "results", "threads", "meeting", "seed", "updates",
)  # fmt: skip
PARAMETERS = "ptr noalias %job, i64 %thread"


@dataclass(frozen=True, slots=True)
class Shape:
    """What the loops must know of a network.

    Attributes:
        row_bytes: from one image to the next.
        vectors: of weights.
    """

    row_bytes: int
    vectors: int

    def stride(self, host: Host) -> int:
        """Return bytes from one stream's sums to the next; one vector more, as some are written beyond the end."""
        return (self.vectors + 1) * host.width


class Fields:
    """The job's fields as values."""

    def __init__(self, code: Code) -> None:
        self._code = code
        self._held: dict[str, Name] = {}

    def __getattr__(self, name: str) -> Name:
        if name not in self._held:
            kind = "ptr" if name in ("weights", "first_memory", "second_memory", "sums", "tiles", "rows", "labels",
                                     "order", "rates", "results", "meeting") else "i64"  # fmt: skip
            self._held[name] = self._code.load("%job", 8 * JOB.index(name), kind)
        return self._held[name]


def loops(host: Host, shape: Shape) -> Iterator[tuple[str, set[str]]]:
    """Yield LLVM's text of ``@train`` and ``@test`` and what they need beside the network's own functions."""
    yield _meet(), {"declare i32 @sched_yield()", "declare void @llvm.x86.sse2.pause()"}
    yield from (_function(host, shape, train) for train in (True, False))


def _function(host: Host, shape: Shape, train: bool) -> tuple[str, set[str]]:
    code = Code(host)
    job = Fields(code)
    for name in JOB:
        getattr(job, name)  # all are read at the beginning, where every later block can see them
    control = Control(host)
    with_flags = _unusual_as_zero(code)
    tile = code.at(job.tiles, code.new(f"mul i64 {job.tile_bytes}, %thread"))
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
        code.span("%thread", str(STREAMS), job.threads, lambda s: stream(s, start, end, share))
        if train:
            code.do(f"call void @meet(ptr {job.meeting}, i64 {job.threads})")
            rate = code.load(code.at(job.rates, code.new(f"mul i64 {number}, 4")), 0, "float")
            bounds = []
            for thread in ("%thread", code.new("add i64 %thread, 1")):
                bounds.append(code.new(f"udiv i64 {code.new(f'mul i64 {thread}, {shape.vectors}')}, {job.threads}"))
            arrays = ", ".join(f"ptr {x}" for x in (job.weights, job.sums, job.first_memory, job.second_memory))
            code.do(f"call void @update({arrays}, float {rate}, i64 {bounds[0]}, i64 {bounds[1]})")
            code.do(f"call void @meet(ptr {job.meeting}, i64 {job.threads})")

    def stream(number: Name, start: Name, end: Name, share: Name) -> None:
        for i in range(2):
            code.store(code.zero, tile, control.sums + i * host.width)
        sums = code.at(job.sums, code.new(f"mul i64 {number}, {shape.stride(host)}"))
        first = code.new(f"add i64 {start}, {code.new(f'mul i64 {number}, {host.lanes}')}")

        def one(at: Name) -> None:
            _fill(code, job, shape, tile, at, end, share)
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
        code.span("%thread", str(STREAMS), job.threads, lambda s: stream(s, "0", job.images, "1.0"))
    with_flags()
    return code.text("train" if train else "test", PARAMETERS, ""), code.used


def _fill(code: Code, job: Fields, shape: Shape, tile: Name, first: Name, end: Name, share: Name) -> None:
    """Write into a tile which images it holds; lanes beyond the end repeat the first and count nothing."""
    control = Control(code.host)

    def lane(p: list[Name], _: list[Name], number: Name) -> list[Name]:
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
        code.store(row, p[1], control.rows, "ptr")
        return []

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


def _meet() -> str:
    """Return the text of ``@meet``, which comes back when all threads have called it.

    It is given eight bytes for how many have come, and, 64 bytes on, eight for how often all have. They mostly come
    within microseconds of each other, so a thread looks again and again before it lets the system have the core.
    """
    return f"""define internal void @meet(ptr %meeting, i64 %threads) noinline nounwind {{
entry:
  %round = getelementptr i8, ptr %meeting, i64 64
  %now = load atomic i64, ptr %round acquire, align 8
  %come = atomicrmw add ptr %meeting, i64 1 acq_rel
  %with = add i64 %come, 1
  %last = icmp eq i64 %with, %threads
  br i1 %last, label %open, label %look
open:
  store atomic i64 0, ptr %meeting release, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %round release, align 8
  br label %done
look:
  %looks = phi i64 [0, %entry], [%more, %again]
  %seen = load atomic i64, ptr %round acquire, align 8
  %met = icmp ne i64 %seen, %now
  br i1 %met, label %done, label %wait
wait:
  %more = add i64 %looks, 1
  %long = icmp ugt i64 %looks, {PATIENCE}
  br i1 %long, label %give, label %rest
give:
  %ignored = call i32 @sched_yield()
  br label %again
rest:
  call void @llvm.x86.sse2.pause()
  br label %again
again:
  br label %look
done:
  ret void
}}
"""
