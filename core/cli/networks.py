"""The verbs about a network, which needs no training to be counted."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict

from core import settings
from core.cli import arguments as options
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE, family
from core.networks.network import Network
from core.results.sentences import percent


def add(verbs: Verbs) -> None:
    """Add the verbs ``families``, ``count``, ``summary`` and ``code``."""
    verbs.add("families", families, "list the families of networks")
    for name, function, words in (
        ("count", count, "count the weights of a network"),
        ("summary", summary, "list a network's layers with shapes and weights"),
        ("code", code, "print the Keras code of a network"),
    ):
        added = verbs.add(name, function, words)
        options.network(added)
        options.dropout(added)


def families(arguments: Namespace) -> Output:
    """List the families of networks."""
    rows = [
        {
            "key": x.key,
            "title": x.title,
            "description": x.description,
            "formula": str(x.polynomial()),
            "widths": list(x.widths),
            "recipe": str(x.recipe),
        }
        for x in FAMILIES.values()
    ]
    return Output(rows, "\n".join(f"{x['key']:<11} {x['formula']:<20} {x['description']}" for x in rows))


def count(arguments: Namespace) -> Output:
    """Count the weights of a network."""
    network = _network(arguments)
    chosen = family(arguments.family)
    formula = chosen.polynomial(network.input_shape, network.output_shape[0]).at(chosen.width(arguments.width))
    document = {
        "parameters": network.parameters,
        "formula": formula,
        "float32_bytes": network.float32_bytes,
        "multiply_adds": network.multiply_adds,
    }
    return Output(document, formula)


def summary(arguments: Namespace) -> Output:
    """List the layers of a network."""
    from core.results import tables

    network = _network(arguments)
    counts = dict.fromkeys(("Weights", "Multiply-adds"), "{:,}".format)
    shares = dict.fromkeys(("Share of weights", "Share of multiply-adds"), lambda x: percent(x, 1))
    shown = tables.layers(network).to_string(index=False, formatters=counts | shares)
    rows = [asdict(x) for x in network.summary()]
    return Output(rows, f"{shown}\nTotal: {network.parameters:,} weights")


def code(arguments: Namespace) -> Output:
    """Print the Keras code of a network."""
    source = _network(arguments).source()
    return Output({"source": source}, source.rstrip("\n"))


def _network(arguments: Namespace) -> Network:
    chosen = family(arguments.family)
    chosen.width(arguments.width)
    shape, classes = MNIST_SHAPE, MNIST_CLASSES
    if arguments.data is not None:
        facts = datasets.find(settings.load(), arguments.data).facts
        shape, classes = facts.input_shape, facts.classes
    return chosen.build(arguments.width, shape, classes, arguments.dropout)
