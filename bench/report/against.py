"""Figures that compare curves with an anchor, on any axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.difference_plots import difference_figure, per_image_figure
from bench.report.figure import Curves
from bench.report.front_plot import front_figures

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.report.figure import Figure
    from bench.report.style import Look


@dataclass(frozen=True, slots=True)
class Against:
    """What such figures are drawn from: the tables of a page, and titles and looks of curves."""

    tables: Mapping[str, pd.DataFrame]
    titles: Mapping[str, str]
    looks: Mapping[str, Look]

    def difference(self, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
        """The rate of some curves relative to the anchor at equal quality; None where nothing overlaps."""
        rows = self._rows("rate_differences", axis, anchor)
        return difference_figure(axis, rows[rows["test"].isin(names)], self._curves(axis, anchor))

    def per_image(self, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
        """The BD-rate of some curves on each picture by itself; None where there is none."""
        rows = self._rows("per_image_bd_rates", axis, anchor)
        means = self._rows("bd_rates", axis, anchor)
        return per_image_figure(axis, rows[rows["test"].isin(names)], means, self._curves(axis, anchor))

    def fronts(self, axis: Axis, anchor: str, names: Collection[str]) -> dict[tuple[str, str], Figure]:
        """Time against BD-rate of some curves and of those on the front, by group of comparable times and stage."""
        rows = self._rows("time_and_rate", axis, anchor)
        rows = rows[rows["test"].isin(names) | rows["on_front"].astype(bool)]
        return front_figures(axis, rows, self._curves(axis, anchor))

    @property
    def curves(self) -> Curves:
        """Titles and looks of the curves, none in doubt."""
        return Curves(self.titles, self.looks)

    def _rows(self, table: str, axis: Axis, anchor: str) -> pd.DataFrame:
        rows = self.tables[table]
        return rows[(rows["axis"] == axis.name) & (rows["anchor"] == anchor)] if len(rows) else rows

    def _curves(self, axis: Axis, anchor: str) -> Curves:
        rows = self._rows("bd_rates", axis, anchor)
        doubted = rows.loc[rows["doubt"].ne(""), "test"] if len(rows) else ()
        return Curves(self.titles, self.looks, frozenset(doubted))
