from __future__ import annotations

import base64
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.drawing import FAINTEST, PAD_SIDE, ink, normalized
from core.errors import ArgumentError
from core.networks.families import FAMILIES
from core.networks.layers import Array
from core.runs import reference, weights


def blank() -> Array:
    return np.zeros((PAD_SIDE, PAD_SIDE), np.uint8)


def sent(pixels: Array) -> str:
    return base64.b64encode(pixels.tobytes()).decode()


def enlarged(images: Array, times: int) -> Array:
    """Return images interpolated between their pixels, as if drawn finer."""
    side = images.shape[1]
    place = (np.arange(side * times) + 0.5) / times - 0.5
    low = np.clip(np.floor(place).astype(int), 0, side - 1)
    high, share = np.minimum(low + 1, side - 1), np.clip(place - low, 0, 1)
    rows = images[:, low] * (1 - share)[:, None] + images[:, high] * share[:, None]
    return np.round(rows[:, :, low] * (1 - share) + rows[:, :, high] * share).astype(np.uint8)


def mass(digit: Array) -> tuple[float, float]:
    total = digit.sum()
    rows, columns = np.arange(28) @ digit.sum((1, 2)), np.arange(28) @ digit.sum((0, 2))
    return float(rows / total), float(columns / total)


def drawn(image: Array) -> Array:
    found = normalized(image)
    assert found is not None and found.shape == (28, 28, 1) and found.dtype == np.float32
    assert found.min() == 0 and 0 < found.max() <= 1
    return found


def extent(digit: Array) -> tuple[int, int]:
    rows, columns = (np.flatnonzero(digit[..., 0].any(axis)) for axis in (1, 0))
    return int(np.ptp(rows)) + 1, int(np.ptp(columns)) + 1


def test_ink_comes_as_it_was_sent() -> None:
    pixels = np.arange(PAD_SIDE**2).reshape(PAD_SIDE, PAD_SIDE).astype(np.uint8)
    assert np.array_equal(ink(sent(pixels)), pixels)


@pytest.mark.parametrize(
    "wrong",
    [
        None, 7, b"", "", "AAAA", [0] * PAD_SIDE**2, {"image": ""}, "!" * len(sent(blank())), "é" * len(sent(blank())),
        sent(blank())[:-4], sent(blank()) + "AAAA", sent(blank())[:-1] + "\n", sent(blank()[:-1]),
        sent(blank())[:-4] + "AAAA",
    ],
)  # fmt: skip
def test_anything_else_is_refused_in_a_sentence(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"drawing\..* base64 of 140×140 bytes\. "):
        ink(wrong)


def test_a_huge_message_is_refused_before_it_is_decoded() -> None:
    huge = "A" * 10_000_000
    tracemalloc.start()
    with pytest.raises(ArgumentError, match="10,000,000 characters"):
        ink(huge)
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_an_empty_pad_is_no_digit() -> None:
    assert normalized(blank()) is None
    assert normalized(np.full_like(blank(), FAINTEST - 1)) is None


def test_mnist_is_as_this_module_says(digits: tuple[Array, Array]) -> None:
    images, _ = digits
    centres = np.array([mass(x) for x in images])
    assert np.abs(centres.mean(0) - 14).max() < 0.01 and np.abs(centres - 14).max() < 0.51
    assert np.mean([max(extent(x)) == 20 for x in images]) > 0.99


@pytest.mark.parametrize("finer", ["as squares", "interpolated"])
def test_a_digit_drawn_on_the_pad_comes_out_nearly_itself(digits: tuple[Array, Array], finer: str) -> None:
    images = digits[0][:500]
    grey, times = np.round(255 * images[..., 0]).astype(np.uint8), PAD_SIDE // 28
    large = enlarged(grey, times) if finer == "interpolated" else np.kron(grey, np.ones((times, times), np.uint8))
    again = np.stack([drawn(x) for x in large])
    if finer == "as squares":
        assert np.abs(again - images).mean() < 0.001
    shipped = reference.store()
    for run in shipped.runs("mnist"):
        npz = shipped.weights(run.id)
        if npz is None:
            continue
        network = FAMILIES[run.family].build(run.width)
        known = weights.read(npz, network)
        same = network.predict(known, again).argmax(1) == network.predict(known, images).argmax(1)
        least = 0.97 if FAMILIES[run.family].article else 0.9  # a few hundred weights go by fine strokes
        assert same.mean() >= least, (run.family, run.width, same.mean())


def test_wherever_and_however_large_a_digit_is_drawn_it_is_the_same() -> None:
    whole = blank()
    whole[20:120, 50:60] = whole[20:30, 50:90] = 255
    moved = np.roll(whole, (20, 45), (0, 1))
    half = blank()
    half[:50, 30:35] = half[:5, 30:50] = 255
    assert np.array_equal(drawn(whole), drawn(moved)) and np.array_equal(drawn(whole), drawn(half))
    assert extent(drawn(whole)) == (20, 8)


@given(
    top=st.integers(0, PAD_SIDE - 1),
    left=st.integers(0, PAD_SIDE - 1),
    height=st.integers(1, PAD_SIDE),
    width=st.integers(1, PAD_SIDE),
    seed=st.integers(0, 99),
)
def test_any_ink_fits_and_its_mass_is_in_the_middle(top: int, left: int, height: int, width: int, seed: int) -> None:
    image, patch = blank(), (slice(top, top + height), slice(left, left + width))
    image[patch] = np.random.default_rng(seed).integers(0, 256, image[patch].shape)
    image[top, left] = 255
    found = drawn(image)
    box = extent(found)
    assert max(box) <= 20
    rows, columns = (np.flatnonzero(found[..., 0].any(axis)) for axis in (1, 0))
    for centre, ends in zip(mass(found), (rows, columns), strict=True):
        inside = ends[0] > 0 and ends[-1] < 27
        # half a pixel of rounding, and what rounding to grey levels moves
        assert abs(centre - 14) < 0.52 or not inside


@pytest.mark.parametrize(
    ("rows", "columns", "box"),
    [
        (slice(70, 71), slice(3, 4), (20, 20)),  # a speck
        (slice(0, 140), slice(0, 140), (20, 20)),  # everything
        (slice(0, 140), slice(0, 1), (20, 1)),  # along the left edge
        (slice(139, 140), slice(0, 140), (1, 20)),  # along the lower edge
        (slice(130, 140), slice(130, 140), (20, 20)),  # in the last corner
    ],
)
def test_specks_scribbles_and_edges(rows: slice, columns: slice, box: tuple[int, int]) -> None:
    image = blank()
    image[rows, columns] = 255
    found = drawn(image)
    assert extent(found) == box and found.max() == 1


def test_a_digit_with_its_mass_at_one_end_stays_whole() -> None:
    image = blank()
    image[0:20, 20:120] = 255
    image[20:140, 20:22] = 60  # a faint tail, all the way down
    found = drawn(image)
    assert extent(found) == (20, 14) and mass(found)[0] < 13.5
