"""The Parquet files that make one set, and their rows."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.data.formats.found import refused
from core.data.formats.pace import count
from core.data.formats.roles import PARTS, file_name
from core.data.formats.streams import check_room, cut_off, explained, shown

MAX_ROWS = 10_000_000
_SHARD = re.compile(r"(?P<stem>.*?)-(?P<number>\d{1,9})-of-(?P<many>\d{1,9})(-[0-9a-f]{6,})?", re.IGNORECASE)
_COUNTED = re.compile(r"(?P<stem>.*?)[-_.]?(?P<number>\d{1,9})")
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


@dataclass(frozen=True, slots=True)
class _Name:
    """What a file's name, or that of the folder around it, says.

    Attributes:
        part: ``train``, ``test``, ``val``, ``extra`` or nothing.
        place: the folder of the set.
        group: what else the name says, alike in all shards of all parts.
        stem: what shards of one part have alike.
        number: of the shard, if the name ends in one.
    """

    part: str
    place: Path
    group: tuple[str, ...]
    stem: str
    number: int | None


def parquet_parts(path: Path) -> Shards:
    """Return the files of a set, given one of them or the folder that they lie in.

    Their part is said by their names (``mnist-train-00000-of-00002.parquet``) or their folders'
    (``train/0000.parquet``). Files of a folder that say none are for training, and must be shards of one set; a file
    given that says none is the whole set.

    Raises:
        DatasetError: if there are none, one is missing, or they are of several sets.
    """
    given = None if path.is_dir() else _name(path, inside=False)
    with explained(path):
        if given is None:
            files = sorted(x for x in path.rglob("*") if _is_parquet(x))
        elif given.part or _SHARD.fullmatch(path.stem):
            files = sorted(x for x in path.parent.iterdir() if _is_parquet(x))
        else:
            files = []
    if given is None and not files:
        raise refused(path, "files that end in .parquet", "none", "Choose the folder that they lie in.")
    if given is not None and path not in files:
        files = sorted([*files, path])
    names = {file: _name(file, inside=given is None) for file in files}
    if given is not None:  # of another set, as far as names tell, are its neighbours
        names = {file: x for file, x in names.items() if (x.group, bool(x.part)) == (given.group, bool(given.part))}
    parts: defaultdict[str, list[Path]] = defaultdict(list)
    for file, name in names.items():
        parts[name.part].append(file)
    main = next((part for part in ("train", "", "test", "val", "extra") if parts[part]), "")
    test = parts["test"] if main in ("train", "") else []
    whole = Shards(_whole(path, parts[main]), _whole(path, test), ())
    _check_one(path, {file: names[file] for file in (*parts[main], *test)})
    notes = []
    for used in (parts[main], test):
        if len(used) > 1:
            few = ", ".join(shown(x.name) for x in used[:3])
            notes.append(f"Joined: {count(len(used), 'file')} of one part, {few}{' and so on' if used[3:] else ''}.")
    left = [x for part, its in parts.items() if part != main and its is not test for x in its]
    if left:
        notes.append(f"Left out: {count(len(left), 'file')} of a validation or another part, {shown(left[0].name)}.")
    return replace(whole, notes=tuple(notes))


def _name(file: Path, inside: bool) -> _Name:
    """Return what a file's name says, or with ``inside`` else that of the folder it lies in."""
    match = _SHARD.fullmatch(file.stem) or _COUNTED.fullmatch(file.stem)
    stem = match["stem"] if match else file.stem
    said = file_name(stem)
    above = "" if said.role.part or not inside else PARTS.get(file.parent.name.lower(), "")
    # the word for images is no more than a part of the name here
    group = (*said.group, *filter(None, [said.role.word]))
    place = file.parent.parent if above else file.parent
    number = int(match["number"]) if match else None
    return _Name(said.role.part or above, place, () if above else group, stem, number)


def _check_one(path: Path, names: dict[Path, _Name]) -> None:
    """Refuse files that are not of one set, as far as their names and folders tell."""
    places = sorted({x.place for x in names.values()})
    if len(places) > 1:
        received = " and ".join(shown(x.name) for x in places[:2])
        raise refused(path, "one set", f"sets in {received}", "Choose the folder of one of them.")
    mixed = len({x.group for x in names.values() if x.group}) > 1
    for part in {x.part for x in names.values()}:
        its = [x for x in names.values() if x.part == part]
        alike = len({x.stem for x in its}) == 1 and _counted([x.number for x in its])
        mixed |= len(its) > 1 and not alike and not _above(its)
    if mixed:
        received = ", ".join(shown(x.name) for x in list(names)[:6])
        raise refused(path, "the files of one set", received, "Give one of these files.")


def _counted(numbers: list[int | None]) -> bool:
    """Return whether numbers of shards begin with 0 or 1 and leave none out; 10 and 100 are other sets."""
    known = sorted(x for x in numbers if x is not None)
    return len(known) == len(numbers) and known[0] in (0, 1) and known == list(range(known[0], known[0] + len(known)))


def _above(names: list[_Name]) -> bool:
    """Return whether files have their part from the folder that they lie in, and so belong together."""
    return all(x.part and not x.group and not file_name(x.stem).role.part for x in names)


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


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() == ".parquet" and not path.name.startswith(".") and path.is_file()


def _whole(path: Path, files: list[Path]) -> tuple[Path, ...]:
    """Return the files of a part in order, having seen that none is missing."""
    matches = [x for x in map(_SHARD.fullmatch, (file.stem for file in files)) if x]
    promised = {int(x["many"]) for x in matches}
    held = {int(x["number"]) for x in matches}
    if matches and (len(promised) > 1 or len(held) < max(promised)):
        received = f"{len(held):,}: {shown(files[0].name)}" + (" and others" if len(files) > 1 else "")
        raise refused(path, f"all {max(promised):,} files of a part", received, "Fetch the others into one folder.")
    return tuple(files)
