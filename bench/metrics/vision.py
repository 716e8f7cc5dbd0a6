"""Models of human vision: PSNR-HVS, PSNR-HVS-M, NLPD, FLIP and ColorVideoVDP.

PSNR-HVS: Egiazarian et al., "New full-reference quality metrics based on HVS" (2006), without its correction of mean
and contrast, and PSNR-HVS-M: Ponomarenko et al., "On between-coefficient contrast masking of DCT basis functions"
(2007), of luma. libvmaf's psnr_hvs is another metric, Daala's.
NLPD: Laparra et al., "Perceptual image quality assessment using a normalized Laplacian pyramid" (2016), of luma.
FLIP: Andersson et al., "FLIP: a difference evaluator for alternating images" (2020), its mean at 67 pixels per degree.
ColorVideoVDP: Mantiuk et al., "ColorVideoVDP: a visual difference predictor for image, video and display distortions"
(2024), in just-objectionable differences below 10, on its display "standard_4k": 30 inches, 200 cd/m2, 75 cm away.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.metrics.distortion import Metric
from bench.metrics.packages import (
    LUMA_KINDS,
    computed_by,
    from_side,
    one_torch_thread,
    unit_luma,
    unit_luma_tensor,
)

if TYPE_CHECKING:
    from types import ModuleType

    from bench.images.picture import AnyPicture, Picture

NLPD_MIN_SIDE = 33
"""Minimum side of a picture, so that the six scales of the pyramid can be filtered."""

CVVDP_MIN_SIDE = 2
"""Minimum side of a picture, so that the pyramid has a level."""

_BLOCK = 8


def _hvs_db(original: AnyPicture, decoded: AnyPicture, *, masked: bool) -> float:
    """PSNR-HVS or PSNR-HVS-M in dB, infinite for equal pictures; luma is padded to whole blocks of 8x8 pixels."""
    planes = [
        np.pad(plane, [(0, -size % _BLOCK) for size in plane.shape], mode="edge")
        for plane in map(unit_luma, (original, decoded))
    ]
    with np.errstate(divide="ignore", invalid="ignore"):  # flat blocks mask nothing
        errors = _psnr_hvsm().hvs_hvsm_mse(*planes)
        return float(-10 * np.log10(errors[1 if masked else 0]))


@functools.cache
def _psnr_hvsm() -> ModuleType:
    # It prints which optional packages are missing.
    with contextlib.redirect_stdout(io.StringIO()):
        return importlib.import_module("psnr_hvsm")


@from_side(NLPD_MIN_SIDE)
def _nlpd(original: AnyPicture, decoded: AnyPicture) -> float:
    import plenoptic  # noqa: PLC0415

    with one_torch_thread():
        return float(plenoptic.metric.nlpd(unit_luma_tensor(original), unit_luma_tensor(decoded)))


def _flip(original: Picture, decoded: Picture) -> float:
    from flip_evaluator import evaluate  # noqa: PLC0415

    one, other = (picture.pixels.astype(np.float32) / 255 for picture in (original, decoded))
    _, mean, _ = evaluate(one, other, "LDR", inputsRGB=True, applyMagma=False, computeMeanError=True)
    return float(mean)


@from_side(CVVDP_MIN_SIDE)
def _cvvdp(original: Picture, decoded: Picture) -> float:
    with one_torch_thread():
        quality, _ = _cvvdp_predictor().predict(decoded.pixels, original.pixels, dim_order="HWC")
    return float(quality)


@functools.cache
def _cvvdp_predictor() -> Any:  # noqa: ANN401  # it has no types
    import pycvvdp  # noqa: PLC0415
    import torch  # noqa: PLC0415

    return pycvvdp.cvvdp(display_name="standard_4k", device=torch.device("cpu"), quiet=True)


_HVS: dict[str, Any] = {"higher_is_better": True, "kinds": LUMA_KINDS, **computed_by("psnr-hvsm", "psnr_hvsm")}

PSNR_HVS = Metric("psnr_hvs", functools.partial(_hvs_db, masked=False), "PSNR-HVS, luma (dB)", **_HVS)
PSNR_HVS_M = Metric("psnr_hvs_m", functools.partial(_hvs_db, masked=True), "PSNR-HVS-M, luma (dB)", **_HVS)
NLPD = Metric(
    "nlpd",
    _nlpd,
    "NLPD, luma",
    higher_is_better=False,
    kinds=LUMA_KINDS,
    **computed_by("plenoptic", "plenoptic", "pyrtools"),
)
FLIP = Metric("flip", _flip, "FLIP", higher_is_better=False, **computed_by("flip-evaluator", "flip_evaluator"))
CVVDP = Metric("cvvdp", _cvvdp, "ColorVideoVDP (JOD)", higher_is_better=True, **computed_by("cvvdp", "pycvvdp"))
