"""Where image sets come from: the embedded digits, MNIST and Fashion-MNIST, and files a user brings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.data import npz
from core.data.formats.idx import read_idx
from core.data.formats.streams import cut_off
from core.data.images import Facts
from core.errors import DatasetError, invalid
from core.networks.families import MNIST_CLASSES, MNIST_SHAPE
from core.networks.layers import Array, Shape
from core.settings import Settings

EMBEDDED = "mnist_5k"
PATH = Path(__file__).with_name("embedded") / f"{EMBEDDED}.npz"  # the README.md beside it says where it comes from
TITLES = {EMBEDDED: "MNIST, 5,000 digits", "mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
_YOURS = " (your file)"

# The same files that keras.datasets fetches; SHA-256 of MNIST from Keras's source, MD5 of Fashion-MNIST as
# Zalando Research publishes them.
ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/"
MNIST_HASH = "sha256:731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
FASHION_FILES = {
    "x_train": ("train-images-idx3-ubyte.gz", "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
    "y_train": ("train-labels-idx1-ubyte.gz", "md5:25c81989df183df01b3e8a0aad5dffbe"),
    "x_test": ("t10k-images-idx3-ubyte.gz", "md5:bef4ecab320f06d8554ea6380940ec79"),
    "y_test": ("t10k-labels-idx1-ubyte.gz", "md5:bb300cfdad3c16e7a12a480ee83cd310"),
}

# The contents of Zalando Research's four files, under whatever name somebody brings them in.
_FASHION = "f5da221b5ac83206"
# As Zalando Research calls them.
_LABELS = {
    "fashion_mnist": (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"
    )
}  # fmt: skip

# told (bytes so far, bytes in all) while a file is fetched
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Dataset:
    """An image set that is at hand.

    Attributes:
        name: its name in URLs, on the command line and in the store.
        title: its name for people.
        path: the checked ``.npz`` file.
        facts: shapes, counts and fingerprint.
    """

    name: str
    title: str
    path: Path
    facts: Facts


def names(settings: Settings) -> list[str]:
    """Return the known image sets: the three built in, then the user's files by name, links that lead nowhere too."""
    try:
        files = (x for x in settings.data.glob("*.npz") if _file(x) and not x.name.startswith("."))
        found = sorted(x.stem for x in files if x.stem.isprintable())  # others could not even be shown
    except OSError:
        found = []
    return [*TITLES, *(x for x in found if x not in TITLES)]


def title(name: str) -> str:
    """Return the name for people, each set's another; a user's file is called by its own name.

    Menus show titles, and old addresses carry them, so a file ``MNIST.npz`` must not be called as the set ``mnist`` is.
    """
    taken = name.partition(_YOURS)[0] in TITLES.values()  # "MNIST (your file).npz" may be there as well
    return TITLES.get(name, name + _YOURS * taken)


def names_of(fingerprint: str) -> tuple[str, ...]:
    """Return what the classes of known contents are called, whoever brought them in; nothing of others."""
    return _LABELS["fashion_mnist"] if fingerprint == _FASHION else ()


def labels(name: str, facts: Facts) -> list[str]:
    """Return what the classes of a set are called: by its file, by its maker, or else by their numbers."""
    known = facts.names or names_of(facts.fingerprint) or _LABELS.get(name, ())
    return list(known[: facts.classes]) if len(known) >= facts.classes else [str(x) for x in range(facts.classes)]


def shape(name: str) -> tuple[Shape, int]:
    """Return the shape of an image and the number of classes of a set that Featherweight knows without its file.

    Raises:
        DatasetError: of a user's own set, whose file alone says so.
    """
    if name not in TITLES:
        raise DatasetError(f"The images of {name} are known from its file alone. Put {name}.npz into the data folder.")
    return MNIST_SHAPE, MNIST_CLASSES  # Fashion-MNIST was made to be of the same shape


def default(settings: Settings) -> str:
    """Return ``'mnist'`` where the full set is at hand and whole, else the embedded one."""
    try:
        find(settings, "mnist")
    except DatasetError:
        return EMBEDDED
    return "mnist"


def check_name(settings: Settings, name: str) -> None:
    """Raise ``ArgumentError`` if no image set has that name."""
    if name not in names(settings):
        raise invalid("data set", f"one of {', '.join(names(settings))}", name)


def find(settings: Settings, name: str) -> Dataset:
    """Return an image set that is on this machine.

    Raises:
        ArgumentError: if no set has that name.
        DatasetError: if it is not at hand (see :func:`fetch`), or its file is malformed or, of the embedded one, gone.
    """
    check_name(settings, name)
    if fetchable(settings, name):
        raise DatasetError(missing(settings, name))
    path = _path(settings, name) or settings.data / f"{name}.npz"
    if path.is_symlink() and not path.exists():
        raise DatasetError(f"The file {path} is a link to what is not there. Mend the link, or delete it.")
    return Dataset(name, title(name), path, npz.facts(path))


def embedded() -> Path:
    """Return the file of the embedded digits.

    Raises:
        DatasetError: if it is missing.
    """
    if not PATH.is_file():
        raise DatasetError(f"The embedded digits {PATH} are missing. Install Featherweight again.")
    return PATH


def fetchable(settings: Settings, name: str) -> bool:
    """Return whether the set is not at hand, or damaged, but :func:`fetch` knows where to get it."""
    if name not in TITLES or name == EMBEDDED:
        return False
    return damaged(settings, name) is not None or _path(settings, name) is None


def damaged(settings: Settings, name: str) -> str | None:
    """Return in a sentence what is wrong with the file of a set that can be fetched, or None if it is whole or absent.

    A download that broke off leaves such a file, in Keras's cache too.
    """
    try:
        path = _path(settings, name)
    except DatasetError as e:
        return str(e)
    return str(cut_off(path)) if path and npz.cut_off(path) else None


def missing(settings: Settings, name: str) -> str:
    """Return the sentence that says what is missing, or damaged, and where to put it."""
    why = damaged(settings, name) or f"{title(name)} is not on this machine yet."
    return (
        f"{why} Put {name}.npz with {', '.join(npz.MEMBERS)} into {settings.data}, fetch it once with an internet "
        f"connection, or use {EMBEDDED}, which is always at hand."
    )


def fetch(settings: Settings, name: str, progress: Progress | None = None) -> Dataset:
    """Fetch MNIST or Fashion-MNIST into the data folder, with checksum and retries, unless it is at hand.

    Raises:
        ArgumentError: if no set has that name.
        DatasetError: offline, on a checksum that disagrees, or if the data folder cannot be written.
    """
    check_name(settings, name)
    if fetchable(settings, name):
        target = settings.data / f"{name}.npz"
        try:
            with tempfile.TemporaryDirectory(dir=settings.data, prefix=".fetch-") as folder:
                if name == "mnist":
                    made = _retrieve(ORIGIN + "mnist.npz", MNIST_HASH, Path(folder), progress)
                else:
                    made = Path(folder) / "whole.npz"
                    parts = {
                        member: read_idx(_retrieve(ORIGIN + file, known, Path(folder), progress))
                        for member, (file, known) in FASHION_FILES.items()
                    }
                    np.savez_compressed(made, allow_pickle=False, **parts)
                npz.read(made)
                os.replace(made, target)
        except OSError as e:  # requests' errors are OSErrors too
            why = e.strerror or type(e).__name__
            raise DatasetError(f"{title(name)} could not be fetched ({why}). {missing(settings, name)}") from None
        except ValueError:  # pooch's word for a checksum that disagrees
            raise DatasetError(
                f"What came for {title(name)} is not the published file: its checksum disagrees. Nothing was kept."
            ) from None
    return find(settings, name)


def _file(path: Path) -> bool:
    return path.is_file() or (path.is_symlink() and not path.exists())


def _path(settings: Settings, name: str) -> Path | None:
    """Return the file of a known set, or None where there is none."""
    if name == EMBEDDED:
        return embedded()
    own = settings.data / f"{name}.npz"
    if own.is_file():
        return own
    keras = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "datasets"
    if name == "mnist" and (keras / "mnist.npz").is_file():
        return keras / "mnist.npz"
    if name == "fashion_mnist":
        files = {member: keras / "fashion-mnist" / file for member, (file, _) in FASHION_FILES.items()}
        if all(x.is_file() for x in files.values()):
            return _made(settings, name, lambda: {member: read_idx(path) for member, path in files.items()})
    return None


def _made(settings: Settings, name: str, arrays: Callable[[], dict[str, Array]]) -> Path:
    """Return the cached file of that name, written whole from ``arrays()`` where it is not there yet."""
    path = settings.cache / f"{name}.npz"
    if not path.is_file():
        found = arrays()
        try:
            with tempfile.TemporaryDirectory(dir=settings.cache) as folder:
                made = Path(folder) / path.name
                np.savez_compressed(made, allow_pickle=False, **found)
                os.replace(made, path)
        except OSError as e:
            raise DatasetError(f"The folder {settings.cache} cannot be written ({e.strerror}).") from None
    return path


def _retrieve(url: str, known_hash: str, folder: Path, progress: Progress | None) -> Path:
    import pooch

    downloader = pooch.HTTPDownloader(progressbar=_Bar(progress) if progress else False, timeout=30)
    name = url.rsplit("/", 1)[1]
    keeper = pooch.create(folder, url[: -len(name)], registry={name: known_hash}, retry_if_failed=3)
    return Path(keeper.fetch(name, downloader=downloader))


class _Bar:
    """What pooch expects of a progress bar, telling a callback."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.total, self.done = progress, 0, 0

    def update(self, count: int) -> None:
        self.done += count
        self.progress(min(self.done, self.total), self.total)

    def reset(self) -> None:
        self.done = 0

    def close(self) -> None:
        pass
