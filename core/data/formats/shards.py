"""The Parquet files that make one set, and their rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.data.formats.found import refused
from core.data.formats.pace import count
from core.data.formats.streams import check_room, cut_off, explained, shown
from core.data.formats.tree import PARTS

MAX_ROWS = 10_000_000
_SHARD = re.compile(r"(?P<part>[a-z]+)(-(?P<number>\d{1,9})-of-(?P<many>\d{1,9}))?\.parquet", re.IGNORECASE)
_BUFFER = 2**14  # bytes of each column that are read ahead
_MAGIC = b"PAR1"


@dataclass(frozen=True, slots=True)
class Shards:
    """The Parquet files of one set.

    Attributes:
        train: of the training images, in order.
        test: of the test images; empty where there are none.
        notes: on what was left out.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    notes: tuple[str, ...]


def parquet_parts(path: Path) -> Shards:
    """Return the files of a set, given one of them or the folder that they lie in.

    Their part is said by their names (``train-00000-of-00002.parquet``) or their folders' (``train/0000.parquet``).
    Files of a folder that say none are all for training.

    Raises:
        DatasetError: if there are none, one is missing, or they are of several sets.
    """
    if path.is_dir():
        with explained(path):
            files = sorted(x for x in path.rglob("*.parquet") if x.is_file())
        if not files:
            raise refused(path, "files that end in .parquet", "none", "Choose the folder that they lie in.")
    elif _part(path, inside=False):
        with explained(path):
            files = sorted(x for x in path.parent.glob("*.parquet") if x.is_file() and _part(x, inside=False))
    else:
        files = [path]
    parts: defaultdict[str, list[Path]] = defaultdict(list)
    for file in files:
        parts[_part(file, inside=path.is_dir())].append(file)
    places = {x.parent if _part(x, inside=False) else x.parent.parent for part in parts if part for x in parts[part]}
    if len(places) > 1:
        received = " and ".join(shown(x.name) for x in sorted(places)[:2])
        raise refused(path, "one set", f"sets in {received}", "Choose the folder of one of them.")
    if not parts["train"]:
        alone = parts[""] or parts["test"] or parts["validation"]
        return Shards(_whole(path, alone), (), ())
    left = [*parts["validation"], *parts[""]]
    notes = [
        f"Left out: {count(len(left), 'file')} of a validation or another part, {shown(x.name)}." for x in left[:1]
    ]
    return Shards(_whole(path, parts["train"]), _whole(path, parts["test"]), tuple(notes))


def schema(files: Sequence[Path]) -> pa.Schema:
    """Return the columns of files that all have the same, and are bearable.

    Raises:
        DatasetError: if one is damaged or has other columns, or all are too large.
    """
    first: pa.Schema | None = None
    size = many = 0
    for file in files:
        with explained(file), _opened(file) as data:
            fields, known = data.schema_arrow, data.metadata
            size += sum(max(known.row_group(i).total_byte_size, 0) for i in range(known.num_row_groups))
            many += known.num_rows
        check_room(file, size)
        if not 0 <= many <= MAX_ROWS:
            raise refused(file, f"at most {MAX_ROWS:,} images", f"{many:,} rows", "Use fewer images.")
        if first is not None and not fields.equals(first):
            do = "Choose files that belong together."
            raise refused(file, f"the columns of {files[0].name}", shown(", ".join(fields.names)), do)
        first = first or fields
    if first is None:
        raise ValueError("no file")
    return first


def rows(files: Sequence[Path]) -> int:
    """Return how many rows files have together, as they say."""
    total = 0
    for file in files:
        with explained(file), _opened(file) as data:
            total += data.metadata.num_rows
    return total


def batches(file: Path, columns: list[str], many: int) -> Iterator[pa.RecordBatch]:
    """Yield some columns of a file, so many rows at a time, without holding more of it.

    Raises:
        DatasetError: if it is damaged.
    """
    with explained(file), _opened(file) as data:
        for batch in data.iter_batches(many, columns=columns, use_threads=False):
            yield batch.select(columns)


def class_names(fields: pa.Schema) -> dict[str, tuple[str, ...]]:
    """Return the names of the labels 0, 1, … of each column that Hugging Face's features call a ClassLabel.

    They stand as JSON in the schema's metadata (``datasets.Features.arrow_schema``).
    """
    try:
        features = json.loads((fields.metadata or {})[b"huggingface"])["info"]["features"]
        found = {}
        for column, feature in features.items():
            names = feature.get("names") if isinstance(feature, dict) else None
            if column in fields.names and isinstance(names, list) and names and all(isinstance(x, str) for x in names):
                found[column] = tuple(shown(x) for x in names)
        return found
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError):  # no features, or of another kind
        return {}


def _opened(file: Path) -> pq.ParquetFile:
    with file.open("rb") as data:
        begins = data.read(4)
        data.seek(0, 2)
        data.seek(max(data.tell() - 4, 0))
        if begins == _MAGIC and data.read() != _MAGIC:
            raise cut_off(file)
    # pages as they are asked for, instead of whole row groups
    return pq.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)


def _part(file: Path, inside: bool) -> str:
    """Return the part that a file's name says, or that of the folder it lies in, and "" for none."""
    match = _SHARD.fullmatch(file.name)
    own = PARTS.get(match["part"].lower(), "") if match else ""
    return own or (PARTS.get(file.parent.name.lower(), "") if inside else "")


def _whole(path: Path, files: list[Path]) -> tuple[Path, ...]:
    """Return the files of a part in order, having seen that none is missing."""
    matches = [x for x in map(_SHARD.fullmatch, (file.name for file in files)) if x and x["number"]]
    promised = {int(x["many"]) for x in matches}
    held = {int(x["number"]) for x in matches}
    if matches and (len(promised) > 1 or len(held) < max(promised)):
        received = f"{len(held):,}: {shown(files[0].name)}" + (" and others" if len(files) > 1 else "")
        raise refused(path, f"all {max(promised):,} files of a part", received, "Fetch the others into one folder.")
    return tuple(files)
