"""Vectorised BD-rates of many pairs of curves, for bootstrap intervals and values per image.

A thousand resamples of a pair of curves take milliseconds. The tests compare the values with the `bjontegaard` package.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.interpolation import Hermite
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[np.float64]

FEWEST_IMAGES = 5
"""Minimum number of images for a bootstrap interval: resamples of fewer images have too few distinct values."""

RESAMPLES = 1000
SEED = 20181205
"""Fixed, so that equal measurements give equal intervals; all pairs of curves use the same resamples."""


def bd_rates(anchor: tuple[Array, Array], test: tuple[Array, Array]) -> Array:
    """BD-rate (PCHIP) in percent of each row of curves.

    `anchor` and `test` are (rate_bpp, quality), each of shape (rows, points); their numbers of points may differ. Rows
    are reduced to their upper envelopes as in `bench.analysis.bd.Curve`. NaN for rows whose curves do not overlap, or
    have fewer than two points.
    """
    if not min(anchor[0].shape[1], test[0].shape[1]):
        return np.full(len(anchor[0]), np.nan)
    ordered = [_ordered(*anchor), _ordered(*test)]
    low = np.max([np.where(kept, quality, np.inf).min(axis=1) for _, quality, kept in ordered], axis=0)
    high = np.min([np.where(kept, quality, -np.inf).max(axis=1) for _, quality, kept in ordered], axis=0)
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

    `anchor` and `test` are (rate_bpp, value) of shape (images, points), with the same order of images. Images are drawn
    with replacement, the same ones for both curves, and each resample gives the BD-rate of the mean curves; `to_axis`
    converts mean values to qualities. The interval runs from the 2.5th to the 97.5th percentile. None with fewer than
    `FEWEST_IMAGES` images, or if more than one resample in twenty has no BD-rate.
    """
    images = len(anchor[0])
    if images < FEWEST_IMAGES:
        return None
    weights = resample_weights(images)
    means = [(weights @ rate, to_axis(weights @ value)) for rate, value in (anchor, test)]
    return ends(bd_rates(means[0], means[1]))


def too_few(images: int) -> str:
    """Reason why this number of images gives no interval, or ""."""
    if images >= FEWEST_IMAGES:
        return ""
    return f"no interval: {count(images, 'picture')}; at least {FEWEST_IMAGES} are needed"


def ends(resampled: Array) -> tuple[float, float] | None:
    """The 2.5th and the 97.5th percentile of resampled values; None if more than one in twenty is NaN."""
    if np.isnan(resampled).mean() > 0.05:
        return None
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return float(low), float(high)


def interval_over_images(images: int, of: Callable[[Array], Array]) -> tuple[float, float]:
    """The 95 % bootstrap interval of a statistic over images; NaN with fewer than `FEWEST_IMAGES`.

    `of` computes the statistic of each resample from the `resample_weights` of the images.
    """
    if images < FEWEST_IMAGES:
        return math.nan, math.nan
    low, high = np.percentile(of(resample_weights(images)), [2.5, 97.5])
    return float(low), float(high)


@functools.lru_cache(maxsize=8)
def resample_weights(images: int) -> Array:
    """Weight of each image in each resample: shape (RESAMPLES, images), rows sum to 1."""
    drawn = np.random.default_rng(SEED).integers(0, images, (RESAMPLES, images))
    counts = np.apply_along_axis(np.bincount, 1, drawn, minlength=images)
    return np.asarray(counts / images, dtype=np.float64)


def _ordered(rate: Array, quality: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Rates and qualities sorted by rate, and a mask of the points on the upper envelope."""
    if rate.shape[1] > 1 and len(rate) and rate[0, 0] > rate[0, -1]:
        rate, quality = rate[:, ::-1], quality[:, ::-1]
    # Nearly always, all rows already rise. Comparisons with NaN are false; infinities are then at the ends.
    rising = (np.diff(rate, axis=1) > 0).all() and (np.diff(quality, axis=1) > 0).all()
    if rising and (rate[:, 0] > 0).all() and np.isfinite(rate[:, -1]).all() and np.isfinite(quality[:, [0, -1]]).all():
        return rate, quality, np.ones(rate.shape, dtype=bool)
    usable = np.isfinite(rate) & (rate > 0) & np.isfinite(quality)
    rate, quality = np.where(usable, rate, np.inf), np.where(usable, quality, -np.inf)
    order = np.lexsort((-quality, rate), axis=1)
    rate, quality = np.take_along_axis(rate, order, 1), np.take_along_axis(quality, order, 1)
    before = np.maximum.accumulate(quality, axis=1)[:, :-1]
    best_before = np.concatenate([np.full((len(rate), 1), -np.inf), before], axis=1)
    return rate, quality, quality > best_before


def _areas(x: Array, y: Array, kept: NDArray[np.bool_], limits: tuple[Array, Array]) -> Array:
    """Integral of the PCHIP interpolant of each row's kept points between the limits."""
    if kept.all():
        return Hermite.through(x, y).integral(*limits)
    result = np.empty(len(x))
    # Rows that keep the same points have the same shape and are integrated together.
    patterns, which = np.unique(kept, axis=0, return_inverse=True)
    for index, pattern in enumerate(patterns):
        rows = which.ravel() == index
        curve = Hermite.through(x[rows][:, pattern], y[rows][:, pattern])
        result[rows] = curve.integral(limits[0][rows], limits[1][rows])
    return result
