from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import skimage.color
from PIL import Image

from bench.colour import double, halve, luma, to_rgb, to_ycbcr

if TYPE_CHECKING:
    from bench.picture import Picture


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
