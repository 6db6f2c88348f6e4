"""The command line: the verbs of the pages, for a machine without a browser."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

from core import settings
from core.cli import export, store
from core.data import datasets
from core.errors import FeatherweightError, RefusedError, StoreError, TrainingError
from core.networks.families import FAMILIES, MNIST_CLASSES, MNIST_SHAPE, family
from core.networks.layers import shape_text
from core.networks.network import Network
from core.recipe import OPTIMIZERS, PRECISIONS, PROTOCOLS, Recipe, seed_number
from core.results import answer
from core.settings import Settings

Arguments = argparse.Namespace
MESSAGE = 500  # characters of a message that are shown
# What a verb answers: a document for --json, and the same for people.
Answer = tuple[Any, str]


class _Parser(argparse.ArgumentParser):
    """A parser that explains a bad argument in one sentence."""

    def error(self, message: str) -> NoReturn:
        line = " ".join(message.split())  # it holds what was typed
        line = line if len(line) <= MESSAGE else f"{line[: MESSAGE - 1]}…"
        self.exit(2, f"{line[0].upper()}{line[1:]}. Try '{self.prog} --help'.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb and return the exit code: 0, 1 if training failed, 2 for a bad argument, 130 when interrupted."""
    arguments = _parser().parse_args(argv)
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may hold what the terminal cannot show
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        document, text = arguments.verb(arguments)
        print(json.dumps(document, indent=2, ensure_ascii=False) if arguments.json else text, flush=True)
    except RefusedError as e:
        print(f"{e} To do that: 'python -m core store --set-aside'.", file=sys.stderr)
        return 1
    except FeatherweightError as e:
        print(e, file=sys.stderr)
        return 1 if isinstance(e, TrainingError | StoreError) else 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return int(arguments.code)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="python -m core", description="Count, train and compare small neural networks.")
    parser.set_defaults(json=False, code=0)
    verbs = parser.add_subparsers(dest="name", required=True, metavar="VERB", parser_class=_Parser)

    def verb(name: str, function: Callable[[Arguments], Answer], words: str) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=words, description=words)
        added.set_defaults(verb=function)
        added.add_argument("--json", action="store_true", help="one JSON document on standard output")
        return added

    verb("families", _families, "list the families of networks")
    for name, function, words in (
        ("count", _count, "count the weights of a network"),
        ("summary", _summary, "list a network's layers with shapes and weights"),
        ("code", _code, "print the Keras code of a network"),
        ("train", _train, "train one network; a finished run is not trained again"),
    ):
        added = verb(name, function, words)
        added.add_argument("family", metavar="FAMILY", help=", ".join(FAMILIES))
        added.add_argument("width", metavar="WIDTH", help="the width n, a whole number from 1")
        added.add_argument("--data", metavar="NAME", help="image set; see the verb 'datasets'")
        if name == "train":
            added.add_argument("--seed", default="0", help="whole number, 0 by default")
        _recipe_options(added, dropout_only=name != "train")
    verb("datasets", _datasets, "list the image sets")
    added = verb("sweep", _sweep, "train families, widths and seeds; asked again, it goes on where it stopped")
    added.add_argument("--families", default=",".join(FAMILIES), metavar="A,B", help="all by default")
    added.add_argument("--widths", metavar="1,2,8-16", help="the article's by default")
    added.add_argument("--seeds", default="0", metavar="0-4", help="0 by default")
    added.add_argument("--data", metavar="NAME", help="image set; see the verb 'datasets'")
    _recipe_options(added)
    added = verb("results", _results, "list the runs, or answer how few weights reach a target")
    answer.options(added)
    store.options(verb("store", store.look, "read and check the file of all results"))
    added = verb("reference", _reference, "train the reference results, about 80 minutes on two cores, and write them")
    added.add_argument("--out", metavar="FILE", help="in place of the shipped ones by default")
    words = "write the runs, the chart, or all of one run to a file"
    added = verbs.add_parser("export", help=words, description=words)  # no --json: what it prints is the export
    added.set_defaults(verb=export.export)
    export.options(added)
    return parser


def _recipe_options(parser: argparse.ArgumentParser, dropout_only: bool = False) -> None:
    parser.add_argument("--dropout", action="store_true", help="with the tutorial's Dropout layers")
    if not dropout_only:
        parser.add_argument("--epochs", help="the article's by default")
        parser.add_argument("--batch", help="images per update, 128 by default")
        parser.add_argument("--optimizer", help=f"one of {', '.join(OPTIMIZERS)}; the article's by default")
        parser.add_argument("--learning-rate", dest="rate", help="the optimiser's by default")
        parser.add_argument("--precision", default="float32", help=f"one of {', '.join(PRECISIONS)}")
        parser.add_argument(
            "--protocol",
            default="article",
            help=f"one of {', '.join(PROTOCOLS)}; held_out measures a sixth of the training images after every epoch "
            "instead of the test images, and those once, at the end",
        )


def _recipe(arguments: Arguments, start: Recipe) -> Recipe:
    optimizer = arguments.optimizer or start.optimizer
    rate = start.learning_rate if optimizer == start.optimizer else OPTIMIZERS.get(optimizer, 0.001)
    return replace(
        start,
        optimizer=optimizer,
        learning_rate=arguments.rate if arguments.rate is not None else rate,
        epochs=arguments.epochs if arguments.epochs is not None else start.epochs,
        batch_size=arguments.batch if arguments.batch is not None else start.batch_size,
        dropout=arguments.dropout,
        precision=arguments.precision,
        protocol=answer.protocol(arguments.protocol),
    )


def _network(arguments: Arguments) -> Network:
    chosen = family(arguments.family)
    chosen.width(arguments.width)
    shape, classes = MNIST_SHAPE, MNIST_CLASSES
    if arguments.data:
        facts = datasets.find(settings.load(), arguments.data).facts
        shape, classes = facts.input_shape, facts.classes
    return chosen.build(arguments.width, shape, classes, arguments.dropout)


def _families(arguments: Arguments) -> Answer:
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
    return rows, "\n".join(f"{x['key']:<11} {x['formula']:<20} {x['description']}" for x in rows)


def _count(arguments: Arguments) -> Answer:
    network = _network(arguments)
    chosen = family(arguments.family)
    formula = chosen.polynomial(network.input_shape, network.output_shape[0]).at(chosen.width(arguments.width))
    return {
        "parameters": network.parameters,
        "formula": formula,
        "float32_bytes": network.float32_bytes,
        "multiply_adds": network.multiply_adds,
    }, formula


def _summary(arguments: Arguments) -> Answer:
    from core.results import tables

    network = _network(arguments)
    table = tables.layers(network)
    counts = dict.fromkeys(("Weights", "Multiply-adds"), "{:,}".format)
    shares = dict.fromkeys(("Share of weights", "Share of multiply-adds"), "{:.1%}".format)
    shown = table.to_string(index=False, formatters=counts | shares)
    rows = [asdict(x) for x in network.summary()]
    return rows, f"{shown}\nTotal: {network.parameters:,} weights"


def _code(arguments: Arguments) -> Answer:
    source = _network(arguments).source()
    return {"source": source}, source.rstrip("\n")


def _datasets(arguments: Arguments) -> Answer:
    loaded = settings.load()
    rows: list[dict[str, Any]] = []
    for name in datasets.names(loaded):
        row: dict[str, Any] = {"name": name, "title": datasets.title(name)}
        try:
            found = datasets.find(loaded, name)
            row |= {"path": str(found.path), **asdict(found.facts), "problem": None}
        except FeatherweightError as e:
            row |= {"problem": str(e)}
        rows.append(row)
    lines = [
        f"{x['name']:<14} {x['problem']}"
        if x["problem"]
        else f"{x['name']:<14} {shape_text(x['input_shape'])}, {x['classes']} classes, "
        f"{x['train']:,} to train, {x['test']:,} to test"
        for x in rows
    ]
    return rows, "\n".join(lines)


def _dataset(arguments: Arguments, loaded: Settings) -> datasets.Dataset:
    from core.cli.terminal import fetching

    name = arguments.data or datasets.default(loaded)
    if datasets.fetchable(loaded, name):
        with fetching(datasets.title(name)) as progress:
            return datasets.fetch(loaded, name, progress)
    return datasets.find(loaded, name)


def _train(arguments: Arguments) -> Answer:
    from core.cli.terminal import follow
    from core.runs import sweep
    from core.runs.store import Store

    recipe = _recipe(arguments, family(arguments.family).recipe)
    seed = seed_number(arguments.seed)
    family(arguments.family).width(arguments.width)
    loaded = settings.load()
    dataset = _dataset(arguments, loaded)
    store = Store(loaded.store, room=loaded.room)
    cells = sweep.cells(dataset, {arguments.family: [arguments.width]}, [seed], recipe)
    follow(loaded, store, cells)
    row = store.run(cells[0])
    if row is None or row["state"] != "done":
        raise TrainingError((row and row["message"]) or "The run was stopped before its end.")
    answer = {
        "parameters": row["parameters"],
        "test_accuracy": row["test_accuracy"],
        "held_out_accuracy": row["held_out_accuracy"],
        "seconds": row["seconds"],
        "device": row["device"],
        "dataset": dataset.name,
        "recipe": str(recipe),
        "seed": seed,
        "history": [asdict(x) for x in store.epochs(row["id"])],
    }
    held_out = f"held-out accuracy {row['held_out_accuracy']:.2%}, " if recipe.protocol == "held_out" else ""
    text = (
        f"{family(arguments.family).title}, n = {cells[0].width}: {row['parameters']:,} weights, "
        f"{held_out}test accuracy {row['test_accuracy']:.2%} on {dataset.title} "
        f"(seed {seed}, {row['seconds']:.1f} s, {row['device']})"
    )
    return answer, text


def _sweep(arguments: Arguments) -> Answer:
    from core.cli.terminal import follow
    from core.runs import sweep
    from core.runs.store import Store

    keys = [x.strip() for x in arguments.families.split(",")]
    given = sweep.parse_numbers(arguments.widths, "widths") if arguments.widths is not None else None
    seeds = sweep.parse_numbers(arguments.seeds, "seeds")
    widths = {key: given or family(key).widths for key in keys}
    recipes = {key: _recipe(arguments, family(key).recipe) for key in keys}
    for key in keys:
        for n in widths[key]:
            family(key).width(n)
    loaded = settings.load()
    dataset = _dataset(arguments, loaded)
    store = Store(loaded.store, room=loaded.room)
    cells = sweep.cells(dataset, widths, seeds, recipes)
    follow(loaded, store, cells)
    rows = [row for cell in cells if (row := store.run(cell))]
    missing = len(cells) - sum(row["state"] == "done" for row in rows)
    if missing:
        print(f"{missing} of {len(cells)} runs are not finished; ask again to go on.", file=sys.stderr)
        arguments.code = 1
    return rows, _table(rows)


def _results(arguments: Arguments) -> Answer:
    if arguments.target is not None:
        found = answer.ask(arguments)
        return [x.facts() for x in found.points], "\n".join([found.sentence, *found.lines])
    from core.runs.store import Store

    loaded = settings.load()
    if arguments.data:
        datasets.check_name(loaded, arguments.data)
    rows = Store(loaded.store).rows(arguments.data)
    return rows, _table(rows)


def _reference(arguments: Arguments) -> Answer:
    from core.cli.terminal import follow
    from core.runs import reference
    from core.runs.store import Store

    loaded = settings.load()
    path = Path(arguments.out) if arguments.out else reference.PATH
    export.check(path, force=True)
    arguments.data = reference.DATASET
    wanted = reference.cells(_dataset(arguments, loaded))
    store = Store(loaded.store)
    follow(loaded, store, wanted)
    reference.write(store, wanted, path)
    return {"path": str(path), "runs": len(wanted)}, f"Wrote {len(wanted)} runs to {path}."


def _table(rows: list[dict[str, Any]]) -> str:
    import pandas as pd

    if not rows:
        return "No runs yet: 'python -m core train deep_cnn 2' makes one."
    table = pd.DataFrame(
        {
            "data": x["dataset"],
            "family": x["family"],
            "n": x["width"],
            "weights": f"{x['parameters']:,}",
            "seed": x["seed"],
            "accuracy": f"{x['test_accuracy']:.2%}" if x["test_accuracy"] is not None else "",
            "epochs": x["epochs"] or 0,
            "seconds": f"{x['seconds']:.1f}" if x["seconds"] is not None else "",
            "state": x["state"],
        }
        for x in rows
    )
    return str(table.to_string(index=False))


if __name__ == "__main__":
    sys.exit(main())
