"""Distortion between two 8-bit pictures. Primitives only: decibels are derived in `bench.analysis`.

A metric is one function and one line in the registry; its values are stored under its name. It applies to RGB pictures,
to YUV 4:2:0 pictures, or to both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.images.colour import luma
from bench.images.picture import Yuv420
from bench.metrics.ms_ssim import MIN_SIDE, ms_ssim
from bench.metrics.packages import LUMA_KINDS, from_side

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.images.picture import AnyPicture, Kind


@dataclass(frozen=True, slots=True)
class Metric:
    """A measure of the difference between an original picture and its reconstruction.

    `function` takes (original, decoded), pictures of equal size and of one of the `kinds`, and returns a number, or
    None where the metric is not defined (MS-SSIM on a small picture). `version` changes whenever its values do.
    """

    name: str
    function: Callable[[Any, Any], float | None]
    title: str
    higher_is_better: bool
    version: str = "1"
    kinds: tuple[Kind, ...] = ("rgb",)
    on_request: tuple[Kind, ...] = ()
    """Further kinds of pictures that it applies to; for these, a run measures it only if it is named."""
    files: tuple[str | Path, ...] = ()
    """Files or folders of weights that its values depend on, relative to its source file."""
    missing: Callable[[], str | None] = lambda: None
    """Returns a message on what is missing on this machine and how to get it; None if the metric can run."""

    def takes(self, kind: Kind) -> bool:
        """Whether the metric applies to pictures of a kind."""
        return kind in {*self.kinds, *self.on_request}


def _mse(samples: Callable[[Any], NDArray[Any]]) -> Callable[[Any, Any], float]:
    """Create a function for the mean squared error of the samples that `samples` returns for a picture."""

    def measure(original: AnyPicture, decoded: AnyPicture) -> float:
        # Exact for samples of 8 bits: a sum of squares up to 255**2 stays below 2**53.
        difference = samples(original).ravel().astype(np.float64) - samples(decoded).ravel()
        return float(np.dot(difference, difference) / difference.size)

    return measure


def _ms_ssim(samples: Callable[[Any], NDArray[Any]]) -> Callable[[Any, Any], float | None]:
    """Create a function for MS-SSIM of samples (h, w, channels); None if the smaller side is 160 pixels or less."""
    return from_side(MIN_SIDE)(lambda original, decoded: ms_ssim(samples(original), samples(decoded)))


def _luma(picture: AnyPicture) -> NDArray[Any]:
    """The luma plane (h, w): Y, or the unrounded luma of RGB."""
    return picture.y if isinstance(picture, Yuv420) else luma(picture.pixels)


MSE = Metric("mse", _mse(lambda picture: picture.pixels), "MSE, RGB", higher_is_better=False)
MSE_Y = Metric("mse_y", _mse(_luma), "MSE, luma", higher_is_better=False, kinds=LUMA_KINDS)
MSE_U = Metric("mse_u", _mse(lambda picture: picture.u), "MSE, U", higher_is_better=False, kinds=("yuv420",))
MSE_V = Metric("mse_v", _mse(lambda picture: picture.v), "MSE, V", higher_is_better=False, kinds=("yuv420",))
ERRORS = (MSE, MSE_Y, MSE_U, MSE_V)
"""The mean squared errors, from which PSNR is computed."""

MS_SSIM = Metric("ms_ssim", _ms_ssim(lambda picture: picture.pixels), "MS-SSIM, RGB", higher_is_better=True)
MS_SSIM_Y = Metric(
    "ms_ssim_y",
    _ms_ssim(lambda picture: _luma(picture)[..., None]),
    "MS-SSIM, luma",
    higher_is_better=True,
    kinds=("yuv420",),
    on_request=("rgb",),
)
