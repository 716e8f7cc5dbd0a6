"""Time against BD-rate as a scatter, with the Pareto front: what a smaller file costs to make and to read."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.report.canvas import HEIGHT_INCHES, NAME_POINTS, WIDTH_INCHES, Plot, slug
from bench.report.numbers import signed, tick

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.report.style import Look

STAGES = ("encode", "decode")

CHARACTER_POINTS = 0.6 * NAME_POINTS
"""About the width of a letter."""

MARKER_POINTS = 8
LINE_POINTS = 3
"""The width that the front's line keeps free of names."""

ROOM = 0.18
"""What the time axis goes on behind the slowest codec, as a part of its length: there its name has room."""

_AXES_POINTS = np.array([0.86 * 72 * WIDTH_INCHES, 0.78 * 72 * HEIGHT_INCHES])
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
        axes.margins(x=0.1, y=0.08)
        low, high = np.log(axes.get_xlim())
        axes.set_xlim(right=float(np.exp(high + ROOM * (high - low))))
        self._name(axes, front, colours["muted"])
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{signed(value, 0)} %"))
        axes.set_xlabel(f"milliseconds to {self.stage} a picture (logarithmic)")
        axes.set_title(f"BD-rate against {self.titles[self.rows['anchor'].iloc[0]]}")

    def _name(self, axes: Axes, front: pd.DataFrame, colour: str) -> None:
        """Write the codecs' names beside their points, each where it covers no point, no line and no other name."""
        to_points = axes.transScale + axes.transLimits
        names = [self.titles[test] for test in self.rows["test"]]
        data = _spots(self.rows)
        points = to_points.transform(data) * _AXES_POINTS
        line = _step_boxes(to_points.transform(_spots(front)) * _AXES_POINTS)
        for name, spot, place in zip(names, data, places(points, names, line), strict=True):
            axes.annotate(
                name,
                spot,
                place.offset,
                textcoords="offset points",
                horizontalalignment=place.side,
                verticalalignment="center",
                fontsize=NAME_POINTS,
                color=colour,
                arrowprops=_leader(colour) if place.distance > NEAR_POINTS else None,
            )


def _spots(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Milliseconds and percent of each row."""
    found: NDArray[np.float64] = rows[["median_s", "bd_rate_percent"]].to_numpy(dtype=np.float64) * (1e3, 1)
    return found


def _leader(colour: str) -> dict[str, Any]:
    return {"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": MARKER_POINTS / 2}


def _step_boxes(corners: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the steps from point to point cover, first across and then down, as left, bottom, right and top."""
    ends = [(start, np.array([end[0], start[1]]), end) for start, end in itertools.pairwise(corners)]
    pieces = [piece for start, turn, end in ends for piece in ((start, turn), (turn, end))]
    half = LINE_POINTS / 2
    boxes = [np.concatenate([np.minimum(a, b) - half, np.maximum(a, b) + half]) for a, b in pieces]
    return np.array(boxes).reshape(-1, 4)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name stands: points of print from its marker to its middle or near end, and which of these it is."""

    offset: tuple[float, float]
    side: Literal["left", "center", "right"]

    @property
    def distance(self) -> float:
        """How far from its marker the name stands."""
        return max(map(abs, self.offset))

    def box(self, point: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        """Left, bottom, right and top of the name at a point."""
        width = CHARACTER_POINTS * len(name)
        left = point[0] + self.offset[0] - {"left": 0, "center": width / 2, "right": width}[self.side]
        middle = point[1] + self.offset[1]
        return np.array([left, middle - NAME_POINTS / 2 - 1, left + width, middle + NAME_POINTS / 2 + 1])


NEAR_POINTS = 14
"""A name that is farther from its marker than this has a line to it."""

CROSSING = 12
"""What a twelfth of such a line is worth where it lies on something, in square points of a covered name."""

_SIDES: Mapping[int, Literal["left", "center", "right"]] = {1: "left", 0: "center", -1: "right"}

PLACES = tuple(
    Place((x * distance, y * distance), _SIDES[x])
    for distance in (8, 12, 18, 26, 36, 48)
    for x, y in ((1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1))
    if x or distance > MARKER_POINTS
)
"""Those that come first are preferred."""


def places(points: NDArray[np.float64], names: Sequence[str], lines: NDArray[np.float64]) -> list[Place]:
    """A place for each name at its point (x, y in points of print), the one that covers least of what is there.

    There are the markers, the boxes of `lines`, the edge of the axes, and the other names: these are gone through
    again once all have a place.
    """
    markers = np.concatenate([points - MARKER_POINTS / 2, points + MARKER_POINTS / 2], axis=1)
    found: dict[int, Place] = {}
    for index in [*range(len(names))] * 3:
        others = [place.box(points[other], names[other]) for other, place in found.items() if other != index]
        taken = np.array([*np.delete(markers, index, axis=0), *others, *lines]).reshape(-1, 4)
        costs = [_cost(place, points[index], names[index], taken) for place in PLACES]
        found[index] = PLACES[int(np.argmin(costs))]
    return [found[index] for index in range(len(names))]


def _cost(place: Place, point: NDArray[np.float64], name: str, taken: NDArray[np.float64]) -> float:
    """What a name and the line to it cover, what of it is outside of the axes, and a little for the way to it."""
    box = place.box(point, name)
    outside = float(np.prod(box[2:] - box[:2])) - _overlap(box, np.concatenate([np.zeros(2), _AXES_POINTS]))
    steps = point + np.linspace(0.2, 0.9, 12 * (place.distance > NEAR_POINTS))[:, None] * place.offset
    crossed = (steps[:, None] >= taken[:, :2]) & (steps[:, None] <= taken[:, 2:])
    return (
        sum(_overlap(box, other) for other in taken)
        + outside
        + CROSSING * int(crossed.all(axis=2).any(axis=1).sum())
        + place.distance / 4
    )


def _overlap(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The area that two boxes share."""
    sides = np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2])
    return float(np.prod(np.maximum(sides, 0)))
