"""Families that people name: kept, replaced, renamed, removed, and found again by every run of their network."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import ArgumentError, StoreError
from core.networks.families import FAMILIES, Families, Family, own
from core.networks.line import Line
from core.recipe import ADADELTA, Recipe
from core.runs.own_families import MOST, labelled, named
from core.runs.run import Cell, RunState
from core.runs.store import Store
from tests.rows import runs
from tests.runs_of import run_of

SLIM = "conv3(n, same, leaky) maxpool2 3x[separable3(n, leaky)] globalavg"
PLAIN = FAMILIES["deep_cnn"].text


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs.sqlite3")


def made(name: str = "slim", layers: str = SLIM, title: str = "") -> Family:
    return own(name, title or name.capitalize().replace("_", " "), Line.of(layers), (8, 2, 16), Recipe("adam", 0.01, 3))


def trained(store: Store, cell: Cell) -> Cell:
    counts = {"parameters": 1, "multiply_adds": 1, "train_images": 1, "test_images": 1}
    store.end(store.begin(cell, **counts, device="CPU", versions={}), RunState.DONE, seconds=1.0)
    return cell


def test_a_family_is_kept_as_it_was_made(store: Store) -> None:
    store.families.add(made())
    (kept,) = Store(store.path).families.all().own
    assert kept == made() and kept.widths == (16, 8, 2) and kept.recipe == Recipe("adam", 0.01, 3)
    assert Store(store.path, read_only=True).families.all().keys() == [*FAMILIES, "slim"]


@pytest.mark.parametrize(
    "name", ["", "Slim", "sl im", "x" * 41, "mlp", "deep_cnn", "own", "flatten", "globalavg", "ä", "a-b", "a\n"]
)
def test_a_name_that_cannot_be_is_one_sentence(store: Store, name: str) -> None:
    with pytest.raises(ArgumentError, match="name of a family"):
        store.families.add(replace(made(), key=name))
    assert not store.families.all().own


@pytest.mark.parametrize("title", ["", "x" * 61, "MLP", "deep cnn", "a*b", "[a](b)", "a_b", ":red", "`x`", "<b>"])
def test_a_title_that_cannot_be_is_one_sentence(store: Store, title: str) -> None:
    with pytest.raises(ArgumentError, match="title of a family"):
        store.families.add(replace(made(), title=title))
    assert not store.families.all().own


def test_a_name_or_a_title_is_had_once(store: Store) -> None:
    store.families.add(made())
    with pytest.raises(ArgumentError, match="taken"):
        store.families.add(made(layers=PLAIN, title="Other"))
    with pytest.raises(ArgumentError, match="title"):
        store.families.add(made("other", PLAIN, "SLIM"))
    store.families.add(made(layers=PLAIN, title="Other"), replacing=True)
    (kept,) = store.families.all().own
    assert (kept.key, kept.title, kept.layers) == ("slim", "Other", PLAIN)


def test_two_who_take_a_name_at_once_get_it_once(store: Store) -> None:
    refused: list[str] = []

    def add() -> None:
        try:
            store.families.add(made())
        except ArgumentError as e:
            refused.append(str(e))

    threads = [threading.Thread(target=add) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 5 and len(store.families.all().own) == 1


def test_renamed_and_removed(store: Store) -> None:
    store.families.add(made())
    store.families.add(made("other", PLAIN))
    store.families.rename("slim", "thin", "Thin one")
    assert [(x.key, x.title) for x in store.families.all().own] == [("thin", "Thin one"), ("other", "Other")]
    for change in (
        lambda: store.families.rename("slim", "x", "X"),
        lambda: store.families.rename("thin", "other", "Y"),
        lambda: store.families.rename("thin", "mlp", "Y"),
        lambda: store.families.rename("thin", "thin", "Other"),
        lambda: store.families.remove("slim"),
        lambda: store.families.remove("mlp"),
    ):
        with pytest.raises(ArgumentError):
            change()
    store.families.remove("thin")
    assert [x.key for x in store.families.all().own] == ["other"]


def test_there_is_a_most(store: Store) -> None:
    for number in range(MOST):
        store.families.add(made(f"net_{number}"))
    with pytest.raises(ArgumentError, match=str(MOST)):
        store.families.add(made())
    store.families.add(made("net_3", PLAIN, "Net 3"), replacing=True)


def test_a_store_that_cannot_be_written_says_so(store: Store) -> None:
    with pytest.raises(StoreError):
        Store(store.path, read_only=True).families.add(made())


def test_a_family_of_a_later_version_is_one_sentence(store: Store) -> None:
    store.families.add(made())
    with closing(sqlite3.connect(store.path)) as connection:
        connection.execute("UPDATE families SET layers = 'attention(n)'")
        connection.commit()
    with pytest.raises(StoreError, match=r"The family 'slim' .* attention"):
        store.families.all()


# Runs and their families -------------------------------------------------------------------------------------------


def test_a_line_and_a_family_that_are_the_same_network_share_their_runs(store: Store) -> None:
    store.families.add(made())
    by_family = Cell("mnist", "f", SLIM, 8, ADADELTA, 0, named=made())
    by_hand = Cell("mnist", "f", "conv3(8, same, leaky) maxpool2 3x[separable3(8, leaky)] globalavg", 1, ADADELTA, 0)
    article = Cell("mnist", "f", "deep_cnn", 4, ADADELTA, 0)
    doubled = Cell("mnist", "f", PLAIN.replace("2n", "4n").replace("(n)", "(2n)"), 2, ADADELTA, 0)
    trained(store, by_family)
    trained(store, article)
    assert run_of(store, by_hand).cell == by_family and run_of(store, doubled).cell == article
    assert hash(by_hand) == hash(by_family) and len(store.runs()) == 2
    with pytest.raises(StoreError):  # a finished run is never trained again
        trained(store, by_hand)


def test_a_family_that_was_changed_leaves_its_runs_under_their_layers(store: Store) -> None:
    store.families.add(made())
    before = trained(store, Cell("mnist", "f", SLIM, 8, ADADELTA, 0, named=made()))
    assert [x.family for x in store.runs()] == ["slim"]
    changed = made(layers=SLIM.replace("3x", "2x"))
    store.families.add(changed, replacing=True)
    (run,) = store.runs()
    assert run.family == SLIM and run.layers == before.layers
    assert store.runs_of([Cell("mnist", "f", changed.layers, 8, ADADELTA, 0)]) == {}
    store.families.rename("slim", "thin", "Thin")
    trained(store, Cell("mnist", "f", changed.layers, 8, ADADELTA, 0))
    assert sorted(x.family for x in store.runs()) == sorted([SLIM, "thin"])
    store.families.remove("thin")
    assert sorted(x.family for x in store.runs()) == sorted([SLIM, changed.layers]), "runs stay, under their layers"


def test_a_run_is_of_every_family_that_has_its_network() -> None:
    twice = own("twice", "Twice", Line.of(PLAIN.replace("(2n)", "(4n)").replace("(n)", "(2n)")))
    slim = made()
    (run,) = runs({"family": "deep_cnn", "width": 4})
    found = labelled(run, Families((twice, slim)))
    assert [(x.family, x.width, x.title) for x in found] == [("deep_cnn", 4, "Deep CNN"), ("twice", 2, "Twice")]
    assert {x.cell for x in found} == {run.cell} and {x.id for x in found} == {run.id}
    (odd,) = runs({"family": "deep_cnn", "width": 3})
    assert [x.family for x in labelled(odd, Families((twice, slim)))] == ["deep_cnn"]
    (line,) = runs({"family": SLIM, "width": 8})
    assert [(x.family, x.width) for x in labelled(line, Families((slim,)))] == [("slim", 8)]
    assert labelled(line, Families()) == (line,) and line.family == SLIM
    (article,) = runs({"family": PLAIN, "width": 2})
    assert [x.family for x in labelled(article, Families())] == ["deep_cnn"], "a line that is one of the article's"


def test_dropout_tells_networks_apart() -> None:
    with_dropout = replace(ADADELTA, dropout=True)
    plain, dropped = (Cell("mnist", "f", "deep_cnn", 2, x, 0) for x in (ADADELTA, with_dropout))
    assert plain.layers != dropped.layers and "dropout0.25" in dropped.layers
    line = Cell("mnist", "f", PLAIN, 2, with_dropout, 0)
    assert line == plain and not line.recipe.dropout, "a line without dropout is trained without"


def test_what_waits_is_called_by_its_family(store: Store) -> None:
    store.families.add(made())
    store.keep_waiting([Cell("mnist", "f", SLIM, 8, ADADELTA, 0), Cell("mnist", "f", "mlp", 2, ADADELTA, 0)])
    assert [x.title for x in store.waiting()] == ["Slim, n = 8", "MLP, n = 2"]
    line = Cell("mnist", "f", SLIM, 8, ADADELTA, 0)
    assert named(line, Families()) is line and named(line, Families((made(),))).title == "Slim, n = 8"
