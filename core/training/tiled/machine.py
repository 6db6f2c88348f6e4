"""From LLVM's text to functions that can be called."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from core.training.tiled.host import Host

LEVEL = 2  # of LLVM's code generator; its optimiser is not run, as the text has all loops and registers planned
KEPT = 16  # networks whose machine code is kept


@dataclass(frozen=True, slots=True, eq=False)
class Machine:
    """Machine code, loaded; it stays as long as this or one of its functions is held."""

    engine: Any

    def function(self, name: str, arguments: int) -> Callable[..., None]:
        """Return a function of so many pointers or 64-bit whole numbers; Python's lock is let go while it runs."""
        address = self.engine.get_function_address(name)
        found: Any = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * arguments)(address)
        found.machine = self  # whose code it is
        function: Callable[..., None] = found
        return function


def load(text: str, host: Host) -> Machine:
    """Translate a module for a processor and load it.

    Args:
        text: of an LLVM module.
        host: what it is written for.
    """
    engine = _llvm().create_mcjit_compiler(_llvm().parse_assembly(""), _target(host))
    engine.add_object_file(_llvm().ObjectFileRef.from_data(_translated(text, host)))
    engine.finalize_object()
    return Machine(engine)


@lru_cache(maxsize=KEPT)
def _translated(text: str, host: Host) -> bytes:
    module = _llvm().parse_assembly(text)
    module.verify()
    return bytes(_target(host).emit_object(module))


def _target(host: Host) -> Any:
    target = _llvm().Target.from_default_triple()
    return target.create_target_machine(cpu=host.cpu, features=host.features, opt=LEVEL, jit=True)


@lru_cache(maxsize=1)
def _llvm() -> Any:
    """Return LLVM, started. It is not there on every machine; see :func:`core.training.tiled.host.host`."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm
