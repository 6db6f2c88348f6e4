"""Read the architecture of somebody's own Keras model, as a line of text that can be made thinner.

Only the JSON that describes the model is read: nothing in the file is run, and weights are left alone.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from errno import ENOENT
from pathlib import Path
from typing import IO

from core.errors import ArgumentError
from core.networks.keras_models import chain as chains
from core.networks.keras_models import thinning
from core.networks.keras_models import tokens as written_tokens
from core.networks.keras_models.chain import Block, Link
from core.networks.keras_models.config import Found, batch_shape, said
from core.networks.layer import ACTIVATIONS, Shape
from core.networks.line import Line
from core.networks.network import Network
from core.networks.notation import Group, Item, Token, Width, takes, tokens, written

MAX_BYTES = 4_000_000  # of a model's JSON
MAX_INPUT = 4_096  # an image's side, and its channels
MEMBER = "config.json"  # of a .keras file
SAVE = "save the model as model.keras, or write what model.to_json() returns to model.json"


@dataclass(frozen=True, slots=True)
class Imported:
    """A Keras model as a line.

    Attributes:
        line: its layers; what grows with n is everything but the last layer and what is added to the image.
        input_shape: height, width and channels of its images.
        classes: how many it tells apart.
        width: the n at which it is the original.
        notes: a sentence for each thing that is trained otherwise here.
    """

    line: Line
    input_shape: Shape
    classes: int
    width: int
    notes: tuple[str, ...]


def read(path: Path) -> Imported:
    """Read a ``.keras`` file, or the ``.json`` that ``model.to_json()`` writes, of Keras 3 or 2.

    Raises:
        ArgumentError: one sentence on the first thing that cannot be read or said as a line.
    """
    suffix = path.suffix.lower()
    if suffix not in (".keras", ".json"):
        what = "one of Keras's older HDF5 files" if suffix in (".h5", ".hdf5") else f"{said(path.name)}"
        raise ArgumentError(f"Expected a Keras model as a .keras or .json file: {SAVE}. Received: {what}.")
    try:
        text = _member(path) if suffix == ".keras" else _bytes(path)
    except OSError as e:
        reason = (e.strerror or "it cannot be read").lower()
        raise ArgumentError(f"Expected a Keras model in the file {said(path.name)}. Received: {reason}.") from None
    try:
        config = json.loads(text)
    except RecursionError:
        raise _deep() from None
    except ValueError as e:  # no JSON, not UTF-8, or a number of thousands of digits
        reason = str(e) if isinstance(e, json.JSONDecodeError) else "it is not text or has a number too large"
        raise ArgumentError(
            f"Expected JSON in {said(path.name)}, as Keras writes it: {SAVE}. Received other text: {reason}."
        ) from None
    return from_config(config)


def from_config(config: object) -> Imported:
    """Read what the JSON of a model says.

    Raises:
        ArgumentError: one sentence on the first thing that cannot be said as a line.
    """
    try:
        return _imported(config)
    except RecursionError:
        raise _deep() from None


def _deep() -> ArgumentError:
    return ArgumentError("Expected a model that Keras wrote. Received one with too many objects within each other.")


def _bytes(path: Path) -> bytes:
    _check_file(path)
    with path.open("rb") as file:
        return _limited(file, path)


def _member(path: Path) -> bytes:
    """Return the JSON in a ``.keras`` file."""
    _check_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            found = archive.getinfo(MEMBER)
            # others unpack much at once, whatever is asked of them, and Keras does not write them
            if found.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile
            with archive.open(found) as file:
                return _limited(file, path, found.file_size)
    except KeyError:
        expected, came = f"{MEMBER} in {said(path.name)}, as in every .keras file", "a zip file without it"
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError):
        expected, came = f"a .keras file, which is a zip file, in {said(path.name)}", "no zip file, or a damaged one"
    raise ArgumentError(f"Expected {expected}: {SAVE}. Received: {came}.")


def _check_file(path: Path) -> None:
    """Raise ``OSError`` for what is no file: a pipe would be waited for."""
    if not path.is_file():
        raise FileNotFoundError(ENOENT, "no such file")


def _limited(file: IO[bytes], path: Path, size: int = 0) -> bytes:
    """Return what is in a file that says its size, which it may get wrong."""
    text = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    if max(size, len(text)) > MAX_BYTES:
        raise ArgumentError(
            f"Expected at most {MAX_BYTES:,} bytes of JSON in {said(path.name)}, without weights. Received: more."
        )
    return text


def _imported(config: object) -> Imported:
    shape, without_channels = _input_shape(batch_shape(config))
    chain = chains.chain(config)
    notes = written_tokens.Notes()
    items = _ended(_told_apart(_Written(chain, notes).items(chain)), chain, notes)
    first = next(tokens(items))
    if without_channels and first.name != "flatten":
        raise ArgumentError(
            f"Expected images of height, width and channels, such as Input(shape=({shape[0]}, {shape[1]}, 1)), or "
            f"Flatten as the first layer. Received: images without channels, and first {first}."
        )
    try:
        network = Network(shape, Line(items).layers(1, 0, True))
    except ArgumentError as e:
        raise ArgumentError(f"This model cannot be built as a line: {e}") from None
    output = network.output_shape
    if len(output) != 1 or output[0] < 2:
        raise ArgumentError(
            f"Expected a model whose last layer gives one number for each of at least two classes. Received: one that "
            f"gives the shape {output}."
        )
    growing, width = thinning.growing(items, network)
    try:
        line = Line.of(written(growing))
    except ArgumentError as e:
        raise ArgumentError(f"This model does not fit a line of text: {e}") from None
    try:
        for n in sorted({1, 2, (width + 1) // 2, width}):
            Network(shape, line.layers(n, output[0], True))
    except ArgumentError as e:
        raise ArgumentError(f"This model cannot be made thinner: {e}") from None
    return Imported(line, shape, output[0], width, notes.sentences())


def _input_shape(found: object) -> tuple[Shape, bool]:
    """Return height, width and channels, and whether the file has images without channels."""
    sides = found[1:] if isinstance(found, list | tuple) else []
    if len(sides) not in (2, 3) or not all(type(x) is int and 1 <= x <= MAX_INPUT for x in sides):
        raise ArgumentError(
            "Expected a model that says the height, width and channels of its images, such as "
            f"keras.Input(shape=(28, 28, 1)) before the first layer, each from 1 to {MAX_INPUT:,}. Received: "
            f"{said(found) if found is None else f'the shape {said(found)}'}."
        )
    return (*sides, *([1] if len(sides) == 2 else [])), len(sides) == 2


def _unrolled(chain: Iterable[Link]) -> Iterator[Found]:
    """Yield every use of a layer."""
    for link in chain:
        if isinstance(link, Block):
            yield from _unrolled(link.body)
        else:
            yield link


class _Written:
    """Writes a chain as items of a line, with widths as they are."""

    def __init__(self, chain: tuple[Link, ...], notes: written_tokens.Notes) -> None:
        self._notes = notes
        self._image = True
        self._begun = False
        self._softmax: Found | None = None
        self._uses = Counter(x.key for x in _unrolled(chain))
        self._ties: dict[tuple[object, ...], str] = {}

    def items(self, chain: Iterable[Link]) -> tuple[Item, ...]:
        """Return links as items; an activation right after a linear layer that has weights is written as its own."""
        found: list[Item] = []
        for link in chain:
            if isinstance(link, Block):
                found.append(self._block(link))
                continue
            token = self._token(link)
            before = found[-1] if found else None
            if token is None:
                continue
            if isinstance(before, Token) and _merges(before, token):
                found[-1] = replace(before, activation=token.name)
            else:
                found.append(token)
        return tuple(found)

    def _block(self, block: Block) -> Group:
        body = self.items(block.body)
        if self._softmax:
            raise self._softmax.refused("softmax in the last layer only", "it before an addition")
        if all(x.name == "dropout" for x in tokens(body)):
            raise block.end.refused("layers between what it adds and what it adds that to", "none with a use")
        return Group("residual", 1, body)

    def _token(self, found: Found) -> Token | None:
        if found.kind == "Rescaling" and self._begun:
            raise found.refused("it before every other layer", "it after others")
        token = written_tokens.token(found, self._image, self._notes)
        if token is None:
            return None
        if self._softmax:
            raise self._softmax.refused("softmax in the last layer only", f"it before {said(found.name)}")
        self._begun = True
        self._image = self._image and token.name not in ("flatten", "globalavg", "globalmax")
        if "softmax" in (token.name, token.activation):
            self._softmax = found
        if self._uses[found.key] == 1 or "tie" not in takes(token.name):
            return token
        place = len(self._ties)
        name = chr(97 + place % 26) + (str(place // 26) if place > 25 else "")
        return replace(token, tie=self._ties.setdefault(found.key, name))


def _merges(before: Token, token: Token) -> bool:
    """Return whether a layer of weights takes the activation after it as its own."""
    if token.name not in ACTIVATIONS or "activation" not in takes(before.name):
        return False
    return before.activation == "linear" and (token.name != "softmax" or before.name == "dense")


def _told_apart(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return items in which what is one layer of the model is everywhere the same.

    A layer that is used several times has taken in the activation behind it; where not all its uses have the same one
    behind them, they stand on their own again.
    """
    uses: dict[str, set[str]] = {}
    for token in tokens(items):
        uses.setdefault(token.tie, set()).add(token.activation)
    differing = {tie for tie, found in uses.items() if tie and len(found) > 1}

    def apart(items: tuple[Item, ...]) -> Iterator[Item]:
        for x in items:
            if isinstance(x, Group):
                yield replace(x, body=tuple(apart(x.body)))
            elif x.tie in differing and x.activation != "linear":
                yield from (replace(x, activation="linear"), Token(x.activation))
            else:
                yield x

    return tuple(apart(items))


def _ended(items: tuple[Item, ...], chain: tuple[Link, ...], notes: written_tokens.Notes) -> tuple[Item, ...]:
    """Return items whose last is a softmax: logits get one, anything else is refused."""
    last = items[-1] if items else None
    ends = list(_unrolled(chain))
    if last is None:
        raise ArgumentError("Expected a model with layers. Received: one without any that has a use.")
    if isinstance(last, Token) and "softmax" in (last.name, last.activation):
        return items
    if isinstance(last, Token) and last.name == "dense" and last.activation == "linear":
        notes.add("The last layer gives logits in the file, and here what softmax makes of them", ends[-1])
        return (*items[:-1], replace(last, activation="softmax"))
    came = str(last) if isinstance(last, Token) else "an addition"
    binary = isinstance(last, Token) and (last.width, last.activation) == (Width(plus=1), "sigmoid")
    raise ends[-1].refused(
        "a softmax over the classes in the last layer, as Dense(10, activation='softmax')",
        f"{came}{'; for two classes write Dense(2) and softmax' if binary else ''}",
    )
