from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import settings
from core.data import bring, datasets, npz
from core.data.bring import Draft
from core.data.formats.found import Colour, Options
from core.data.images import scaled
from core.errors import ArgumentError, DatasetError
from core.networks.families import FAMILIES
from core.networks.layers import Array
from core.settings import Settings
from tests.data.sets import ODDITIES, TEST, TRAIN, WORDS, Odd, digits

PLAIN = digits()


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return settings.load({"FEATHERWEIGHT_HOME": str(tmp_path / "home")})


def accuracy(x: Array, y: Array, xt: Array, yt: Array) -> float:
    """Return what a linear classifier reads, which has one best solution: no seed, no order of images."""
    flat, flat_test = (np.c_[a[:, ::2, ::2].reshape(len(a), -1).astype(np.float64), np.ones(len(a))] for a in (x, xt))
    inner = flat.T @ flat + 10 * np.eye(flat.shape[1])
    weights = np.linalg.solve(inner, flat.T @ np.eye(y.max() + 1)[y])
    return float(((flat_test @ weights).argmax(1) == yt).mean())


def sorted_images(x: Array, names: Array) -> Array:
    """Return rows of pixels in an order that follows from pixels and names: folders have an order of their own."""
    flat = x.reshape(len(x), -1)
    return flat[np.lexsort((np.round(flat.astype(np.float64), 2) @ np.arange(flat.shape[1]), names))]


@pytest.mark.parametrize("what", ODDITIES)
def test_any_format_with_any_oddity_becomes_the_same_set(own: Settings, tmp_path: Path, what: str) -> None:
    odd = ODDITIES[what]
    (tmp_path / "files").mkdir()
    path = odd.write(tmp_path / "files", PLAIN)
    before = {x: x.read_bytes() for x in (tmp_path / "files").rglob("*") if x.is_file()}
    found = bring.draft(own, path, odd.options)
    kept = bring.accept(own, found, "mine")
    assert {x: x.read_bytes() for x in (tmp_path / "files").rglob("*") if x.is_file()} == before
    assert [x.name for x in own.data.iterdir()] == ["mine.npz"]
    assert kept.facts.names == odd.names and kept.facts.classes == 10
    network = FAMILIES["deep_cnn"].build(2, kept.facts.input_shape, kept.facts.classes)
    assert (network.parameters, kept.facts.input_shape) == (932, (28, 28, 1))
    assert bool(found.report.notes) == odd.said, found.report.notes
    if odd.test:
        same_images(kept.path, odd)
    else:
        held = [int(c) // 6 for c in np.bincount(PLAIN.y)]
        assert kept.facts.train + kept.facts.test == TRAIN
        assert all(abs(a - b) <= 1 for a, b in zip(kept.facts.test_counts, held, strict=True))


def same_images(path: Path, odd: Odd) -> None:
    """Check that a set holds the plain digits under their names, and that they are learned as well."""
    images = npz.read(path)
    x, xt = scaled(images.x_train), scaled(images.x_test)
    assert (len(x), len(xt)) == (TRAIN, TEST)
    plain, plain_test = (np.asarray(odd.pixels(a), np.float32) for a in (PLAIN.x, PLAIN.xt))
    names = _digit_of(odd)
    labels, labels_test = names[images.y_train], names[images.y_test]
    for a, b, c, d in ((x, labels, plain, PLAIN.y), (xt, labels_test, plain_test, PLAIN.yt)):
        assert np.array_equal(np.bincount(b, minlength=10), np.bincount(d, minlength=10))
        if odd.tolerance < 0.01:
            np.testing.assert_allclose(sorted_images(a, b), sorted_images(c, d), atol=odd.tolerance)
    ours = accuracy(x, labels, xt, labels_test)
    assert abs(ours - accuracy(plain, PLAIN.y, plain_test, PLAIN.yt)) <= (0.03 if odd.tolerance > 0.01 else 0.011)


def _digit_of(odd: Odd) -> Array:
    """Return which digit each class is."""
    if set(odd.names) == set(WORDS):
        return np.array([WORDS.index(x) for x in odd.names])
    return np.arange(10)


def saved(folder: Path, **arrays: Any) -> Path:
    path = folder / "theirs.npz"
    np.savez(path, **arrays)
    return path


def plain(**changed: Any) -> dict[str, Any]:
    return {"x_train": PLAIN.x, "y_train": PLAIN.y, "x_test": PLAIN.xt, "y_test": PLAIN.yt} | changed


def found(own: Settings, path: Path, options: Options | None = None) -> Draft:
    return bring.draft(own, path, options)


def test_the_report_counts_what_is_there(own: Settings, tmp_path: Path) -> None:
    x, y = PLAIN.x, np.where(PLAIN.y == 3, 3, 0)
    shown = found(own, saved(tmp_path, **plain(y_train=y, x_test=x[:60], y_test=y[:60]))).report
    assert shown.names == ("0", "3") and (shown.train, shown.test) == (TRAIN, 60)
    assert shown.test_counts == tuple(np.unique(y[:60], return_counts=True)[1])
    assert shown.commonest == ("0", (y[:60] == 0).sum() / 60)
    assert shown.shared == 60  # every test image is a training image, too
    assert shown.memory == (TRAIN + 60) * 784
    facts = json.loads(json.dumps(shown.facts()))
    assert facts["train"] == TRAIN and len(facts["warnings"]) == 3


def test_dark_on_light_is_noticed_and_mended_by_inverting(own: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path, **plain(x_train=255 - PLAIN.x, x_test=255 - PLAIN.xt))
    dark, light = found(own, path).report, found(own, path, Options(invert=True)).report
    assert dark.edge > 0.9 and light.edge < 0.1
    assert len(list(dark.warnings())) == len(list(light.warnings())) + 1


def test_samples_are_what_networks_will_see(own: Settings, tmp_path: Path) -> None:
    draft = found(own, saved(tmp_path, **plain(x_train=PLAIN.x[:, None], x_test=PLAIN.xt[:, None])))
    assert [x.shape for x in draft.samples] == [(4, 28, 28, 1)] * 10
    for digit, images in enumerate(draft.samples):
        theirs = PLAIN.x[PLAIN.y == digit][..., None]
        assert all(any(np.array_equal(a, b) for b in theirs) for a in images)


def test_the_kept_file_opens_with_numpy_alone(own: Settings, tmp_path: Path) -> None:
    kept = bring.accept(own, found(own, saved(tmp_path, **plain(y_train=PLAIN.y + 1, y_test=PLAIN.yt + 1))), "mine")
    with np.load(kept.path, allow_pickle=False) as file:
        assert np.array_equal(file["y_train"], PLAIN.y) and file["x_train"].dtype == np.uint8
        assert file["class_names"].tolist() == [str(x) for x in range(1, 11)]
    told = npz.report(kept.path)
    assert told is not None and told["source"] == "theirs.npz" and told["notes"]
    assert datasets.labels("mine", kept.facts) == [str(x) for x in range(1, 11)]


def test_the_same_file_becomes_the_same_set(own: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path, X=PLAIN.x, y=PLAIN.y)
    marks = {bring.accept(own, found(own, path), name).facts.fingerprint for name in ("a", "b")}
    assert len(marks) == 1


def test_a_plain_file_keeps_its_fingerprint_and_so_its_runs(own: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path, **plain(y_train=PLAIN.y.astype("u1"), y_test=PLAIN.yt.astype("u1")))
    assert bring.accept(own, found(own, path), "mine").facts.fingerprint == npz.facts(path).fingerprint


def test_inverting_mirrors_whatever_black_and_white_are(own: Settings, tmp_path: Path) -> None:
    x, xt = (a / 127.5 - 1 for a in (PLAIN.x, PLAIN.xt))
    kept = bring.accept(own, found(own, saved(tmp_path, **plain(x_train=x, x_test=xt)), Options(invert=True)), "mine")
    np.testing.assert_allclose(npz.read(kept.path).x_test[..., 0], -xt, atol=1e-6)


@pytest.mark.parametrize("beside", [False, True])
def test_rows_of_colours_are_told_by_their_neighbours(own: Settings, tmp_path: Path, beside: bool) -> None:
    x, xt = (np.stack([a, a // 2, 255 - a], -1) for a in (PLAIN.x, PLAIN.xt))
    rows = [(a if beside else a.transpose(0, 3, 1, 2)).reshape(len(a), -1) for a in (x, xt)]
    kept = bring.accept(own, found(own, saved(tmp_path, **plain(x_train=rows[0], x_test=rows[1]))), "mine")
    assert np.array_equal(npz.read(kept.path).x_test, xt)


def test_fashion_mnist_is_known_by_its_contents(own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, **plain(y_train=PLAIN.y.astype("u1"), y_test=PLAIN.yt.astype("u1")))
    monkeypatch.setattr(datasets, "_FASHION", npz.facts(path).fingerprint)
    draft = found(own, path)
    kept = bring.accept(own, draft, "clothes")
    assert draft.report.names == kept.facts.names and kept.facts.names[0] == "T-shirt/top"
    named = found(own, saved(tmp_path, **plain(class_names=np.array(WORDS))))
    assert named.report.names == WORDS  # what a file says goes first


def test_size_and_colour_are_as_asked(own: Settings, tmp_path: Path) -> None:
    wide = saved(tmp_path, **plain(x_train=PLAIN.x.repeat(2, 2), x_test=PLAIN.xt.repeat(2, 2)))
    whole = bring.accept(own, found(own, wide, Options(size=28)), "whole")
    x = npz.read(whole.path).x_train
    assert x.shape[1:] == (28, 28, 1) and not x[:, :7].any() and not x[:, -7:].any() and x[:, 7:21].any()
    assert found(own, wide, Options(size=14, colour=Colour.COLOUR)).report.input_shape == (14, 14, 3)


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "one class": ({"y_train": PLAIN.y * 0, "y_test": PLAIN.yt * 0}, "2 to 100 classes. Received: 1"),
    "too many": ({"y_train": np.arange(TRAIN), "y_test": PLAIN.yt}, "Received: 300"),
    "more labels": ({"y_train": PLAIN.y[:-1]}, "labels"),
    "two shapes": ({"x_test": PLAIN.xt[:, :20]}, "28×28 and 20×28|20×28 and 28×28"),
    "nan": ({"x_train": np.where(PLAIN.x > 200, np.nan, PLAIN.x / 255)}, "NaN"),
    "two ranges": ({"x_test": PLAIN.xt / 255}, "pixels of one range"),
    "only the training images normalised": (
        {"x_train": PLAIN.x / 255, "x_test": PLAIN.xt.astype("f4")},
        "float64 from 0 to 1 and float32 from 0 to 255",
    ),
    "only the test images of 0 and 1": ({"x_test": PLAIN.xt >> 7}, "uint8 from 0 to 255 and uint8 from 0 to 1"),
    "16 bits and 8": ({"x_train": PLAIN.x.astype("u2") * 257}, "pixels of one range"),
    "only the training images standardised": (
        {"x_train": PLAIN.x / 128 - 1.0, "x_test": PLAIN.xt / 255},
        "pixels of one range",
    ),
    "a name twice": (
        {"class_names": np.array([*"aabcdefghi"])},
        "own for every class. Received: a twice",
    ),
    "all black": ({"x_train": PLAIN.x * 0, "x_test": PLAIN.xt * 0}, "images that differ"),
    "five axes": ({"x_train": PLAIN.x[:, None, None], "x_test": PLAIN.xt[:, None, None]}, "Received"),
    "no square": ({"x_train": PLAIN.x.reshape(TRAIN, -1)[:, 1:], "x_test": PLAIN.xt.reshape(TEST, -1)[:, 1:]}, "783"),
    "unknown in the test": ({"y_test": PLAIN.yt + 5}, "in the test images alone"),
    "objects": ({"y_train": np.array([None] * TRAIN, object)}, "pickled"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_image_set_is_one_sentence_and_leaves_nothing(own: Settings, tmp_path: Path, what: str) -> None:
    changed, words = REFUSED[what]
    path = tmp_path / "theirs.npz"
    np.savez(path, allow_pickle=True, **plain(**changed))
    with pytest.raises(DatasetError, match=words) as told:
        found(own, path)
    assert str(path) in str(told.value) and "\n" not in str(told.value)
    assert list(own.data.iterdir()) == []


@pytest.mark.parametrize("name", ["", ".hidden", "../up", "a/b", "mnist", "x" * 61, "a\nb", " a", "[a](b)"])
def test_names_that_cannot_be_are_refused(own: Settings, tmp_path: Path, name: str) -> None:
    draft = found(own, saved(tmp_path, **plain()))
    with pytest.raises(ArgumentError):
        bring.accept(own, draft, name)
    assert draft.path.exists() and datasets.names(own) == list(datasets.TITLES)


def test_a_name_is_never_taken_from_another_set(own: Settings, tmp_path: Path) -> None:
    first, second = (found(own, saved(tmp_path, **plain())) for _ in range(2))
    bring.accept(own, first, "mine")
    with pytest.raises(ArgumentError, match="there already"):
        bring.accept(own, second, "mine")
    assert bring.suggested(own, Path("mine.csv.gz")) == "mine-2"
    assert bring.suggested(own, Path("mnist.npz")) == "mnist-2"


def test_drafts_that_nobody_wanted_are_deleted(own: Settings, tmp_path: Path) -> None:
    path = saved(tmp_path, **plain())
    left, fresh = found(own, path), found(own, path)
    os.utime(left.path, (time.time() - 2 * bring.FORGOTTEN,) * 2)
    bring.discard(found(own, path))
    assert sorted(own.data.iterdir()) == [fresh.path]
    assert datasets.names(own) == list(datasets.TITLES)  # a draft is no set


def test_a_data_folder_that_cannot_be_written_is_said_before_anything_is_read(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(DatasetError, match=r"cannot be written \(Permission denied\).*FEATHERWEIGHT_DATA"):
        found(own, tmp_path / "no such file")


def test_whoever_stops_it_leaves_nothing(own: Settings, tmp_path: Path) -> None:
    def stop(share: float, what: str) -> None:
        if what == "Converting":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bring.draft(own, saved(tmp_path, **plain()), None, stop)
    assert list(own.data.iterdir()) == []
