"""Figures that compare curves with an anchor: rate by quality and by picture, and cost or time against BD-rate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.analysis.costs import MEASURED
from bench.report.canvas import slug
from bench.report.cost_plot import cost_figures, front_line, log_limits, rate_axis
from bench.report.figure import Curves, Figure, FigureAxis, Series, segments
from bench.report.style import MEAN

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from bench.analysis.axis import Axis
    from bench.report.style import Look

STAGES = ("encode", "decode")

FRONT_HEIGHT_INCHES = 4.6

ROOM = (0.08, 0.28)
"""Margins of the time axis for names, before the fastest and after the slowest codec, relative to its length."""


@dataclass(frozen=True, slots=True)
class Against:
    """Figures of one page, from its tables and the titles and looks of its curves."""

    tables: Mapping[str, pd.DataFrame]
    titles: Mapping[str, str]
    looks: Mapping[str, Look]

    def difference(self, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
        """Rate of `names` relative to the anchor over quality; None if none of them overlaps with the anchor."""
        rows, curves = self._rows("rate_differences", axis, anchor), self._curves(axis, anchor)
        rows = rows[rows["test"].isin(names)]
        if rows.empty:
            return None
        series = [
            Series.of(
                str(name),
                curves.titles[str(name)],
                curves.looks[str(name)],
                (line["quality"], line["rate_difference_percent"]),
                every=max(1, len(line) // 6),
                faded=name in curves.doubted,
            )
            for name, line in rows.groupby("test", sort=False)
        ]
        return Figure(
            f"difference_{slug(axis.name)}",
            f"Rate relative to {self.titles[anchor]} at equal {axis.title}.",
            FigureAxis(f"at equal {axis.label}", descending=not axis.higher_is_better),
            FigureAxis(f"Rate relative to {self.titles[anchor]}", percent=True, zero=True),
            tuple(series),
            3.4,
        )

    def per_image(self, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
        """BD-rate of each picture (markers) and of the mean curve (bar), one row per codec; None without any."""
        rates, curves = self._rows("per_image_bd_rates", axis, anchor), self._curves(axis, anchor)
        rates = rates[rates["test"].isin(names) & rates["bd_rate_pchip_percent"].notna()]
        means = self._rows("bd_rates", axis, anchor)
        means = means[means["test"].isin(rates["test"])]
        if means.empty:
            return None
        series: list[Series] = []
        for row, (name, mean) in enumerate(zip(means["test"], means["bd_rate_pchip_percent"], strict=True)):
            own = rates[rates["test"] == name]
            dots = own["bd_rate_pchip_percent"], [row] * len(own)
            bar = segments([(mean, mean)], [(row - 0.3, row + 0.3)])
            look, faded = curves.looks[name], name in curves.doubted
            series.append(Series.of(name, "", look, dots, line=False, notes=list(own["image"]), faded=faded))
            series.append(Series.of(name, "", MEAN, bar, markers=False, faded=faded))
        return Figure(
            f"per_image_{slug(axis.name)}",
            f"BD-rate over {axis.title} of each picture (markers) and of the mean curve (bar).",
            FigureAxis(f"BD-rate against {self.titles[anchor]}, {axis.title}", percent=True, zero=True),
            FigureAxis.of_rows([curves.titles[name] for name in means["test"]]),
            tuple(series),
            1.2 + 0.32 * len(means),
        )

    def fronts(self, axis: Axis, anchor: str, names: Collection[str]) -> dict[tuple[str, str], Figure]:
        """Time against BD-rate of `names` and the Pareto front, one figure per group of comparable times and stage."""
        rows = self._rows("time_and_rate", axis, anchor)
        rows = rows[rows["test"].isin(names) | rows["on_front"].astype(bool)]
        groups = {
            (str(group), stage): rows[(rows["stage"] == stage) & (rows["group"] == group)]
            for group in sorted(set(rows["group"]))
            for stage in STAGES
        }
        curves = self._curves(axis, anchor)
        return {key: _front_figure(own, axis, curves) for key, own in groups.items() if len(own) > 1}

    def costs(self, axis: Axis, anchor: str, names: Collection[str]) -> list[Figure]:
        """Cost against BD-rate of `names`, the Pareto front and published curves, one figure per cost."""
        rows = self._rows("cost_and_rate", axis, anchor) if "cost_and_rate" in self.tables else pd.DataFrame()
        if rows.empty:
            return []
        shown = rows["test"].isin(names) | rows["on_front"].astype(bool) | rows["by"].ne(MEASURED)
        return cost_figures(axis, rows[shown], self._curves(axis, anchor))

    @property
    def curves(self) -> Curves:
        """Titles and looks of the curves, without marks for unreliable BD-rates."""
        return Curves(self.titles, self.looks)

    def _rows(self, table: str, axis: Axis, anchor: str) -> pd.DataFrame:
        rows = self.tables[table]
        return rows[(rows["axis"] == axis.name) & (rows["anchor"] == anchor)]

    def _curves(self, axis: Axis, anchor: str) -> Curves:
        rows = self._rows("bd_rates", axis, anchor)
        return Curves(self.titles, self.looks, frozenset(rows.loc[rows["doubt"].ne(""), "test"]))


def _front_figure(rows: pd.DataFrame, axis: Axis, curves: Curves) -> Figure:
    stage, group, anchor = rows["stage"].iloc[0], rows["group"].iloc[0], curves.titles[rows["anchor"].iloc[0]]
    rows = rows.assign(ms=1e3 * rows["median_s"])
    points = [
        Series.of(name, curves.titles[name], curves.looks[name], ([x], [y]), line=False, faded=name in curves.doubted)
        for name, x, y in zip(rows["test"], rows["ms"], rows["bd_rate_percent"], strict=True)
    ]
    return Figure(
        f"front_{slug(axis.name)}_{stage}_{group}",
        f"Time to {stage} a picture, and BD-rate over {axis.title} against {anchor}.",
        FigureAxis(f"milliseconds to {stage} a picture", log=True, limits=log_limits(rows["ms"], ROOM)),
        rate_axis(rows["bd_rate_percent"], anchor),
        (front_line(rows, "ms"), *points),
        FRONT_HEIGHT_INCHES,
        names_at_points=True,
    )
