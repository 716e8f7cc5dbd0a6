"""Rate differences by quality and by picture, which a BD-rate averages."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis import batch
from bench.analysis.interpolation import Hermite

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.bd import Curve
    from bench.analysis.rd_curve import RdCurve

SAMPLES = 61

_NAMES = ("axis", "anchor", "test")


def rate_difference(anchor: Curve, test: Curve) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate of `test` relative to `anchor` in percent, at `SAMPLES` qualities of the overlap.

    The interpolated curves are those that the PCHIP BD-rate integrates. Empty if the curves do not overlap.
    """
    if min(len(anchor), len(test)) < 2:
        return np.empty(0), np.empty(0)
    low, high = anchor.overlap(test)
    quality = np.linspace(low, high, SAMPLES if low < high else 0)
    log_rates = [
        Hermite.through(curve.quality[None], np.log(curve.rate_bpp)[None]).at(quality)[0] for curve in (anchor, test)
    ]
    return quality, np.expm1(log_rates[1] - log_rates[0]) * 100


def rate_differences(anchor: RdCurve, tests: Iterable[RdCurve], axes: Iterable[Axis]) -> pd.DataFrame:
    """`rate_difference` of several curves against one, on all common axes; `quality` is converted for display."""
    rows = []
    for axis, test in itertools.product(axes, tests):
        if axis.name in anchor.curves and axis.name in test.curves:
            points = zip(*rate_difference(anchor.curves[axis.name], test.curves[axis.name]), strict=True)
            rows += [(axis.name, anchor.name, test.name, axis.shown(quality), percent) for quality, percent in points]
    return pd.DataFrame(rows, columns=[*_NAMES, "quality", "rate_difference_percent"])


def per_image_rates(
    anchor: RdCurve, tests: Iterable[RdCurve], axes: Iterable[Axis], images: Sequence[str]
) -> pd.DataFrame:
    """BD-rate (PCHIP) of several curves against one for each picture; NaN if it is not defined.

    `images` names the rows of the curves' arrays. Published curves have no values per picture.
    """
    frames = []
    for axis, test in itertools.product(axes, tests):
        if axis.name in anchor.images and axis.name in test.images:
            own = [(rate, axis.quality(value)) for rate, value in (anchor.images[axis.name], test.images[axis.name])]
            names = {"axis": axis.name, "anchor": anchor.name, "test": test.name, "image": images}
            frames.append(pd.DataFrame({**names, "bd_rate_pchip_percent": batch.bd_rates(own[0], own[1])}))
    columns = [*_NAMES, "image", "bd_rate_pchip_percent"]
    return pd.concat(frames, ignore_index=True)[columns] if frames else pd.DataFrame(columns=columns)
