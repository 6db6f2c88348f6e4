"""A network's machine code: all of its functions in one module, written, translated and loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from core.networks.network import Network
from core.networks.tiles import STREAMS
from core.recipe import Recipe
from core.training.tiled import clipping, epochs, machine, shifting, update
from core.training.tiled.code import Code
from core.training.tiled.dense import LATER
from core.training.tiled.epochs import Late, Shape
from core.training.tiled.host import Host
from core.training.tiled.plan import Plan
from core.training.tiled.shifting import Rows


@dataclass(frozen=True, slots=True, eq=False)
class Kernels:
    """Functions for a network, a recipe and a type of pixel.

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


def text(network: Network, recipe: Recipe, pixel_bytes: int, pixels: int, host: Host) -> tuple[str, Plan, Shape]:
    """Return the module's text, the plan behind it, and the shape of its loops."""
    plan = Plan(network, host)
    kept = plan.kept * host.width
    codes = {f"late{i}": (dense, Code(host)) for i, dense in enumerate(plan.late)}
    late = tuple(Late(x.first, x.entering * x.units, x.shares(code)) for x, code in codes.values())
    shifted = _rows(network, pixel_bytes) if recipe.shift else None
    vectors, clips = -(-network.parameters // host.lanes), recipe.clip > 0
    shape = Shape(pixels * pixel_bytes, vectors, kept, late, clips, shifted, plan.numbers * host.width)
    functions, used = plan.functions(pixel_bytes, recipe.label_smoothing)
    texts = [functions]
    for name, (dense, code) in codes.items():
        dense.end(code, kept)
        used |= code.used
        texts.append(code.text(name, LATER))
    for name, streams in (("update", STREAMS), ("update_late", 1)):
        code = Code(host)
        update.update(code, recipe, streams, shape.stride(host))
        used |= code.used
        texts.append(code.text(name, update.PARAMETERS))
    for name, write, parameters in _more(network, recipe, shape, host):
        code = Code(host)
        write(code)
        used |= code.used
        texts.append(code.text(name, parameters))
    for more, needed in epochs.loops(host, shape):
        texts.append(more)
        used |= needed
    return "\n".join([*sorted(used), *texts]), plan, shape


def _more(
    network: Network, recipe: Recipe, shape: Shape, host: Host
) -> Iterator[tuple[str, Callable[[Code], None], str]]:
    """Yield name, writer and parameters of the functions that few recipes need."""
    if shape.clips:
        yield "gather", lambda code: clipping.gather(code, STREAMS, shape.stride(host)), clipping.GATHER
        yield "scale", lambda code: clipping.scale(code, network.parameters, recipe.clip), clipping.SCALE
    if shape.shifted:
        rows = shape.shifted
        yield "shift", lambda code: shifting.shift(code, rows), shifting.PARAMETERS


def _rows(network: Network, pixel_bytes: int) -> Rows:
    height, width, channels = network.input_shape
    return Rows(height, width * channels * pixel_bytes, channels * pixel_bytes)


def build(network: Network, recipe: Recipe, pixel_bytes: int, pixels: int, host: Host) -> Kernels:
    """Write, translate and load a network's functions.

    Args:
        network: one that :func:`core.training.tiled.plan.takes`.
        recipe: how to train; its learning rates come later.
        pixel_bytes: 1 for images of bytes, 4 for float32.
        pixels: numbers of an image.
        host: the processor.
    """
    written, _, shape = text(network, recipe, pixel_bytes, pixels, host)
    loaded = machine.load(written, host)
    train, test = (loaded.function(name, 2) for name in ("train", "test"))
    return Kernels(train, test, shape.room(host.lanes), shape, loaded)
