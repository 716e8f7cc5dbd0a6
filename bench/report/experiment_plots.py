"""Figures of the rectifier and of experiments: a value over quality or alpha, a line a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.family import each_alone
from bench.report.canvas import Plot, slug
from bench.report.style import looks

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from bench.report.style import Look


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
    return Plot(slug(name), caption, _LineDrawing(rows, lines, names, looks(each_alone(names), [])), 3.6)


@dataclass(frozen=True, slots=True)
class _LineDrawing:
    rows: pd.DataFrame
    lines: Lines
    names: Sequence[str]
    looks: Mapping[str, Look]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        from matplotlib.ticker import FuncFormatter  # noqa: PLC0415  # it takes long to import

        if self.lines.from_zero:
            axes.axhline(0, color=colours["muted"], linewidth=1)
        for name in self.names:
            look = self.looks[name]
            own = self.rows[self.rows[self.lines.line] == name].sort_values(self.lines.x)
            x, y = own[self.lines.x], own[self.lines.y]
            axes.plot(x, y, label=name, color=colours[look.colour], marker=look.marker, dashes=look.dash)
            axes.annotate(
                name,
                (x.iloc[-1], y.iloc[-1]),
                (6, 0),
                textcoords="offset points",
                verticalalignment="center",
                fontsize=9,
                color=colours["muted"],
            )
        if self.lines.logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_minor_formatter(FuncFormatter(lambda _value, _position: ""))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.margins(x=0.18)
        axes.set_xlabel(self.lines.x_label)
        axes.set_title(self.lines.title)
