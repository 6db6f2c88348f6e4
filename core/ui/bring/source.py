"""The choice of what to bring in: files that are uploaded, or what lies in the data folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import streamlit as st
from streamlit import config

from core.data import candidates, datasets
from core.errors import ArgumentError, invalid
from core.settings import Settings
from core.ui import links
from core.ui.markdown import plain
from core.ui.shared import Context

if TYPE_CHECKING:
    from streamlit.runtime.uploaded_file_manager import UploadedFile

SOURCES = {"upload": "Upload", "folder": "In the data folder"}
KINDS = "PNG, JPEG and other pictures in a zip with a folder a class; .npz, .npy, IDX, CSV, Parquet or .mat"


@dataclass(frozen=True, slots=True)
class Source:
    """What is to be brought in.

    Attributes:
        key: what tells one choice from another; None if nothing is chosen.
        path: the file or folder; None of an upload, which is written down only when it is looked at.
        test: the test images, where they are in another file.
    """

    key: object
    path: Path | None = None
    test: Path | None = None


def choose_source(context: Context) -> Source:
    """Draw the choice of what to bring in and return it.

    Raises:
        ArgumentError: if somebody typed a path that leads nowhere.
    """
    where = links.choose(
        st.segmented_control,
        "Where the images are",
        list(SOURCES),
        key="source",
        default="folder" if links.said("file") else "upload",
        title=SOURCES.__getitem__,
        required=True,
    )
    return _uploaded(context) if where == "upload" else _in_folder(context)


def _uploaded(context: Context) -> Source:
    refusal = context.visitor.refusal
    megabytes = max(1, context.settings.upload // 10**6)
    config.set_option("server.maxUploadSize", megabytes)  # what the server itself refuses
    given: dict[str, Any] = {
        "accept_multiple_files": True,
        "max_upload_size": megabytes,
        "disabled": refusal is not None,
        "help": refusal or "Up to FEATHERWEIGHT_UPLOAD_MB. What is larger goes into the data folder.",
    }
    files = st.file_uploader(f"A file, or several that belong together: {KINDS}", key="upload", **given)
    with st.expander("Test images, where they are in another file"):
        test = st.file_uploader("The file with the test images", key="upload_test", **given)
    if refusal is not None:
        st.caption(plain(refusal))
    ids = tuple(tuple(x.file_id for x in some) for some in (files, test))
    return Source(ids if files else None)


def write_down(context: Context, source: Source) -> Source:
    """Return a source with its paths: what was uploaded is written into a folder of its own among the caches.

    Raises:
        AccessError: if the visitor may not.
        ArgumentError: if nothing, or too much, was uploaded.
    """
    context.visitor.require()
    if source.path is not None:
        return source
    parts: list[Sequence[UploadedFile]] = [links.get(x) or () for x in ("upload", "upload_test")]
    size = sum(x.size for some in parts for x in some)
    if not parts[0]:
        raise ArgumentError("Expected a file. Received: none. Choose one to upload.")
    if size > context.settings.upload:
        raise ArgumentError(
            f"Expected at most {context.settings.upload / 1e6:,.0f} MB. Received: {size / 1e6:,.0f} MB. Put the files "
            "into the data folder."
        )
    train, test = (_written(uploads(context.settings), some) if some else None for some in parts)
    return Source(source.key, train, test)


def _written(folder: Path, files: Sequence[UploadedFile]) -> Path:
    """Write files into a folder of their own, and return the one, or where several are."""
    place = folder / f"{time.time_ns()}"
    names = [_plain_name(x.name) for x in files]
    if len(files) > 1:
        common = "".join(x[0] for x in takewhile(lambda x: len(set(x)) == 1, zip(*names, strict=False))).strip("-_. ")
        place /= common if len(common) > 2 else "images"
    place.mkdir(parents=True)
    for name, file in zip(names, files, strict=True):
        with (place / name).open("wb") as target:
            file.seek(0)
            shutil.copyfileobj(file, target)
    return place / names[0] if len(files) == 1 else place


def forget_uploads(settings: Settings) -> None:
    """Delete what was written down of uploads."""
    shutil.rmtree(uploads(settings), ignore_errors=True)


def uploads(settings: Settings) -> Path:
    """Return the folder for what was uploaded, while it is looked at."""
    return settings.cache / "uploads"


def _plain_name(name: str) -> str:
    """Return a file's name without what a hostile browser may send: folders, dots in front, what cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2].lstrip(".")
    return "".join(x for x in last if x.isprintable())[-100:] or "images"


def _in_folder(context: Context) -> Source:
    data = context.settings.data
    options = [x.path.name for x in candidates.candidates(context.settings) if x.what]
    options += [x for x in (f"{y}.npz" for y in datasets.names(context.settings)) if (data / x).is_file()]
    asked = links.said("file")
    if links.first("file") and asked:
        links.put({"file": asked if asked in options else None})
        if asked not in options:
            links.put({"no_file": asked})
    picked = st.selectbox(
        f"A file or folder in {plain(str(data))}",
        options,
        key="file",
        index=None,
        accept_new_options=True,
        placeholder="Choose, or type a path inside it",
        help="Its files can be larger than an upload. The original stays as it is.",
    )
    links.drawn("file")
    links.write("file", [picked] if picked else [])
    missing = links.pop("no_file")
    if missing and not picked:
        st.warning(f"Nothing in the data folder is called {plain(missing[:80])}.", icon=":material/link_off:")
    with st.expander("Test images, where they are in another file"):
        other = st.selectbox(
            "The file with the test images", options, key="file_test", index=None, accept_new_options=True
        )
    if not picked:
        return Source(None)
    path, test = inside(data, picked), inside(data, other) if other else None
    return Source((str(path), str(test)), path, test)


def inside(folder: Path, name: str) -> Path:
    """Return what lies in a folder under a name that somebody typed.

    Raises:
        ArgumentError: if there is nothing, or the name leads out of the folder.
    """
    try:
        path = (folder / name).resolve(strict=True)
    except (OSError, ValueError):  # ValueError on a null character
        path = None
    if path is None or not path.is_relative_to(folder.resolve()):
        raise invalid("path", f"the name of what lies in {folder}", name)
    return path
