"""Distortion between two 8-bit pictures. Primitives only: decibels are derived in `bench.analysis`.

A metric is one function and one line in the registry; its values are stored under its name. It is for one kind of
picture, RGB or YUV 4:2:0, or for both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.images.colour import luma
from bench.images.picture import Yuv420
from bench.metrics.ms_ssim import MIN_SIDE, ms_ssim

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from bench.images.picture import AnyPicture, Kind, Picture


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
    """Further kinds of pictures, for which a run measures it only if it is named."""
    files: tuple[str | Path, ...] = ()
    """Files or folders of weights that its values depend on, relative to the file of its code."""
    missing: Callable[[], str | None] = lambda: None
    """Returns what is missing on this machine and how to get it; None if it can run."""

    def takes(self, kind: Kind) -> bool:
        """Whether it is defined on pictures of a kind."""
        return kind in {*self.kinds, *self.on_request}


def _mse(original: Picture, decoded: Picture) -> float:
    """Mean squared error over all samples of R, G and B."""
    return _mean_squared_error(original.pixels, decoded.pixels)


def _mse_y(original: AnyPicture, decoded: AnyPicture) -> float:
    """Mean squared error of the luma planes: Y, or the unrounded luma of RGB."""
    return _mean_squared_error(_luma(original), _luma(decoded))


def _luma(picture: AnyPicture) -> NDArray[Any]:
    return picture.y if isinstance(picture, Yuv420) else luma(picture.pixels)


def _mse_u(original: Yuv420, decoded: Yuv420) -> float:
    """Mean squared error over the samples of U."""
    return _mean_squared_error(original.u, decoded.u)


def _mse_v(original: Yuv420, decoded: Yuv420) -> float:
    """Mean squared error over the samples of V."""
    return _mean_squared_error(original.v, decoded.v)


def _mean_squared_error(a: NDArray[Any], b: NDArray[Any]) -> float:
    # Exact for samples of 8 bits: a sum of squares up to 255**2 stays below 2**53.
    difference = a.ravel().astype(np.float64) - b.ravel()
    return float(np.dot(difference, difference) / difference.size)


def _ms_ssim(original: Picture, decoded: Picture) -> float | None:
    """MS-SSIM over R, G and B; None where the smaller side is 160 pixels or less."""
    return _ms_ssim_of(original.pixels, decoded.pixels)


def _ms_ssim_y(original: AnyPicture, decoded: AnyPicture) -> float | None:
    """MS-SSIM of the luma planes; None where the smaller side is 160 pixels or less."""
    return _ms_ssim_of(_luma(original)[..., None], _luma(decoded)[..., None])


def _ms_ssim_of(a: NDArray[Any], b: NDArray[Any]) -> float | None:
    return ms_ssim(a, b) if min(a.shape[:2]) >= MIN_SIDE else None


MSE = Metric("mse", _mse, "MSE, RGB", higher_is_better=False)
MSE_Y = Metric("mse_y", _mse_y, "MSE, luma", higher_is_better=False, kinds=("rgb", "yuv420"))
MSE_U = Metric("mse_u", _mse_u, "MSE, U", higher_is_better=False, kinds=("yuv420",))
MSE_V = Metric("mse_v", _mse_v, "MSE, V", higher_is_better=False, kinds=("yuv420",))
MS_SSIM = Metric("ms_ssim", _ms_ssim, "MS-SSIM, RGB", higher_is_better=True)
MS_SSIM_Y = Metric(
    "ms_ssim_y", _ms_ssim_y, "MS-SSIM, luma", higher_is_better=True, kinds=("yuv420",), on_request=("rgb",)
)
