"""Video metrics of the luma of still pictures: VMAF and XPSNR, by ffmpeg.

VMAF (Li et al., "Toward a practical perceptual video quality metric", 2016) is the model vmaf_v0.6.1. Its motion
feature is 0 on a still picture, so that equal pictures score 97.4 and not 100.

XPSNR (Helmrich et al., "XPSNR: a low-complexity extension of the perceptually weighted PSNR", 2020) weights squared
errors by the spatial and temporal activity of their block. The filter assumes a black frame before the first one.
Therefore the picture is repeated, and the value is that of the second frame.
"""

from __future__ import annotations

import functools
import json
import math
import re
from typing import TYPE_CHECKING

from bench.images import ffmpeg
from bench.metrics.distortion import Metric
from bench.metrics.packages import LUMA_KINDS, from_side, luma_plane

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.images.picture import AnyPicture

LIBVMAF_MIN_SIDE = 17
"""Minimum side of a picture; libvmaf crashes on smaller ones."""


@from_side(LIBVMAF_MIN_SIDE)
def _vmaf(original: AnyPicture, decoded: AnyPicture) -> float:
    filter_ = "libvmaf=model=version=vmaf_v0.6.1:log_path=log:log_fmt=json:n_threads=1"
    log = ffmpeg.compare_luma(luma_plane(decoded), luma_plane(original), filter_)
    return float(json.loads(log)["frames"][0]["metrics"]["vmaf"])


def _xpsnr(original: AnyPicture, decoded: AnyPicture) -> float:
    log = ffmpeg.compare_luma(luma_plane(original), luma_plane(decoded), "xpsnr=stats_file=log", frames=2)
    found = re.search(r"^n: +2 +XPSNR y: *(\S+)", log, re.MULTILINE)
    return float(found[1]) if found else math.nan


def _metric(name: str, function: Callable[[AnyPicture, AnyPicture], float | None], title: str, filter_: str) -> Metric:
    version = "1" if ffmpeg.missing() else f"1, {ffmpeg.version()}"
    missing = functools.partial(ffmpeg.missing_filter, filter_)
    return Metric(name, function, title, higher_is_better=True, version=version, kinds=LUMA_KINDS, missing=missing)


VMAF = _metric("vmaf", _vmaf, "VMAF v0.6.1, luma", "libvmaf")
XPSNR = _metric("xpsnr", _xpsnr, "XPSNR, luma (dB)", "xpsnr")
