"""The product's question at the command line: its options, and the results and sentences that answer it."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core import settings
from core.data import datasets
from core.errors import invalid
from core.networks.families import FAMILIES
from core.recipe import PROTOCOLS

if TYPE_CHECKING:  # pandas takes a second, that other verbs need not wait
    from core.results.analysis import TurningPoint
    from core.results.collect import Results


@dataclass(frozen=True, slots=True, eq=False)
class Answered:
    """What answers the question.

    Attributes:
        found: the image set's results, those of other protocols left out.
        points: a turning point for each family, smallest first; empty if there is no run.
        target: the accuracy asked for, as a share.
        sentence: the answer across families.
        lines: a sentence for each family.
    """

    found: Results
    points: list[TurningPoint]
    target: float
    sentence: str
    lines: list[str]


def options(parser: ArgumentParser) -> None:
    """Add what the question can be asked with."""
    parser.add_argument("--data", metavar="NAME", help="image set; see the verb 'datasets'")
    parser.add_argument(
        "--target",
        metavar="SHARE",
        help="an accuracy such as 0.97: the smallest network of each family that reaches it",
    )
    parser.add_argument("--protocol", default="article", help=f"with --target, one of {', '.join(PROTOCOLS)}")
    parser.add_argument("--own", action="store_true", help="with --target, without the reference runs")


def protocol(text: str) -> str:
    """Return the protocol that is meant, also if it is spelt with a hyphen, or raise ``ArgumentError``."""
    name = text.replace("-", "_")
    if name not in PROTOCOLS:
        raise invalid("protocol", f"one of {', '.join(PROTOCOLS)}", text)
    return name


def ask(arguments: Namespace) -> Answered:
    """Answer the question that the options ask.

    Raises:
        ArgumentError: on a target, a protocol or an image set that cannot be.
        StoreError: if there are no results to read.
    """
    from core.results import analysis, collect, sentences
    from core.runs import reference
    from core.runs.store import Store

    target, chosen = analysis.target(arguments.target), protocol(arguments.protocol)
    loaded = settings.load()
    if arguments.data is not None:
        datasets.check_name(loaded, arguments.data)
    own = Store(loaded.store)
    shipped = None if arguments.own else reference.store()
    name = collect.default(loaded, own, shipped) if arguments.data is None else arguments.data
    found = collect.find(loaded, own, shipped, name).only(chosen)
    points = analysis.turning_points(found.runs, target)
    if not points:
        return Answered(found, [], target, f"No finished run on {datasets.title(name)} with this protocol.", [])
    tutorials = {key: x.tutorial_network(*found.images).parameters for key, x in FAMILIES.items()}
    lines = [sentences.turning_point(x, target, tutorials[x.family]).replace("**", "") for x in points]
    return Answered(found, points, target, sentences.answer(points, target, datasets.title(name), tutorials), lines)
