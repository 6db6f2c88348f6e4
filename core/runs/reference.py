"""Results that come with Featherweight, trained over several seeds by this program.

They are the article's sweeps and those of two leaner families on MNIST, and two families on Fashion-MNIST.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from core.data.datasets import Dataset
from core.errors import RefusedError, StoreError
from core.networks.families import FAMILIES, Family
from core.recipe import LEAN_SHIFTED, LEAN_SLOWER, Recipe
from core.runs import sweep
from core.runs.run import Cell, Origin, RunState, Weights
from core.runs.store import Store

PATH = Path(__file__).with_name("reference.sqlite3")
DATASET = "mnist"
FASHION = "fashion_mnist"
DATASETS = (DATASET, FASHION)
# Widths on MNIST that are trained by other recipes than their family's too.
OTHERS = ((LEAN_SHIFTED, {"tied": (24, 13, 10)}), (LEAN_SLOWER, {"deep_cnn": (2, 1)}))
FASHION_WIDTHS = {"deep_cnn": (8, 4, 3, 2, 1), "lean": (16, 8, 4)}
FASHION_KEPT = {("deep_cnn", 8), ("lean", 16)}
OTHERS_KEPT = {("tied", 13)}
SEEDS = tuple(range(5))
SEEDS_OF_SLOW = tuple(range(3))  # of the widest network of one of the article's families
FRESH = tuple(range(10, 15))  # of families and recipes that were made here: others were chosen by

COPY = (
    "they were trained on a copy of MNIST rebuilt from an export, in which 97.4 % of the pixels are the original's and "
    "none is further off than 2 of 255"
)


def note(name: str) -> str:
    """Return what must be known of the reference runs on an image set, in a sentence."""
    return f"Reference runs come with Featherweight{f'; {COPY}' if name == DATASET else ''}."


@lru_cache(maxsize=1)
def store() -> Store:
    """Return the results that came with Featherweight, read-only.

    Raises:
        StoreError: if they are missing or damaged.
    """
    if not PATH.is_file():
        raise StoreError(f"The reference results {PATH} are missing. Install Featherweight again, or hide them.")
    try:
        return Store(PATH, origin=Origin.REFERENCE, read_only=True)
    except RefusedError as e:
        raise StoreError(f"{e} The reference results come with Featherweight: install it again, or hide them.") from e


def cells(dataset: Dataset) -> list[Cell]:
    """Return the cells of the reference results on one of ``DATASETS``, the cheap ones first."""
    usual = FASHION_WIDTHS if dataset.name == FASHION else {key: x.reference for key, x in FAMILIES.items()}
    others = () if dataset.name == FASHION else OTHERS
    wanted = [
        cell
        for recipe, widths in ((None, usual), *others)
        for key, some in widths.items()
        for n in some
        for cell in sweep.cells(dataset, {key: [n]}, seeds(FAMILIES[key], n, recipe), recipe)
    ]

    def work(cell: Cell) -> int:
        return cell.chosen.build(cell.width).multiply_adds * cell.recipe.epochs

    return sorted(wanted, key=lambda x: (work(x), x.seed))


def seeds(family: Family, width: int, recipe: Recipe | None = None) -> tuple[int, ...]:
    """Return the seeds of a network of the reference results; the weights of the first are kept, if any are.

    The best of five would have been chosen on the test images.
    """
    if not family.article or recipe not in (None, family.recipe):
        return FRESH
    return SEEDS_OF_SLOW if width == max(family.widths) else SEEDS


def write(source: Store, wanted: list[Cell], path: Path) -> None:
    """Write finished runs of a store into a new file of reference results, in the order of the cells.

    The file is whole or not there: it is written beside ``path`` and then takes its place.

    Raises:
        StoreError: if a run is not finished in ``source``, or a file cannot be read or written.
    """
    runs = source.runs_of(wanted)
    missing = sum(x not in runs or runs[x].state is not RunState.DONE for x in wanted)
    if missing:
        raise StoreError(f"Of the {len(wanted)} reference runs {missing} are not finished; ask again to go on.")
    unkept = sum(runs[x].weights is not Weights.KEPT for x in wanted if _kept(x))
    if unkept:
        raise StoreError(f"The weights of {unkept} of the reference runs were not kept. Train them in a new store.")
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        source.copy([(x, _kept(x)) for x in wanted], partial)
        partial.replace(path)
    except (OSError, StoreError) as e:
        raise StoreError(f"The reference results cannot be written to {path} ({e.__cause__ or e}).") from e
    finally:
        partial.unlink(missing_ok=True)


def _kept(cell: Cell) -> bool:
    network = cell.family, cell.width
    if cell.dataset == FASHION:
        kept = network in FASHION_KEPT
    else:
        kept = cell.width in cell.chosen.kept if cell.recipe == cell.chosen.recipe else network in OTHERS_KEPT
    return kept and cell.seed == seeds(cell.chosen, cell.width, cell.recipe)[0]
