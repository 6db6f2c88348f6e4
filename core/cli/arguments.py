"""What several verbs can be asked with, and what is made of it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence

from core import settings
from core.data import datasets
from core.errors import ArgumentError
from core.networks.families import FAMILIES, Families, Family, of_line
from core.recipe import (
    INITIALIZATIONS,
    OPTIMIZERS,
    PRECISIONS,
    PROTOCOLS,
    SCHEDULES,
    WEIGHT_DECAY,
    Protocol,
    Recipe,
    protocol,
)
from core.results.answer import Answer, answer
from core.results.collect import Results, default, results
from core.runs import reference
from core.runs.own_recipe import changed
from core.runs.store import Store

A_LINE = "a line"  # stands where a family would, of a verb that is given --layers
# Options of a recipe that are left to the family unless given, each with the field that it is.
RECIPE = {
    "epochs": "epochs", "batch": "batch_size", "optimizer": "optimizer", "learning-rate": "learning_rate",
    "schedule": "schedule", "warmup": "warmup", "beta2": "beta2", "weight-decay": "weight_decay", "clip": "clip",
    "label-smoothing": "label_smoothing", "shift": "shift", "initialization": "initialization",
}  # fmt: skip


def image_set(parser: ArgumentParser) -> None:
    """Let a verb be asked about an image set."""
    parser.add_argument("--data", metavar="NAME", help="image set; see the verb 'datasets'")


def network(parser: ArgumentParser) -> None:
    """Let a verb be asked about a network, for the images of a set."""
    parser.add_argument("family", metavar="FAMILY", help=f"one of {', '.join(FAMILIES)}, or a family of your own")
    parser.add_argument("width", metavar="WIDTH", help="the width n, a whole number from 1")
    layers(parser, "in place of FAMILY, a line of text such as 'conv3(n) maxpool2 flatten'")
    image_set(parser)


def layers(parser: ArgumentParser, words: str) -> None:
    """Let a verb be given a line of text."""
    parser.add_argument("--layers", metavar="TEXT", help=words)


def dropout(parser: ArgumentParser) -> None:
    """Let a network be asked for with dropout."""
    parser.add_argument("--dropout", action="store_true", help="with the tutorial's Dropout layers")


def training(parser: ArgumentParser) -> None:
    """Let a verb be told how to train, for :func:`recipe`."""
    dropout(parser)
    told = {
        "epochs": "the family's by default",
        "batch": "images per update; the family's by default, of the article's 128",
        "optimizer": f"one of {', '.join(OPTIMIZERS)}; the family's by default",
        "learning-rate": "the highest of the run; the family's by default, of another optimiser that one's",
        "schedule": f"one of {', '.join(SCHEDULES)}: how the learning rate goes on; step: a tenth after half of the "
        "updates, a hundredth after three quarters",
        "warmup": "with cosine: share of the updates over which the rate first grows from 0, 0 to 0.5",
        "beta2": "with adam and adamw: how slowly the mean of squared gradients moves",
        "weight-decay": f"with adamw: share of a weight that is taken away per unit of the rate; {WEIGHT_DECAY:g} by "
        "default",
        "clip": "norm of all gradients together that longer ones are shortened to; 0 leaves them",
        "label-smoothing": "share of every label that is spread over the classes, 0 to 0.5",
        "shift": "pixels by which training images are moved at most, anew in each epoch, 0 to 2",
        "initialization": f"one of {', '.join(INITIALIZATIONS)}: what kernels begin as",
    }
    for name, words in told.items():
        parser.add_argument(f"--{name}", dest=RECIPE[name], help=words)
    parser.add_argument("--precision", default="float32", help=f"one of {', '.join(PRECISIONS)}")
    parser.add_argument(
        "--protocol",
        default=Protocol.ARTICLE.value,
        help=f"one of {', '.join(PROTOCOLS)}; held_out measures a sixth of the training images after every epoch "
        "instead of the test images, and those once, at the end",
    )


def question(parser: ArgumentParser) -> None:
    """Let a verb be asked how few weights reach a target, for :func:`ask`."""
    image_set(parser)
    parser.add_argument(
        "--target",
        metavar="SHARE",
        help="an accuracy such as 0.97: the smallest network of each family that reaches it",
    )
    parser.add_argument(
        "--protocol", default=Protocol.ARTICLE.value, help=f"with --target, one of {', '.join(PROTOCOLS)}"
    )
    parser.add_argument("--own", action="store_true", help="with --target, without the reference runs")


def known() -> Families:
    """Return the families that come with Featherweight and those in the store.

    Raises:
        StoreError: if the store cannot be read.
    """
    return Store(settings.load().store).families.all()


def chosen(arguments: Namespace) -> tuple[Family, int]:
    """Return the family, or the line, that a verb was asked about, and the width.

    Raises:
        ArgumentError: if there is no such family or width.
    """
    if (arguments.layers is None) == (arguments.family == A_LINE):
        raise ArgumentError("Name a family or give a line with --layers, not both.")
    found = named(arguments.family) if arguments.layers is None else of_line(arguments.layers)
    return found, found.width(arguments.width)


def with_line(words: Sequence[str]) -> list[str]:
    """Return typed words with what stands for a family where a verb about a network is given ``--layers`` instead."""
    given = any(x == "--layers" or x.startswith("--layers=") for x in words)
    takes = words and words[0] in ("count", "summary", "code", "train", "tune")
    return [words[0], A_LINE, *words[1:]] if given and takes else list(words)


def named(key: str) -> Family:
    """Return the family of a name, one that comes with Featherweight or one's own.

    Raises:
        ArgumentError: if there is none.
        StoreError: if the store has to be read and cannot be.
    """
    return FAMILIES[key] if key in FAMILIES else known().get(key)


def recipe(arguments: Namespace, start: Recipe) -> Recipe:
    """Return how to train: a family's own recipe, but for what was asked for.

    Raises:
        ArgumentError: on a value out of bounds, or one that does not go with the optimiser or the schedule.
    """
    asked = {name: getattr(arguments, name) for name in RECIPE.values() if getattr(arguments, name) is not None}
    return changed(
        start,
        **asked,
        dropout=arguments.dropout or start.dropout,
        precision=arguments.precision,
        protocol=protocol(arguments.protocol),
    )


def ask(data: str | None, target: float, protocol: Protocol, own: bool) -> tuple[Results, Answer]:
    """Answer the question from what has been trained, with the results that it is answered from.

    Args:
        data: the image set's name; None is the one with the best-founded results of the protocol.
        target: the accuracy to reach, as a share.
        protocol: of the runs that count.
        own: whether only the user's own runs count.

    Raises:
        ArgumentError: if there is no such image set.
        DatasetError: if it cannot be read.
        StoreError: if there are no results to read.
    """
    loaded = settings.load()
    if data is not None:
        datasets.check_name(loaded, data)
    mine = Store(loaded.store)
    shipped = None if own else reference.store()
    name = default(loaded, mine, shipped, protocol=protocol) if data is None else data
    found = results(loaded, mine, shipped, name).only(protocol)
    return found, answer(found, target)
