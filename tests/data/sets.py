"""One image set, written in every format and with every oddity that people's files have."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import scipy.io
from PIL import Image

from core.data import datasets
from core.data.formats.found import Fit, Options
from core.networks.layers import Array

TRAIN, TEST = 300, 100


@dataclass(frozen=True, slots=True)
class Digits:
    """Some of the embedded digits as bytes: ``x`` to train and ``xt`` to test, with labels from 0 to 9."""

    x: Array
    y: Array
    xt: Array
    yt: Array


def digits() -> Digits:
    with np.load(datasets.PATH) as file:
        return Digits(
            file["x_train"][:TRAIN], file["y_train"][:TRAIN].astype(int), file["x_test"][:TEST],
            file["y_test"][:TEST].astype(int),
        )  # fmt: skip


Write = Callable[[Path, Digits], Path]


@dataclass(frozen=True, slots=True)
class Odd:
    """A file, and what it must become.

    Attributes:
        write: makes it in a folder and returns its path.
        names: of the classes.
        options: how it is to be read.
        test: whether it has test images of its own.
        pixels: what the pixels are, from 0 to 1, given the bytes.
        said: whether something was converted, left out or split off, and so must be said.
        tolerance: by how much a pixel may differ, for JPEG.
    """

    write: Write
    names: tuple[str, ...] = tuple("0123456789")
    options: Options = field(default_factory=Options)
    test: bool = True
    pixels: Callable[[Array], Array] = lambda x: x / 255
    said: bool = True
    tolerance: float = 1e-6


def arrays(
    names: tuple[str, str, str, str] = ("x_train", "y_train", "x_test", "y_test"),
    x: Callable[[Array], Array] = lambda x: x,
    y: Callable[[Array], Array] = lambda y: y,
    save: Callable[..., None] = np.savez,
    file: str = "set.npz",
    **further: Any,
) -> Write:
    def write(folder: Path, of: Digits) -> Path:
        with (folder / file).open("wb") as target:
            save(target, **dict(zip(names, (x(of.x), y(of.y), x(of.xt), y(of.yt)), strict=True)), **further)
        return folder / file

    return write


def siblings(names: tuple[str, str, str, str], save: Callable[[Path, Array], None], give: str = "") -> Write:
    def write(folder: Path, of: Digits) -> Path:
        for name, array in zip(names, (of.x, of.y.astype(np.uint8), of.xt, of.yt.astype(np.uint8)), strict=True):
            save(folder / name, array)
        return folder / give if give else folder

    return write


def idx(array: Array) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + b"".join(x.to_bytes(4, "big") for x in array.shape) + array.tobytes()


def save_idx(path: Path, array: Array) -> None:
    path.write_bytes(gzip.compress(idx(array), 1) if path.suffix == ".gz" else idx(array))


def save_npz(path: Path, array: Array) -> None:
    np.savez(path, array)


MNIST_FILES = (
    "train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"
)  # fmt: skip
EMNIST_FILES = tuple(
    f"emnist-digits-{part}-{kind}-ubyte.gz" for part in ("train", "test") for kind in ("images-idx3", "labels-idx1")
)


def save_lying(path: Path, array: Array) -> None:
    save_idx(path, np.ascontiguousarray(array.transpose(0, 2, 1)) if array.ndim == 3 else array)


def table(x: Array, y: Array, last: bool, named: bool) -> pd.DataFrame:
    pixels = pd.DataFrame(x.reshape(len(x), -1), columns=[f"pixel{i}" for i in range(x[0].size)])
    pixels.insert(len(pixels.columns) if last else 0, "class" if last else "label", y)
    return pixels


def tables(
    name: str = "train.csv", last: bool = False, header: bool = True, sep: str = ",", pair: bool = True
) -> Write:
    """Write a table to train and one to test, beside it, as Kaggle's and others' are."""

    def write(folder: Path, of: Digits) -> Path:
        for part, x, y in (("train", of.x, of.y), ("test", of.xt, of.yt)):
            if pair or part == "train":
                target = folder / name.replace("train", part)
                table(x, y, last, header).to_csv(target, index=False, header=header, sep=sep)
        return folder if pair else folder / name

    return write


def pictures(
    parts: tuple[str, ...] = ("train", "test"),
    save: Callable[[Path, Array], None] | None = None,
    suffix: str = ".png",
    top: str = "",
    called: Callable[[int], str] = str,
) -> Write:
    def picture(path: Path, image: Array) -> None:
        Image.fromarray(image).save(path)

    def write(folder: Path, of: Digits) -> Path:
        root = folder / "set"
        for part, x, y in ((parts[0], of.x, of.y), (parts[-1], of.xt, of.yt)):
            for i, (image, label) in enumerate(zip(x, y, strict=True)):
                target = root / top / (part if len(parts) > 1 else "") / called(int(label)) / f"{part}{i}{suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                (save or picture)(target, image)
            if len(parts) == 1:
                break
        return root

    return write


def zipped(write: Write) -> Write:
    def pack(folder: Path, of: Digits) -> Path:
        root = write(folder, of)
        with zipfile.ZipFile(folder / "set.zip", "w", zipfile.ZIP_DEFLATED) as file:
            for path in sorted(root.rglob("*")):
                file.write(path, path.relative_to(root))
        return folder / "set.zip"

    return pack


def rgba(path: Path, image: Array) -> None:
    Image.fromarray(image).convert("RGBA").save(path)


def larger(path: Path, image: Array) -> None:
    Image.fromarray(image.repeat(2, 0).repeat(2, 1)).save(path)


def parquet(shards: int = 1, names: tuple[str, ...] = ()) -> Write:
    """Write Parquet as Hugging Face does: bytes of pictures, and names of labels among the schema's facts."""

    def packed(x: Array, y: Array) -> pa.Table:
        images = []
        for image in x:
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            images.append({"bytes": file.getvalue(), "path": None})
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        made = pa.table({"image": pa.array(images, kind), "label": pa.array(y, pa.int64())})
        features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
        return (
            made.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
            if (names)
            else made
        )

    def write(folder: Path, of: Digits) -> Path:
        for place, some in enumerate(np.array_split(np.arange(len(of.x)), shards)):
            target = folder / f"train-{place:05}-of-{shards:05}.parquet"
            pq.write_table(packed(of.x[some], of.y[some]), target)
        pq.write_table(packed(of.xt, of.yt), folder / "test-00000-of-00001.parquet")
        return folder / f"train-00000-of-{shards:05}.parquet"

    return write


def matlab(folder: Path, of: Digits) -> Path:
    scipy.io.savemat(
        folder / "set.mat", {"trainX": of.x.reshape(TRAIN, -1), "trainY": of.y, "testX": of.xt.reshape(TEST, -1),
        "testY": of.yt}
    )  # fmt: skip
    return folder / "set.mat"


def alone(folder: Path, of: Digits) -> Path:
    np.savez(folder / "set.npz", X=of.x, y=of.y)
    return folder / "set.npz"


WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
IN_ORDER = tuple(sorted(WORDS))


def brighter(x: Array) -> Array:
    return np.clip(x + 0.25, 0, 255)


def opaque(x: Array) -> Array:
    return np.concatenate([np.repeat(x[..., None], 3, -1), np.full((*x.shape, 1), 255, "u1")], -1)


def flipped(x: Array) -> Array:
    return 255 - x


ODDITIES: dict[str, Odd] = {
    "bytes": Odd(arrays(), said=False),
    "compressed": Odd(arrays(save=np.savez_compressed), said=False),
    "floats to 1": Odd(arrays(x=lambda x: (x / 255).astype("f4")), said=False),
    "doubles to 1": Odd(arrays(x=lambda x: x / 255), said=False),
    "floats to 255": Odd(arrays(x=lambda x: x.astype("f8"))),
    "fractions to 255": Odd(arrays(x=brighter), pixels=lambda x: brighter(x) / 255),
    "halves to 1": Odd(arrays(x=lambda x: (x / 255).astype("f2")), said=False, tolerance=1e-3),
    "0 and 1 in bytes": Odd(arrays(x=lambda x: (x > 127).astype("u1")), pixels=lambda x: x > 127),
    "0 and 1 in doubles": Odd(arrays(x=lambda x: (x > 127).astype("f8")), pixels=lambda x: x > 127, said=False),
    "yes and no": Odd(arrays(x=lambda x: x > 127), pixels=lambda x: x > 127),
    "0 to 16 in doubles": Odd(arrays(x=lambda x: np.round(x / 255 * 16)), pixels=lambda x: np.round(x / 255 * 16) / 16),
    "0 to 15 in bytes": Odd(arrays(x=lambda x: x >> 4), pixels=lambda x: (x >> 4) / 15),
    "int64": Odd(arrays(x=lambda x: x.astype("i8"))),
    "big-endian": Odd(arrays(x=lambda x: x.astype(">i4"))),
    "int8 from -128": Odd(arrays(x=lambda x: (x.astype(int) - 128).astype("i1"))),
    "uint16 to 255": Odd(arrays(x=lambda x: x.astype("u2"))),
    "uint16 to 65,535": Odd(arrays(x=lambda x: x.astype("u2") * 257)),
    "12 bits": Odd(arrays(x=lambda x: (x.astype("i4") * 4095 // 255).astype("u2")), tolerance=1e-3),
    "standardised": Odd(arrays(x=lambda x: (x / 255 - 0.1307) / 0.3081), pixels=lambda x: (x / 255 - 0.1307) / 0.3081),
    "rows of pixels": Odd(arrays(x=lambda x: x.reshape(len(x), -1))),
    "one channel": Odd(arrays(x=lambda x: x[..., None]), said=False),
    "channels first": Odd(arrays(x=lambda x: x[:, None])),
    "colour channels first": Odd(arrays(x=lambda x: np.repeat(x[:, None], 3, 1))),
    "grey in colour": Odd(arrays(x=lambda x: np.repeat(x[..., None], 3, -1))),
    "opaque": Odd(arrays(x=opaque)),
    "see-through": Odd(arrays(x=lambda x: np.stack([np.full_like(x, 255), x], -1))),
    "by columns": Odd(arrays(x=np.asfortranarray), said=False),
    "labels from 1": Odd(arrays(y=lambda y: y + 1), names=tuple(str(x) for x in range(1, 11))),
    "labels with gaps": Odd(arrays(y=lambda y: y * 5), names=tuple(str(x) for x in range(0, 50, 5))),
    "labels below 0": Odd(arrays(y=lambda y: y - 3), names=tuple(str(x) for x in range(-3, 7))),
    "labels in a column": Odd(arrays(y=lambda y: y[:, None]), said=False),
    "labels as floats": Odd(arrays(y=lambda y: y.astype("f8"))),
    "one-hot": Odd(arrays(y=lambda y: np.eye(10)[y])),
    "one-hot bytes": Odd(arrays(y=lambda y: np.eye(10, dtype="u1")[y])),
    "text": Odd(arrays(y=lambda y: np.array(WORDS)[y]), names=IN_ORDER),
    "bytes of text": Odd(arrays(y=lambda y: np.array(WORDS).astype("S")[y]), names=IN_ORDER),
    "with names": Odd(arrays(class_names=np.array(WORDS)), names=WORDS, said=False),
    "MedMNIST": Odd(
        arrays(("train_images", "train_labels", "test_images", "test_labels"), y=lambda y: y[:, None],
               val_images=np.zeros((5, 28, 28), "u1"), val_labels=np.zeros((5, 1), "u1"))
    ),
    "X and y alone": Odd(alone, test=False),
    "no names": Odd(arrays(("arr_0", "arr_1", "arr_2", "arr_3"))),
    "no names, labels last": Odd(arrays(("arr_0", "arr_2", "arr_1", "arr_3"))),
    ".NPZ": Odd(arrays(file="SET.NPZ"), said=False),
    "KMNIST": Odd(
        siblings(("kmnist-train-imgs.npz", "kmnist-train-labels.npz", "kmnist-test-imgs.npz", "kmnist-test-labels.npz"),
                 save_npz, "kmnist-train-imgs.npz"), said=False
    ),
    ".npy": Odd(siblings(("X_train.npy", "y_train.npy", "X_test.npy", "y_test.npy"), np.save), said=False),
    "IDX": Odd(siblings(MNIST_FILES, save_idx, MNIST_FILES[0]), said=False),
    "IDX.gz": Odd(siblings(tuple(f"{x}.gz" for x in MNIST_FILES), save_idx), said=False),  # type: ignore[arg-type]
    "EMNIST": Odd(siblings(EMNIST_FILES, save_lying, EMNIST_FILES[0]), options=Options(transpose=True)),  # type: ignore[arg-type]
    "CSV": Odd(tables()),
    "CSV, label last": Odd(tables(last=True)),
    "CSV, no header": Odd(tables("mnist_train.csv", header=False)),
    "CSV.gz": Odd(tables("mnist_train.csv.gz")),
    "semicolons": Odd(tables(sep=";")),
    "CSV alone": Odd(tables(pair=False), test=False),
    "CSV, column by name": Odd(tables(), options=Options(label="label")),
    "zip of CSV": Odd(zipped(lambda folder, of: tables()(_made(folder / "in"), of))),
    "PNG": Odd(pictures()),
    "PNG, a folder above": Odd(pictures(top="digits/data")),
    "PNG, named": Odd(pictures(called=lambda x: WORDS[x]), names=IN_ORDER),
    "PNG, to be split": Odd(pictures(("all",)), test=False),
    "PNG in a zip": Odd(zipped(pictures())),
    "RGBA": Odd(pictures(save=rgba)),
    "PNG twice as large": Odd(pictures(save=larger), options=Options(size=28)),
    "larger, the middle": Odd(pictures(save=larger), options=Options(size=28, fit=Fit.CROP)),
    "JPEG": Odd(pictures(suffix=".jpg"), tolerance=0.35),
    "BMP": Odd(pictures(suffix=".bmp")),
    "GIF": Odd(pictures(suffix=".gif")),
    "PGM": Odd(pictures(suffix=".pgm")),
    "Parquet": Odd(parquet(names=WORDS), names=WORDS),
    "Parquet in shards": Odd(parquet(shards=3)),
    ".mat": Odd(matlab),
    "inverted": Odd(arrays(x=flipped), options=Options(invert=True)),
}  # fmt: skip


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
