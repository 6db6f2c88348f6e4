"""Runs to take away, as CSV and JSON."""

from __future__ import annotations

import csv as writer
import io
import json as text
import math
from collections.abc import Mapping, Sequence
from typing import Any

from core.recipe import ADADELTA
from core.runs.run import Cell, Origin, Run, RunState

# No run has fewer columns: what stands in the first line where there is none.
_EMPTY = Run(0, Origin.OWN, Cell("", "", "mlp", 1, ADADELTA, 0), RunState.DONE, 0, 0, 0, 0, "")


def csv(runs: Sequence[Run]) -> bytes:
    """Return runs as CSV in UTF-8: recipe and versions as columns of their own, times in ISO 8601, None as nothing."""
    rows = [_flat(x.facts()) for x in runs]
    columns = dict.fromkeys(name for row in (rows or [_flat(_EMPTY.facts())]) for name in row)
    file = io.StringIO()
    table = writer.DictWriter(file, list(columns), lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return file.getvalue().encode()


def json(runs: Sequence[Run]) -> bytes:
    """Return runs as a JSON array in UTF-8, one object a run: recipe and versions as objects, None as null.

    JSON has no infinity, which a loss may be in a store that others wrote: it is null too.
    """
    plain = [{name: _plain(x) for name, x in run.facts().items()} for run in runs]
    return (text.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _plain(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts with what an object holds in the object's place, under both names: ``recipe_epochs``."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        found |= {f"{name}_{x}": y for x, y in value.items()} if isinstance(value, Mapping) else {name: value}
    return found
