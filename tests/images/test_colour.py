from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.color
from PIL import Image

from bench.images import colour, ffmpeg
from bench.images.colour import double, from_yuv420, halve, luma, to_rgb, to_ycbcr, to_yuv420
from bench.images.picture import Picture

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.images.picture import Yuv420


def test_luma_of_grey_is_grey() -> None:
    grey = np.arange(256, dtype=np.uint8)
    assert luma(np.dstack([grey[None]] * 3))[0] == pytest.approx(grey)


def test_luma_of_the_primaries_is_that_of_bt709() -> None:
    primaries = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert luma(primaries)[0] == pytest.approx([54.213, 182.376, 18.411])


def test_luma_is_scikit_images(photographs: dict[str, Picture]) -> None:
    pixels = photographs["coffee"].pixels
    # Its weights, .2125 .7154 .0721, are BT.709's in an older rounding.
    assert luma(pixels) == pytest.approx(255 * skimage.color.rgb2gray(pixels), abs=0.06)


def test_ycbcr_is_that_of_jfif() -> None:
    """Against Pillow, whose conversion is JFIF's in fixed point."""
    pixels = np.random.default_rng(5).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    theirs = np.moveaxis(np.asarray(Image.fromarray(pixels).convert("YCbCr")).astype(float), 2, 0)
    assert np.abs(to_ycbcr(pixels) - theirs).max() < 1.02  # Pillow cuts off instead of rounding, in 6 bits
    black_white = to_ycbcr(np.array([[[0, 0, 0], [255, 255, 255], [0, 0, 255], [255, 0, 0]]], np.uint8))
    expected = [[0, 255, 29.07, 76.245], [128, 128, 255.5, 84.97], [128, 128, 107.27, 255.5]]
    assert np.abs(black_white[:, 0] - expected).max() < 0.01


def test_rgb_is_what_was_converted() -> None:
    pixels = np.random.default_rng(6).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    assert np.array_equal(to_rgb(*to_ycbcr(pixels)).pixels, pixels)


def test_conversion_does_not_depend_on_the_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(7).integers(0, 256, (37, 21, 3)).astype(np.uint8)
    whole = to_ycbcr(pixels)
    monkeypatch.setattr(colour, "_STRIP_PIXELS", 100)
    assert np.array_equal(to_ycbcr(pixels), whole)
    assert np.array_equal(to_rgb(*whole).pixels, pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (8, 8), (9, 15)])
def test_flat_chroma_survives_halving_and_doubling(shape: tuple[int, int]) -> None:
    plane = np.full(shape, 77, np.float32)
    half = halve(plane)
    assert half.shape == tuple(-(-size // 2) for size in shape)
    assert np.abs(double(half, *shape) - 77).max() < 1e-4


def test_halving_and_doubling_do_not_shift() -> None:
    """A ramp stays where it is, but for 1/32 pixel, the price of whole 64ths as taps."""
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32), (64, 64))
    inside = np.s_[16:48, 16:48]
    assert np.abs(halve(ramp)[8:24, 8:24] - (2 * np.arange(8, 24) + 0.5)).max() < 1e-3
    assert np.abs(double(halve(ramp), 64, 64)[inside] - ramp[inside]).max() < 0.032
    assert np.abs(double(halve(ramp.T), 64, 64)[inside] - ramp.T[inside]).max() < 0.032


def mean_squares(a: Yuv420, b: Yuv420) -> list[float]:
    return [float(np.mean((x.astype(float) - y) ** 2)) for x, y in zip(a.planes, b.planes, strict=True)]


@pytest.mark.parametrize(("full_range", "levels"), [(True, (0, 255)), (False, (16, 235))])
def test_black_and_white_have_the_levels_of_the_range(full_range: bool, levels: tuple[int, int]) -> None:
    for value, level in zip((0, 255), levels, strict=True):
        planes = to_yuv420(Picture(np.full((4, 6, 3), value, np.uint8)), full_range=full_range)
        assert planes.full_range is full_range
        assert [np.unique(plane).tolist() for plane in planes.planes] == [[level], [128], [128]]


def jfif(pixels: np.ndarray) -> np.ndarray:
    matrix = np.array([[0.299, 0.587, 0.114], [-0.1687, -0.3313, 0.5], [0.5, -0.4187, -0.0813]])
    return np.minimum(pixels @ matrix.T + [0, 128, 128], 255)


CONVERSIONS = {
    "full": (to_yuv420, jfif, 0.51),
    "limited": (functools.partial(to_yuv420, full_range=False), skimage.color.rgb2ycbcr, 0.51),
    "ffmpeg": (ffmpeg.to_yuv420, skimage.color.rgb2ycbcr, 1),  # in fixed point
}
"""Conversion, what it is on flat colours by another source, and by how much it may differ."""


@pytest.mark.parametrize("colour", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (200, 30, 90), (17, 18, 200)])
@pytest.mark.parametrize("name", CONVERSIONS)
def test_a_flat_colour_has_the_planes_of_the_standard(name: str, colour: tuple[int, int, int]) -> None:
    convert, referee, bound = CONVERSIONS[name]
    pixels = np.full((8, 10, 3), colour, np.uint8)
    for plane, value in zip(convert(Picture(pixels)).planes, referee(pixels)[0, 0], strict=True):
        assert np.ptp(plane) == 0
        assert abs(int(plane[0, 0]) - value) <= bound


@pytest.mark.parametrize("name", ["astronaut", "coffee", "rocket"])
def test_our_planes_are_nearly_those_of_ffmpeg(name: str, photographs: dict[str, Picture]) -> None:
    """The same matrix, range and filter, in floating point there and fixed point here: a rare level of difference."""
    picture = photographs[name]
    ours, theirs = to_yuv420(picture, full_range=False), ffmpeg.to_yuv420(picture)
    assert max(mean_squares(ours, theirs)) < 0.1  # 58 dB; another filter, or a shift of half a sample, is below 50


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 8), (33, 17), (451, 300)])
@pytest.mark.parametrize("convert", [to_yuv420, ffmpeg.to_yuv420], ids=["ours", "ffmpeg"])
def test_odd_sizes_have_chroma_for_their_last_row_and_column(
    convert: Callable[[Picture], Yuv420], width: int, height: int, photographs: dict[str, Picture]
) -> None:
    pixels = photographs["chelsea"].pixels[:height, :width]
    planes = convert(Picture(np.ascontiguousarray(pixels)))
    assert planes.u.shape == (-(-height // 2), -(-width // 2))
    assert (from_yuv420(planes).width, from_yuv420(planes).height) == (width, height)


@pytest.mark.parametrize("full_range", [True, False])
@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_planes_survive_the_round_trip_to_rgb(name: str, full_range: bool, photographs: dict[str, Picture]) -> None:
    planes = to_yuv420(photographs[name], full_range=full_range)
    errors = mean_squares(planes, to_yuv420(from_yuv420(planes), full_range=full_range))
    psnrs_db = 10 * np.log10(255**2 / np.array(errors))
    assert psnrs_db[0] > 56
    assert psnrs_db[1:].min() > 50


def test_padding_repeats_the_edge_and_cropping_takes_it_away(photographs: dict[str, Picture]) -> None:
    picture = to_yuv420(Picture(np.ascontiguousarray(photographs["chelsea"].pixels[:31, :45])))
    padded = picture.padded(64, 48)
    assert [plane.shape for plane in padded.planes] == [(48, 64), (24, 32), (24, 32)]
    assert np.array_equal(padded.y[:31, 45:], np.broadcast_to(picture.y[:, -1:], (31, 19)))
    assert np.array_equal(padded.v[16:, :23], np.broadcast_to(picture.v[-1:], (8, 23)))
    assert padded.cropped(45, 31).to_bytes() == picture.to_bytes()
