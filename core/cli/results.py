"""The verb ``results``: all runs, or the answer to how few weights reach a target."""

from __future__ import annotations

from argparse import Namespace

from core import settings
from core.cli import arguments as options
from core.cli import runs
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.recipe import protocol
from core.results import analysis, sentences
from core.runs import left
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verb ``results``."""
    options.question(verbs.add("results", results, "list the runs, or answer how few weights reach a target"))


def results(arguments: Namespace) -> Output:
    """List the runs, or with a target, answer the question."""
    if arguments.target is not None:
        share, chosen = analysis.target(arguments.target), protocol(arguments.protocol)
        found, answer = options.ask(arguments.data, share, chosen, arguments.own)
        lines = [x.replace("**", "") for x in answer.lines]  # a terminal has no bold of Markdown's
        if answer.turning and found.outdated:
            lines.append(sentences.outdated(len(found.outdated), datasets.title(found.name), others=True))
        return Output([x.facts() for x in answer.turning], "\n".join([answer.sentence, *lines]))
    loaded = settings.load()
    if arguments.data is not None:
        datasets.check_name(loaded, arguments.data)
    listed = left.runs(Store(loaded.store), arguments.data)
    return Output([x.facts() for x in listed], runs.table(listed))
