"""Plots of RD curves: quality over rate, in the range of the main curves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.report.figure import Figure, FigureAxis, Series, slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.bd import Curve
    from bench.analysis.rd_curve import RdCurve
    from bench.report.figure import Curves

MARKERS = 9
"""Approximate number of markers on a published curve."""

ROOM_AROUND_MAIN = 1.5
ROOM_AROUND_ALL = 1.12
"""Factors by which the range of rates exceeds that of the main curves, or of all curves, at both ends."""

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
        FigureAxis(RATE_LABEL, log=True, limits=limits[0]),
        FigureAxis(axis.label, limits=(ends[0], ends[1]), descending=not axis.higher_is_better),
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
    """Initial axis limits of curves that all have points, around the learned ones; others cover far wider ranges.

    Without learned curves the limits are those of all measured curves, and without these those of all curves.
    """
    measured = [rd_curve for rd_curve in rd_curves if rd_curve.images] or rd_curves
    return window_around(axis, [rd_curve for rd_curve in measured if rd_curve.learned], measured)


def window_around(axis: Axis, main: Sequence[RdCurve], rd_curves: Sequence[RdCurve]) -> Window:
    """Axis limits: the widened range of rates of the `main` curves, or of all without any, and the qualities in it."""
    room = ROOM_AROUND_MAIN if main else ROOM_AROUND_ALL
    rates = np.concatenate([rd_curve.curves[axis.name].rate_bpp for rd_curve in main or rd_curves])
    low, high = float(rates.min() / room), float(rates.max() * room)
    return (low, high), qualities_between(axis, rd_curves, low, high)


def qualities_between(axis: Axis, rd_curves: Sequence[RdCurve], low: float, high: float) -> tuple[float, float]:
    """Lowest and highest quality of curves between two rates, with a margin.

    Raises:
        ValueError: no curve has points between the rates.
    """
    # Curves are interpolated: they may cross the range without a point in it.
    lines = np.concatenate([_resampled(rd_curve.curves[axis.name]) for rd_curve in rd_curves])
    inside = lines[(lines[:, 0] >= low) & (lines[:, 0] <= high), 1]
    margin = 0.04 * max(float(np.ptp(inside)), 1e-6)
    return float(inside.min()) - margin, float(inside.max()) + margin


def _resampled(curve: Curve) -> NDArray[np.float64]:
    """At least 300 points (rate, quality) along the segments of a curve, which are straight on a logarithmic axis."""
    index = np.arange(len(curve))
    position = np.linspace(0, len(curve) - 1, max(300, len(curve)))
    rate = np.exp(np.interp(position, index, np.log(curve.rate_bpp)))
    return np.column_stack([rate, np.interp(position, index, curve.quality)])
