"""What a BD-rate averages over: the rate difference at each quality, and the BD-rate of each picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.canvas import NAME_POINTS, Plot, slug
from bench.report.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from matplotlib.axes import Axes

    from bench.analysis.axis import Axis
    from bench.report.style import Look


def difference_plot(
    axis: Axis, rows: pd.DataFrame, titles: Mapping[str, str], looks: Mapping[str, Look]
) -> Plot | None:
    """Rate relative to the anchor at equal quality, of the curves in `rows`; None where nothing overlaps."""
    rows = rows[rows["axis"] == axis.name]
    if rows.empty:
        return None
    caption = f"Rate relative to {titles[rows['anchor'].iloc[0]]} at equal {axis.title}."
    return Plot(f"difference_{slug(axis.name)}", caption, _DifferenceDrawing(axis, rows, titles, looks), 3.6)


@dataclass(frozen=True, slots=True)
class _DifferenceDrawing:
    axis: Axis
    rows: pd.DataFrame
    titles: Mapping[str, str]
    looks: Mapping[str, Look]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        axes.axhline(0, color=colours["muted"], linewidth=1)
        for name, line in self.rows.groupby("test", sort=False):
            look = self.looks[str(name)]
            axes.plot(
                line["quality"],
                line["rate_difference_percent"],
                label=self.titles[str(name)],
                color=colours[look.colour],
                dashes=look.dash,
                marker=look.marker,
                markevery=(len(line) // 12, len(line) // 6),
            )
        axes.set_title(f"Rate relative to {self.titles[self.rows['anchor'].iloc[0]]}")
        axes.set_xlabel(f"at equal {self.axis.label}")
        axes.yaxis.set_major_formatter(_percent)


def per_image_plot(
    axis: Axis, rates: pd.DataFrame, table: pd.DataFrame, titles: Mapping[str, str], looks: Mapping[str, Look]
) -> Plot | None:
    """Each picture's own BD-rate as a dot in its codec's row, and the mean curve's as a bar; None without any."""
    rates = rates[(rates["axis"] == axis.name) & rates["bd_rate_pchip_percent"].notna()]
    means = table[(table["axis"] == axis.name) & table["test"].isin(rates["test"])].set_index("test")
    if means.empty:
        return None
    caption = f"BD-rate over {axis.title} of each picture by itself (dots) and of the mean curve (bar)."
    height = 1.3 + 0.32 * len(means)
    return Plot(f"per_image_{slug(axis.name)}", caption, _PerImageDrawing(axis, rates, means, titles, looks), height)


@dataclass(frozen=True, slots=True)
class _PerImageDrawing:
    axis: Axis
    rates: pd.DataFrame
    means: pd.DataFrame
    titles: Mapping[str, str]
    looks: Mapping[str, Look]

    def __call__(self, axes: Axes, colours: Mapping[str, str]) -> None:
        axes.axvline(0, color=colours["muted"], linewidth=1)
        for row, name in enumerate(self.means.index):
            values = self.rates.loc[self.rates["test"] == name, "bd_rate_pchip_percent"]
            colour = colours[self.looks[name].colour]
            axes.plot(values, [row] * len(values), "o", color=colour, alpha=0.45, markeredgewidth=0, markersize=6)
            mean = self.means.loc[name, "bd_rate_pchip_percent"]
            axes.plot([mean, mean], [row - 0.3, row + 0.3], color=colour, linewidth=2.2)
        axes.set_yticks(range(len(self.means)), [self.titles[name] for name in self.means.index])
        axes.tick_params(axis="y", length=0, labelcolor=colours["ink"], labelsize=NAME_POINTS)
        axes.spines["left"].set_visible(False)
        axes.grid(visible=False, axis="y")
        axes.set_ylim(len(self.means) - 0.4, -0.6)
        axes.xaxis.set_major_formatter(_percent)
        axes.locator_params(axis="x", nbins=5)
        axes.set_xlabel(f"BD-rate against {self.titles[self.rates['anchor'].iloc[0]]}")
        axes.set_title(self.axis.title)


def _percent(value: float, _: float | None) -> str:
    return f"{signed(value, 0)} %"
