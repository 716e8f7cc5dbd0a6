"""Values with their intervals, a row each: what is better or worse than a reference, and how surely."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.canvas import NAME_POINTS, Plot, slug
from bench.report.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes


@dataclass(frozen=True, slots=True)
class Columns:
    """What a figure draws of a frame: names of its columns."""

    label: str
    value: str
    low: str
    high: str
    title: str  # of the axis of values


def interval_plot(name: str, caption: str, rows: pd.DataFrame, columns: Columns) -> Plot | None:
    """A dot and a bar a row, around zero; None where no row has a value."""
    rows = rows[rows[columns.value].notna()]
    if rows.empty:
        return None
    return Plot(slug(name), caption, _IntervalDrawing(rows, columns), 1.35 + 0.36 * len(rows))


@dataclass(frozen=True, slots=True)
class _IntervalDrawing:
    rows: pd.DataFrame
    columns: Columns

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        columns = self.columns
        axes.axvline(0, color=colours["muted"], linewidth=1)
        for place, row in enumerate(self.rows.to_dict("records")):
            colour = colours["series-0"]
            axes.plot([row[columns.low], row[columns.high]], [place, place], color=colour, linewidth=2.2)
            axes.plot([row[columns.value]], [place], "o", color=colour, markersize=7)
        axes.set_yticks(range(len(self.rows)), list(self.rows[columns.label]))
        axes.tick_params(axis="y", length=0, labelcolor=colours["ink"], labelsize=NAME_POINTS)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(self.rows) - 0.4, -0.6)
        axes.margins(x=0.08)
        axes.xaxis.set_major_formatter(lambda value, _: f"{signed(value, 1)} %")
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(columns.title)
