"""Comparison of a single point with a curve, where there is no BD-rate: rate at equal quality, quality at equal rate.

The curve is the upper envelope of `bench.analysis.bd`; log rate over quality, or quality over log rate, is interpolated
by PCHIP at the point. Nothing is extrapolated: there is no number for a point beyond the ends of the curve.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.analysis import batch
from bench.analysis.batch import ends, resample_weights
from bench.analysis.bd import Curve
from bench.analysis.interpolation import Hermite

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve

COLUMNS = (
    "rate_at_equal_quality_percent", "rate_low_percent", "rate_high_percent", "quality_at_equal_rate", "quality_low",
    "quality_high",
)  # fmt: skip
"""Keys of `at_single_point`: each difference, and its 95 % bootstrap interval over images."""


def at_single_point(anchor: RdCurve, test: RdCurve, axis: Axis) -> dict[str, Any]:
    """Differences of a test curve from its anchor, by `COLUMNS`, if exactly one of the two is a single point; else {}.

    Negative rates and positive qualities mean that the test curve is better. Missing values are None.
    """
    curves = anchor.curves[axis.name], test.curves[axis.name]
    if min(map(len, curves)) != 1 or max(map(len, curves)) == 1:
        return {}
    values = [None if np.isnan(value) else float(value) for value in _differences(*curves)]
    spans = _intervals(anchor, test, axis)
    numbers = [number for value, span in zip(values, spans, strict=True) for number in (value, *span)]
    return dict(zip(COLUMNS, numbers, strict=True))


def _differences(anchor: Curve, test: Curve) -> tuple[float, float]:
    """Rate difference at equal quality in percent, and quality difference at equal rate; NaN if undefined."""
    point, curve, sign = (test, anchor, 1) if len(test) == 1 else (anchor, test, -1)
    if len(point) != 1 or len(curve) < 2:
        return np.nan, np.nan
    log_rate, quality = np.log(point.rate_bpp[0]), point.quality[0]
    rate = sign * (log_rate - _interpolated(quality, curve.quality, np.log(curve.rate_bpp)))
    gain = sign * (quality - _interpolated(log_rate, np.log(curve.rate_bpp), curve.quality))
    return float(np.expm1(rate) * 100), float(gain)


def _interpolated(x: float, xs: NDArray[np.float64], ys: NDArray[np.float64]) -> float:
    return float(Hermite.through(xs[None], ys[None]).at(np.array([x]))[0, 0]) if xs[0] <= x <= xs[-1] else np.nan


def _intervals(anchor: RdCurve, test: RdCurve, axis: Axis) -> list[tuple[float, float] | tuple[None, None]]:
    """95 % intervals of the two differences over the resamples of `bench.analysis.batch.interval`."""
    if axis.name not in anchor.images or axis.name not in test.images:
        return [(None, None)] * 2
    pair = anchor.images[axis.name], test.images[axis.name]
    if (images := len(pair[0][0])) < batch.FEWEST_IMAGES:
        return [(None, None)] * 2
    weights = resample_weights(images)
    means = [(weights @ rate, axis.quality(weights @ value)) for rate, value in pair]
    drawn = np.array(
        [_differences(*(Curve.of(rates[row], values[row]) for rates, values in means)) for row in range(len(weights))]
    )
    return [ends(column) or (None, None) for column in drawn.T]
