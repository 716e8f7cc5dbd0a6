"""MS-SSIM in double precision, on a CPU several times faster than with convolution layers.

The definition is that of Wang, Simoncelli and Bovik, "Multiscale structural similarity for image quality assessment"
(2003), with the choices of the package pytorch-msssim, which are common in the field: a window of 11 pixels inside the
picture, means over 2x2 pixels between the scales, and channels averaged at the end.

Single precision is not enough: a variance is a small difference of squares near 255**2, and on flat bright pictures
the result would be off by some 1e-5.
"""

from __future__ import annotations

import functools
import math
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from bench.system.environment import threads_wanted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Planes = NDArray[np.float64]

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
"""Exponents of the scales, the finest first (section 3.2 of the paper)."""

_HALF = (0.0010283804, 0.007598758, 0.036000773, 0.10936069, 0.21300553, 0.26601171)
GAUSSIAN = np.array([*_HALF, *_HALF[-2::-1]], np.float32).astype(np.float64)
"""The window: a Gaussian of 1.5 pixels, with exactly the weights of pytorch-msssim.

That package rounds them to single precision, so that their sum is 1 - 3e-8. With unrounded weights, MS-SSIM on Kodak
would be up to 3e-6 lower than published values.
"""

WINDOW = len(GAUSSIAN)

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""Constants that keep the luminance and the contrast ratio stable, for samples of 0 to 255."""

MIN_SIDE = (WINDOW - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""Minimum side of a picture, so that the window fits into the coarsest scale: 161 pixels."""

_BLOCK = 32
"""Rows and columns of a block. Matrix products take (32 + 10) / 11 times the necessary operations, but are fast."""


def ms_ssim(x: NDArray[Any], y: NDArray[Any]) -> float:
    """MS-SSIM, from 0 to 1, of two pictures (height, width, channels) with samples from 0 to 255.

    Raises:
        ValueError: the pictures differ in shape, or a side is smaller than `MIN_SIDE`.
    """
    if x.shape != y.shape or min(x.shape[:2]) < MIN_SIDE:
        raise ValueError(f"MS-SSIM needs equal shapes and at least {MIN_SIDE} pixels a side, not {x.shape}, {y.shape}")
    a, b = (np.ascontiguousarray(picture.transpose(2, 0, 1), np.float64) for picture in (x, y))
    factors = []
    for scale in range(len(WEIGHTS)):
        last = scale == len(WEIGHTS) - 1
        ssim, contrast_structure = _ssim(a, b)
        # A negative similarity has no real power; pytorch-msssim clamps it, too.
        factors.append(np.maximum(ssim if last else contrast_structure, 0))
        if not last:
            a, b = _halve(a), _halve(b)
    return float(np.prod(np.stack(factors) ** WEIGHTS[:, None], axis=0).mean())


def _ssim(a: Planes, b: Planes) -> tuple[Planes, Planes]:
    """Mean SSIM and mean contrast-structure factor of each channel."""
    channels, height, width = a.shape
    rows = height - WINDOW + 1
    # Each thread gets consecutive strips, so that it can reuse its memory.
    step = _BLOCK * math.ceil(rows / _BLOCK / threads_wanted())
    parts = [(channel, start) for channel in range(channels) for start in range(0, rows, step)]

    def work(part: tuple[int, int]) -> list[tuple[float, float]]:
        channel, start = part
        lines = slice(start, min(start + step, rows) + WINDOW - 1)
        return _sums(a[channel, lines], b[channel, lines])

    # BLAS runs on one thread: for such small matrix products, threads cost more than they save.
    with _controller().limit(limits=1, user_api="blas"):
        found = list(_pool().map(work, parts))
    sums = np.zeros((channels, 2))
    for (channel, _), strips in zip(parts, found, strict=True):
        for strip in strips:  # one by one, so that the order of additions does not depend on the number of threads
            sums[channel] += strip
    ssim, contrast_structure = sums.T / (rows * (width - WINDOW + 1))
    return ssim, contrast_structure


@functools.cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads_wanted(), thread_name_prefix="ms-ssim")


@functools.cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def _sums(a: Planes, b: Planes) -> list[tuple[float, float]]:
    """Sums of SSIM and of its contrast-structure factor over the windows inside two planes (h, w), for each strip.

    Strips of `_BLOCK` rows stay in the processor's cache, in memory that is reused.
    """
    rows, columns = (side - WINDOW + 1 for side in a.shape)
    moments = np.empty((4, _BLOCK + WINDOW - 1, a.shape[1]))
    halfway = np.empty((4, _BLOCK + WINDOW - 1, columns))
    means = np.empty((4, _BLOCK, columns))
    sums = []
    for start in range(0, rows, _BLOCK):
        count = min(_BLOCK, rows - start)
        lines = count + WINDOW - 1
        rows_a, rows_b, out = a[start : start + lines], b[start : start + lines], moments[:, :lines]
        # The maps whose windowed means make up SSIM: a, b, a b, and a^2 + b^2, since only that sum is needed.
        out[0], out[1] = rows_a, rows_b
        np.multiply(rows_a, rows_b, out=out[2])
        np.multiply(rows_a, rows_a, out=out[3])
        out[3] += rows_b * rows_b
        _window_means(moments[:, :lines], halfway[:, :lines], means[:, :count])
        sums.append(_similarity_sums(means[:, :count]))
    return sums


def _window_means(maps: Planes, halfway: Planes, out: Planes) -> None:
    """Weighted means over the windows inside: (4, n + 10, w) to (4, n, w - 10), n at most `_BLOCK`.

    Each direction is a product with a banded matrix, which is split into blocks along the width, because most of it
    is 0.
    """
    band = _band()
    for start in range(0, halfway.shape[2], _BLOCK):
        stop = min(start + _BLOCK, halfway.shape[2])
        window = band[: stop - start + WINDOW - 1, : stop - start]
        np.matmul(maps[:, :, start : stop + WINDOW - 1], window, out=halfway[:, :, start:stop])
    np.matmul(band[: out.shape[1] + WINDOW - 1, : out.shape[1]].T, halfway, out=out)


def _similarity_sums(means: Planes) -> tuple[float, float]:
    """Sums of SSIM and of its contrast-structure factor (equations 1 to 6 of the paper) over windows."""
    mu_a, mu_b, mean_product, mean_squares = means
    product = mu_a * mu_b
    squares = mu_a * mu_a + mu_b * mu_b
    contrast_structure = (2 * (mean_product - product) + C2) / (mean_squares - squares + C2)
    ssim = contrast_structure * ((2 * product + C1) / (squares + C1))
    return float(ssim.sum()), float(contrast_structure.sum())


@functools.cache
def _band() -> Planes:
    """Banded matrix whose column i contains the window, starting at row i."""
    band = np.zeros((_BLOCK + WINDOW - 1, _BLOCK))
    for column in range(_BLOCK):
        band[column : column + WINDOW, column] = GAUSSIAN
    return band


def _halve(planes: Planes) -> Planes:
    """Means over 2x2 pixels; an odd side is first padded with zeros, as in PyTorch's pooling."""
    _, height, width = planes.shape
    if height % 2 or width % 2:
        planes = np.pad(planes, ((0, 0), (height % 2,) * 2, (width % 2,) * 2))
    h, w = planes.shape[1] // 2 * 2, planes.shape[2] // 2 * 2
    even = planes[:, :h, :w]
    quarters: Planes = even[:, ::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, ::2] + even[:, 1::2, 1::2]
    return quarters / 4
