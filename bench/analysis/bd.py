"""BD-rate and BD-PSNR between two RD curves (Bjøntegaard 2001, VCEG-M33), with overlap and numbers of points.

A curve is reduced to its upper envelope: points sorted by rate, without those that have a higher rate but no higher
quality than another. All points of both envelopes enter the fit; the integral runs over the interval that both curves
cover. The tests compare the values with the `bjontegaard` package.
"""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from bench.analysis.interpolation import Hermite
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import ArrayLike, NDArray

METHODS = ("pchip", "akima", "cubic")
"""Interpolations: piecewise cubic Hermite (the one to quote), Akima, and the classic single cubic of 2001."""

_FEWEST_POINTS = {"pchip": 2, "akima": 2, "cubic": 4}


@dataclass(frozen=True)
class Curve:
    """The upper envelope of an RD curve: both rate and quality rise strictly."""

    rate_bpp: NDArray[np.float64]
    quality: NDArray[np.float64]  # higher is better
    dominated: int = 0  # points left out because one of lower rate is at least as good
    lossless: int = 0  # points left out because their quality is infinite
    empty: int = 0  # points left out because they have no bits

    @classmethod
    def of(cls, rate_bpp: ArrayLike, quality: ArrayLike) -> Self:
        """Compute the envelope of points in any order; equal points count once."""
        points = np.unique(np.column_stack([np.asarray(rate_bpp, float), np.asarray(quality, float)]), axis=0)
        empty = points[:, 0] <= 0
        finite = points[np.isfinite(points).all(axis=1) & ~empty]
        # Of points at equal rates, the best comes first and dominates the others.
        ordered = finite[np.lexsort((-finite[:, 1], finite[:, 0]))]
        best_before = np.concatenate([[-np.inf], np.maximum.accumulate(ordered[:, 1])[:-1]])[: len(ordered)]
        kept = ordered[ordered[:, 1] > best_before]
        lossless = len(points) - len(finite) - int(empty.sum())
        return cls(kept[:, 0], kept[:, 1], len(ordered) - len(kept), lossless, int(empty.sum()))

    def __len__(self) -> int:
        return len(self.rate_bpp)

    def overlap(self, other: Curve) -> tuple[float, float]:
        """Interval (low, high) of quality that both curves cover; low > high if there is none."""
        low, high = max(self.quality[0], other.quality[0]), min(self.quality[-1], other.quality[-1])
        return float(low), float(high)

    def count_between(self, low: float, high: float) -> int:
        """Number of points with qualities from `low` to `high`."""
        return int(((self.quality >= low) & (self.quality <= high)).sum())

    @functools.cached_property
    def rate_of_quality(self) -> _Fits:
        """The decimal logarithm of the rate over quality."""
        return _Fits(self.quality, np.log10(self.rate_bpp))

    @functools.cached_property
    def quality_of_rate(self) -> _Fits:
        """Quality over the decimal logarithm of the rate."""
        return _Fits(np.log10(self.rate_bpp), self.quality)


@dataclass(frozen=True, slots=True)
class Delta:
    """Average difference between a test curve and its anchor."""

    rate_percent: Mapping[str, float | None]  # by method; negative: the test curve needs fewer bits
    quality: Mapping[str, float | None]  # by method, in the unit of quality; positive: the test curve is better
    overlap: tuple[float, float] | None  # the interval of quality that both curves cover
    overlap_share: float  # of the interval that either curve covers, 0 to 1
    points_in_overlap: tuple[int, int]  # anchor, test
    reason: str  # why there is no number, or ""


def compare(anchor: Curve, test: Curve) -> Delta:
    """Compare `test` with `anchor` by all methods."""
    fewest = min(len(anchor), len(test))
    if fewest < _FEWEST_POINTS["pchip"]:
        which = "the anchor" if len(anchor) == fewest else "the test curve"
        return _no_delta(f"{which} has {count(fewest, 'usable point')}; two are needed")
    low, high = anchor.overlap(test)
    if not low < high:
        return _no_delta("the curves do not overlap in quality")
    widest = max(anchor.quality[-1], test.quality[-1]) - min(anchor.quality[0], test.quality[0])
    return Delta(
        rate_percent={method: _bd_rate(anchor, test, method) for method in METHODS},
        quality={method: _mean_difference(anchor.quality_of_rate, test.quality_of_rate, method) for method in METHODS},
        overlap=(low, high),
        overlap_share=float((high - low) / widest),
        points_in_overlap=(anchor.count_between(low, high), test.count_between(low, high)),
        reason="",
    )


def _no_delta(reason: str) -> Delta:
    nothing = dict.fromkeys(METHODS)
    return Delta(nothing, nothing, None, 0.0, (0, 0), reason)


def _bd_rate(anchor: Curve, test: Curve, method: str) -> float | None:
    difference = _mean_difference(anchor.rate_of_quality, test.rate_of_quality, method)
    return None if difference is None else (10**difference - 1) * 100


def _mean_difference(anchor: _Fits, test: _Fits, method: str) -> float | None:
    """Mean of test minus anchor over the common interval; None without overlap or if no fit is possible."""
    low, high = max(anchor.x[0], test.x[0]), min(anchor.x[-1], test.x[-1])
    first, second = anchor.integrals[method], test.integrals[method]
    if first is None or second is None or not low < high:
        return None
    return float((second(low, high) - first(low, high)) / (high - low))


@dataclass(frozen=True)
class _Fits:
    """Fits through points with rising x, computed on first use and shared by all comparisons of a curve."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]

    @functools.cached_property
    def integrals(self) -> Mapping[str, Callable[[float, float], float] | None]:
        """The integral from one x to another, by method."""
        return {method: self._integral(method) for method in METHODS}

    def _integral(self, method: str) -> Callable[[float, float], float] | None:
        if len(self.x) < _FEWEST_POINTS[method]:
            return None
        if method == "cubic":
            return _cubic_integral(self.x, self.y)
        curve = Hermite.through(self.x[None], self.y[None], method)
        return lambda low, high: float(curve.integral(np.array([low]), np.array([high]))[0])


def _cubic_integral(x: NDArray[np.float64], y: NDArray[np.float64]) -> Callable[[float, float], float] | None:
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Polyfit may be poorly conditioned")
        try:
            antiderivative = np.polyint(np.polyfit(x, y, 3))
        except Warning:  # the points are too close together for a meaningful cubic
            return None
    return lambda low, high: float(np.polyval(antiderivative, high) - np.polyval(antiderivative, low))
