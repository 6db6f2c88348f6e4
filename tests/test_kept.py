from __future__ import annotations

from pathlib import Path

import pytest

from core import analysis, kept
from core.errors import StoreError
from core.kept import Kept
from core.results import Results
from core.store import Store
from tests.rows import runs, seeds


def found(*rows: dict[str, object]) -> list[Kept]:
    return kept.find(Results("mnist", analysis.finished(runs(*rows)), None))


def test_weights_that_were_dropped_since_are_told_in_a_sentence_that_helps(tmp_path: Path) -> None:
    (chosen,) = found(*seeds("cnn", 2, 0.97, weights="kept"))
    said = r"^The weights of CNN, n = 2: 4,802 weights, seed 0 are no longer kept. Train another seed of it to look ins"
    with pytest.raises(StoreError, match=said):
        kept.read(Store(tmp_path / "runs.sqlite3"), chosen)
