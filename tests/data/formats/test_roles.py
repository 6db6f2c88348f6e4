from __future__ import annotations

import pytest

from core.data.formats.roles import choose, file_name, role


@pytest.mark.parametrize(
    ("name", "part", "kind"),
    [
        ("x_train", "train", "x"),
        ("trainY", "train", "y"),
        ("TEST_LABELS", "test", "y"),
        ("val-images", "val", "x"),
        ("t10k_imgs", "test", "x"),
        ("dataset.train.images", "train", "x"),
        ("set/data", "", "x"),
        ("target", "", "y"),
        ("Xtr", "train", "x"),
        ("yte", "test", "y"),
        ("train_lbls", "train", "y"),
    ],
)
def test_a_name_says_part_and_kind(name: str, part: str, kind: str) -> None:
    found = role(name)
    assert found is not None and (found.part, found.kind) == (part, kind)


@pytest.mark.parametrize("name", ["", "train", "arr_0", "class_names", "weights", "x2", "xy", "dataset.mapping", "..."])
def test_other_names_say_nothing(name: str) -> None:
    assert role(name) is None


def test_training_before_nameless_and_squares_before_data() -> None:
    chosen = choose(["x", "y", "train_data", "train_images", "train_labels", "test_x", "weights"])
    assert chosen is not None
    assert chosen.train == ("train_images", "train_labels") and chosen.test is None
    assert all(name in chosen.notes[0] for name in ("x", "y", "train_data", "test_x", "weights"))


@pytest.mark.parametrize(
    ("names", "as_test", "train"),
    [
        (["x_test", "y_test"], False, None),
        (["x_test", "y_test", "x_train", "y_train"], True, ("x_test", "y_test")),
        (["x_train", "y_train"], True, ("x_train", "y_train")),
        (["x_val", "y_val"], True, None),
        (["x_train", "y_test"], False, None),
        ([], False, None),
    ],
)
def test_a_file_given_for_its_test_images(names: list[str], as_test: bool, train: tuple[str, str] | None) -> None:
    chosen = choose(names, as_test)
    assert (chosen and chosen.train) == train
    assert chosen is None or chosen.test is None


def test_many_that_are_left_out_are_counted() -> None:
    chosen = choose(["x", "y", *(f"weights{i}" for i in range(100))])
    assert chosen is not None and "92 more" in chosen.notes[0] and len(chosen.notes[0]) < 200


@pytest.mark.parametrize(
    ("name", "part", "kind", "group"),
    [
        ("mnist_train.parquet", "train", "", ("mnist",)),
        ("digits-test.csv", "test", "", ("digits",)),
        ("train_32x32.mat", "train", "", ("32x32",)),
        ("extra_32x32.mat", "extra", "", ("32x32",)),
        ("t10k-images-idx3-ubyte.gz", "test", "x", ()),
        ("emnist-letters-train-labels-idx1-ubyte.gz", "train", "y", ("emnist", "letters")),
        ("train2.csv", "train", "", ("2",)),
        ("myTest.npz", "test", "", ("my",)),
        ("TrainX.npy", "train", "x", ()),
        ("Xte.npy", "test", "x", ()),
        ("latest.csv", "", "", ("latest",)),
        ("mytest.npz", "", "", ("mytest",)),
        ("contest.csv", "", "", ("contest",)),
        ("train_test.npz", "", "", ("train", "test")),
    ],
)
def test_a_files_name_says_part_kind_and_set(name: str, part: str, kind: str, group: tuple[str, ...]) -> None:
    found = file_name(name)
    assert (found.role.part, found.role.kind, found.group) == (part, kind, group)
