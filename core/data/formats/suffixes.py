"""What files are by the ends of their names."""

from __future__ import annotations

TABLES = (".csv", ".tsv", ".csv.gz", ".tsv.gz")
KINDS = {
    ".npz": "a .npz file",
    ".npy": "a .npy file",
    ".mat": "a .mat file",
    ".parquet": "a Parquet file",
    ".zip": "a zip file",
    **dict.fromkeys(TABLES, "a table"),
}
_IDX = (".idx", ".idx.gz", "ubyte", "ubyte.gz")  # by which IDX files are known without opening them
# what may hold images in arrays or tables, in a folder
DATA = (*(x for x in KINDS if x != ".zip"), *_IDX)


def suffix(name: str) -> str:
    """Return the end of a file's name that says what it is, one of KINDS, or nothing."""
    return next((x for x in KINDS if name.lower().endswith(x)), "")
