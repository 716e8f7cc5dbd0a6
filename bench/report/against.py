"""Figures of an image set: RD curves, and comparisons with an anchor by quality, picture, cost and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.costs import COSTS, MEASURED
from bench.report.cost_plot import cost_figure, front_figure
from bench.report.figure import Figure, FigureAxis, Series, drawable, segments, slug
from bench.report.rd_plot import rd_figures
from bench.report.style import MEAN

if TYPE_CHECKING:
    from collections.abc import Collection

    from bench.analysis.axis import Axis
    from bench.report.content import Content

STAGES = ("encode", "decode")


def image_set_figures(content: Content) -> dict[str, list[Figure]]:
    """Figures of a page on an image set by kind, in the order of the page; comparisons are with the main anchor."""
    results, first = content.results, content.chosen
    shown = [rd_curve for rd_curve in content.rd_curves if rd_curve.name in first]
    plots: dict[str, list[Figure]] = {"rd": rd_figures(results.axes, shown, content.curves)}
    plots |= {"difference": [], "per_image": [], "costs": [], "front": []}
    if content.anchor and len(results.curves) > 1:
        name = content.anchor.name
        plots["difference"] = drawable(difference_figure(content, axis, name, first) for axis in results.axes)
        plots["per_image"] = drawable(per_image_figure(content, axis, name, first) for axis in results.axes)
        names = {*first, *(family.names[0] for family in results.families)}
        for axis in results.axes[:1]:
            plots["costs"] = cost_figures(content, axis, name, names)
            plots["front"] = [*front_figures(content, axis, name, first).values()]
    return plots


def difference_figure(content: Content, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
    """Rate of `names` relative to the anchor over quality; None if none of them overlaps with the anchor."""
    rows, curves = content.rows("rate_differences", axis, anchor), content.curves_against(axis, anchor)
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
        f"Rate relative to {curves.titles[anchor]} at equal {axis.title}.",
        FigureAxis(f"at equal {axis.label}", descending=not axis.higher_is_better),
        FigureAxis(f"Rate relative to {curves.titles[anchor]}", percent=True, zero=True),
        tuple(series),
        3.4,
    )


def per_image_figure(content: Content, axis: Axis, anchor: str, names: Collection[str]) -> Figure | None:
    """BD-rate of each picture (markers) and of the mean curve (bar), one row per codec; None without any."""
    rates, curves = content.rows("per_image_bd_rates", axis, anchor), content.curves_against(axis, anchor)
    rates = rates[rates["test"].isin(names) & rates["bd_rate_pchip_percent"].notna()]
    means = content.rows("bd_rates", axis, anchor)
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
        FigureAxis(f"BD-rate against {curves.titles[anchor]}, {axis.title}", percent=True, zero=True),
        FigureAxis.of_rows([curves.titles[name] for name in means["test"]]),
        tuple(series),
        1.2 + 0.32 * len(means),
    )


def front_figures(content: Content, axis: Axis, anchor: str, names: Collection[str]) -> dict[tuple[str, str], Figure]:
    """Time against BD-rate of `names` and the Pareto front, one figure per group of comparable times and stage."""
    rows, curves = content.rows("time_and_rate", axis, anchor), content.curves_against(axis, anchor)
    rows = rows[rows["test"].isin(names) | rows["on_front"].astype(bool)]
    groups = {
        (str(group), stage): rows[(rows["stage"] == stage) & (rows["group"] == group)]
        for group in sorted(set(rows["group"]))
        for stage in STAGES
    }
    return {key: front_figure(own, axis, curves) for key, own in groups.items() if len(own) > 1}


def cost_figures(content: Content, axis: Axis, anchor: str, names: Collection[str]) -> list[Figure]:
    """Cost against BD-rate of `names`, the Pareto front and published curves, one figure per cost of at least two."""
    rows, curves = content.rows("cost_and_rate", axis, anchor), content.curves_against(axis, anchor)
    rows = rows[rows["test"].isin(names) | rows["on_front"].astype(bool) | rows["by"].ne(MEASURED)]
    parts = [(cost, rows[rows["cost"] == cost.name]) for cost in COSTS]
    return [cost_figure(own, cost, axis, curves) for cost, own in parts if len(own) > 1]
