"""What a verb is: words to type, a function, and what the function has to say."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Output:
    """What a verb has to say.

    Attributes:
        document: what ``--json`` prints.
        text: the same for people.
        code: the exit code.
    """

    document: Any
    text: str
    code: int = 0


class Verbs:
    """The verbs of a parser.

    Args:
        parser: which gets them; each is parsed by another of its kind.
    """

    def __init__(self, parser: ArgumentParser) -> None:
        self._verbs = parser.add_subparsers(dest="name", required=True, metavar="VERB", parser_class=type(parser))

    def add(
        self, name: str, function: Callable[[Namespace], Output], words: str, *, json: bool = True
    ) -> ArgumentParser:
        """Add a verb and return its parser, which is to get its options.

        Args:
            name: what is typed.
            function: what it does.
            words: what it does, for people.
            json: whether it can answer with a document.
        """
        added = self._verbs.add_parser(name, help=words, description=words)
        added.set_defaults(verb=function)
        if json:
            added.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return added
