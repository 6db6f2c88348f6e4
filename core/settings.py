"""The environment variables, in one place, checked at start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from core.errors import SettingsError

ROOM = 1024  # MB


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, and how much of them.

    Attributes:
        home: ``FEATHERWEIGHT_HOME``: the store of results and caches; by default the per-user data folder.
        data: ``FEATHERWEIGHT_DATA``: image sets as ``NAME.npz``; by default ``data`` inside home. It may be read-only.
        room: ``FEATHERWEIGHT_WEIGHTS_MB``, here in bytes: what the weights kept of all runs may take.
    """

    home: Path
    data: Path
    room: int = ROOM * 10**6

    @property
    def store(self) -> Path:
        """The SQLite file with every run."""
        return self.home / "runs.sqlite3"

    @property
    def cache(self) -> Path:
        """The folder for what can be made again."""
        return self.home / "cache"

    @property
    def log(self) -> Path:
        """What the training process last wrote on standard error."""
        return self.home / "training.log"


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings, create their folders and check that home can be written and data read.

    Raises:
        SettingsError: naming the variable and what to do.
    """
    home = _folder(environment, "FEATHERWEIGHT_HOME", user_data_path("featherweight", appauthor=False))
    data = _folder(environment, "FEATHERWEIGHT_DATA", home / "data")
    room = _whole(environment, "FEATHERWEIGHT_WEIGHTS_MB", ROOM)
    settings = Settings(home, data, room * 10**6)
    try:
        settings.cache.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as e:
        raise SettingsError(
            f"The folder {home} cannot be written ({e.strerror}). Set FEATHERWEIGHT_HOME to a folder that can."
        ) from None
    return settings


def _whole(environment: Mapping[str, str], variable: str, default: int) -> int:
    text = environment.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise SettingsError(f"{variable} is {text!r}. Set it to a whole number from 0 to 999999999.")
    return int(text)


def _folder(environment: Mapping[str, str], variable: str, default: Path) -> Path:
    text = environment.get(variable, "").strip()
    path = Path(text) if text else default
    try:
        path = path.expanduser().absolute()
        path.mkdir(parents=True, exist_ok=True)
        os.listdir(path)
    except (OSError, ValueError, RuntimeError) as e:  # RuntimeError: nobody has that ~name
        why = getattr(e, "strerror", None) or str(e)
        raise SettingsError(
            f"{variable} is {path}, which cannot be opened as a folder ({why}). Set it to one that can."
        ) from None
    return path
