"""A Keras model as a chain: its layers in order, residual blocks, models within models written out.

Graphs are read in both forms: Keras 3's, with ``keras_history``, and Keras 2's, with nested lists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from core.networks.keras_models.config import ADD, INPUT, LAYERS, MAX_USES, MODELS, Found, layers, said, short, whole
from core.networks.notation import MAX_LAYERS

Reference = tuple[str, int]  # what leaves a layer: its name, and which of its uses


@dataclass(frozen=True, slots=True)
class Block:
    """A residual block: what enters is added to what leaves its body.

    Attributes:
        body: layers and blocks.
        end: the addition.
    """

    body: tuple[Link, ...]
    end: Found


Link = Found | Block


@dataclass(frozen=True, slots=True)
class _Use:
    """One call of a layer in a graph, and what enters it."""

    found: Found
    entering: tuple[Reference, ...]


def chain(config: object) -> tuple[Link, ...]:
    """Return a model's layers in order, without its inputs.

    Args:
        config: what its JSON says.

    Raises:
        ArgumentError: naming the first thing that is no chain with residual blocks, or no layer that a line has.
    """
    return tuple(_Writer().inside(whole(config)))


class _Writer:
    """Writes out a model and those in it, each layer as often as it is used."""

    def __init__(self) -> None:
        self._left = MAX_USES

    def inside(self, model: Found) -> list[Link]:
        """Return what is in a model."""
        found = layers(model)
        if model.kind != "Sequential":
            return self._graph(model, found)
        links: list[Link] = []
        for layer in found[1:] if found[0].kind == INPUT else found:
            links += self._used(layer)
        return links

    def _used(self, found: Found) -> list[Link]:
        """Return a layer, or what is in it if it is a model."""
        self._left -= 1
        if self._left < 0:
            raise found.refused(f"at most {MAX_LAYERS} layers", "more before it")
        if found.kind in MODELS:
            return self.inside(found)
        if found.kind == ADD:
            raise found.refused("an addition within a functional model only", "one in a Sequential")
        _check_kind(found)
        return [found]

    def _graph(self, model: Found, listed: list[Found]) -> list[Link]:
        """Return what is in a functional model: a block from where what is added leaves the way to its addition."""
        uses, path, added = _read(model, listed)
        places = {x: place for place, x in enumerate(path)}
        ends = defaultdict(list)
        for addition in (x for x in path if x in added):
            ends[added[addition]].append(places[addition])
        opened: list[tuple[int, list[Link]]] = [(len(path), [])]
        for place, reference in enumerate(path):
            found = uses[reference].found
            if reference in added:
                end, body = opened.pop()
                if end != place:
                    raise found.refused("residual blocks within each other or one after the other", "two that overlap")
                opened[-1][1].append(Block(tuple(body), found))
            elif place:
                opened[-1][1].extend(self._used(found))
            opened += [(end, []) for end in sorted(ends[reference], reverse=True)]
        return opened[0][1]


def _read(
    model: Found, listed: list[Found]
) -> tuple[Mapping[Reference, _Use], tuple[Reference, ...], Mapping[Reference, Reference]]:
    """Return a graph's uses of layers, the way from its input to its output, and what each addition on it adds."""
    ends = []
    for name in ("input_layers", "output_layers"):
        references = list(_references(model.config.get(name), model))
        if len(references) != 1:
            raise model.refused(f"one entry in {name}, for one image or one prediction", f"{len(references)}")
        ends.append(references[0])
    entry, output = ends
    uses, renamed = _numbered(model, _uses(model, listed), output)
    output = renamed.get(output, output)
    if entry not in uses or uses[entry].found.kind != INPUT:
        raise model.refused("an InputLayer in input_layers", said(entry[0]))
    paths, added = _paths(uses, entry)
    if output not in paths:
        raise model.refused("layers that lead from its input to its output", f"none that lead to {said(output[0])}")
    return uses, paths[output], added


def _uses(model: Found, listed: list[Found]) -> dict[Reference, _Use]:
    """Return every call of a layer; inputs are called with nothing."""
    uses: dict[Reference, _Use] = {}
    for found in listed:
        if not found.name or (found.name, 0) in uses:
            raise found.refused("a name that no other layer of the model has", said(found.name))
        if not isinstance(found.nodes, list):
            raise found.refused("a list inbound_nodes, as in every functional model", said(found.nodes))
        for place, node in enumerate([[]] if found.kind == INPUT else found.nodes):
            uses[found.name, place] = _Use(replace(found, training=_training(node)), tuple(_references(node, found)))
        if len(uses) > MAX_USES:
            raise model.refused(f"at most {MAX_LAYERS} layers", "more")
    return uses


def _numbered(
    model: Found, uses: dict[Reference, _Use], output: Reference
) -> tuple[dict[Reference, _Use], dict[Reference, Reference]]:
    """Return uses with entering references that are all theirs, and what the others were called.

    Keras counts the uses of a model within a model from 0 or from 1, in ``output_layers`` not always as elsewhere.
    """
    called = defaultdict(set)
    for name, place in (output, *(x for use in uses.values() for x in use.entering)):
        called[name].add(place)
    renamed: dict[Reference, Reference] = {}
    for name, places in called.items():
        count = sum(x[0] == name for x in uses)
        if max(places) >= count and len(places) == count:
            renamed |= {(name, place): (name, rank) for rank, place in enumerate(sorted(places))}
        elif max(places) >= count:
            raise model.refused("a graph of its own layers", f"a use of {said(name)} that is not there")
    return {
        reference: replace(use, entering=tuple(renamed.get(x, x) for x in use.entering))
        for reference, use in uses.items()
    }, renamed


def _paths(
    uses: Mapping[Reference, _Use], entry: Reference
) -> tuple[dict[Reference, tuple[Reference, ...]], dict[Reference, Reference]]:
    """Return the way from the input to each use that is reached, and for each addition what it adds."""
    paths: dict[Reference, tuple[Reference, ...]] = {entry: (entry,)}
    added: dict[Reference, Reference] = {}
    waiting = [x for x, use in uses.items() if use.found.kind != INPUT]
    while ready := [x for x in waiting if all(y in paths for y in uses[x].entering)]:
        for reference in ready:
            before = _before(uses[reference], paths, uses)
            if uses[reference].found.kind == ADD:
                added[reference] = next(x for x in uses[reference].entering if x != before)
            paths[reference] = (*paths[before], reference)
        waiting = [x for x in waiting if x not in paths]
    return paths, added


def _before(use: _Use, paths: Mapping[Reference, tuple[Reference, ...]], uses: Mapping[Reference, _Use]) -> Reference:
    """Return which of the things that enter a layer comes last on the way to it."""
    found, entering = use.found, use.entering
    if found.kind not in MODELS:
        _check_kind(found)
    wanted = 2 if found.kind == ADD else 1
    if len(entering) != wanted or len(set(entering)) != wanted:
        several = "two different tensors" if wanted == 2 else "one tensor"
        raise found.refused(f"{several} to enter it", "one twice" if len(set(entering)) == 1 else f"{len(entering)}")
    if wanted == 1:
        return entering[0]
    first, last = sorted(entering, key=lambda x: len(paths[x]))
    if first in paths[last]:
        return last
    side = uses[next(x for x in paths[first] if x not in paths[last])].found
    raise found.refused(
        "an identity shortcut: what entered the block is added to what leaves it, unchanged",
        f"a side branch with {said(side.name)} ({short(side.kind)})",
    )


def _check_kind(found: Found) -> None:
    """Raise ``ArgumentError`` for a layer that a line cannot say."""
    if found.kind not in LAYERS:
        raise found.refused(f"one of {', '.join(LAYERS)}", short(found.kind))


def _references(value: object, found: Found) -> Iterator[Reference]:
    """Yield what a layer is called with, in either form of the file."""
    if isinstance(value, dict):
        if value.get("class_name") != "__keras_tensor__":
            for inner in value.values():
                yield from _references(inner, found)
            return
        config = value.get("config")
        history = config.get("keras_history") if isinstance(config, dict) else None
        yield _reference(history, found)
    elif isinstance(value, list):
        if len(value) in (3, 4) and isinstance(value[0], str):
            yield _reference(value[:3], found)
            value = value[3:]
        for inner in value:
            yield from _references(inner, found)


def _reference(value: object, found: Found) -> Reference:
    match value:
        case [str() as name, int() as place, int() as output] if place >= 0 and output == 0:
            return name, int(place)
    raise found.refused("what enters it as a layer's name, the number of its use and 0, its only output", said(value))


def _training(node: object) -> object:
    """Return what a call says for ``training``, in either form of the file."""
    if isinstance(node, dict):
        given = [node.get("kwargs")]
    else:
        given = [x[3] for x in node if isinstance(x, list) and len(x) == 4] if isinstance(node, list) else []
    return next((x["training"] for x in given if isinstance(x, dict) and x.get("training") is not None), None)
