"""Figures of the rectifier and of its experiments: gains by model and quality, and a value over alpha or epochs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.family import each_alone
from bench.report.canvas import NAME_POINTS, Plot, slug
from bench.report.numbers import tick
from bench.report.style import Look, family_colours, looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
HEIGHT_INCHES = 3.6
LINE_POINTS = 11
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
        axes.xaxis.set_major_formatter(FuncFormatter(tick))
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        axes.margins(x=0.2)
        axes.set_xlabel(self.lines.x_label)
        axes.set_title(self.lines.title)
        self._name(axes, np.array(ends), colours)

    def _name(self, axes: Axes, ends: NDArray[np.float64], colours: Mapping[str, str]) -> None:
        """Write each line's name in its colour behind its end, those of ends that lie together one above the other."""
        axes.autoscale_view()  # the transforms below do not ask for it, as a drawing does
        height = (axes.transScale + axes.transLimits).transform(ends)[:, 1] * _AXES_POINTS
        shift = np.zeros(len(ends))
        for x in np.unique(ends[:, 0]):
            same = ends[:, 0] == x
            shift[same] = apart(height[same], LINE_POINTS, LINE_POINTS / 2) - height[same]
        for name, end, up in zip(self.names, ends, shift, strict=True):
            colour = colours[self.looks[name].colour]
            axes.annotate(
                name,
                end,
                (14, up),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=NAME_POINTS,
                color=colour,
                arrowprops={"arrowstyle": "-", "color": colour, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 3},
            )


def apart(places: NDArray[np.float64], gap: float, lowest: float = -np.inf) -> NDArray[np.float64]:
    """The nearest places (least squares) in the same order of which no two are nearer than a gap, and none too low."""
    from scipy.optimize import isotonic_regression  # noqa: PLC0415  # it takes long to import

    order = np.argsort(places, kind="stable")
    ladder = gap * np.arange(len(places))
    found = np.empty(len(places))
    found[order] = np.maximum(isotonic_regression(places[order] - ladder).x, lowest) + ladder
    return found


GAIN_LOOKS = {"+qr": Look("muted", "o", (), 1.8), "+ft": Look("muted", "s", (2.4, 1.6), 1.8)}
"""How the modifiers are told apart; the colour is that of the model."""

LABELLED = 3
"""Of more qualities than these only the first and the last have a number."""


@dataclass(frozen=True, slots=True)
class Gain:
    """What a figure of gains draws: a column, its title, and the columns of its interval if it has one."""

    column: str
    title: str
    interval: tuple[str, str] | None = None


def gain_plot(name: str, rows: pd.DataFrame, gain: Gain, colours: Mapping[str, str]) -> Plot | None:
    """A column of gains by quality, a panel for each model of `rows`; None without any value.

    `rows` are those of `bench.analysis.rectifier.gains` with the column "panel", `colours` the roles by panel.
    """
    rows = rows[rows[gain.column].notna()]
    if rows.empty:
        return None
    caption = f"{gain.title}, by quality" + (", with the 95 % interval over pictures." if gain.interval else ".")
    return Plot(slug(name), caption, _GainDrawing(rows, gain, colours), HEIGHT_INCHES)


@dataclass(frozen=True, slots=True)
class _GainDrawing:
    rows: pd.DataFrame
    gain: Gain
    roles: Mapping[str, str]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        from matplotlib.ticker import FuncFormatter  # noqa: PLC0415  # it takes long to import

        axes.axhline(0, color=colours["muted"], linewidth=1)
        qualities = sorted(set(self.rows["quality"]))
        panels = list(dict.fromkeys(self.rows["panel"]))
        width = len(qualities) + 0.6  # of a panel, the space to the next one included
        for number, panel in enumerate(panels):
            own = self.rows[self.rows["panel"] == panel]
            self._draw(axes, own, [number * width + qualities.index(q) for q in own["quality"]], colours)
            middle = number * width + (len(qualities) - 1) / 2
            axes.annotate(
                panel,
                (middle, 1),
                (0, 4),
                xycoords=axes.get_xaxis_transform(),
                textcoords="offset points",
                horizontalalignment="center",
                fontsize=NAME_POINTS,
                color=colours[self.roles[panel]],
            )
            if number:
                axes.axvline(number * width - 0.8, color=colours["rule"], linewidth=0.8)
        for modifier in [modifier for modifier in GAIN_LOOKS if modifier in set(self.rows["modifier"])]:
            look = GAIN_LOOKS[modifier]
            axes.plot([], [], label=modifier, color=colours[look.colour], marker=look.marker, dashes=look.dash)
        labels = [
            tick(quality) if len(qualities) <= LABELLED or quality in (qualities[0], qualities[-1]) else ""
            for quality in qualities
        ]
        spots = [number * width + place for number in range(len(panels)) for place in range(len(qualities))]
        axes.set_xticks(spots, labels * len(panels))
        axes.set_xlim(-0.8, len(panels) * width - 0.8)
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(FuncFormatter(tick))
        axes.set_xlabel("quality")
        axes.set_title(self.gain.title, pad=22)

    def _draw(self, axes: Axes, rows: pd.DataFrame, places: Sequence[float], colours: Mapping[str, str]) -> None:
        """One panel: a line for each modifier."""
        rows = rows.assign(place=places).sort_values("quality")
        for modifier, own in rows.groupby("modifier", sort=False):
            look, colour = GAIN_LOOKS[str(modifier)], colours[self.roles[own["panel"].iloc[0]]]
            axes.plot(own["place"], own[self.gain.column], color=colour, marker=look.marker, dashes=look.dash)
            if self.gain.interval:
                low, high = self.gain.interval
                axes.vlines(own["place"], own[low], own[high], color=colour, linewidth=1.6)
