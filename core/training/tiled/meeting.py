"""How the threads of an epoch wait for each other."""

from __future__ import annotations

# How often a thread looks whether all have come before it sleeps: often, as they mostly come within microseconds. Where
# others use the machine they do not, and whoever stays awake then keeps the core that another thread waits for: an
# epoch of 0.11 s took 0.46 s with the most beside a busy program, 0.27 s with the least, and over a second without
# sleep. So the number is halved when it was too small, and grows by a sixteenth when it was not.
PATIENCE = (10_000, 250)
COUNTER = 128  # bytes from where threads meet to the number of the next stream
BYTES = 192  # that a meeting takes: three counters, each in a line of the caches of its own
USED = {
    "declare i32 @usleep(i32)",
    "declare void @llvm.x86.sse2.pause()",
    *(f"declare i64 @llvm.u{x}.i64(i64, i64)" for x in ("min", "max")),
}


def text() -> str:
    """Return the text of ``@meet``, which comes back when all threads have called it.

    It is given eight bytes for how many have come, 64 bytes on eight for how often all have, and 64 more on the number
    of the next stream, which begins anew. Threads mostly come within microseconds of each other, so one looks again and
    again before it sleeps.
    """
    return f"""define internal void @meet(ptr %meeting, i64 %threads, ptr %patience) noinline nounwind {{
entry:
  %round = getelementptr i8, ptr %meeting, i64 64
  %now = load atomic i64, ptr %round acquire, align 8
  %looks = load i64, ptr %patience, align 8
  %come = atomicrmw add ptr %meeting, i64 1 acq_rel
  %with = add i64 %come, 1
  %last = icmp eq i64 %with, %threads
  br i1 %last, label %open, label %look
open:
  store atomic i64 0, ptr %meeting release, align 8
  %counter = getelementptr i8, ptr %meeting, i64 {COUNTER}
  store atomic i64 0, ptr %counter monotonic, align 8
  %next = add i64 %now, 1
  store atomic i64 %next, ptr %round release, align 8
  br label %done
look:
  %left = phi i64 [%looks, %entry], [%less, %rest]
  %seen = load atomic i64, ptr %round acquire, align 8
  %met = icmp ne i64 %seen, %now
  br i1 %met, label %longer, label %wait
wait:
  %less = sub i64 %left, 1
  %long = icmp slt i64 %less, 0
  br i1 %long, label %shorter, label %rest
rest:
  call void @llvm.x86.sse2.pause()
  br label %look
longer:
  %part = lshr i64 %looks, 4
  %more = add i64 %looks, %part
  %most = call i64 @llvm.umin.i64(i64 %more, i64 {PATIENCE[0]})
  store i64 %most, ptr %patience, align 8
  br label %done
shorter:
  %half = lshr i64 %looks, 1
  %least = call i64 @llvm.umax.i64(i64 %half, i64 {PATIENCE[1]})
  store i64 %least, ptr %patience, align 8
  br label %sleep
sleep:
  %ignored = call i32 @usleep(i32 1)
  %after = load atomic i64, ptr %round acquire, align 8
  %woken = icmp ne i64 %after, %now
  br i1 %woken, label %done, label %sleep
done:
  ret void
}}
"""
