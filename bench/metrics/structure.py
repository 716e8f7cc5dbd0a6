"""Similarity of structure and information, by the package piq: FSIM, GMSD, IW-SSIM and VIF.

FSIM: Zhang et al., "FSIM: a feature similarity index for image quality assessment" (2011), in its form for colour.
GMSD: Xue et al., "Gradient magnitude similarity deviation" (2014); of equal pictures 0.
IW-SSIM: Wang and Li, "Information content weighting for perceptual image quality assessment" (2011), of luma.
VIF: Sheikh and Bovik, "Image information and visual quality" (2006), in its form for pixels, VIFp, of luma.
libvmaf's VIF is another: it counts windows without contrast as seen, and was higher by up to .08 here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.metrics.distortion import Metric
from bench.metrics.packages import missing_package, one_torch_thread, unit_luma, version_with

if TYPE_CHECKING:
    import torch

    from bench.images.picture import AnyPicture, Picture

FSIM_MIN_SIDE, GMSD_MIN_SIDE, VIF_MIN_SIDE, IW_SSIM_MIN_SIDE = 2, 3, 41, 161
"""The smaller side, in pixels, from which on each is defined."""


def _tensor(picture: Picture) -> torch.Tensor:
    import torch  # noqa: PLC0415

    return torch.tensor(picture.pixels, dtype=torch.float64).permute(2, 0, 1)[None] / 255


def _luma_tensor(picture: AnyPicture) -> torch.Tensor:
    import torch  # noqa: PLC0415

    return torch.tensor(unit_luma(picture))[None, None]


def _fsim(original: Picture, decoded: Picture) -> float | None:
    """FSIM of colour; None where the smaller side is below `FSIM_MIN_SIDE`."""
    if _is_small(original, FSIM_MIN_SIDE):
        return None
    import piq  # noqa: PLC0415

    with one_torch_thread():
        return float(piq.fsim(_tensor(decoded), _tensor(original)))


def _gmsd(original: Picture, decoded: Picture) -> float | None:
    """GMSD; None where the smaller side is below `GMSD_MIN_SIDE`."""
    if _is_small(original, GMSD_MIN_SIDE):
        return None
    import piq  # noqa: PLC0415

    with one_torch_thread():
        return float(piq.gmsd(_tensor(decoded), _tensor(original)))


def _vif(original: AnyPicture, decoded: AnyPicture) -> float | None:
    """VIFp of luma; None where the smaller side is below `VIF_MIN_SIDE`."""
    if _is_small(original, VIF_MIN_SIDE):
        return None
    import piq  # noqa: PLC0415

    with one_torch_thread():
        return float(piq.vif_p(_luma_tensor(decoded), _luma_tensor(original)))


def _iw_ssim(original: AnyPicture, decoded: AnyPicture) -> float | None:
    """IW-SSIM of luma; None where the smaller side is 160 pixels or less, or the picture is flat."""
    if _is_small(original, IW_SSIM_MIN_SIDE):
        return None
    import piq  # noqa: PLC0415
    import torch  # noqa: PLC0415

    try:
        with one_torch_thread():
            return float(piq.information_weighted_ssim(_luma_tensor(decoded), _luma_tensor(original)))
    except torch.linalg.LinAlgError:  # type: ignore[attr-defined]  # the covariance of neighbouring samples cannot be inverted
        return None


def _is_small(picture: AnyPicture, side: int) -> bool:
    return min(picture.height, picture.width) < side


_PIQ: dict[str, Any] = {"version": version_with("piq"), "missing": missing_package("piq", "torchvision")}

_OF_LUMA: dict[str, Any] = {**_PIQ, "kinds": ("rgb", "yuv420")}

FSIM = Metric("fsim", _fsim, "FSIM, colour", higher_is_better=True, **_PIQ)
GMSD = Metric("gmsd", _gmsd, "GMSD", higher_is_better=False, **_PIQ)
IW_SSIM = Metric("iw_ssim", _iw_ssim, "IW-SSIM, luma", higher_is_better=True, **_OF_LUMA)
VIF = Metric("vif", _vif, "VIFp, luma", higher_is_better=True, **_OF_LUMA)
