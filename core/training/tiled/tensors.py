"""What lies between two layers, as a tile holds it: line by line, and within a line channel by channel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from core.networks.layers import Shape
from core.training.tiled.blocking import parts
from core.training.tiled.code import Code, Name, Names
from core.training.tiled.maths import sloped

UNROLLED = 4  # vectors of one turn where each is done for itself


@dataclass(slots=True, eq=False)
class Tensor:
    """Activations of a tile, which their gradient overwrites on the way back.

    Around an image there may be pixels that stay zero: padding of the layer that reads it, and, on the way back, of the
    layer that gave it.

    Attributes:
        shape: of one image.
        activation: what gave it; on the way back the slope is taken by whoever writes the gradient.
        wanted: whether anything before it has weights, so that its gradient is needed.
        frame: pixels above, below, left and right of the image.
        place: vectors before its first pixel, within the tile; set when all are known.
        beside: where the gradient that a residual block sends back lies, likewise; None where there is none.
        skips: residual blocks that send one back.
        of: another tensor that this is, under a shape of its own.
        flat: whether it lies as Flatten has it, pixel by pixel. Otherwise pixels of a channel lie side by side, so that
            sums over a window read what lies together, and not always the same few places of a cache.
    """

    shape: Shape
    activation: str = "linear"
    wanted: bool = True
    frame: tuple[int, int, int, int] = (0, 0, 0, 0)
    place: int = 0
    beside: int | None = None
    skips: int = 0
    of: Tensor | None = None
    flat: bool = False

    @property
    def home(self) -> Tensor:
        """The tensor that has a place: this one, or the one that this is under another shape."""
        return self.of.home if self.of else self

    @property
    def height(self) -> int:
        return self.shape[0] if len(self.shape) == 3 else 1

    @property
    def width(self) -> int:
        return self.shape[1] if len(self.shape) == 3 else 1

    @property
    def channels(self) -> int:
        return self.shape[-1]

    @property
    def _across(self) -> int:
        """Pixels of a line, frame included."""
        return self.frame[2] + self.width + self.frame[3]

    @property
    def pixel(self) -> int:
        """Vectors from one pixel of a line to the next."""
        return self.channels if self.flat else 1

    @property
    def channel(self) -> int:
        """Vectors from one channel of a pixel to the next."""
        return 1 if self.flat else self._across

    @property
    def pitch(self) -> int:
        """Vectors from one line of pixels to the next."""
        return self._across * self.channels

    @property
    def framed(self) -> bool:
        return any(self.frame)

    @property
    def numbers(self) -> int:
        """Vectors that it takes, frame included."""
        return (self.frame[0] + self.height + self.frame[1]) * self.pitch

    @property
    def origin(self) -> int:
        """Vectors before its first pixel within what it takes."""
        return self.frame[0] * self.pitch + self.frame[2] * self.pixel

    def widen(self, above: int, below: int, left: int, right: int) -> None:
        """Have at least so many pixels around the image."""
        a, b, c, d = self.frame
        self.frame = max(a, above), max(b, below), max(c, left), max(d, right)

    def settle(self, code: Code, pointer: Name, offset: int, gradient: Name, beside: Name) -> None:
        """Write the gradient of one vector over it: with what comes by residual blocks, and the slope taken.

        Args:
            code: where to.
            pointer: into the tensor.
            offset: bytes.
            gradient: of what the tensor holds.
            beside: bytes from the tensor to what residual blocks send back, as a value; unused where they send none.
        """
        if self.beside is not None:
            gradient = code.add(gradient, code.load(code.at(pointer, beside), offset))
        code.store(sloped(code, self.activation, gradient, lambda: code.load(pointer, offset)), pointer, offset)


def each(code: Code, tensors: list[tuple[Tensor, Name]], body: Callable[[Names, list[int]], None]) -> None:
    """Do something for every vector of tensors of the same shape.

    Args:
        code: where to.
        tensors: and where each begins.
        body: of a pointer into each, and an offset in bytes from each.
    """
    size, (first, _) = code.host.width, tensors[0]
    alike = all(not x.framed and x.flat == first.flat for x, _ in tensors)
    run = first.height * first.width * first.channels if alike else first.width
    steps = [1 if alike else x.pixel for x, _ in tensors]

    def some(count: int, pointers: Names) -> None:
        for i in range(count):
            body(pointers, [i * step * size for step in steps])

    def line(pointers: Names) -> None:
        moving = [(p, step * size) for p, step in zip(pointers, steps, strict=True)]
        code.blocks(parts(run, UNROLLED), moving, lambda count, p, _: some(count, p))

    def channels(pointers: Names) -> None:
        at = [(p, x.channel * size) for p, (x, _) in zip(pointers, tensors, strict=True)]
        code.loop(first.channels, lambda p, _, __: line(p), at)

    if alike:
        line([p for _, p in tensors])
    else:
        code.loop(first.height, lambda p, _, __: channels(p), [(p, x.pitch * size) for x, p in tensors])
