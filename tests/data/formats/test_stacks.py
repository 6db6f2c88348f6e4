from __future__ import annotations

import io
import tracemalloc
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.data.formats import found
from core.data.formats.found import Colour, Fit, Options
from core.data.formats.pictures import resized
from core.data.formats.stacks import Source, Stack, stack
from core.errors import DatasetError
from core.networks.layers import Array

WHERE = Path("set.zip")
RANDOM = np.random.RandomState(0)


def png(pixels: Array) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def stacked(pictures: list[Array | bytes], **options: object) -> Stack:
    files = [x if isinstance(x, bytes) else png(x) for x in pictures]
    sources = [Source(f"{i}.png", partial(bytes, x)) for i, x in enumerate(files)]
    return stack(sources, Options(**options), WHERE)  # type: ignore[arg-type]


def noise(*shape: int) -> Array:
    return RANDOM.randint(0, 256, shape, np.uint8)


def grey_in_colour(*shape: int) -> Array:
    return np.repeat(noise(*shape)[..., np.newaxis], 3, axis=2)


def test_pictures_of_one_size_stay_as_they_are() -> None:
    pictures = [noise(6, 4) for _ in range(5)]
    got = stacked([*pictures])
    assert np.array_equal(got.x, pictures) and got.kept.all() and got.notes == ()


def test_several_sizes_need_a_choice() -> None:
    with pytest.raises(DatasetError, match=r"2 sizes, from 4×6 to 10×9.*--size 28"):
        stacked([noise(6, 4), noise(9, 10)])
    got = stacked([noise(6, 4), noise(9, 10)], size=5, fit=Fit.CROP)
    assert got.x.shape == (2, 5, 5) and len(got.notes) == 1


def test_each_is_resized_as_one_alone() -> None:
    pictures = [noise(6, 4), noise(9, 10), noise(8, 8)]
    got = stacked([*pictures], size=8)
    assert np.array_equal(got.x, [resized(x, 8, Fit.FIT) for x in pictures])


def test_grey_stored_in_colour_is_grey() -> None:
    pictures = [grey_in_colour(6, 6) for _ in range(4)]
    got = stacked([*pictures])
    assert np.array_equal(got.x, [x[..., 0] for x in pictures])
    assert len(got.notes) == 1 and "4 pictures" in got.notes[0]


def test_a_late_colour_widens_what_came_before() -> None:
    pictures = [noise(6, 6), grey_in_colour(6, 6), noise(6, 6), noise(6, 6, 3), noise(6, 6)]
    got = stacked([*pictures])
    assert np.array_equal(got.x, [x if x.ndim == 3 else np.repeat(x[..., None], 3, 2) for x in pictures])
    assert len(got.notes) == 1 and "4 grey pictures" in got.notes[0]


@pytest.mark.parametrize(("colour", "channels"), [(Colour.GREY, ()), (Colour.COLOUR, (3,))])
def test_colour_is_as_chosen(colour: Colour, channels: tuple[int, ...]) -> None:
    picture = noise(6, 6, 3)
    got = stacked([picture, noise(6, 6)], colour=colour).x
    assert got.shape == (2, 6, 6, *channels)
    if colour is Colour.GREY:  # ITU-R 601
        assert np.abs(got[0] - picture @ [0.299, 0.587, 0.114]).max() <= 1
    else:
        assert np.array_equal(got[0], picture)


def test_damaged_pictures_are_left_out_and_counted() -> None:
    pictures = [noise(40, 40) for _ in range(4)]
    cut = png(pictures[1])[:500]  # its header is whole
    got = stacked([pictures[0], cut, b"nothing", pictures[3]])
    assert np.array_equal(got.x, [pictures[0], pictures[3]])
    assert got.kept.tolist() == [True, False, False, True]
    assert len(got.notes) == 1 and "2 pictures" in got.notes[0] and "1.png" in got.notes[0]


@pytest.mark.parametrize("data", [b"", b"nothing", png(noise(40, 40))[:500]])
def test_nothing_but_damage_is_refused(data: bytes) -> None:
    with pytest.raises(DatasetError, match=r"0\.png"):
        stacked([data, data])


def test_dim_pictures_of_sixteen_bits_are_refused() -> None:
    dim = noise(6, 6).astype(np.uint16)
    with pytest.raises(DatasetError, match="16 bits"):
        stacked([dim, dim])
    got = stacked([dim, dim * 257])
    assert np.array_equal(got.x[1], dim) and "2 pictures" in got.notes[0]


def test_more_pixels_than_there_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(found, "MAX_BYTES", 100)
    with pytest.raises(DatasetError, match="GiB"):
        stacked([noise(6, 6)] * 3)


@pytest.mark.parametrize("shape", [(200, 200), (200, 200, 3)], ids=["grey", "colour"])
def test_memory_is_the_array_and_one_picture(shape: tuple[int, ...]) -> None:
    pictures: list[Array | bytes] = [png(noise(*shape))] * 60
    tracemalloc.start()
    try:
        got = stacked(pictures)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < got.x.nbytes + 12 * got.x[0].nbytes


def inked(alpha: Array, ink: int = 0) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.dstack([np.full_like(alpha, ink)] * 3 + [alpha])).save(file, "PNG")
    return file.getvalue()


def test_black_ink_on_nothing_becomes_white_on_black() -> None:
    alphas = [noise(6, 6) for _ in range(3)]
    got = stacked([inked(x) for x in alphas])
    assert np.array_equal(got.x, alphas) and any("3 pictures" in x and "ink" in x for x in got.notes)
    # where any colour is seen, clear parts are black as ever
    got = stacked([inked(alphas[0]), inked(np.full((6, 6), 255, np.uint8), 9)])
    assert not got.x[0].any() and (got.x[1] == 9).all() and not any("ink" in x for x in got.notes)
    assert not stacked([np.zeros((6, 6), np.uint8)]).x.any()


def test_notes_speak_of_colours_and_bars_only_where_there_are_some() -> None:
    [said] = stacked([noise(6, 6), grey_in_colour(6, 6)], colour=Colour.COLOUR).notes
    assert "2 grey pictures" in said and "others" not in said
    for fit in Fit:
        [square] = stacked([noise(6, 6), noise(4, 4)], size=3, fit=fit).notes
        [oblong] = stacked([noise(6, 5), noise(4, 4)], size=3, fit=fit).notes
        assert "3×3." in square and "3×3," in oblong
