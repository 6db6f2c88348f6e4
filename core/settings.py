"""The environment variables, in one place, checked at start."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_data_path

from core.errors import SettingsError


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept.

    Attributes:
        home: ``FEATHERWEIGHT_HOME``: the store of results and caches; by default the per-user data folder.
        data: ``FEATHERWEIGHT_DATA``: image sets as ``NAME.npz``; by default ``data`` inside home. It may be read-only.
    """

    home: Path
    data: Path

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
    settings = Settings(home, data)
    try:
        settings.cache.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as e:
        raise SettingsError(
            f"The folder {home} cannot be written ({e.strerror}). Set FEATHERWEIGHT_HOME to a folder that can."
        ) from None
    return settings


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
