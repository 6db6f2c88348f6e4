"""The verb ``tune``: which recipe suits a network."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import asdict, replace

from core import settings
from core.cli import arguments as options
from core.cli.data import at_hand
from core.cli.verb import Output, Verbs
from core.data import datasets
from core.errors import TrainingError
from core.finder.race import Entrant, candidates, race
from core.results.sentences import percent
from core.runs import sweep
from core.runs.store import Store


def add(verbs: Verbs) -> None:
    """Add the verb ``tune``."""
    added = verbs.add("tune", tune, "race recipes of a network on held-out images; asked again, it goes on")
    options.network(added)
    options.dropout(added)
    added.add_argument("--epochs", help="of each run; the family's by default")
    added.add_argument("--batch", help="images per update; the family's by default")


def tune(arguments: Namespace) -> Output:
    """Race recipes and tell which is ahead at the end.

    Raises:
        ArgumentError: if something asked for is out of bounds.
        TrainingError: if the race has not come to its end.
    """
    from core.cli.terminal import follow

    chosen, width = options.chosen(arguments)
    usual = chosen.recipe
    start = replace(
        usual,
        epochs=usual.epochs if arguments.epochs is None else arguments.epochs,
        batch_size=usual.batch_size if arguments.batch is None else arguments.batch,
        dropout=arguments.dropout or usual.dropout,
    )
    loaded = settings.load()
    dataset = at_hand(loaded, datasets.default(loaded) if arguments.data is None else arguments.data)
    store = Store(loaded.store, room=loaded.room)
    recipes = candidates(start)
    (like,) = sweep.cells(dataset, {chosen.key: [width]}, [0], recipes[0], families=store.families.all())
    before: tuple[object, ...] | None = None
    while True:
        standing = race(like, recipes, store.runs(dataset.name))
        if not standing.next:
            break
        if standing.next == before:
            raise TrainingError("The race is not finished; ask again to go on.")
        before = standing.next
        follow(loaded, store, standing.next)
    lines = [_line(x) for x in standing.entrants]
    winner = standing.winner
    if winner is None:
        raise TrainingError("No run of any recipe came to its end.")
    text = (
        f"Ahead on held-out images: {winner}. Its accuracy is flattered by the choice; measure it with other seeds.\n"
        + "\n".join(lines)
    )
    document = {
        "winner": str(winner),
        "recipe": asdict(winner),
        "recipes": [
            {"recipe": str(x.recipe), "accuracies": list(x.accuracies), "round": x.round} for x in standing.entrants
        ],
    }
    return Output(document, text)


def _line(entrant: Entrant) -> str:
    read = (
        f"{percent(entrant.mean)} over {len(entrant.accuracies)} seed{'s' if len(entrant.accuracies) > 1 else ''}"
        if entrant.accuracies
        else "failed"
    )
    return f"round {entrant.round}: {read}: {entrant.recipe}"
