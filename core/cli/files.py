"""Files that a verb is asked to write: whole or not at all, and never over another unasked."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from core.errors import ArgumentError, invalid


def check(target: Path, force: bool) -> None:
    """Check, before any work is done, that a file can be made where it is wanted; ``force`` allows one to be there.

    Raises:
        ArgumentError: if not.
    """
    try:
        if target.is_dir():
            raise invalid("file to write", "a file", f"the folder {target}")
        if target.exists() and not force:
            raise ArgumentError(f"The file {target} exists already. Choose another, or write over it with --force.")
        if not target.parent.is_dir():
            raise ArgumentError(f"The folder {target.parent} does not exist. Make it first.")
    except OSError as e:
        raise _unwritable(target, e) from None


def write(target: Path, content: bytes, force: bool) -> None:
    """Write a file whole or not at all.

    Raises:
        ArgumentError: if it cannot be written, or is there and ``force`` does not allow it.
    """
    try:
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".export-") as folder:
            made = Path(folder) / "file"  # made like any other, so that others may read it as the user's mask says
            made.write_bytes(content)
            check(target, force)
            os.replace(made, target)
    except OSError as e:
        raise _unwritable(target, e) from None


def _unwritable(target: Path, error: OSError) -> ArgumentError:
    return ArgumentError(f"The file {target} cannot be written ({error.strerror}).")
