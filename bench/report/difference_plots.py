"""Plots of the rate difference at each quality, and of the BD-rate of each picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.canvas import slug
from bench.report.figure import Figure, Scale, Series, segments
from bench.report.style import MEAN

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.report.figure import Curves


def difference_figure(axis: Axis, rows: pd.DataFrame, curves: Curves) -> Figure | None:
    """Rate relative to the anchor at equal quality, of the curves in `rows`; None where there are none."""
    if rows.empty:
        return None
    anchor = curves.titles[rows["anchor"].iloc[0]]
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
        f"Rate relative to {anchor} at equal {axis.title}.",
        Scale(f"at equal {axis.label}", descending=not axis.higher_is_better),
        Scale(f"Rate relative to {anchor}", percent=True, zero=True),
        tuple(series),
        3.6,
    )


def per_image_figure(axis: Axis, rates: pd.DataFrame, table: pd.DataFrame, curves: Curves) -> Figure | None:
    """Each picture's own BD-rate as a dot in its codec's row, and the mean curve's as a bar; None without any."""
    if rates.empty:
        return None
    rates = rates[rates["bd_rate_pchip_percent"].notna()]
    means = table[table["test"].isin(rates["test"])]
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
    anchor = curves.titles[means["anchor"].iloc[0]]
    return Figure(
        f"per_image_{slug(axis.name)}",
        f"BD-rate over {axis.title} of each picture by itself (markers) and of the mean curve (bar).",
        Scale(f"BD-rate against {anchor}, {axis.title}", percent=True, zero=True),
        Scale.of_rows([curves.titles[name] for name in means["test"]]),
        tuple(series),
        1.2 + 0.32 * len(means),
    )
