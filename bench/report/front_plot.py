"""Time against BD-rate as a scatter, with the Pareto front: what a smaller file costs to make and to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from bench.report.canvas import HEIGHT_INCHES, WIDTH_INCHES, Plot, slug
from bench.report.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.report.style import Look

STAGES = ("encode", "decode")

FONT_POINTS = 8.5
CHARACTER_POINTS = 0.6 * FONT_POINTS
"""About the width of a letter."""

MARKER_POINTS = 8

_AXES_POINTS = (0.86 * 72 * WIDTH_INCHES, 0.8 * 72 * HEIGHT_INCHES)
"""About the size of the axes within a figure, which is known only when all else is drawn."""


def front_plots(
    rows: pd.DataFrame, axes: Sequence[Axis], titles: Mapping[str, str], looks: Mapping[str, Look]
) -> list[Plot]:
    """A plot for each group of comparable times, stage and axis in `rows`, which are of one anchor."""
    plots = []
    for axis in axes:
        for group, stage in [(g, s) for g in sorted(set(rows["group"])) for s in STAGES]:
            own = rows[(rows["axis"] == axis.name) & (rows["stage"] == stage) & (rows["group"] == group)]
            if len(own) > 1:
                anchor = titles[own["anchor"].iloc[0]]
                caption = f"Time to {stage} a picture, and BD-rate over {axis.title} against {anchor}."
                name = f"front_{slug(axis.name)}_{stage}_{group}"
                plots.append(Plot(name, caption, _FrontDrawing(stage, own, titles, looks)))
    return plots


@dataclass(frozen=True, slots=True)
class _FrontDrawing:
    stage: str
    rows: pd.DataFrame
    titles: Mapping[str, str]
    looks: Mapping[str, Look]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        from matplotlib.ticker import FuncFormatter  # noqa: PLC0415  # it takes long to import

        front = self.rows[self.rows["on_front"]].sort_values("median_s")
        axes.step(
            front["median_s"] * 1e3,
            front["bd_rate_percent"],
            where="post",
            color=colours["muted"],
            linewidth=1,
            zorder=1,
        )
        for row in self.rows.to_dict("records"):
            look = self.looks[row["test"]]
            point = row["median_s"] * 1e3, row["bd_rate_percent"]
            axes.plot(
                *point,
                look.marker,
                color=colours[look.colour],
                markersize=MARKER_POINTS,
                label=self.titles[row["test"]],
            )
        axes.set_xscale("log")
        axes.margins(x=0.14, y=0.08)
        self._name(axes, colours["muted"])
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{signed(value, 0)} %"))
        axes.set_xlabel(f"milliseconds to {self.stage} a picture (logarithmic)")
        axes.set_title(f"BD-rate against {self.titles[self.rows['anchor'].iloc[0]]}")

    def _name(self, axes: Axes, colour: str) -> None:
        """Write the codecs' names beside their points, each where it covers no point and no other name."""
        rows = self.rows.sort_values("bd_rate_percent", kind="stable")
        data = rows[["median_s", "bd_rate_percent"]].to_numpy() * (1e3, 1)
        points = (axes.transScale + axes.transLimits).transform(data) * _AXES_POINTS
        for name, spot, place in zip(rows["test"], data, places(points, list(rows["test"])), strict=True):
            axes.annotate(
                name,
                spot,
                place.offset,
                textcoords="offset points",
                horizontalalignment=place.side,
                fontsize=FONT_POINTS,
                color=colour,
            )


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: points of print from its marker to its baseline, and which of its ends is there."""

    offset: tuple[float, float]
    side: Literal["left", "center", "right"]

    def box(self, point: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        """Left, bottom, right and top of the name at a point."""
        width = CHARACTER_POINTS * len(name)
        left = point[0] + self.offset[0] - {"left": 0, "center": width / 2, "right": width}[self.side]
        bottom = point[1] + self.offset[1] - 2
        return np.array([left, bottom, left + width, bottom + FONT_POINTS + 2])


PLACES = (
    Place((7, 3), "left"),
    Place((7, -9), "left"),
    Place((-7, 3), "right"),
    Place((-7, -9), "right"),
    Place((0, 8), "center"),
    Place((0, -15), "center"),
    Place((9, 12), "left"),
    Place((9, -18), "left"),
    Place((-9, 12), "right"),
    Place((-9, -18), "right"),
)
"""Those that come first are preferred."""


def places(points: NDArray[np.float64], names: Sequence[str]) -> list[Place]:
    """A place for each name at its point (x, y in points of print), the one that covers least of what is there."""
    markers = np.concatenate([points - MARKER_POINTS / 2, points + MARKER_POINTS / 2], axis=1)
    taken: list[NDArray[np.float64]] = [*markers]
    found = []
    for point, name in zip(points, names, strict=True):
        covered = [sum(_overlap(place.box(point, name), other) for other in taken) for place in PLACES]
        found.append(PLACES[int(np.argmin(covered))])
        taken.append(found[-1].box(point, name))
    return found


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The area that two boxes share."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0)))
