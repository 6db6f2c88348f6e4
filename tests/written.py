"""Files of some texts, as the tests that stand in for a system's own files need them."""

from __future__ import annotations

from pathlib import Path


def written(folder: Path, files: dict[str, str]) -> Path:
    """Write texts under their names in a folder, and return the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
