"""Distortion between two 8-bit pictures. Primitives only: decibels are derived in `bench.analysis`.

A metric is one function and one line in the registry; its values are stored under its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.colour import luma
from bench.ms_ssim import MIN_SIDE, ms_ssim

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.picture import Picture


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of the difference between an original picture and its reconstruction.

    `function` takes (original, decoded), pictures of equal size, and returns a number, or None where the metric is
    not defined (MS-SSIM on a small picture). `version` changes whenever its values do.
    """

    name: str
    function: Callable[[Picture, Picture], float | None]
    title: str
    higher_is_better: bool
    version: str = "1"


def _mse(original: Picture, decoded: Picture) -> float:
    """Mean squared error over all samples of R, G and B."""
    return _mean_squared_error(original.pixels, decoded.pixels)


def _mse_y(original: Picture, decoded: Picture) -> float:
    """Mean squared error of the luma planes, which are not rounded."""
    return _mean_squared_error(luma(original.pixels), luma(decoded.pixels))


def _mean_squared_error(a: NDArray[Any], b: NDArray[Any]) -> float:
    # Exact for samples of 8 bits: a sum of squares up to 255**2 stays below 2**53.
    difference = a.ravel().astype(np.float64) - b.ravel()
    return float(np.dot(difference, difference) / difference.size)


def _ms_ssim(original: Picture, decoded: Picture) -> float | None:
    """MS-SSIM over R, G and B; None where the smaller side is 160 pixels or less."""
    if min(original.width, original.height) < MIN_SIDE:
        return None
    return ms_ssim(original.pixels, decoded.pixels)


MSE = Metric("mse", _mse, "MSE, RGB", higher_is_better=False)
MSE_Y = Metric("mse_y", _mse_y, "MSE, luma", higher_is_better=False)
MS_SSIM = Metric("ms_ssim", _ms_ssim, "MS-SSIM, RGB", higher_is_better=True)
