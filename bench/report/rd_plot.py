"""RD curves: measured ones in strong colours, published ones pale and with hollow markers behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.report.canvas import Plot, scale, slug
from bench.report.numbers import tick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve
    from bench.report.style import Look

MARKERS = 9
"""About so many markers a published curve has."""

AROUND = 1.5
"""How much more, and how much less, than the rates of the learned curves is shown."""

RATE_LABEL = "rate, bits per pixel"

RATE_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)


def rd_plot(axis: Axis, rd_curves: Sequence[RdCurve], looks: Mapping[str, Look]) -> Plot | None:
    """Quality over rate of every RD curve; None where no curve has a point, or none of the measured ones."""
    shown = tuple(rd_curve for rd_curve in rd_curves if len(rd_curve.curves.get(axis.name, ())))
    measured = [rd_curve for rd_curve in rd_curves if rd_curve.images]
    if not shown or (measured and not any(rd_curve.images for rd_curve in shown)):
        return None
    drawing = RdDrawing(axis, shown, looks, window(axis, shown))
    return Plot(f"rd_{slug(axis.name)}", f"{axis.label} over rate.", drawing)


@dataclass(frozen=True, slots=True)
class RdDrawing:
    """Quality over rate of curves that all have a point. `window` is rates and qualities shown, as `window` has them.

    With `labelled` what the vertical axis shows stands beside it, as in papers, and not above.
    """

    axis: Axis
    rd_curves: Sequence[RdCurve]
    looks: Mapping[str, Look]
    window: Window
    labelled: bool = False

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        """Draw on axes, in the colours of the roles."""
        for rd_curve in self.rd_curves:
            look, curve = self.looks[rd_curve.name], rd_curve.curves[self.axis.name]
            axes.plot(
                curve.rate_bpp,
                curve.quality,
                label=f"{look.tag}  {rd_curve.title}" if look.tag else rd_curve.title,
                color=colours[look.colour],
                marker=look.marker,
                dashes=look.dash,
                # A published curve may have a hundred points: some of them show which curve it is.
                markevery=1 if rd_curve.images else max(1, len(curve) // MARKERS),
                markerfacecolor=colours["paper"] if look.hollow else colours[look.colour],
                markersize=scale() * (4.2 if look.tag else 4.6),
                linewidth=scale() * look.width,
                zorder=3 if rd_curve.images else 2,
            )
        axes.set_xscale("log")
        axes.set_xlim(*self.window[0])
        axes.set_ylim(*self.window[1])
        self._label(axes)
        self._tag(axes, colours)

    def _label(self, axes: Axes) -> None:
        from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator  # noqa: PLC0415

        axes.xaxis.set_major_locator(FixedLocator(RATE_TICKS))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        if self.labelled:
            axes.set_xlabel(RATE_LABEL)
            axes.set_ylabel(self.axis.label)
            axes.yaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
        else:
            axes.set_xlabel(f"{RATE_LABEL} (logarithmic)")
            axes.set_title(self.axis.label)
        if not self.axis.higher_is_better:  # drawn as its negative, so that better is up; labelled as itself
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: tick(-value)))

    def _tag(self, axes: Axes, colours: Mapping[str, str]) -> None:
        """Write each published curve's letter on its line, where it is farthest from everything else."""
        to_unit = axes.transScale + axes.transLimits
        lines = {s.name: to_unit.transform(_fine(_points(s, self.axis))) for s in self.rd_curves}
        taken = np.empty((0, 2))
        for name in [rd_curve.name for rd_curve in self.rd_curves if self.looks[rd_curve.name].tag]:
            line = lines[name]
            inside = line[((line > 0.04) & (line < 0.96)).all(axis=1)]
            if not len(inside):
                continue
            others = np.vstack([taken, *(other for key, other in lines.items() if key != name)])
            distances = np.linalg.norm(inside[:, None] - others[None], axis=2)
            clearance = distances.min(axis=1, initial=np.inf)  # of a curve that is alone, all spots are as good
            spot = inside[clearance.argmax()]
            taken = np.vstack([taken, spot])
            axes.text(
                spot[0],
                spot[1],
                self.looks[name].tag,
                transform=axes.transAxes,
                horizontalalignment="center",
                verticalalignment="center",
                color=colours["muted"],
                fontsize=9.5 * scale(),
                zorder=2.5,  # a tag must not hide a measured point
                bbox={"boxstyle": "round,pad=0.15", "facecolor": colours["paper"], "edgecolor": "none"},
            )


Window = tuple[tuple[float, float], tuple[float, float]]
"""Rates in bits per pixel and qualities, each from lowest to highest."""


def window(axis: Axis, rd_curves: Sequence[RdCurve]) -> Window:
    """The rates and the qualities that are shown at first: those of the learned curves, with half as much around them.

    Conventional codecs and published curves run on far beyond; without a learned curve, the measured ones decide, and
    without these all.
    """
    shown = [rd_curve for rd_curve in rd_curves if len(rd_curve.curves.get(axis.name, ()))]
    measured = [rd_curve for rd_curve in shown if rd_curve.images] or shown
    learned = [rd_curve for rd_curve in measured if rd_curve.learned]
    return window_around(axis, learned or measured, measured, room=AROUND if learned else 1.12)


def window_around(axis: Axis, centre: Sequence[RdCurve], fitted: Sequence[RdCurve], *, room: float) -> Window:
    """The rates of some curves and so much more and less, and the qualities that others have there."""
    points = np.vstack([_points(rd_curve, axis) for rd_curve in centre])
    low, high = float(points[:, 0].min() / room), float(points[:, 0].max() * room)
    return (low, high), qualities_between(axis, fitted, low, high)


def qualities_between(axis: Axis, rd_curves: Sequence[RdCurve], low: float, high: float) -> tuple[float, float]:
    """The lowest and the highest quality of curves from one rate to another, with a margin.

    Raises:
        ValueError: no curve is there.
    """
    inside = np.concatenate([_qualities_between(_points(rd_curve, axis), low, high) for rd_curve in rd_curves])
    margin = 0.04 * max(float(np.ptp(inside)), 1e-6)
    return float(inside.min()) - margin, float(inside.max()) + margin


def _qualities_between(points: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """The qualities of a curve from one rate to another, on its lines where it has no point."""
    line = _fine(points)
    inside: NDArray[np.float64] = line[(line[:, 0] >= low) & (line[:, 0] <= high), 1]
    return inside


def _points(rd_curve: RdCurve, axis: Axis) -> NDArray[np.float64]:
    curve = rd_curve.curves[axis.name]
    return np.column_stack([curve.rate_bpp, curve.quality])


def _fine(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A curve as about 300 points along its segments, straight on a logarithmic axis."""
    index = np.arange(len(points))
    position = np.linspace(0, len(points) - 1, max(300, len(points)))
    rate = np.exp(np.interp(position, index, np.log(points[:, 0])))
    return np.column_stack([rate, np.interp(position, index, points[:, 1])])
