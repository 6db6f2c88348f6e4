"""From the words that were typed to what is printed and the exit code."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from core.cli import data, export, find, networks, reference, results, store, training, tune
from core.cli.arguments import with_line
from core.cli.verb import Output, Verbs
from core.errors import FeatherweightError, RefusedError, StoreError, TrainingError, UnconvertedError, cut

MESSAGE = 500  # characters of a message that are shown


class _Parser(argparse.ArgumentParser):
    """A parser that explains a bad argument in one sentence."""

    def error(self, message: str) -> NoReturn:
        line = cut(" ".join(message.split()), MESSAGE)  # it holds what was typed
        self.exit(2, f"{line[0].upper()}{line[1:]}. Try '{self.prog} --help'.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 1 if training failed, 2 for a bad argument, 130 when interrupted."""
    arguments = parser().parse_args(with_line(sys.argv[1:] if argv is None else argv))
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    code = 0
    try:
        output: Output = arguments.verb(arguments)
        code = output.code
        document = json.dumps(output.document, indent=2, ensure_ascii=False) if arguments.json else None
        print(output.text if document is None else document, flush=True)
    except RefusedError as e:
        print(f"{e} To do that: 'python -m core store --set-aside'.", file=sys.stderr)
        return 1
    except UnconvertedError as e:
        print(f"{e} {data.conversion(e.path)}", file=sys.stderr)
        return 2
    except FeatherweightError as e:
        print(e, file=sys.stderr)
        return 1 if isinstance(e, TrainingError | StoreError) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def parser() -> argparse.ArgumentParser:
    """Return the parser of all verbs."""
    made = _Parser(prog="python -m core", description="Count, train and compare small neural networks.")
    made.set_defaults(json=False)
    verbs = Verbs(made)
    for group in (networks, data, training, find, tune, results, reference, store, export):
        group.add(verbs)
    return made
