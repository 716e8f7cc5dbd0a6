"""Unreliable BD-rates, which are shown with the reason but never ranked.

The criteria are stricter than those for doubtful BD-rates (`bench.analysis.comparison.doubts`), which are ranked but
not used for verdicts on claims.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.analysis import batch
from bench.analysis.comparison import LOWEST_SHARE
from bench.analysis.timing import qualities_text
from bench.system.wording import count

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from bench.analysis.axis import Axis
    from bench.analysis.bd import Curve
    from bench.analysis.dataset_results import DatasetResults
    from bench.analysis.rd_curve import RdCurve

FEWEST_SHARED = 2
"""Minimum number of points that each of two curves must have in the common range of quality."""


def doubts_of(table: pd.DataFrame, rd_curves: Iterable[RdCurve], results: DatasetResults) -> pd.Series[str]:
    """Reason why each BD-rate of a table (`bench.analysis.comparison.bd_table`) is unreliable, or "".

    Reasons are: the curves overlap too little, the learned codec has other qualities than the first of its family, or
    the order of two BD-rates contradicts the direct comparison of the two codecs.
    """
    by_name = {rd_curve.name: rd_curve for rd_curve in rd_curves}
    others, axes = other_qualities(results), {axis.name: axis for axis in results.axes}
    numbers = table[table["bd_rate_pchip_percent"].notna()]
    reasons = {
        index: _too_little(by_name[row["anchor"]], by_name[row["test"]], row["axis"]) or others.get(row["test"], "")
        for index, row in numbers.iterrows()
    }
    found = pd.Series("", index=table.index, dtype=object)
    found.update(pd.Series(reasons, dtype=object))
    usable = numbers[found[numbers.index] == ""]
    for axis, rows in usable.groupby("axis", sort=False):
        curves = {name: one.curves[str(axis)] for name, one in by_name.items() if str(axis) in one.curves}
        excess = functools.cache(functools.partial(_excess, by_name, axes[str(axis)]))
        for _, ranked in rows.groupby("anchor", sort=False):
            found.update(pd.Series(_contradicted(ranked, curves, excess), dtype=object))
    return found


def other_qualities(results: DatasetResults) -> dict[str, str]:
    """Learned curves with other qualities than the first of their family, by name, with a remark.

    A BD-rate over two qualities covers another part of the curve than one over four.
    """
    qualities = results.points.groupby("name")["quality"].agg(qualities_text)
    return {
        name: f"qualities {qualities[name]}, where {family.name} has {qualities[family.names[0]]}, a different range"
        for family in results.families
        for name in (family.names if family.learned else ())
        if qualities[name] != qualities[family.names[0]]
    }


def shared(one: Curve, other: Curve) -> tuple[int, float]:
    """Number of points in the common range of quality (the minimum of both curves), and the length of that range.

    The length is relative to the range of the shorter curve.
    """
    low, high = one.overlap(other)
    points = min(curve.count_between(low, high) for curve in (one, other))
    return points, float(max(high - low, 0) / min(np.ptp(one.quality), np.ptp(other.quality)))


def _too_little(anchor: RdCurve, test: RdCurve, axis: str) -> str:
    """Reason why two curves overlap too little for a ranking, or ""."""
    points, share = shared(anchor.curves[axis], test.curves[axis])
    if points < FEWEST_SHARED:
        return (
            f"one of the curves has {count(points, 'point') if points else 'no points'} in the common range of quality"
        )
    if share < LOWEST_SHARE:
        return f"the common range of quality is {100 * share:.0f} % of the shorter curve's"
    return ""


def _excess(curves: Mapping[str, RdCurve], axis: Axis, test_name: str, other_name: str) -> float:
    """Additional bits in percent that one curve needs relative to another; 0 unless significant."""
    test, other, name = curves[test_name], curves[other_name], axis.name
    if _too_little(other, test, name):
        return 0.0
    rows = [(curve.rate_bpp[None], curve.quality[None]) for curve in (other.curves[name], test.curves[name])]
    value = float(batch.bd_rates(*rows)[0])
    if value > 0 and name in test.images and name in other.images:
        interval = batch.interval(other.images[name], test.images[name], to_axis=axis.quality)
        return value if interval and interval[0] > 0 else 0.0
    return max(value, 0.0)


def _contradicted(
    ranked: pd.DataFrame, curves: Mapping[str, Curve], excess: Callable[[str, str], float]
) -> dict[int, str]:
    """Rows against one anchor that a direct comparison contradicts, with the reason.

    Of the two codecs compared, the one with less overlap with the anchor is rejected. BD-rates with overlapping
    intervals imply no order.
    """
    rows = ranked.sort_values("bd_rate_pchip_percent", kind="stable")
    value = rows["bd_rate_pchip_percent"].to_numpy(float)
    low = rows["interval_low_percent"].to_numpy(float)
    high = rows["interval_high_percent"].to_numpy(float)
    low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
    tests, anchor, found = list(rows["test"]), str(ranked["anchor"].iloc[0]), {}
    for better, worse in zip(*np.triu_indices(len(rows), 1), strict=True):
        if high[better] >= low[worse] or not (more := excess(tests[better], tests[worse])):
            continue
        overlaps = {place: curves[anchor].overlap(curves[tests[place]]) for place in (better, worse)}
        place = min(overlaps, key=lambda place: overlaps[place][1] - overlaps[place][0])
        title = rows["test_title"].iloc[better + worse - place]
        sign, percent = ("more", more) if place == better else ("fewer", 100 * more / (100 + more))
        found[rows.index[place]] = (
            f"contradicted: in a direct comparison it needs {percent:.1f} % {sign} bits than {title}"
        )
    return found
