"""The environment variables, in one place, checked at start."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from platformdirs import user_data_path

from core.access import Access
from core.errors import SettingsError
from core.limits import VARIABLES, Limits

ROOM = 1024  # MB
UPLOAD = 200  # MB
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z0-9]")
KEY_LENGTH = 16  # characters of a runner key, at least


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are kept, how much of them, and who may train.

    Attributes:
        home: ``FEATHERWEIGHT_HOME``: the store of results and caches; by default the per-user data folder.
        data: ``FEATHERWEIGHT_DATA``: image sets as ``NAME.npz``; by default ``data`` inside home. It may be read-only.
        upload: ``FEATHERWEIGHT_UPLOAD_MB``, here in bytes: what may be uploaded at once.
        room: ``FEATHERWEIGHT_WEIGHTS_MB``, here in bytes: what the weights kept of all runs may take.
        access: ``FEATHERWEIGHT_OPEN``, ``FEATHERWEIGHT_RUNNER_KEY`` and ``FEATHERWEIGHT_RUNNERS``: who may train.
        limits: the ``FEATHERWEIGHT_MAX_…``: how much a visitor may ask for.
    """

    home: Path
    data: Path
    room: int = ROOM * 10**6
    upload: int = UPLOAD * 10**6
    access: Access = field(default_factory=Access)
    limits: Limits = field(default_factory=Limits)

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
    """Read the settings, create their folders and check that data can be read and home written, if it has no store.

    Raises:
        SettingsError: naming the variable and what to do.
    """
    home = _folder(environment, "FEATHERWEIGHT_HOME", user_data_path("featherweight", appauthor=False))
    data = _folder(environment, "FEATHERWEIGHT_DATA", home / "data")
    room = _whole(environment, "FEATHERWEIGHT_WEIGHTS_MB", ROOM)
    upload = _whole(environment, "FEATHERWEIGHT_UPLOAD_MB", UPLOAD, low=1)
    limits = {name: _limit(environment, variable) for name, variable in VARIABLES.items()}
    settings = Settings(home, data, room * 10**6, upload * 10**6, _access(environment), Limits(**limits))
    try:
        settings.cache.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as e:
        if settings.store.is_file():  # there is something to show; who trains says what is amiss
            return settings
        raise SettingsError(
            f"The folder {home} cannot be written ({e.strerror}). Set FEATHERWEIGHT_HOME to a folder that can."
        ) from None
    return settings


def _whole(environment: Mapping[str, str], variable: str, default: int, low: int = 0) -> int:
    text = environment.get(variable, "").strip()
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= low):
        raise SettingsError(f"{variable} is {text!r}. Set it to a whole number from {low} to 999999999.")
    return int(text)


def _limit(environment: Mapping[str, str], variable: str) -> int | None:
    return _whole(environment, variable, 0, low=1) or None  # 0 only where nothing is set


def _access(environment: Mapping[str, str]) -> Access:
    """Read who may train; a key is never repeated in a message."""
    opened = environment.get("FEATHERWEIGHT_OPEN", "").strip()
    if opened not in ("", "0", "1"):
        raise SettingsError(f"FEATHERWEIGHT_OPEN is {opened!r}. Set it to 1 to let everyone train, or leave it out.")
    key = environment.get("FEATHERWEIGHT_RUNNER_KEY", "").strip()
    if key and len(key) < KEY_LENGTH:
        raise SettingsError(
            f"FEATHERWEIGHT_RUNNER_KEY has {len(key)} characters. Set it to {KEY_LENGTH} or more, or leave it out."
        )
    runners = tuple(_runner(x) for x in environment.get("FEATHERWEIGHT_RUNNERS", "").replace(",", " ").split())
    if opened == "1" and (key or runners):
        other = "FEATHERWEIGHT_RUNNER_KEY" if key else "FEATHERWEIGHT_RUNNERS"
        raise SettingsError(f"FEATHERWEIGHT_OPEN=1 lets everyone train, and {other} only some. Leave one of them out.")
    return Access(opened == "1", key or None, runners)


def _runner(text: str) -> str:
    """Return an entry of the list of runners: an address as it is, a domain with @ before it."""
    name, at, domain = text.lower().rpartition("@")
    if not _DOMAIN.fullmatch(domain) or set(name) & set("@*"):
        raise SettingsError(
            f"FEATHERWEIGHT_RUNNERS holds {text!r}. Set it to addresses like ann@example.org and domains like "
            "example.org, with commas between."
        )
    return f"{name}{at or '@'}{domain}"


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
