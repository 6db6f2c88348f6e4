"""What generated code must know of the processor it is for."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from functools import lru_cache


@dataclass(frozen=True, slots=True)
class Host:
    """A processor that code is generated for.

    Attributes:
        lanes: float32 numbers of a register, and so images of a tile.
        registers: of that kind.
        cpu: LLVM's name of it.
        features: LLVM's list of what it can do; empty for what ``cpu`` stands for.
    """

    lanes: int
    registers: int
    cpu: str
    features: str = ""

    @property
    def width(self) -> int:
        """Bytes of a register: what one number of every image of a tile takes."""
        return 4 * self.lanes


@lru_cache(maxsize=1)
def host() -> Host | None:
    """Return this machine's processor, or None if no code is generated for it.

    It must be an x86-64 with AVX2 and fused multiply-adds, under Linux or macOS; nothing has been measured on another.
    Nor is there code without llvmlite, which is installed with the rest.
    """
    if platform.machine().lower() not in ("x86_64", "amd64") or platform.system() not in ("Linux", "Darwin"):
        return None
    try:
        import llvmlite.binding as llvm
    except (ImportError, OSError):
        return None
    features = llvm.get_host_cpu_features()
    if not (features.get("avx2") and features.get("fma")):
        return None
    wide = all(features.get(x) for x in ("avx512f", "avx512bw", "avx512dq", "avx512vl"))
    return Host(16 if wide else 8, 32 if wide else 16, llvm.get_host_cpu_name(), features.flatten())
