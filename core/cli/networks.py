"""The verbs about networks, which need no training to be counted, and about the families that there are."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core import settings
from core.cli import arguments as options
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.errors import ArgumentError
from core.networks import families as own
from core.networks.families import MNIST_CLASSES, MNIST_SHAPE, Family
from core.networks.layers import Shape
from core.networks.line import Line
from core.networks.network import Network
from core.results.sentences import percent
from core.runs import sweep
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verbs ``families``, ``count``, ``summary`` and ``code``."""
    added = verbs.add("families", families, "list the families of networks; add, rename or remove one of your own")
    what = added.add_mutually_exclusive_group()
    what.add_argument("--add", metavar="NAME", help="with --layers or --from: keep a family of your own")
    what.add_argument("--rename", nargs=2, metavar=("NAME", "NEW"), help="its runs go with it")
    what.add_argument("--remove", metavar="NAME", help="its runs stay, under their layers")
    options.layers(added, "with --add, the line of text: 'conv3(n) maxpool2 flatten'")
    added.add_argument("--from", dest="source", metavar="FILE", help="with --add, a Keras model: .keras or .json")
    added.add_argument("--title", help="with --add or --rename, the name for people")
    added.add_argument("--widths", metavar="1,2,8-16", help="with --add, those that a sweep takes")
    options.training(added)
    for name, function, words in (
        ("count", count, "count the weights of a network"),
        ("summary", summary, "list a network's layers with shapes and weights"),
        ("code", code, "print the Keras code of a network"),
    ):
        added = verbs.add(name, function, words)
        options.network(added)
        options.dropout(added)


def families(arguments: Namespace) -> Output:
    """List the families of networks, or change those of one's own."""
    if arguments.add is not None:
        return _add(arguments)
    for option, name in {"layers": "layers", "from": "source", "widths": "widths", **options.RECIPE}.items():
        if getattr(arguments, name) is not None:
            raise ArgumentError(f"--{option} goes with --add NAME.")
    if arguments.title is not None and arguments.rename is None:
        raise ArgumentError("--title goes with --add NAME or --rename NAME NEW.")
    store = Store(settings.load().store)
    if arguments.rename is not None:
        name, new = arguments.rename
        before = next((x.title for x in store.families.all().own if x.key == name), "")
        store.families.rename(name, new, arguments.title or before or own.title_of(new))
        return Output({"name": new}, f"Renamed {name} to {new}.")
    if arguments.remove is not None:
        store.families.remove(arguments.remove)
        return Output({"name": arguments.remove}, f"Removed {arguments.remove}; its runs stay, under their layers.")
    rows = [_row(x) for x in store.families.all()]
    longest = max(len(x["key"]) for x in rows)
    return Output(rows, "\n".join(f"{x['key']:<{longest}} {x['formula']:<20} {x['description']}" for x in rows))


def _row(family: Family) -> dict[str, Any]:
    try:
        formula = str(family.polynomial())
    except ArgumentError:  # made for larger images than MNIST's
        formula = "not for 28×28"
    return {
        "key": family.key,
        "title": family.title,
        "description": family.description,
        "layers": family.text,
        "formula": formula,
        "widths": list(family.widths),
        "recipe": str(family.recipe),
        "own": not family.built_in,
    }


def _add(arguments: Namespace) -> Output:
    """Keep a family of one's own, from a line of text or from a Keras model."""
    name = own.name(arguments.add)
    if (arguments.layers is None) == (arguments.source is None):
        raise ArgumentError("Say what the family is: --add NAME with either --layers TEXT or --from FILE.")
    widths = tuple(sweep.numbers(arguments.widths, "widths")) if arguments.widths is not None else ()
    notes: tuple[str, ...] = ()
    shape, classes, width = MNIST_SHAPE, MNIST_CLASSES, 0
    if arguments.source is not None:
        from core.networks.keras_models.read import read

        found = read(Path(arguments.source))
        line, notes, shape, classes, width = found.line, found.notes, found.input_shape, found.classes, found.width
        widths = widths or tuple(sorted({max(1, round(width / 2**x)) for x in range(6)}))
    else:
        line = Line.of(arguments.layers)
    start = own.own(name, "", line)
    title = arguments.title or own.title_of(name)
    family = own.own(name, title, line, widths, options.recipe(arguments, start.recipe))
    count = _counted(family, width or family.start, shape, classes)
    document = _row(family) | {"notes": list(notes), "width": width or family.start}
    Store(settings.load().store).families.add(family)
    return Output(document, "\n".join([f"Added {name}: {family.layers}", count, *notes]))


def _counted(family: Family, width: int, shape: Shape, classes: int) -> str:
    """Return the count of a network, or why it cannot be had for such images: others may do."""
    try:
        formula = family.polynomial(shape, classes).at(width)
    except ArgumentError as e:
        return str(e)
    return f"On images of {'×'.join(map(str, shape))} in {classes} classes, n = {width}: {formula} weights."


def count(arguments: Namespace) -> Output:
    """Count the weights of a network."""
    chosen, width = options.chosen(arguments)
    network = _network(arguments, chosen, width)
    formula = chosen.polynomial(network.input_shape, network.output_shape[0]).at(width)
    document = {
        "parameters": network.parameters,
        "statistics": network.statistics,
        "formula": formula,
        "float32_bytes": network.float32_bytes,
        "multiply_adds": network.multiply_adds,
        "layers": chosen.identity(width, arguments.dropout or chosen.recipe.dropout),
    }
    return Output(document, formula + _kept(network))


def summary(arguments: Namespace) -> Output:
    """List the layers of a network."""
    from core.results import tables

    network = _network(arguments, *options.chosen(arguments))
    counts = dict.fromkeys(("Weights", "Multiply-adds"), "{:,}".format)
    shares = dict.fromkeys(("Share of weights", "Share of multiply-adds"), lambda x: percent(x, 1))
    shown = tables.layers(network).to_string(index=False, formatters=counts | shares)
    rows = [asdict(x) for x in network.summary()]
    return Output(rows, f"{shown}\nTotal: {network.parameters:,} weights{_kept(network)}")


def code(arguments: Namespace) -> Output:
    """Print the Keras code of a network."""
    source = _network(arguments, *options.chosen(arguments)).source()
    return Output({"source": source}, source.rstrip("\n"))


def _network(arguments: Namespace, chosen: Family, width: int) -> Network:
    shape, classes = MNIST_SHAPE, MNIST_CLASSES
    if arguments.data is not None:
        facts = datasets.find(settings.load(), arguments.data).facts
        shape, classes = facts.input_shape, facts.classes
    return chosen.build(width, shape, classes, arguments.dropout or chosen.recipe.dropout)


def _kept(network: Network) -> str:
    """Return what is kept beside the weights, if anything."""
    return f"\n{network.statistics:,} more numbers are kept, not trained" if network.statistics else ""
