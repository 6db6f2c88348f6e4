"""What a training process computes on: the first GPU that this TensorFlow has kernels for, else the processor."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import tensorflow as tf

from core.processes import cores

CPU_FLAGS = ("avx512_bf16", "amx_bf16")  # either has instructions for bfloat16 products
DRIVER = Path("/dev/nvidiactl")  # the sign of an NVIDIA driver

Capability = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Device:
    """What trains.

    Attributes:
        name: for people.
        gpu: whether it is a GPU.
        precisions: those its hardware has.
        note: a sentence for people about a GPU that is there and not used, if there is one.
    """

    name: str
    gpu: bool
    precisions: tuple[str, ...]
    note: str | None = None


@lru_cache(maxsize=1)
def device() -> Device:
    """Return what this process trains on, and let TensorFlow see nothing else; before it computes anything.

    A GPU that TensorFlow was not built for is left alone: XLA would abort the process on it.
    """
    gpus = tf.config.get_visible_devices("GPU")
    built = [_capability(x) for x in tf.sysconfig.get_build_info().get("cuda_compute_capabilities", ())]
    unfit: list[str] = []
    for gpu in gpus:
        details = tf.config.experimental.get_device_details(gpu)
        name, capability = details.get("device_name", "unnamed"), details.get("compute_capability")
        if not fits(capability, built):
            unfit.append(f"{name} (compute capability {capability[0]}.{capability[1]})")
            continue
        tf.config.set_visible_devices([gpu], "GPU")  # the others of a shared machine stay free
        tf.config.experimental.set_memory_growth(gpu, True)
        low = capability is not None and capability >= (8, 0)
        return Device(f"GPU: {name}", True, ("float32", "bfloat16") if low else ("float32",))
    tf.config.set_visible_devices([], "GPU")
    return _processor(_note(unfit, built))


def fits(capability: Capability | None, built: Sequence[Capability]) -> bool:
    """Return whether a card can run what was built for these capabilities; one that tells none is taken at its word.

    Within a major number newer cards run older code; the next major number needs code of its own.
    """
    return capability is None or not built or (min(built) <= capability and capability[0] <= max(built)[0])


def _capability(architecture: str) -> Capability:
    """Return what ``sm_89`` or ``compute_90`` stands for: (8, 9) or (9, 0)."""
    number = int("".join(x for x in architecture.partition("_")[2] if x.isdigit()))
    return number // 10, number % 10


def _note(unfit: Sequence[str], built: Sequence[Capability]) -> str | None:
    if unfit:
        low, high = min(built), max(built)
        return (
            f"{' and '.join(unfit)} cannot be used: TensorFlow {tf.__version__} has code for compute capabilities "
            f"{low[0]}.{low[1]} to {high[0]}.x. Training runs on the processor."
        )
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")  # on purpose, then
    if DRIVER.exists() and not hidden:
        return (
            "This machine has an NVIDIA driver, but TensorFlow finds no card or not all of CUDA's libraries. Training "
            "runs on the processor; requirements-gpu.txt names what a GPU needs."
        )
    return None


def _processor(note: str | None) -> Device:
    try:
        facts = Path("/proc/cpuinfo").read_text()
    except OSError:
        facts = ""
    named = (line.partition(":") for line in facts.splitlines())
    fields = {name.strip(): value.strip() for name, _, value in named}
    model = fields.get("model name") or platform.processor() or platform.machine()
    low = not set(CPU_FLAGS).isdisjoint(fields.get("flags", "").split())
    count = cores()
    name = f"CPU: {model}, {count} core{'s' if count > 1 else ''}"
    return Device(name, False, ("float32", "bfloat16") if low else ("float32",), note)
