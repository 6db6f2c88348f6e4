"""What else lies in the data folder: files that can be brought in, and those that cannot, with the reason."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from core.data.formats.read import kind
from core.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file or folder that is no image set yet.

    Attributes:
        path: where it is.
        what: its format for people; None if it is none that is read.
        sentence: what it is and what can be done with it.
    """

    path: Path
    what: str | None
    sentence: str


def candidates(settings: Settings) -> list[Candidate]:
    """Return what lies in the data folder beside the sets that :func:`core.data.datasets.names` lists."""
    try:
        there = sorted(x for x in settings.data.iterdir() if not x.name.startswith(".") and x.name.isprintable())
    except OSError:
        return []
    return [_candidate(x) for x in there if x.suffix != ".npz" or x.is_dir()]


def _candidate(path: Path) -> Candidate:
    if path.is_symlink() and not path.exists():
        return Candidate(path, None, f"{path.name} is a link to what is not there. Mend the link, or delete it.")
    what = kind(path)
    if what is None:
        return Candidate(path, None, f"{path.name} is no file of images that Featherweight reads.")
    return Candidate(
        path,
        what,
        f"{path.name} is {what}. To bring it in: python -m core datasets --add {shlex.quote(str(path))}",
    )
