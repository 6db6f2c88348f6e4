from __future__ import annotations

import io
import struct
import time
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from core.data.formats.found import Fit
from core.data.formats.pictures import MAX_SIDE, decode, resized
from core.errors import DatasetError
from core.networks.layers import Array

GREY = np.random.RandomState(0).randint(0, 256, (5, 7), np.uint8)
RGB = np.random.RandomState(1).randint(0, 256, (5, 7, 3), np.uint8)


def written(picture: Image.Image, kind: str, **how: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **how)
    return file.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that promises so many pixels and holds none."""
    chunks = b""
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ):
        chunks += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("pixels", [GREY, RGB], ids=["grey", "colour"])
@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP"])
def test_lossless_pictures_come_back_exactly(kind: str, pixels: Array) -> None:
    how = {"lossless": True} if kind == "WEBP" else {}
    got = decode(written(Image.fromarray(pixels), kind, **how), "a")
    if kind == "WEBP" and pixels.ndim == 2:
        got = got[..., 0]  # it knows colour only
    assert got.dtype == np.uint8
    assert np.array_equal(got, pixels)


def test_jpeg_is_what_pillow_decodes() -> None:
    data = written(Image.fromarray(RGB), "JPEG")
    assert np.array_equal(decode(data, "a"), np.asarray(Image.open(io.BytesIO(data))))


def test_a_gif_gives_its_first_frame() -> None:
    frames = [Image.fromarray(np.full((4, 4), x, np.uint8)) for x in (10, 200)]
    data = written(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (decode(data, "a") == 10).all()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_pictures_are_turned_upright(orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    got = decode(written(Image.fromarray(GREY), kind, exif=exif), "a")
    by_hand = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: np.rot90(GREY, -1),
        7: GREY[::-1, ::-1].T,
        8: np.rot90(GREY),
    }
    assert np.array_equal(got, by_hand[orientation])


def test_a_palette_gives_its_colours() -> None:
    picture = Image.fromarray(RGB).quantize(16)
    assert np.array_equal(decode(written(picture, "PNG"), "a"), np.asarray(picture.convert("RGB")))


def test_one_bit_is_black_and_white() -> None:
    bits = GREY > 127
    assert np.array_equal(decode(written(Image.fromarray(bits), "PNG"), "a"), bits * np.uint8(255))


def test_sixteen_bits_become_eight() -> None:
    deep = np.arange(0, 65_536, 257, dtype=np.uint16).reshape(16, 16)
    assert np.array_equal(decode(written(Image.fromarray(deep), "PNG"), "a").ravel(), np.arange(256))


def test_what_is_transparent_is_black_and_an_opaque_layer_changes_nothing() -> None:
    clear = np.dstack([RGB, np.full(RGB.shape[:2], 255, np.uint8)])
    assert np.array_equal(decode(written(Image.fromarray(clear), "PNG"), "a"), RGB)
    clear[0, :, 3] = 0
    got = decode(written(Image.fromarray(clear), "PNG"), "a")
    assert (got[0] == 0).all() and np.array_equal(got[1:], RGB[1:])
    layered = np.dstack([GREY, np.where(GREY > 99, 255, 0).astype(np.uint8)])
    got = decode(written(Image.fromarray(layered, "LA"), "PNG"), "a")
    assert np.array_equal(got, np.where(GREY > 99, GREY, 0))


def test_cmyk_becomes_rgb() -> None:
    picture = Image.new("CMYK", (4, 3), (0, 255, 255, 0))
    assert (decode(written(picture, "TIFF"), "a") == [255, 0, 0]).all()


def test_a_header_of_100_000_pixels_a_side_is_refused_at_once() -> None:
    began = time.process_time()
    with pytest.raises(DatasetError, match=r"cats/1\.png"):
        decode(png_header(100_000, 100_000), "cats/1.png")
    assert time.process_time() - began < 0.1


@pytest.mark.parametrize("size", [(MAX_SIDE + 1, 1), (8_000, 8_000)])
def test_sizes_have_bounds(size: tuple[int, int]) -> None:
    with pytest.raises(DatasetError, match=f"{size[0]:,}"):
        decode(png_header(*size), "a")


def test_a_jpeg_that_promises_more_than_its_bytes_hold_is_refused() -> None:
    data = bytearray(written(Image.fromarray(RGB), "JPEG"))
    at = data.index(b"\xff\xc0") + 5  # height and width in the start of the frame
    data[at : at + 4] = struct.pack(">HH", 7_000, 7_000)
    with pytest.raises(DatasetError, match="7,000×7,000"):
        decode(bytes(data), "a")
    blank = Image.new("L", (2_000, 2_000), 7)
    assert decode(written(blank, "JPEG", progressive=True, optimize=True), "a").shape == (2_000, 2_000)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP"])
def test_a_cut_picture_is_damaged(kind: str) -> None:
    noise = np.random.RandomState(0).randint(0, 256, (40, 40, 3), np.uint8)
    data = written(Image.fromarray(noise), kind)
    with pytest.raises(DatasetError, match=r"a\.png"):
        decode(data[: len(data) // 2], "a.png")


@pytest.mark.parametrize("mode", ["F", "I"])
def test_numbers_that_are_no_pixels_are_refused(mode: str) -> None:
    numbers = np.full((3, 3), 70_000, np.int32 if mode == "I" else np.float32)
    with pytest.raises(DatasetError):
        decode(written(Image.fromarray(numbers), "TIFF"), "a")


def test_fitting_keeps_all_and_pads_with_black() -> None:
    wide = np.full((10, 40), 200, np.uint8)
    got = resized(wide, 20, Fit.FIT)
    assert got.shape == (20, 20)
    assert (got[:7] == 0).all() and (got[7:12] == 200).all() and (got[12:] == 0).all()


def test_cropping_takes_the_middle() -> None:
    wide = np.zeros((10, 40, 3), np.uint8)
    wide[:, 15:25] = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    assert np.array_equal(resized(wide, 10, Fit.CROP), wide[:, 15:25])


def test_reducing_averages_what_is_covered() -> None:
    image = np.random.RandomState(0).randint(0, 256, (28, 28), np.uint8)
    means = image.reshape(14, 2, 14, 2).mean((1, 3))
    assert np.abs(resized(image, 14, Fit.FIT) - means).max() <= 1


@pytest.mark.parametrize("fit", Fit)
@pytest.mark.parametrize("shape", [(1, 5_000), (5_000, 1), (1, 1), (3, 3, 3)])
def test_any_shape_comes_to_any_size(shape: tuple[int, ...], fit: Fit) -> None:
    got = resized(np.full(shape, 9, np.uint8), 28, fit)
    assert got.shape == (28, 28, *shape[2:]) and got.max() == 9


SAMPLES = [
    written(Image.fromarray(pixels), kind)
    for pixels in (GREY, RGB)
    for kind in ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")
]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.lists(st.tuples(st.integers(0, 120), st.binary(min_size=1, max_size=4))), st.data())
def test_damaged_bytes_give_a_picture_or_a_sentence(
    data: bytes, changes: list[tuple[int, bytes]], draw: st.DataObject
) -> None:
    changed = bytearray(data)
    for at, new in changes:
        changed[at : at + len(new)] = new
    cut = draw.draw(st.integers(0, len(changed)))
    try:
        got = decode(bytes(changed[:cut] if cut % 2 else changed), "a.png")
    except DatasetError as e:
        assert len(str(e).splitlines()) == 1
    else:
        assert got.dtype == np.uint8 and got.shape[2:] in ((), (3,))
