"""Similarity of structure and information, by the package piq: FSIM, GMSD, IW-SSIM and VIF.

FSIM: Zhang et al., "FSIM: a feature similarity index for image quality assessment" (2011), in its version for colour.
GMSD: Xue et al., "Gradient magnitude similarity deviation" (2014); 0 for equal pictures.
IW-SSIM: Wang and Li, "Information content weighting for perceptual image quality assessment" (2011), of luma.
VIF: Sheikh and Bovik, "Image information and visual quality" (2006), in its pixel-domain version, VIFp, of luma.
libvmaf's VIF differs: it counts windows without contrast as preserved, and was up to .08 higher here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.metrics.distortion import Metric
from bench.metrics.packages import (
    LUMA_KINDS,
    computed_by,
    from_side,
    one_torch_thread,
    unit_luma_tensor,
    unit_tensor,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from bench.images.picture import AnyPicture
    from bench.metrics.packages import Function

FSIM_MIN_SIDE, GMSD_MIN_SIDE, VIF_MIN_SIDE, IW_SSIM_MIN_SIDE = 2, 3, 41, 161
"""Minimum side of a picture in pixels."""


def _of_piq(name: str, tensor: Callable[[Any], torch.Tensor], min_side: int) -> Function:
    """Wrap a piq function of two tensors; None for pictures that are too small, and for IW-SSIM of flat ones."""

    @from_side(min_side)
    def measure(original: AnyPicture, decoded: AnyPicture) -> float | None:
        import piq  # noqa: PLC0415
        import torch  # noqa: PLC0415

        try:
            with one_torch_thread():
                return float(getattr(piq, name)(tensor(decoded), tensor(original)))
        except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # the covariance of neighbouring samples cannot be inverted
            return None

    return measure


_PIQ: dict[str, Any] = computed_by("piq", "piq", "torchvision")
_OF_LUMA: dict[str, Any] = {"kinds": LUMA_KINDS, **_PIQ}

FSIM = Metric("fsim", _of_piq("fsim", unit_tensor, FSIM_MIN_SIDE), "FSIM, colour", higher_is_better=True, **_PIQ)
GMSD = Metric("gmsd", _of_piq("gmsd", unit_tensor, GMSD_MIN_SIDE), "GMSD", higher_is_better=False, **_PIQ)
IW_SSIM = Metric(
    "iw_ssim",
    _of_piq("information_weighted_ssim", unit_luma_tensor, IW_SSIM_MIN_SIDE),
    "IW-SSIM, luma",
    higher_is_better=True,
    **_OF_LUMA,
)
VIF = Metric("vif", _of_piq("vif_p", unit_luma_tensor, VIF_MIN_SIDE), "VIFp, luma", higher_is_better=True, **_OF_LUMA)
