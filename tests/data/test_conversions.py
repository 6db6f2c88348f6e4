from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data import conversions
from core.data.conversions import Kept
from core.errors import ArgumentError

# pixels -> what networks must see of them
CASES: dict[str, tuple[Any, Any]] = {
    "bytes": (np.array([0, 7, 255], "u1"), [0, 7 / 255, 1]),
    "bytes that are dark": (np.array([0, 7, 40], "u1"), [0, 7 / 255, 40 / 255]),
    "bytes of 0 and 1": (np.array([0, 1], "u1"), [0, 1]),
    "bytes of two bits": (np.array([0, 1, 2, 3], "u1"), [0, 1 / 3, 2 / 3, 1]),
    "bytes of four bits": (np.array([0, 3, 15], "u1"), [0, 3 / 15, 1]),
    "doubles of 0 and 1": (np.array([0.0, 1.0]), [0, 1]),
    "sixteenths": (np.array([0.0, 3.0, 16.0]), [0, 3 / 16, 1]),
    "whole doubles": (np.array([0.0, 128.0, 255.0]), [0, 128 / 255, 1]),
    "fractions up to 255": (np.array([0.0, 127.5, 255.0]), [0, 0.5, 1]),
    "fractions": (np.array([0.0, 0.25, 1.0]), [0, 0.25, 1]),
    "whiter than white": (np.array([0.0, 0.25, 1.05]), [0, 0.25, 1.05]),
    "standardised": (np.array([-0.42, 0.3, 2.8]), [-0.42, 0.3, 2.8]),
    "from -1": (np.array([-1.0, 0.5, 1.0]), [-1, 0.5, 1]),
    "int64": (np.array([0, 255], "i8"), [0, 1]),
    "yes and no": (np.array([True, False]), [1, 0]),
    "int8": (np.array([-128, 0, 127], "i1"), [0, 128 / 255, 1]),
    "ten bits": (np.array([0, 1023], "u2"), [0, 1]),
    "sixteen bits": (np.array([0, 257, 65535], "u2"), [0, 257 / 65535, 1]),
}


@pytest.mark.parametrize("what", CASES)
def test_pixels_are_taken_by_their_range(what: str) -> None:
    pixels, expected = CASES[what]
    found = conversions.scale(pixels.dtype, conversions.look([pixels]))
    made = found.apply(pixels)
    assert made.dtype == (np.uint8 if found.kept is Kept.BYTES else np.float32)
    seen = made.astype(np.float64) / (255 if found.kept is Kept.BYTES else 1)
    np.testing.assert_allclose(seen, expected, atol=1e-6)


@pytest.mark.parametrize("what", CASES)
def test_what_changes_pixels_says_so(what: str) -> None:
    pixels, expected = CASES[what]
    found = conversions.scale(pixels.dtype, conversions.look([pixels]))
    usual = pixels / 255 if pixels.dtype == np.uint8 else pixels
    if pixels.dtype.kind in "fu" and pixels.dtype != np.uint16:
        assert (found.sentence is None) == (np.allclose(usual, expected) and pixels.min() >= 0 and max(expected) <= 1)
    else:
        assert found.sentence


@pytest.mark.parametrize(
    "pixels",
    [
        np.array([0.0, np.nan]),
        np.array([0.0, np.inf]),
        np.array([0.5, 300.0]),
        np.array([-200.0, 0.5]),
        np.array([0, 70_000]),
        np.array([-200, 100]),
        np.array([0.0, 1e300]),
        np.array([0.5, 1e300]),
    ],
)
def test_pixels_of_no_known_range_are_refused(pixels: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^Expected pixels .* Received: .* try again\.$"):
        conversions.scale(pixels.dtype, conversions.look([pixels]))


@given(
    st.lists(st.integers(0, 255), min_size=1, max_size=40),
    st.sampled_from(["u1", "i2", "u2", "i4", "u4", "i8", "f4", "f8"]),
)
def test_the_type_of_whole_numbers_does_not_matter(values: list[int], kind: str) -> None:
    pixels = np.array(values, kind)
    as_bytes = np.array(values, "u1")

    def seen(x: Any) -> Any:
        found = conversions.scale(x.dtype, conversions.look([x]))
        return found.apply(x).astype(np.float64) / (255 if found.kept is Kept.BYTES else 1)

    np.testing.assert_allclose(seen(pixels), seen(as_bytes), atol=1e-7)


def test_looking_ends_once_enough_was_seen() -> None:
    def parts() -> Any:
        yield np.array([0, 255], "u1")
        raise AssertionError("read on")

    assert conversions.look(parts(), lambda x: x.high > 16).high == 255


LABELS: dict[str, tuple[Any, list[str], list[int]]] = {
    "from 1": (np.array([1, 2, 10, 1]), ["1", "2", "10"], [0, 1, 2, 0]),
    "text in people's order": (np.array(["10", "9", "a", "9"]), ["9", "10", "a"], [1, 0, 2, 0]),
    "bytes of text": (np.array([b"cat", b"dog"]), ["cat", "dog"], [0, 1]),
    "a column": (np.array([[3], [3], [5]]), ["3", "5"], [0, 0, 1]),
    "one-hot": (np.array([[0, 1, 0], [1, 0, 0]]), ["0", "1"], [1, 0]),
    "floats": (np.array([1.0, 0.0]), ["0", "1"], [1, 0]),
    "yes and no": (np.array([True, False]), ["0", "1"], [1, 0]),
}


@pytest.mark.parametrize("what", LABELS)
def test_classes_are_those_that_occur(what: str) -> None:
    given_labels, names, expected = LABELS[what]
    found = conversions.labels(given_labels, None)
    assert (list(found.names), found.train.tolist(), found.test) == (names, expected, None)
    assert found.train.dtype == np.int32


def test_names_of_a_file_go_with_their_labels() -> None:
    found = conversions.labels(np.array([2, 0, 2]), np.array([0]), ("a", "b", "c"))
    assert found.names == ("a", "c") and found.train.tolist() == [1, 0, 1]
    assert found.test is not None and found.test.tolist() == [0]


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=60))
def test_equal_labels_stay_equal_and_keep_their_name(values: list[int]) -> None:
    found = conversions.labels(np.array(values), None)
    assert [found.names[x] for x in found.train] == [str(x) for x in values]
    assert sorted(set(found.train.tolist())) == list(range(len(found.names)))


@pytest.mark.parametrize(
    "y",
    [np.array([0.5]), np.array([[0, 1], [1, 1]]), np.zeros((2, 2, 2)), np.array([np.nan]), np.array([1j]),
     np.array([2**63], np.uint64), np.array([b"\xff"])],
)  # fmt: skip
def test_what_is_no_label_is_refused(y: Any) -> None:
    with pytest.raises(ArgumentError, match=r"^Expected labels .* Received: .*\."):
        conversions.labels(y, None)


def test_test_labels_without_training_images_are_refused() -> None:
    with pytest.raises(ArgumentError, match="Received: 7 in the test images alone"):
        conversions.labels(np.array([1, 2]), np.array([7]))
    with pytest.raises(ArgumentError, match="text in one part"):
        conversions.labels(np.array([1, 2]), np.array(["1"]))


def test_a_long_name_is_kept_whole_and_cut_where_many_are_listed() -> None:
    long = "x" * 60
    found = conversions.labels(np.array([long, "bag"]), None)
    assert found.names == ("bag", long)
    (note,) = found.notes
    assert note.endswith(f"bag, {'x' * 39}….")
