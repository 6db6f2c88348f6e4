from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core import ROOT
from core.data import npz
from core.data.datasets import Dataset
from core.data.images import Facts, Images, scaled
from core.errors import StoreError
from core.networks.families import FAMILIES
from core.recipe import ADADELTA, LEAN, LEAN_SHIFTED, LEAN_SLOWER, RMSPROP
from core.runs import reference, weights
from core.runs.migrations import READABLE, VERSION
from core.runs.run import Cell, Epoch, Origin, RunState
from core.runs.store import Store
from tests.runs_of import run_of, states_of

SHARED = ROOT.parent / "shared" / "data"
FINGERPRINT = "8c76a169f9c016c9"  # of the copy of MNIST that the reference runs were trained on
MNIST = Dataset("mnist", "MNIST", Path("mnist.npz"), Facts((28, 28, 1), 10, 60000, 10000, FINGERPRINT))
FASHION_MARK = "f5da221b5ac83206"
FASHION = Dataset(
    "fashion_mnist", "Fashion-MNIST", Path("fashion_mnist.npz"), Facts((28, 28, 1), 10, 60000, 10000, FASHION_MARK)
)
# Networks whose weights are kept, with the seed.
KEPT = {("mlp", 32): 0, ("pooled_mlp", 64): 0, ("cnn", 2): 0, ("deep_cnn", 2): 0, ("deep_cnn", 3): 0}
KEPT |= {(key, n): 10 for key in ("lean", "tied") for n in FAMILIES[key].kept}
OTHERS_KEPT = {("tied", 13): 10}  # with LEAN_SHIFTED
KEPT_OF_FASHION = {("deep_cnn", 8): 0, ("lean", 16): 10}
RUN_COLUMNS = (
    "dataset, fingerprint, layers, recipe, seed, family, width, parameters, multiply_adds, train_images, test_images, "
    "state, started, ended, seconds, device, versions, formulation, message"
)


def cell(family: str, width: int, seed: int = 0) -> Cell:
    return Cell("mnist", "f", family, width, FAMILIES[family].recipe, seed)


WANTED = [
    cell("deep_cnn", 2),
    cell("deep_cnn", 2, 1),
    cell("deep_cnn", 1),
    cell("cnn", 2),
    cell("mlp", 32, 1),
    cell("mlp", 16),
]
Train = Callable[..., int]


@pytest.fixture
def source(tmp_path: Path) -> Store:
    (tmp_path / "home").mkdir()
    return Store(tmp_path / "home" / "runs.sqlite3")


@pytest.fixture
def train(source: Store) -> Train:
    """Return a function that records a run of two epochs, with weights: ``train(cell, state=RunState.FAILED)``."""

    def record(what: Cell, state: RunState = RunState.DONE) -> int:
        run = source.begin(
            what,
            parameters=FAMILIES[what.family].build(what.width).parameters,
            multiply_adds=7,
            train_images=60000,
            test_images=10000,
            device="a device",
            versions={"keras": "3"},
        )
        for number in (1, 2):
            source.add_epoch(run, Epoch(number, 1 / number, 0.5, 0.9, 0.5 + number / 10 + what.seed / 100, 2.5))
        source.end(run, state, seconds=5.0, formulation="XLA", weights=f"{what.family} {what.width}".encode())
        return run

    return record


@pytest.fixture
def trained(source: Store, train: Train) -> Store:
    """A store with the wanted runs in another order, and others."""
    train(cell("deep_cnn", 8))
    for what in reversed(WANTED):
        train(what)
    train(replace(WANTED[0], fingerprint="g"))
    train(replace(WANTED[0], recipe=replace(WANTED[0].recipe, epochs=2)))
    train(cell("mlp", 512), "failed")
    return source


def written(trained: Store, tmp_path: Path, wanted: list[Cell] = WANTED) -> Path:
    path = tmp_path / "shipped" / "reference.sqlite3"
    path.parent.mkdir(exist_ok=True)
    reference.write(trained, wanted, path)
    assert [x.name for x in path.parent.iterdir()] == [path.name], "nothing is left beside it"
    return path


def test_exactly_the_wanted_runs_are_written_with_their_history(trained: Store, tmp_path: Path) -> None:
    made = Store(written(trained, tmp_path), origin=Origin.REFERENCE, read_only=True)
    rows = made.runs()
    assert [(x.family, x.width, x.seed) for x in rows] == [(x.family, x.width, x.seed) for x in WANTED]
    for what, row in zip(WANTED, rows, strict=True):
        original = run_of(trained, what)
        assert row == replace(original, id=row.id, origin=Origin.REFERENCE, weights=row.weights)
        assert made.epochs(row.id) == trained.epochs(original.id) and len(made.epochs(row.id)) == 2
    with closing(sqlite3.connect(f"{made.path.as_uri()}?mode=ro", uri=True)) as connection:
        assert connection.execute("SELECT COUNT(*) FROM epochs").fetchone() == (2 * len(WANTED),)
        names = [x[1] for x in connection.execute("PRAGMA table_info(runs)")]
    assert names == ["id", *RUN_COLUMNS.split(", ")]


def test_only_the_weights_of_kept_networks_first_seed_are_written(trained: Store, tmp_path: Path) -> None:
    made = Store(written(trained, tmp_path), read_only=True)
    kept = {(x.family, x.width, x.seed): made.weights(x.id) for x in made.runs()}
    assert {key: packed for key, packed in kept.items() if packed is not None} == {
        ("deep_cnn", 2, 0): b"deep_cnn 2",
        ("cnn", 2, 0): b"cnn 2",
    }
    assert {(key, n) for key, x in FAMILIES.items() for n in x.kept} == set(KEPT)


def test_the_source_is_left_as_it_was(trained: Store, tmp_path: Path) -> None:
    before = trained.runs()
    written(trained, tmp_path)
    assert trained.runs() == before and Store(trained.path).origin == "own"


def test_writing_again_gives_the_same_results(trained: Store, tmp_path: Path) -> None:
    first = Store(written(trained, tmp_path), read_only=True).runs()
    assert Store(written(trained, tmp_path), read_only=True).runs() == first


def test_what_is_written_opens_on_a_disk_that_is_read_only(trained: Store, tmp_path: Path) -> None:
    path = written(trained, tmp_path)
    assert path.read_bytes()[18:20] == b"\x01\x01", "no log beside it"
    before = path.read_bytes(), path.stat().st_mtime_ns
    path.chmod(stat.S_IRUSR)
    path.parent.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        made = Store(path, origin=Origin.REFERENCE, read_only=True)
        assert made.datasets() == ["mnist"] and len(made.runs()) == len(WANTED)
        assert {x.origin for x in made.runs()} == {"reference"}
        row = run_of(made, WANTED[0])
        assert row and made.weights(row.id) == b"deep_cnn 2" and len(made.epochs(row.id)) == 2
        assert states_of(made, WANTED) == dict.fromkeys(WANTED, "done")
        assert (path.read_bytes(), path.stat().st_mtime_ns) == before
        assert os.listdir(path.parent) == [path.name]
    finally:
        path.parent.chmod(stat.S_IRWXU)


WRITES: dict[str, Callable[[Store], object]] = {
    "begin": lambda store: store.begin(
        cell("mlp", 64), parameters=1, multiply_adds=1, train_images=1, test_images=1, device="", versions={}
    ),
    "add_epoch": lambda store: store.add_epoch(1, Epoch(3, 1.0, 0.5, 1.0, 0.5, 1.0)),
    "end": lambda store: store.end(1, RunState.FAILED, seconds=1.0),
    "weights": lambda store: store.end(1, RunState.DONE, seconds=1.0, weights=b"others"),
    "interrupt": lambda store: store.interrupt(),
}


@pytest.mark.parametrize("write", WRITES.values(), ids=list(WRITES))
def test_nothing_can_be_written_through_a_store_that_is_read_only(
    write: Callable[[Store], object], trained: Store, tmp_path: Path
) -> None:
    path = written(trained, tmp_path)
    before = path.read_bytes()
    made = Store(path, origin=Origin.REFERENCE, read_only=True)
    with pytest.raises(StoreError, match="readonly"):
        write(made)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_store_that_is_read_only_makes_no_file(tmp_path: Path) -> None:
    with pytest.raises(StoreError):
        Store(tmp_path / "none.sqlite3", read_only=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [None, "failed", "stopped", "running", "interrupted"])
def test_a_run_that_is_missing_leaves_the_old_file(
    state: str | None, trained: Store, train: Train, tmp_path: Path
) -> None:
    path = written(trained, tmp_path)
    before = path.read_bytes()
    new = cell("mlp", 64)
    if state:
        train(new, state)
    with pytest.raises(StoreError) as caught:
        reference.write(trained, [*WANTED, new, cell("mlp", 128)], path)
    assert str(caught.value) == "Of the 8 reference runs 2 are not finished; ask again to go on."
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_failure_on_the_way_leaves_the_old_file(trained: Store, tmp_path: Path) -> None:
    path = written(trained, tmp_path)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        reference.write(trained, [*WANTED, WANTED[0]], path)  # the second of a run violates the unique index
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert path.read_bytes() == before and os.listdir(path.parent) == [path.name]


def test_a_file_that_cannot_be_written_is_told_in_a_sentence(trained: Store, tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "reference.sqlite3", tmp_path / "home"):
        with pytest.raises(StoreError) as caught:
            reference.write(trained, WANTED, path)
        assert str(path.parent) in str(caught.value) and "\n" not in str(caught.value)
    assert sorted(x.name for x in tmp_path.iterdir()) == ["home"], "nothing is left"


def test_what_an_ended_process_left_is_written_over(trained: Store, tmp_path: Path) -> None:
    (tmp_path / "shipped").mkdir()
    shutil.copy(trained.path, tmp_path / "shipped" / ".reference.sqlite3.partial")
    assert len(Store(written(trained, tmp_path), read_only=True).runs()) == len(WANTED)


def test_results_that_are_missing_are_told_in_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "PATH", tmp_path / "reference.sqlite3")
    reference.store.cache_clear()
    try:
        with pytest.raises(StoreError, match=r"reference results .* are missing"):
            reference.store()
    finally:
        reference.store.cache_clear()
    assert list(tmp_path.iterdir()) == []


def test_the_cells_are_the_sweeps_of_the_article_and_what_closes_their_brackets() -> None:
    found = [x for x in reference.cells(MNIST) if x.recipe in (RMSPROP, ADADELTA)]
    widths = {
        "mlp": {16, 24, 32, 40, 48, 64, 128, 256, 512},
        "pooled_mlp": {16, 32, 40, 48, 56, 64, 128, 256, 512},
        "cnn": {1, 2, 3, 4, 8, 16, 32},
        "deep_cnn": {1, 2, 3, 4, 8, 16, 32},
    }
    slow = {("mlp", 512), ("pooled_mlp", 512), ("cnn", 32), ("deep_cnn", 32)}
    expected = {
        (key, n, seed)
        for key, some in widths.items()
        for n in some
        for seed in ((0, 1, 2) if (key, n) in slow else (0, 1, 2, 3, 4))
    }
    assert Counter((x.family, x.width, x.seed) for x in found) == Counter(expected) and len(found) == 152
    assert {(x.dataset, x.fingerprint) for x in found} == {("mnist", FINGERPRINT)}
    assert all(x.recipe == FAMILIES[x.family].recipe for x in found)


def test_families_made_here_are_measured_with_seeds_that_nothing_was_chosen_by() -> None:
    found = [*reference.cells(MNIST), *reference.cells(FASHION)]
    made = [x for x in found if x.recipe not in (RMSPROP, ADADELTA)]
    assert {x.seed for x in made} == {10, 11, 12, 13, 14} and {x.family for x in made} == {"lean", "tied", "deep_cnn"}
    assert set(Counter((x.dataset, x.family, x.width, x.recipe) for x in made).values()) == {5}
    assert {x.recipe for x in made} == {LEAN, LEAN_SHIFTED, LEAN_SLOWER}


def test_cheap_cells_come_first_with_their_seeds_together() -> None:
    found = reference.cells(MNIST)
    work = [FAMILIES[x.family].build(x.width).multiply_adds * x.recipe.epochs for x in found]
    assert work == sorted(work)
    networks = [(x.family, x.width, str(x.recipe)) for x in found]
    assert networks == sorted(networks, key=networks.index), "no network is come back to"
    assert [x.seed for x in found[:5]] == [0, 1, 2, 3, 4]


# The file that is shipped.


@pytest.fixture(scope="module")
def shipped() -> Store:
    return Store(reference.PATH, origin=Origin.REFERENCE, read_only=True)


def test_the_shipped_file_is_of_a_version_that_can_be_read_and_whole(shipped: Store) -> None:
    with closing(sqlite3.connect(f"{shipped.path.as_uri()}?mode=ro&immutable=1", uri=True)) as connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        assert READABLE <= version <= VERSION
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_the_shipped_file_holds_exactly_the_reference_cells(shipped: Store) -> None:
    wanted = [*reference.cells(MNIST), *reference.cells(FASHION)]
    missing = Counter((x.family, x.width) for x in wanted if states_of(shipped, wanted).get(x) != "done")
    assert not missing, "runs that are not there yet"
    assert len(shipped.runs()) == len(wanted), "and no others"


def test_every_shipped_run_says_how_it_came_about(shipped: Store) -> None:
    for row in shipped.runs():
        network = FAMILIES[row.family].build(row.width)
        assert (row.parameters, row.multiply_adds) == (network.parameters, network.multiply_adds)
        assert (row.train_images, row.test_images, row.state) == (60000, 10000, "done")
        assert row.device and row.formulation and row.started < (row.ended or "") and (row.seconds or 0) > 0
        assert {"python", "tensorflow", "keras", "numpy"} <= set(row.versions)
        epochs = shipped.epochs(row.id)
        assert [x.epoch for x in epochs] == list(range(1, row.recipe.epochs + 1))
        for epoch in epochs:
            assert epoch.test_accuracy is not None and 0 < epoch.test_accuracy < 1 and np.isfinite(epoch.loss)
            right = epoch.test_accuracy * 10000
            assert abs(right - round(right)) < 0.01, "a whole number of images"


def test_shipped_weights_are_of_each_kept_network_s_first_seed(shipped: Store) -> None:
    for name, wanted in (("mnist", KEPT | OTHERS_KEPT), ("fashion_mnist", KEPT_OF_FASHION)):
        kept = {(x.family, x.width): x.seed for x in shipped.runs(name) if shipped.weights(x.id) is not None}
        assert kept == wanted


@pytest.fixture(scope="module")
def mnist() -> Images:
    """The copy of MNIST that the reference runs were trained on; the original reads some digits otherwise."""
    folder = Path(os.environ.get("FEATHERWEIGHT_DATA") or SHARED)
    path = folder / "mnist.npz"
    if not path.is_file():
        pytest.skip(f"no {path}: set FEATHERWEIGHT_DATA")
    if npz.facts(path).fingerprint != FINGERPRINT:
        pytest.skip(f"{path} is another copy of MNIST than the reference runs were trained on")
    return npz.read(path)


@pytest.mark.parametrize(("family", "width"), sorted(KEPT | OTHERS_KEPT))
def test_shipped_weights_read_the_test_images_as_well_as_stored(
    family: str, width: int, shipped: Store, mnist: Images
) -> None:
    of_usual = (family, width) in KEPT
    seed = KEPT[family, width] if of_usual else OTHERS_KEPT[family, width]
    wanted = replace(cell(family, width, seed), fingerprint=FINGERPRINT)
    row = run_of(shipped, wanted if of_usual else replace(wanted, recipe=LEAN_SHIFTED))
    packed = shipped.weights(row.id) if row else None
    assert row and packed
    network = FAMILIES[family].build(width)
    arrays = weights.read(packed, network)  # refuses pickled contents and other shapes
    x, y = scaled(mnist.x_test), mnist.y_test
    assert x.shape == (10000, 28, 28, 1)
    right = sum(
        int((network.predict(arrays, x[i : i + 1000]).argmax(1) == y[i : i + 1000]).sum())
        for i in range(0, 10000, 1000)
    )
    assert abs(right - (row.test_accuracy or 0) * 10000) <= 2
