"""The verb ``find``: the smallest network of each family that reaches a target."""

from __future__ import annotations

import sys
from argparse import Namespace

from core import settings
from core.cli import arguments as options
from core.cli.data import at_hand
from core.cli.training import families
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.finder import telling
from core.finder.bisection import Verdict
from core.finder.question import Question, asked
from core.finder.search import Phase, Search
from core.finder.survey import runs_on
from core.recipe import Protocol
from core.runs import sweep
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verb ``find``."""
    words = "find the smallest network of each family that reaches a target; asked again, it goes on where it stopped"
    added = verbs.add("find", find, words)
    what = added.add_mutually_exclusive_group()
    what.add_argument("--families", metavar="A,B", help="all that come with Featherweight by default")
    what.add_argument("--layers", metavar="TEXT", help="a line of text in place of families")
    added.add_argument("--target", default="0.97", metavar="SHARE", help="the accuracy to reach, 0.97 by default")
    added.add_argument("--widths", metavar="1-32", help="that may be tried; by default up to the widest of each family")
    added.add_argument("--seeds", default="8", metavar="N", help="runs of a network at most, 8 by default")
    added.add_argument(
        "--tell-apart", default="0.001", metavar="SHARE", help="a difference that needs no more seeds, 0.001 by default"
    )
    added.add_argument("--runs", metavar="N", help="runs to train at most, no bound by default")
    added.add_argument("--minutes", metavar="N", help="minutes to take at most, no bound by default")
    added.add_argument("--all", action="store_true", help="the answer of each family, not only the smallest of all")
    added.add_argument("--own", action="store_true", help="without the reference runs")
    options.image_set(added)
    options.training(added)
    added.set_defaults(protocol=Protocol.HELD_OUT.value)


def find(arguments: Namespace) -> Output:
    """Search, and tell what was found.

    Raises:
        ArgumentError: if something asked for is out of bounds.
        TrainingError: if training cannot start.
        KeyboardInterrupt: if it was stopped.
    """
    from core.cli.terminal import search

    loaded = settings.load()
    dataset = at_hand(loaded, datasets.default(loaded) if arguments.data is None else arguments.data)
    store = Store(loaded.store, room=loaded.room)
    widths = sweep.numbers(arguments.widths, "widths") if arguments.widths is not None else None
    facts = dataset.facts
    question = Question(
        tuple(
            asked(x, options.recipe(arguments, x.recipe), facts.input_shape, facts.classes, widths)
            for x in families(arguments)
        ),
        target=arguments.target,
        seeds=arguments.seeds,
        tell_apart=arguments.tell_apart,
        only_smallest=not arguments.all,
        runs=arguments.runs,
        minutes=arguments.minutes,
    )
    standing = search(loaded, store, lambda trainer: Search(question, dataset, store, trainer, arguments.own))
    runs = runs_on(store, dataset, arguments.own)
    if standing.phase is Phase.STOPPED and standing.problem is None:
        raise KeyboardInterrupt
    failed = standing.phase is not Phase.ENDED or any(x.verdict is Verdict.FAILED for x in standing.findings)
    if standing.problem:
        print(standing.problem, file=sys.stderr)
    lines = [telling.answer(x, question.target) for x in standing.findings]
    lines += [telling.tested(x, runs) for x in standing.findings] + [telling.uneven(x) for x in standing.findings]
    text = "\n".join(
        [telling.smallest(standing), telling.decides(question), *filter(None, lines), telling.cost(standing)]
    )
    return Output(telling.facts(standing, runs), text, 1 if failed else 0)
