"""BD-rates of many curve pairs at once: for bootstrap intervals and per-image values.

The same integral as the `bjontegaard` package's PCHIP, written over arrays: a thousand resamples of a pair of curves
take milliseconds instead of a second. The tests hold it to the package's values.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

RESAMPLES = 1000
SEED = 20181205
"""Fixed, so that the same measurements give the same interval; every pair of curves sees the same resamples."""


def bd_rates(anchor: tuple[Array, Array], test: tuple[Array, Array]) -> Array:
    """BD-rate in percent, PCHIP, of each row of curves.

    `anchor` and `test` are (rate_bpp, quality), each of shape (rows, points); the two may differ in points. Rows are
    reduced to their upper envelope as in `bench.analysis.bd.Curve`. NaN where a row's curves do not overlap or one
    has fewer than two points.
    """
    if not min(anchor[0].shape[1], test[0].shape[1]):
        return np.full(len(anchor[0]), np.nan)
    ordered = [_ordered(*anchor), _ordered(*test)]
    low = np.max([_lowest(quality, kept) for _, quality, kept in ordered], axis=0)
    high = np.min([_highest(quality, kept) for _, quality, kept in ordered], axis=0)
    usable = (low < high) & np.all([kept.sum(axis=1) >= 2 for _, _, kept in ordered], axis=0)
    result = np.full(len(low), np.nan)
    if usable.any():
        areas = [
            _areas(quality[usable], np.log(rate[usable]), kept[usable], (low[usable], high[usable]))
            for rate, quality, kept in ordered
        ]
        result[usable] = np.expm1((areas[1] - areas[0]) / (high[usable] - low[usable])) * 100
    return result


def interval(
    anchor: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    to_axis: Callable[[Array], Array] = lambda mean: mean,
) -> tuple[float, float] | None:
    """95 % bootstrap interval over images of the BD-rate between two mean curves, in percent.

    `anchor` and `test` are (rate_bpp, value) of shape (images, points), rows in the same order of images. Images are
    drawn with replacement, the same ones for both curves, and the BD-rate of the resampled mean curves is taken;
    `to_axis` turns mean values into the quality that the curves are drawn over. The interval runs from the 2.5th to
    the 97.5th percentile. None with fewer than two images, or where one resample in twenty gives no BD-rate.
    """
    images = len(anchor[0])
    if images < 2:
        return None
    weights = resample_weights(images)
    means = [(weights @ rate, to_axis(weights @ value)) for rate, value in (anchor, test)]
    rates = bd_rates(means[0], means[1])
    if np.isnan(rates).mean() > 0.05:
        return None
    low, high = np.nanpercentile(rates, [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def resample_weights(images: int) -> Array:
    """How much each image weighs in each resample: shape (RESAMPLES, images), rows that sum to 1."""
    drawn = np.random.default_rng(SEED).integers(0, images, (RESAMPLES, images))
    counts = np.apply_along_axis(np.bincount, 1, drawn, minlength=images)
    return np.asarray(counts / images, dtype=np.float64)


def _ordered(rate: Array, quality: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Rows sorted by rate, and which points belong to the upper envelope."""
    usable = np.isfinite(rate) & (rate > 0) & np.isfinite(quality)
    rate, quality = np.where(usable, rate, np.inf), np.where(usable, quality, -np.inf)
    order = np.lexsort((-quality, rate), axis=1)
    rate, quality = np.take_along_axis(rate, order, 1), np.take_along_axis(quality, order, 1)
    before = np.maximum.accumulate(quality, axis=1)[:, :-1]
    best_before = np.concatenate([np.full((len(rate), 1), -np.inf), before], axis=1)
    return rate, quality, quality > best_before


def _lowest(quality: Array, kept: NDArray[np.bool_]) -> Array:
    return np.asarray(np.where(kept, quality, np.inf).min(axis=1))


def _highest(quality: Array, kept: NDArray[np.bool_]) -> Array:
    return np.asarray(np.where(kept, quality, -np.inf).max(axis=1))


def _areas(x: Array, y: Array, kept: NDArray[np.bool_], limits: tuple[Array, Array]) -> Array:
    """Integral of each row's PCHIP interpolant, from the kept points, between its limits."""
    result = np.empty(len(x))
    # Rows that keep the same points have the same shape; nearly always that is all of them.
    patterns, which = np.unique(kept, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        rows = which.ravel() == index
        result[rows] = _pchip_area(x[rows][:, pattern], y[rows][:, pattern], (limits[0][rows], limits[1][rows]))
    return result


def _pchip_area(x: Array, y: Array, limits: tuple[Array, Array]) -> Array:
    width = np.diff(x, axis=1)
    secant = np.diff(y, axis=1) / width
    slope = _pchip_slopes(width, secant)
    curvature = (3 * secant - 2 * slope[:, :-1] - slope[:, 1:]) / width
    twist = (slope[:, :-1] + slope[:, 1:] - 2 * secant) / width**2

    def antiderivative(t: Array) -> Array:
        area = t * (y[:, :-1] + t * (slope[:, :-1] / 2 + t * (curvature / 3 + t * twist / 4)))
        return np.asarray(area, dtype=np.float64)

    start, end = (np.clip(limit[:, None] - x[:, :-1], 0, width) for limit in limits)
    return np.asarray((antiderivative(end) - antiderivative(start)).sum(axis=1))


def _pchip_slopes(width: Array, secant: Array) -> Array:
    """Slopes at the points (Fritsch and Butland 1984): harmonic means inside, one-sided parabolas at the ends."""
    if width.shape[1] == 1:
        return np.repeat(secant, 2, axis=1)
    left, right = 2 * width[:, 1:] + width[:, :-1], width[:, 1:] + 2 * width[:, :-1]
    same_sign = secant[:, :-1] * secant[:, 1:] > 0
    safe = np.where(same_sign[..., None], np.stack([secant[:, :-1], secant[:, 1:]], axis=-1), 1.0)
    inner = np.where(same_sign, (left + right) / (left / safe[..., 0] + right / safe[..., 1]), 0.0)
    first = _end_slope(width[:, 0], width[:, 1], secant[:, 0], secant[:, 1])
    last = _end_slope(width[:, -1], width[:, -2], secant[:, -1], secant[:, -2])
    return np.column_stack([first, inner, last])


def _end_slope(width: Array, next_width: Array, secant: Array, next_secant: Array) -> Array:
    slope = ((2 * width + next_width) * secant - width * next_secant) / (width + next_width)
    slope = np.where(slope * secant <= 0, 0.0, slope)
    too_steep = (secant * next_secant <= 0) & (np.abs(slope) > 3 * np.abs(secant))
    return np.asarray(np.where(too_steep, 3 * secant, slope))
