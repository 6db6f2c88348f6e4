"""A network as a position of sliders: blocks of convolutions, a bridge and hidden layers; and its line of text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

from core.networks.layer import ACTIVATIONS
from core.networks.line import Line
from core.networks.notation import Group, Item, Token, Width, tokens

BLOCKS, CONVOLUTIONS, HIDDEN = range(5), range(1, 5), range(4)
KERNELS = (1, 3, 5)
MULTIPLES = (1, 2, 4, 8, 16)
ACTIVE = tuple(x for x in ACTIVATIONS if x not in ("linear", "softmax"))
RATES = (0.0, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5)
# Keys and what they are called.
KINDS = {"plain": "Plain", "separable": "Separable", "depthwise": "Depthwise + 1×1"}
GROWTHS = {"none": "×1", "block": "×2 a block", "convolution": "×2 a convolution"}
PADDINGS = {"none": "None", "first": "First layer", "same": "Same"}
POOLINGS = {"max": "Max", "average": "Average", "stride": "Stride", "none": "None"}
BRIDGES = {"flatten": "Flatten", "average": "Global average", "max": "Global max"}
_POOLS = {"max": "maxpool", "average": "avgpool"}
_BRIDGES = {"flatten": "flatten", "average": "globalavg", "max": "globalmax"}
REPEATED = 3  # equal layers in a row that are written as 3x[...]


@dataclass(frozen=True, slots=True)
class Blueprint:
    """Where the sliders stand.

    Attributes:
        stem: whether a plain convolution and a pooling come before the blocks.
        blocks: how many blocks of convolutions.
        convolutions: how many each block has.
        kernel: their side.
        kind: a key of ``KINDS``.
        growth: a key of ``GROWTHS``: what doubles the filters.
        padding: a key of ``PADDINGS``.
        pooling: a key of ``POOLINGS``: what follows each block; before a global bridge the last block has none.
            Without stem and blocks the image itself is pooled.
        bridge: a key of ``BRIDGES``: what makes a row of numbers of the image.
        hidden: how many hidden dense layers.
        multiple: their units, as a multiple of n.
        activation: of all layers with weights.
        normed: whether a batch norm stands before each activation.
        dropout: the rate after each pooling and each hidden layer; 0 for none.
    """

    stem: bool = False
    blocks: int = 2
    convolutions: int = 2
    kernel: int = 3
    kind: str = "plain"
    growth: str = "block"
    padding: str = "none"
    pooling: str = "max"
    bridge: str = "flatten"
    hidden: int = 0
    multiple: int = 1
    activation: str = "relu"
    normed: bool = False
    dropout: float = 0.0

    def line(self) -> Line:
        """Return the line of text that the sliders say."""
        items = self._image()
        items.append(Token(_BRIDGES[self.bridge]))
        for _ in range(self.hidden):
            items += [*self._active(Token("dense", width=Width(self.multiple))), *self._dropped()]
        return Line(_repeated(items))

    def _image(self) -> list[Item]:
        """Return the layers before the bridge."""
        found: list[Item] = []
        places = self.blocks * self.convolutions
        if not self.stem and not places:
            return [*self._pooled(), *self._dropped()] if self.pooling in _POOLS else []
        if self.stem:
            found += self._convolution(0, 1, "plain", self.pooling == "stride" and self._pools(0))
            found += [*self._pooled(), *self._dropped()] if self._pools(0) else []
        for block in range(1, self.blocks + 1):
            for number in range(self.convolutions):
                place = (block - 1) * self.convolutions + number
                doubled = {"none": 0, "block": block - 1, "convolution": place}[self.growth]
                last = number == self.convolutions - 1
                strided = self.pooling == "stride" and last and self._pools(block)
                found += self._convolution(place + self.stem, 2**doubled, self.kind, strided)
            found += [*self._pooled(), *self._dropped()] if self._pools(block) else []
        return found

    def _pools(self, block: int) -> bool:
        """Return whether something is pooled after a block; 0 is the stem."""
        return self.pooling != "none" and (block < self.blocks or self.bridge == "flatten")

    def _pooled(self) -> list[Item]:
        return [Token(_POOLS[self.pooling], size=(2, 2))] if self.pooling in _POOLS else []

    def _dropped(self) -> list[Item]:
        return [Token("dropout", rate=self.dropout)] if self.dropout else []

    def _convolution(self, place: int, times: int, kind: str, strided: bool) -> list[Item]:
        """Return one convolution with what belongs to it; ``place`` counts from 0 over the network."""
        common = Token(
            "conv",
            size=(self.kernel, self.kernel),
            same=self.padding == "same" or (self.padding == "first" and place == 0),
            stride=2 if strided else 0,
        )
        width = Width(times)
        if kind == "depthwise":
            pointwise = Token("conv", size=(1, 1), width=width)
            return [*self._active(replace(common, name="depthwise")), *self._active(pointwise)]
        return self._active(replace(common, name="separable" if kind == "separable" else "conv", width=width))

    def _active(self, token: Token) -> list[Item]:
        if not self.normed:
            return [replace(token, activation=self.activation)]
        return [replace(token, activation="linear"), Token("batchnorm"), Token(self.activation)]


def _repeated(items: list[Item]) -> tuple[Item, ...]:
    """Return items with what comes several times in a row in brackets."""
    found: list[Item] = []
    at = 0
    while at < len(items):
        best = (1, 1)  # how long what is repeated is, and how often it comes
        for length in range(1, 7):
            times = 1
            while items[at + times * length : at + (times + 1) * length] == items[at : at + length]:
                times += 1
            if times >= REPEATED and at + length <= len(items):
                best = length, times
                break
        length, times = best
        body = tuple(items[at : at + length])
        found += [Group("repeat", times, body)] if times > 1 else body
        at += length * times
    return tuple(found)


@lru_cache(maxsize=512)
def position(line: Line) -> Blueprint | None:
    """Return where the sliders stand for a line, or None where they cannot say it."""
    flat = line.flat(True)
    said = list(tokens(flat))
    if any(isinstance(x, Group) for x in flat):
        return None
    names = {x.name for x in said}
    convolved = [x for x in said if x.name in ("conv", "separable", "depthwise")]
    dense = [x for x in said if x.name == "dense"]
    active = [x.activation for x in convolved + dense if x.activation != "linear"]
    active += [x.name for x in said if x.name in ACTIVE]
    pooling = next((key for key, name in _POOLS.items() if name in names), None)
    kernel = next((x.size[0] for x in convolved if x.size and x.size != (1, 1)), 1 if convolved else 3)
    base = Blueprint(
        kernel=kernel,
        kind="separable" if "separable" in names else "depthwise" if "depthwise" in names else "plain",
        pooling=pooling or ("stride" if any(x.stride for x in convolved) else "none"),
        bridge=next((key for key, name in _BRIDGES.items() if name in names), "flatten"),
        hidden=len(dense),
        multiple=dense[0].width.times if dense and dense[0].width else 1,
        activation=active[0] if active else "relu",
        normed="batchnorm" in names,
        dropout=next((x.rate for x in said if x.name == "dropout"), 0.0),
    )
    if base.kernel not in KERNELS or base.hidden not in HIDDEN or base.activation not in ACTIVE:
        return None
    if base.multiple not in MULTIPLES or base.dropout not in RATES:
        return None
    for blocks, convolutions, stem, growth, padding in product(
        BLOCKS, CONVOLUTIONS, (False, True), ("block", "none", "convolution"), PADDINGS
    ):
        if not 0 <= len(convolved) - stem - blocks * convolutions * (1 + (base.kind == "depthwise")) <= 0:
            continue
        tried = replace(base, blocks=blocks, convolutions=convolutions, stem=stem, growth=growth, padding=padding)
        if tried.line().flat(True) == flat:
            return tried
    return None
