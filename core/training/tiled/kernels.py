"""A network's machine code: all of its functions in one module, written, translated and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.networks.network import Network
from core.networks.tiles import STREAMS
from core.training.tiled import epochs, machine, update
from core.training.tiled.code import Code
from core.training.tiled.dense import LATER
from core.training.tiled.epochs import Late, Shape
from core.training.tiled.host import Host
from core.training.tiled.plan import Plan


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Functions for a network, an optimiser and a type of pixel.

    Attributes:
        train: an epoch's training, ``(job, thread)``; see :data:`core.training.tiled.epochs.JOB`.
        test: the measuring of images, likewise.
        tile_bytes: that a thread needs.
        shape: of the loops.
        machine: the code, which must be held while a function is used.
    """

    train: Callable[..., None]
    test: Callable[..., None]
    tile_bytes: int
    shape: Shape
    machine: machine.Machine


def text(network: Network, optimizer: str, pixel_bytes: int, pixels: int, host: Host) -> tuple[str, Plan, Shape]:
    """Return the module's text, the plan behind it, and the shape of its loops."""
    plan = Plan(network, host)
    kept = plan.kept * host.width
    codes = {f"late{i}": (dense, Code(host)) for i, dense in enumerate(plan.late)}
    late = tuple(Late(x.first, x.entering * x.units, x.shares(code)) for x, code in codes.values())
    shape = Shape(pixels * pixel_bytes, -(-network.parameters // host.lanes), kept, late)
    functions, used = plan.functions(pixel_bytes)
    texts = [functions]
    for name, (dense, code) in codes.items():
        dense.end(code, kept)
        used |= code.used
        texts.append(code.text(name, LATER))
    for name, streams in (("update", STREAMS), ("update_late", 1)):
        code = Code(host)
        update.update(code, optimizer, streams, shape.stride(host))
        used |= code.used
        texts.append(code.text(name, update.PARAMETERS))
    for more, needed in epochs.loops(host, shape):
        texts.append(more)
        used |= needed
    return "\n".join([*sorted(used), *texts]), plan, shape


def build(network: Network, optimizer: str, pixel_bytes: int, pixels: int, host: Host) -> Kernels:
    """Write, translate and load a network's functions.

    Args:
        network: one that :func:`core.training.tiled.plan.takes`.
        optimizer: a key of ``OPTIMIZERS``.
        pixel_bytes: 1 for images of bytes, 4 for float32.
        pixels: numbers of an image.
        host: the processor.
    """
    written, plan, shape = text(network, optimizer, pixel_bytes, pixels, host)
    loaded = machine.load(written, host)
    train, test = (loaded.function(name, 2) for name in ("train", "test"))
    return Kernels(train, test, plan.numbers * host.width, shape, loaded)
