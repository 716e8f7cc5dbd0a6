"""Plots of RD curves: quality over rate, in the range of the main curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.report.canvas import slug
from bench.report.figure import Figure, Scale, Series

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve
    from bench.report.figure import Curves

MARKERS = 9
"""Approximate number of markers on a published curve."""

AROUND = 1.5
"""Factor by which the range of rates exceeds that of the learned curves at both ends."""

RATE_LABEL = "rate, bits per pixel"


def rd_figures(axes: Sequence[Axis], rd_curves: Sequence[RdCurve], curves: Curves) -> list[Figure]:
    """One figure per axis on which a curve has points; measured curves take precedence."""
    figures = []
    for axis in axes:
        shown = [rd_curve for rd_curve in rd_curves if len(rd_curve.curves.get(axis.name, ()))]
        if any(s.images for s in shown) or (shown and not any(s.images for s in rd_curves)):
            figures.append(rd_figure(axis, shown, curves, window(axis, shown)))
    return figures


def rd_figure(axis: Axis, rd_curves: Sequence[RdCurve], curves: Curves, limits: Window) -> Figure:
    """Plot quality over rate of curves that all have points; `limits` as returned by `window`."""
    ends = sorted(map(axis.shown, limits[1]))
    return Figure(
        f"rd_{slug(axis.name)}",
        f"{axis.label} over rate.",
        Scale(RATE_LABEL, log=True, limits=limits[0]),
        Scale(axis.label, limits=(ends[0], ends[1]), descending=not axis.higher_is_better),
        tuple(_series(axis, rd_curve, curves) for rd_curve in rd_curves),
    )


def _series(axis: Axis, rd_curve: RdCurve, curves: Curves) -> Series:
    name, curve = rd_curve.name, rd_curve.curves[axis.name]
    # A published curve may have a hundred points; only some get markers.
    every = 1 if rd_curve.images else max(1, len(curve) // MARKERS)
    points = curve.rate_bpp, [axis.shown(value) for value in curve.quality]
    notes = [f"quality {quality:g}" for quality in rd_curve.qualities.get(axis.name, ())]
    return Series.of(name, curves.titles[name], curves.looks[name], points, every=every, notes=notes)


Window = tuple[tuple[float, float], tuple[float, float]]
"""Limits of rate in bits per pixel and of quality, each as (lowest, highest)."""


def window(axis: Axis, rd_curves: Sequence[RdCurve]) -> Window:
    """Initial axis limits: the ranges of rate and quality of the learned curves, with a margin.

    Conventional codecs and published curves cover far wider ranges. Without learned curves, all measured ones are used,
    and without these all curves.
    """
    shown = [rd_curve for rd_curve in rd_curves if len(rd_curve.curves.get(axis.name, ()))]
    measured = [rd_curve for rd_curve in shown if rd_curve.images] or shown
    learned = [rd_curve for rd_curve in measured if rd_curve.learned]
    return window_around(axis, learned or measured, measured, room=AROUND if learned else 1.12)


def window_around(axis: Axis, centre: Sequence[RdCurve], fitted: Sequence[RdCurve], *, room: float) -> Window:
    """Axis limits: the rate range of `centre` widened by the factor `room`, and the quality range of `fitted` there."""
    points = np.vstack([_points(rd_curve, axis) for rd_curve in centre])
    low, high = float(points[:, 0].min() / room), float(points[:, 0].max() * room)
    return (low, high), qualities_between(axis, fitted, low, high)


def qualities_between(axis: Axis, rd_curves: Sequence[RdCurve], low: float, high: float) -> tuple[float, float]:
    """Lowest and highest quality of curves between two rates, with a margin.

    Raises:
        ValueError: no curve is there.
    """
    # Interpolated as well, for curves without a point in the range.
    lines = np.concatenate([_fine(_points(rd_curve, axis)) for rd_curve in rd_curves])
    inside = lines[(lines[:, 0] >= low) & (lines[:, 0] <= high), 1]
    margin = 0.04 * max(float(np.ptp(inside)), 1e-6)
    return float(inside.min()) - margin, float(inside.max()) + margin


def _points(rd_curve: RdCurve, axis: Axis) -> NDArray[np.float64]:
    curve = rd_curve.curves[axis.name]
    return np.column_stack([curve.rate_bpp, curve.quality])


def _fine(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Resample a curve to about 300 points along its segments, which are straight on a logarithmic axis."""
    index = np.arange(len(points))
    position = np.linspace(0, len(points) - 1, max(300, len(points)))
    rate = np.exp(np.interp(position, index, np.log(points[:, 0])))
    return np.column_stack([rate, np.interp(position, index, points[:, 1])])
