"""Figures of the rectifier and of experiments: a value over quality or alpha, a line a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.family import each_alone
from bench.report.canvas import Plot, slug
from bench.report.style import family_colours, looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bench.report.style import Look

HEIGHT_INCHES = 3.6
LINE_POINTS = 10
"""Between the names of two lines that end at the same place."""

_AXES_POINTS = 0.76 * 72 * HEIGHT_INCHES
"""About the height of the axes within a figure, which is known only when all else is drawn."""


@dataclass(frozen=True, slots=True)
class Lines:
    """What a figure draws: the column `y` over the column `x`, a line for each value of `line`."""

    x: str
    y: str
    line: str
    x_label: str
    title: str
    logarithmic: bool = False
    from_zero: bool = False  # whether zero is in the figure, so that noise is not drawn as large as a gain


def line_plot(name: str, caption: str, rows: pd.DataFrame, lines: Lines) -> Plot | None:
    """A figure of some rows; None where no row has both values."""
    rows = rows[rows[lines.x].notna() & rows[lines.y].notna()]
    if rows.empty:
        return None
    names = list(dict.fromkeys(rows[lines.line]))
    families = each_alone(names)
    how = looks(families, [], family_colours([families]))
    return Plot(slug(name), caption, _LineDrawing(rows, lines, names, how), HEIGHT_INCHES)


@dataclass(frozen=True, slots=True)
class _LineDrawing:
    rows: pd.DataFrame
    lines: Lines
    names: Sequence[str]
    looks: Mapping[str, Look]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator  # noqa: PLC0415  # it takes long to import

        if self.lines.from_zero:
            axes.axhline(0, color=colours["muted"], linewidth=1)
        ends: list[tuple[float, float]] = []
        for name in self.names:
            look = self.looks[name]
            own = self.rows[self.rows[self.lines.line] == name].sort_values(self.lines.x)
            x, y = own[self.lines.x], own[self.lines.y]
            axes.plot(x, y, label=name, color=colours[look.colour], marker=look.marker, dashes=look.dash)
            ends.append((x.iloc[-1], y.iloc[-1]))
        if self.lines.logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda _value, _position: ""))
        elif (self.rows[self.lines.x] % 1 == 0).all():  # qualities and epochs have nothing between them
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(x=0.18)
        axes.set_xlabel(self.lines.x_label)
        axes.set_title(self.lines.title)
        self._name(axes, np.array(ends), colours["muted"])

    def _name(self, axes: Axes, ends: NDArray[np.float64], colour: str) -> None:
        """Write each line's name behind its end, those of ends that lie together one above the other."""
        axes.autoscale_view()  # the transforms below do not ask for it, as a drawing does
        height = (axes.transScale + axes.transLimits).transform(ends)[:, 1] * _AXES_POINTS
        shift = np.zeros(len(ends))
        for x in np.unique(ends[:, 0]):
            same = ends[:, 0] == x
            shift[same] = apart(height[same], LINE_POINTS) - height[same]
        for name, end, up in zip(self.names, ends, shift, strict=True):
            axes.annotate(
                name,
                end,
                (7, up),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=9,
                color=colour,
            )


def apart(places: NDArray[np.float64], gap: float) -> NDArray[np.float64]:
    """The nearest places (least squares) in the same order of which no two are nearer than a gap."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  # it takes long to import

    order = np.argsort(places, kind="stable")
    ladder = gap * np.arange(len(places))
    found = np.empty(len(places))
    found[order] = isotonic_regression(places[order] - ladder).x + ladder
    return found
