"""Time against BD-rate as a scatter, with the Pareto front: what a smaller file costs to make and to read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.report.canvas import Plot, slug
from bench.report.numbers import signed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes

    from bench.analysis.axis import Axis
    from bench.report.style import Look

STAGES = ("encode", "decode")


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
            axes.plot(*point, look.marker, color=colours[look.colour], markersize=8, label=self.titles[row["test"]])
            axes.annotate(
                self.titles[row["test"]],
                point,
                (7, 4),
                textcoords="offset points",
                fontsize=8.5,
                color=colours["muted"],
            )
        axes.set_xscale("log")
        axes.margins(x=0.22, y=0.08)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{signed(value, 0)} %"))
        axes.set_xlabel(f"milliseconds to {self.stage} a picture (logarithmic)")
        axes.set_title(f"BD-rate against {self.titles[self.rows['anchor'].iloc[0]]}")
