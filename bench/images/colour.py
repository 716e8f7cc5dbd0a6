"""Colour conversion: RGB, YCbCr, and chroma at half the resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.images.picture import Picture, Yuv420

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

BT709_LUMA = np.array([0.2126, 0.7152, 0.0722])
"""Weights of R, G and B in the luma of ITU-R BT.709, which has the same primaries as sRGB."""

BT601_LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of R, G and B in the luma of ITU-R BT.601, as in JPEG."""

_CHROMA_ZERO = 128.0

_LEVELS = {True: (1.0, 1.0, 0.0), False: (219 / 255, 224 / 255, 16.0)}
"""Gain of luma, gain of chroma, and black, in full and in limited range (ITU-R BT.601, 8 bits)."""

ROUND_TRIP = "YCbCr to RGB and back: BT.601, chroma doubled by 7 taps, halved by Lanczos, 8 bits"
"""Description of `from_yuv420` followed by `to_yuv420`, stored as a setting. Change it together with the code."""

_STRIP_PIXELS = 1 << 20
"""Number of pixels that are converted at once."""

_DOUBLING_TAPS = np.array([2, -6, 18, 57, -10, 4, -1], np.float32) / 64
"""Weights of seven chroma samples for the new sample at a quarter of a sample before the middle one."""


def luma(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Luma plane Y of ITU-R BT.709 in full range, not rounded: (h, w, 3) to (h, w).

    This fits the published Y curves of tensorflow/compression best: for OpenJPEG, which is reproduced here, the
    difference is at most .026 dB at all rates, against .42 dB with rounded BT.601 luma.
    """
    plane: NDArray[np.float64] = pixels @ BT709_LUMA
    return plane


def luma_10_bits(pixels: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Luma plane of `luma`, rounded to 10 bits (0 to 1023), as in JPEG AI's metrics."""
    plane: NDArray[np.uint16] = np.rint(luma(pixels) * (1023 / 255)).astype(np.uint16)
    return plane


def to_ycbcr(pixels: NDArray[np.uint8], weights: NDArray[np.float64] = BT601_LUMA) -> NDArray[np.float32]:
    """Convert RGB to YCbCr in full range (by default as in JPEG), not rounded: (h, w, 3) to planes (3, h, w).

    Values are on the 8-bit scale; the chroma of grey is 128. `weights` are those of R, G and B in luma.
    """
    red, green, blue = weights
    matrix = np.array([weights, [-red, -green, 1 - blue], [1 - red, -green, -blue]], np.float32)
    matrix /= np.array([[1], [2 * (1 - blue)], [2 * (1 - red)]], np.float32)
    zero = np.array([0, _CHROMA_ZERO, _CHROMA_ZERO], np.float32)
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for rows in _strips(*pixels.shape[:2]):
        planes[:, rows] = np.moveaxis(pixels[rows].astype(np.float32) @ matrix.T + zero, 2, 0)
    return planes


def to_rgb(
    luma_plane: NDArray[np.float32],
    cb: NDArray[np.float32],
    cr: NDArray[np.float32],
    *,
    weights: NDArray[np.float64] = BT601_LUMA,
) -> Picture:
    """Convert three YCbCr planes of equal size, on the scale of `to_ycbcr`, to RGB, rounded to 8 bits."""
    red, green, blue = map(float, weights)
    blue_scale, red_scale = 2 * (1 - blue), 2 * (1 - red)
    pixels = np.empty((*luma_plane.shape, 3), np.uint8)
    for rows in _strips(*luma_plane.shape):
        b_minus_y, r_minus_y = blue_scale * (cb[rows] - _CHROMA_ZERO), red_scale * (cr[rows] - _CHROMA_ZERO)
        g_minus_y = -(red * r_minus_y + blue * b_minus_y) / green
        rgb = luma_plane[rows, :, None] + np.stack([r_minus_y, g_minus_y, b_minus_y], axis=-1)
        pixels[rows] = np.clip(np.rint(rgb), 0, 255)
    return Picture(pixels)


def _strips(height: int, width: int) -> Iterator[slice]:
    """Split the rows of a picture into strips, so that the memory of a conversion does not grow with the picture."""
    step = max(1, _STRIP_PIXELS // width)
    return (slice(start, start + step) for start in range(0, height, step))


def halve(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Downsample a chroma plane to half its size with a Lanczos filter (a = 3); a last odd row or column is repeated.

    Each new sample lies in the middle of the four samples that it replaces, as in JPEG.
    """
    from PIL import Image  # noqa: PLC0415  # takes 50 ms

    even = np.pad(plane, [(0, size % 2) for size in plane.shape], mode="edge")
    size = even.shape[1] // 2, even.shape[0] // 2
    return np.asarray(Image.fromarray(even).resize(size, Image.Resampling.LANCZOS))


def double(plane: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Upsample a chroma plane of 4:2:0 to (height, width).

    The filter has the seven taps of Bellard's BPG decoder, which were determined from its impulse response.
    """
    rows = _double_rows(plane)[:height]
    return _double_rows(rows.T)[:width].T


def _double_rows(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    reach = len(_DOUBLING_TAPS) // 2
    padded = np.pad(plane, ((reach, reach), (0, 0)), mode="edge")
    shifted = [padded[start : start + len(plane)] for start in range(len(_DOUBLING_TAPS))]
    doubled = np.empty((2 * len(plane), plane.shape[1]), np.float32)
    doubled[0::2] = sum(tap * rows for tap, rows in zip(_DOUBLING_TAPS, shifted, strict=True))
    doubled[1::2] = sum(tap * rows for tap, rows in zip(_DOUBLING_TAPS[::-1], shifted, strict=True))
    return doubled


def to_yuv420(picture: Picture, *, full_range: bool = True) -> Yuv420:
    """Convert an RGB picture to 8-bit planes: BT.601, chroma downsampled by `halve`."""
    luma_plane, *chroma = to_ycbcr(picture.pixels)
    y_gain, chroma_gain, y_zero = _LEVELS[full_range]
    scaled = [luma_plane * y_gain + y_zero]
    scaled += [(halve(plane) - _CHROMA_ZERO) * chroma_gain + _CHROMA_ZERO for plane in chroma]
    y, u, v = map(_eight_bits, scaled)
    return Yuv420(y, u, v, full_range)


def from_yuv420(picture: Yuv420) -> Picture:
    """Convert planes to RGB: BT.601, chroma upsampled by `double`.

    `to_yuv420` of the result gives nearly the same planes. Differences come from rounding, and from samples outside the
    RGB gamut; see `ROUND_TRIP`.
    """
    y_gain, chroma_gain, y_zero = _LEVELS[picture.full_range]
    luma_plane, *chroma = (plane.astype(np.float32) for plane in picture.planes)
    scaled = [(double(plane, *luma_plane.shape) - _CHROMA_ZERO) / chroma_gain + _CHROMA_ZERO for plane in chroma]
    return to_rgb((luma_plane - y_zero) / y_gain, *scaled)


def _eight_bits(plane: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.clip(np.rint(plane), 0, 255).astype(np.uint8))
