from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.errors import StoreError
from core.recipe import ADADELTA, Recipe
from core.results import analysis, trained
from core.results.collect import Results
from core.results.trained import Kept
from core.runs.run import Origin
from core.runs.store import Store
from tests.rows import runs, seeds


def found(*rows: dict[str, object]) -> list[Kept]:
    return trained.find(Results("mnist", analysis.finished(runs(*rows)), None))


def test_names_say_no_more_than_it_takes_to_tell_runs_apart() -> None:
    other = Recipe("adam", 0.003, 2, 64)
    rows = [
        *seeds("cnn", 2, 0.97, weights="kept"),
        *seeds("cnn", 2, 0.97, weights="kept", recipe=other.to_json()),
        *seeds("cnn", 2, 0.97, weights="kept", fingerprint="ghijklmn"),
        *seeds("deep_cnn", 2, 0.97, weights="kept"),
    ]
    assert [x.name for x in found(*rows)] == [
        "Deep CNN, n = 2: 932 weights, seed 0",
        f"CNN, n = 2: 4,802 weights, seed 0, {ADADELTA}, images f",
        f"CNN, n = 2: 4,802 weights, seed 0, {other}",
        f"CNN, n = 2: 4,802 weights, seed 0, {ADADELTA}, images ghijkl",
    ]


def test_stopped_runs_come_last_and_only_on_request() -> None:
    held_out = replace(ADADELTA, protocol="held_out").to_json()
    stopped = runs(
        *seeds("deep_cnn", 2, 0.5, state="stopped", epochs=5, weights="kept"),
        *seeds("deep_cnn", 1, 0, state="stopped", epochs=1, weights="kept", recipe=held_out, test_accuracy=None),
    )
    done = analysis.finished(runs(*seeds("cnn", 2, 0.97, weights="kept")))
    everything = Results("mnist", done, None, stopped)
    assert [x.name for x in trained.find(everything)] == ["CNN, n = 2: 4,802 weights, seed 0"]
    assert [x.name for x in trained.find(everything, with_stopped=True)] == [
        "CNN, n = 2: 4,802 weights, seed 0",
        "Deep CNN, n = 1: 408 weights, seed 0, stopped after 1 of 12 epochs",
        "Deep CNN, n = 2: 932 weights, seed 0, stopped after 5 of 12 epochs",
    ]


def test_an_address_names_a_network_by_all_that_it_says() -> None:
    other = Recipe("adam", 0.003, 2, 64)
    rows = [
        *seeds("cnn", 2, 0.97, 0.97, weights="kept", recipe=other.to_json()),
        *seeds("cnn", 2, 0.97, 0.97, weights="kept"),
        *seeds("cnn", 2, 0.97, weights="kept", origin=Origin.REFERENCE),
    ]
    runs = found(*rows)

    def asked(**told: str) -> tuple[str, int, str] | None:
        one = trained.named(runs, "cnn", "2", **told)
        return (one.origin, one.seed, str(one.recipe)) if one else None

    assert asked() == ("reference", 0, str(ADADELTA))
    assert asked(origin=Origin.OWN, recipe=str(ADADELTA)) == ("own", 0, str(ADADELTA))
    assert asked(origin=Origin.OWN, recipe=str(other), images="f") == ("own", 0, str(other))
    for nothing in ({"origin": "x"}, {"recipe": "x"}, {"images": "x"}, {"origin": "reference", "recipe": str(other)}):
        assert asked(**nothing) is None
    assert (
        trained.named(runs, "CNN", "2") and not trained.named(runs, "cnn", "²") and not trained.named(runs, "mlp", "2")
    )


def test_weights_that_were_dropped_since_are_told_in_a_sentence_that_helps(tmp_path: Path) -> None:
    (chosen,) = found(*seeds("cnn", 2, 0.97, weights="kept"))
    said = r"^The weights of CNN, n = 2: 4,802 weights, seed 0 are no longer kept. Train another seed of it to look ins"
    with pytest.raises(StoreError, match=said):
        trained.read(Store(tmp_path / "runs.sqlite3"), chosen)
