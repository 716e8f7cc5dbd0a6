"""BD-rate and BD-PSNR between two RD curves (Bjøntegaard 2001, VCEG-M33), with what is needed to judge them.

The `bjontegaard` package fits and integrates; what counts as a point, and when there is no number, is decided here.
A curve is its upper envelope: points sorted by rate, without those that cost more than another and give no more.
All points of both envelopes enter the fit; the integral runs over the interval that both curves cover.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike, NDArray

METHODS = ("pchip", "akima", "cubic")
"""Interpolations: piecewise cubic Hermite (the one to quote), Akima, and the classic single cubic of 2001."""

_FEWEST_POINTS = {"pchip": 2, "akima": 2, "cubic": 4}


@dataclass(frozen=True, slots=True)
class Curve:
    """The upper envelope of an RD curve: rate and quality both rise strictly."""

    rate_bpp: NDArray[np.float64]
    quality: NDArray[np.float64]  # higher is better
    dominated: int = 0  # points left out because a cheaper one is as good
    lossless: int = 0  # points left out because their quality is infinite
    empty: int = 0  # points left out because they have no bits

    @classmethod
    def of(cls, rate_bpp: ArrayLike, quality: ArrayLike) -> Self:
        """The envelope of points in any order; equal points count once."""
        points = np.unique(np.column_stack([np.asarray(rate_bpp, float), np.asarray(quality, float)]), axis=0)
        empty = points[:, 0] <= 0
        finite = points[np.isfinite(points).all(axis=1) & ~empty]
        # Among equal rates the best comes first, so that the others are dominated by it.
        ordered = finite[np.lexsort((-finite[:, 1], finite[:, 0]))]
        best_before = np.concatenate([[-np.inf], np.maximum.accumulate(ordered[:, 1])[:-1]])[: len(ordered)]
        kept = ordered[ordered[:, 1] > best_before]
        lossless = len(points) - len(finite) - int(empty.sum())
        return cls(kept[:, 0], kept[:, 1], len(ordered) - len(kept), lossless, int(empty.sum()))

    def __len__(self) -> int:
        return len(self.rate_bpp)


@dataclass(frozen=True, slots=True)
class Delta:
    """The average difference of a test curve from its anchor."""

    rate_percent: Mapping[str, float | None]  # by method; negative: the test curve needs fewer bits
    quality: Mapping[str, float | None]  # by method, in the unit of quality; positive: the test curve is better
    overlap: tuple[float, float] | None  # the interval of quality that both curves cover
    overlap_share: float  # of the interval that either curve covers, 0 to 1
    points_in_overlap: tuple[int, int]  # anchor, test
    reason: str  # why there is no number, or ""


def compare(anchor: Curve, test: Curve) -> Delta:
    """Measure `test` against `anchor` by all methods."""
    fewest = min(len(anchor), len(test))
    if fewest < _FEWEST_POINTS["pchip"]:
        which = "the anchor" if len(anchor) == fewest else "the test curve"
        return _no_delta(f"{which} has {fewest} usable point{'' if fewest == 1 else 's'}; two are needed")
    low, high = max(anchor.quality[0], test.quality[0]), min(anchor.quality[-1], test.quality[-1])
    if not low < high:
        return _no_delta("the curves do not overlap in quality")
    widest = max(anchor.quality[-1], test.quality[-1]) - min(anchor.quality[0], test.quality[0])
    return Delta(
        rate_percent={method: _bd_rate(anchor, test, method) for method in METHODS},
        quality={method: _bd_quality(anchor, test, method) for method in METHODS},
        overlap=(float(low), float(high)),
        overlap_share=float((high - low) / widest),
        points_in_overlap=(_count_inside(anchor, low, high), _count_inside(test, low, high)),
        reason="",
    )


def _no_delta(reason: str) -> Delta:
    nothing = dict.fromkeys(METHODS)
    return Delta(nothing, nothing, None, 0.0, (0, 0), reason)


def _count_inside(curve: Curve, low: float, high: float) -> int:
    return int(((curve.quality >= low) & (curve.quality <= high)).sum())


def _bd_rate(anchor: Curve, test: Curve, method: str) -> float | None:
    log_rates = np.log10(anchor.rate_bpp), np.log10(test.rate_bpp)
    difference = _mean_difference((anchor.quality, log_rates[0]), (test.quality, log_rates[1]), method)
    return None if difference is None else (10**difference - 1) * 100


def _bd_quality(anchor: Curve, test: Curve, method: str) -> float | None:
    log_rates = np.log10(anchor.rate_bpp), np.log10(test.rate_bpp)
    if not max(log_rates[0][0], log_rates[1][0]) < min(log_rates[0][-1], log_rates[1][-1]):
        return None
    return _mean_difference((log_rates[0], anchor.quality), (log_rates[1], test.quality), method)


_Points = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


def _mean_difference(anchor: _Points, test: _Points, method: str) -> float | None:
    """Mean of test minus anchor over the common interval, or None where the method cannot be fitted."""
    if min(len(anchor[0]), len(test[0])) < _FEWEST_POINTS[method]:
        return None
    from bjontegaard import bd_linear  # noqa: PLC0415  # it imports matplotlib's pyplot: 0.5 s

    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Polyfit may be poorly conditioned")
        try:
            value = bd_linear(*anchor, *test, method=method, require_matching_points=False, min_overlap=0)
        except Warning:  # four points so close together that a cubic through them means nothing
            return None
    return float(value)
