"""The choice of what to bring in: files that are uploaded, or what lies in the data folder."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

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


def choose_source(context: Context) -> tuple[object, Path | None]:
    """Draw the choice and return what tells one choice from another, with the path of what was chosen.

    An upload is written down only when it is looked at, see :func:`write_down`; until then its path is None.
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


def _uploaded(context: Context) -> tuple[object, Path | None]:
    refusal = context.visitor.refusal
    megabytes = context.settings.upload // 10**6
    config.set_option("server.maxUploadSize", max(1, megabytes))  # what the server itself refuses
    files = st.file_uploader(
        f"A file, or several that belong together: {KINDS}",
        accept_multiple_files=True,
        max_upload_size=max(1, megabytes),
        key="upload",
        disabled=refusal is not None,
        help=refusal or "Up to FEATHERWEIGHT_UPLOAD_MB each. What is larger goes into the data folder.",
    )
    if refusal is not None:
        st.caption(plain(refusal))
    return tuple(x.file_id for x in files), None


def write_down(context: Context) -> Path:
    """Write what was uploaded into a folder of its own among the caches, and return the file or the folder.

    Raises:
        AccessError: if the visitor may not.
        ArgumentError: if nothing, or too much, was uploaded.
    """
    context.visitor.require()
    files: Sequence[UploadedFile] = links.get("upload") or ()
    if not files:
        raise ArgumentError("Expected a file. Received: none. Choose one to upload.")
    if sum(x.size for x in files) > context.settings.upload:
        raise ArgumentError(
            f"Expected at most {context.settings.upload / 1e6:,.0f} MB. Received: "
            f"{sum(x.size for x in files) / 1e6:,.0f} MB. Put the files into the data folder."
        )
    folder = _folder(context.settings) / f"{time.time_ns()}"
    folder.mkdir(parents=True)
    for file in files:
        with (folder / _plain_name(file.name)).open("wb") as target:
            file.seek(0)
            shutil.copyfileobj(file, target)
    return folder / _plain_name(files[0].name) if len(files) == 1 else folder


def forget_uploads(settings: Settings) -> None:
    """Delete what was written down of uploads."""
    shutil.rmtree(_folder(settings), ignore_errors=True)


def _folder(settings: Settings) -> Path:
    return settings.cache / "uploads"


def _plain_name(name: str) -> str:
    """Return a file's name without what a hostile browser may send: folders, dots in front, what cannot be printed."""
    last = name.replace("\\", "/").rpartition("/")[2].lstrip(".")
    return "".join(x for x in last if x.isprintable())[-100:] or "images"


def _in_folder(context: Context) -> tuple[object, Path | None]:
    data = context.settings.data
    options = [x.path.name for x in candidates.candidates(context.settings) if x.what]
    options += [x for x in (f"{y}.npz" for y in datasets.names(context.settings)) if (data / x).is_file()]
    asked = links.said("file")
    if links.first("file"):
        links.put({"file": asked if asked in options else None})
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
    if not picked:
        return None, None
    path = inside(data, picked)
    return str(path), path


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
