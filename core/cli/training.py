"""The verbs that train: ``train`` one network, ``sweep`` many."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import asdict

from core import settings
from core.cli import arguments as options
from core.cli import runs
from core.cli.data import at_hand
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.data.datasets import Dataset
from core.errors import TrainingError
from core.networks.families import FAMILIES, Families, Family, of_line
from core.recipe import Protocol, Recipe, seed_number
from core.runs import sweep
from core.runs.run import Run, RunState, Weights
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verbs ``train`` and ``sweep``."""
    added = verbs.add("train", train, "train one network; a finished run is not trained again")
    options.network(added)
    added.add_argument("--seed", default="0", help="whole number, 0 by default")
    options.training(added)
    words = "train families, widths and seeds; asked again, it goes on where it stopped"
    added = verbs.add("sweep", train_sweep, words)
    what = added.add_mutually_exclusive_group()
    what.add_argument("--families", metavar="A,B", help="all that come with Featherweight by default")
    what.add_argument("--layers", metavar="TEXT", help="a line of text in place of families")
    added.add_argument("--widths", metavar="1,2,8-16", help="those that each family names by default")
    added.add_argument("--seeds", default="0", metavar="0-4", help="0 by default")
    options.image_set(added)
    options.training(added)


def train(arguments: Namespace) -> Output:
    """Train one network, unless that is done, and tell what came of it.

    Raises:
        TrainingError: if it has not been trained to the end.
    """
    from core.cli.terminal import follow

    chosen, width = options.chosen(arguments)
    recipe = options.recipe(arguments, chosen.recipe)
    seed = seed_number(arguments.seed)
    loaded = settings.load()
    dataset = at_hand(loaded, datasets.default(loaded) if arguments.data is None else arguments.data)
    store = Store(loaded.store, room=loaded.room)
    (cell,) = sweep.cells(dataset, {chosen.key: [width]}, [seed], recipe, families=store.families.all())
    _warn(dataset, [(recipe, chosen.recipe)])
    follow(loaded, store, [cell])
    run = store.runs_of([cell]).get(cell)
    if run is None or run.state is not RunState.DONE:
        raise TrainingError((run and run.message) or "The run was stopped before its end.")
    balanced = _balanced(store, run, dataset)
    document = {
        "parameters": run.parameters,
        "test_accuracy": run.test_accuracy,
        "held_out_accuracy": run.held_out_accuracy,
        "balanced_accuracy": balanced,
        "seconds": run.seconds,
        "device": run.device,
        "dataset": dataset.name,
        "recipe": str(recipe),
        "seed": seed,
        "history": [asdict(x) for x in store.epochs(run.id)],
    }
    held_out = recipe.protocol is Protocol.HELD_OUT
    text = (
        f"{cell.title}: {run.parameters:,} weights, "
        f"{f'held-out accuracy {runs.accuracy(run.held_out_accuracy)}, ' if held_out else ''}"
        f"test accuracy {runs.accuracy(run.test_accuracy)}"
        f"{f', balanced accuracy {runs.accuracy(balanced)},' if balanced is not None else ''} on {dataset.title} "
        f"(seed {seed}, {run.seconds or 0:.1f} s, {run.device})"
    )
    return Output(document, text)


def _balanced(store: Store, run: Run, dataset: Dataset) -> float | None:
    """Return a run's balanced accuracy where classes are so unequal that it says more, if its weights are kept."""
    from core.results import confusion, trained

    if run.weights is not Weights.KEPT or not dataset.facts.unequal:
        return None
    chosen = trained.Trained(run.cell.title, run, run.cell.network(dataset.facts.input_shape, dataset.facts.classes))
    return confusion.balanced(trained.confused(store, chosen, dataset))


def train_sweep(arguments: Namespace) -> Output:
    """Train what of a sweep is not finished and list all its runs."""
    from core.cli.terminal import follow

    given = sweep.numbers(arguments.widths, "widths") if arguments.widths is not None else None
    seeds = sweep.numbers(arguments.seeds, "seeds")
    swept = families(arguments)
    widths = {x.key: given or x.widths for x in swept}
    recipes = {x.key: options.recipe(arguments, x.recipe) for x in swept}
    for chosen in swept:
        for n in widths[chosen.key]:
            chosen.width(n)
    loaded = settings.load()
    dataset = at_hand(loaded, datasets.default(loaded) if arguments.data is None else arguments.data)
    store = Store(loaded.store, room=loaded.room)
    cells = sweep.cells(
        dataset, widths, seeds, recipes, families=Families(tuple(x for x in swept if x.named and not x.built_in))
    )
    _warn(dataset, [(recipes[x.key], x.recipe) for x in swept])
    follow(loaded, store, cells)
    known = store.runs_of(cells)
    found = [known[x] for x in cells if x in known]
    missing = len(cells) - sum(x.state is RunState.DONE for x in found)
    if missing:
        print(f"{missing} of {len(cells)} runs are not finished; ask again to go on.", file=sys.stderr)
    return Output([x.facts() for x in found], runs.table(found), code=1 if missing else 0)


def _warn(dataset: Dataset, recipes: Iterable[tuple[Recipe, Recipe]]) -> None:
    """Say where it is so that a small set means few updates, given recipes and what is usual instead of each."""
    found = filter(None, (sweep.few_updates(dataset.facts.train, x, usual) for x, usual in recipes))
    if few := next(found, None):
        print(f"The epochs are those of the recipe. {few}", file=sys.stderr)


def families(arguments: Namespace) -> list[Family]:
    """Return the families that a sweep or a search is asked to take."""
    if arguments.layers is not None:
        return [of_line(arguments.layers)]
    keys = list(FAMILIES) if arguments.families is None else [x.strip() for x in arguments.families.split(",")]
    return [options.named(x) for x in dict.fromkeys(keys)]
