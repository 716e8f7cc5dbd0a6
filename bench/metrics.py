"""Distortion between two 8-bit pictures. Primitives only: decibels are derived in `bench.analysis`.

A metric is one function and one line in the registry; its values are stored under its name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.picture import luma

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from bench.picture import Picture

MS_SSIM_MIN_SIDE = 161
"""Five scales and a window of 11 pixels need a smaller side of more than (11 - 1) * 2**4 = 160 pixels."""


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
    """Mean squared error of the 8-bit BT.601 luma planes."""
    return _mean_squared_error(luma(original.pixels), luma(decoded.pixels))


def _mean_squared_error(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    # Exact: a sum of squares up to 255**2 is an integer below 2**53 for any picture that fits in memory.
    difference = a.ravel().astype(np.float64) - b.ravel()
    return float(difference @ difference) / difference.size


def _ms_ssim(original: Picture, decoded: Picture) -> float | None:
    """MS-SSIM (Wang, Simoncelli, Bovik 2003) over R, G and B, 0 to 1, as pytorch-msssim computes it."""
    if min(original.width, original.height) < MS_SSIM_MIN_SIDE:
        return None
    import torch  # noqa: PLC0415  # 2 s that only a run needs to pay
    from pytorch_msssim import ms_ssim  # noqa: PLC0415

    tensors = [torch.from_numpy(p.pixels).permute(2, 0, 1)[None].to(torch.float32) for p in (original, decoded)]
    return float(ms_ssim(*tensors, data_range=255.0))


MSE = Metric("mse", _mse, "MSE, RGB", higher_is_better=False)
MSE_Y = Metric("mse_y", _mse_y, "MSE, luma", higher_is_better=False)
MS_SSIM = Metric("ms_ssim", _ms_ssim, "MS-SSIM, RGB", higher_is_better=True)
