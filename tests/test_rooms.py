"""The rooms of core/: imports run down one list, in no circle; TensorFlow and Streamlit have a room each."""

from __future__ import annotations

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from core import ROOT

# From the ground up: a module may import what is in its own room or below.
ROOMS = (
    "ground",
    "networks",
    "data",
    "runs",
    "training",
    "runner",
    "results",
    "finder",
    "export",
    "charts",
    "ui",
    "cli",
)
GROUND = {"errors", "recipe", "limits", "access", "settings", "processes"}
FRAMEWORKS = {"tensorflow", "keras", "jax", "torch"}
SHOWS = {"streamlit"}
# Writes .keras files in a process of its own, which alone imports Keras.
KERAS_PROCESS = "core.export.keras_file"
# None of these imports what the others are for.
APART = {"cli": "ui", "ui": "cli", "runner": "training", "results": "training", "export": "training"}


def modules() -> dict[str, Path]:
    """Return every module of core/ by its dotted name."""
    found = {}
    for path in sorted((ROOT / "core").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported(source: str) -> set[str]:
    """Return the full names that a module's source imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {x.name for x in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = [f"{node.module}.{x.name}" for x in node.names]
            names |= {x if x in MODULES else node.module for x in whole}
    return names


def room(module: str) -> str:
    name = module.split(".")[1]
    return "ground" if name in GROUND else name


IMPORTS = {name: imported(path.read_text("utf-8")) for name, path in MODULES.items()}
INSIDE = [x for x in MODULES if x.count(".") and x != "core.__main__"]


def test_every_module_is_in_a_room() -> None:
    assert {room(x) for x in INSIDE} == set(ROOMS)
    assert IMPORTS["core.__main__"] & set(MODULES) == {"core.cli.main"}


@pytest.mark.parametrize("module", INSIDE)
def test_imports_run_down(module: str) -> None:
    below = set(ROOMS[: ROOMS.index(room(module)) + 1]) - {APART.get(room(module))}
    up = {x for x in IMPORTS[module] if x.startswith("core.") and room(x) not in below}
    assert not up, f"{module} is in {room(module)} and imports {sorted(up)}"


def test_no_import_runs_in_a_circle() -> None:
    order = TopologicalSorter({x: IMPORTS[x] & set(MODULES) - {x} for x in MODULES}).static_order()
    assert set(order) == set(MODULES)  # a CycleError names the circle


@pytest.mark.parametrize("module", MODULES)
def test_tensorflow_is_imported_by_training_and_streamlit_by_ui(module: str) -> None:
    roots = {x.partition(".")[0] for x in IMPORTS[module]}
    name = room(module) if module in INSIDE else "core"
    assert name == "training" or module == KERAS_PROCESS or not roots & FRAMEWORKS
    assert name == "ui" or not roots & SHOWS


def test_pages_import_no_framework() -> None:
    for page in (ROOT / "app.py", *(ROOT / "pages").glob("*.py")):
        assert not {x.partition(".")[0] for x in imported(page.read_text("utf-8"))} & FRAMEWORKS


@pytest.mark.parametrize(
    "source",
    ["from core.ui import page", "import core.results.analysis", "def f():\n    from core.runs.store import Store"],
)
def test_an_import_that_runs_up_is_seen(source: str) -> None:
    assert {room(x) for x in imported(source)} - {"ground", "networks"}


def test_files_and_pages_stay_short() -> None:
    for path in MODULES.values():
        assert path.read_text("utf-8").count("\n") < 350, path
    for path in (ROOT / "app.py", *(ROOT / "pages").glob("*.py")):
        assert path.read_text("utf-8").count("\n") < 250, path
