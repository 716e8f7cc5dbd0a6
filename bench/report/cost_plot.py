"""Scatter plots of cost or time against BD-rate with the Pareto front; filled markers are codecs measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.costs import COUNTED, MEASURED
from bench.report.figure import Figure, FigureAxis, Series, slug
from bench.report.style import HELPER, Look

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.costs import Cost
    from bench.report.figure import Curves

COST_MARGINS = (0.2, 0.25)
TIME_MARGINS = (0.08, 0.28)
RATE_MARGINS = (0.25, 0.06)
"""Margins for names on the axes of costs, times and BD-rates, before the lowest and after the highest point, relative
to the length of the axis. Most of the margin of BD-rates is below, because most codecs have low rates."""

FRONT_HEIGHT_INCHES = 4.6
COST_WIDTH_INCHES = 4.9
COST_MAX_HEIGHT_INCHES = 7.6
"""Figures of costs are narrow and tall, so that the names of many codecs are legible on a phone."""

KINDS = {
    MEASURED: ("measured here", Look("series-0", "o", (), 1.8)),
    COUNTED: ("published points, cost counted here", Look("series-1", "s", (), 1.4, hollow=True)),
    "": ("published points, cost stated by others", Look("series-1", "D", (), 1.4, hollow=True)),
}
"""Legend of the markers, by the column `by` of `bench.analysis.costs.cost_table`; the last is the default."""

AT_MOST = "\N{LESS-THAN OR EQUAL TO}"
"""Prefix of the name of a codec whose cost is an upper bound."""


def front_figure(rows: pd.DataFrame, axis: Axis, curves: Curves) -> Figure:
    """Time against BD-rate; `rows` are those of one group of comparable times, stage, axis and anchor."""
    stage, group, anchor = rows["stage"].iloc[0], rows["group"].iloc[0], curves.titles[rows["anchor"].iloc[0]]
    rows = rows.assign(ms=1e3 * rows["median_s"])
    points = [
        Series.of(name, curves.titles[name], curves.looks[name], ([x], [y]), line=False, faded=name in curves.doubted)
        for name, x, y in zip(rows["test"], rows["ms"], rows["bd_rate_percent"], strict=True)
    ]
    return Figure(
        f"front_{slug(axis.name)}_{stage}_{group}",
        f"Time to {stage} a picture, and BD-rate over {axis.title} against {anchor}.",
        *_axes(rows, "ms", f"milliseconds to {stage} a picture", anchor, TIME_MARGINS),
        (_front_line(rows, "ms"), *points),
        FRONT_HEIGHT_INCHES,
        names_at_points=True,
    )


def cost_figure(rows: pd.DataFrame, cost: Cost, axis: Axis, curves: Curves) -> Figure:
    """Cost against BD-rate; `rows` are those of one cost, axis and anchor."""
    anchor = curves.titles[rows["anchor"].iloc[0]]
    kinds = [by if by in KINDS else "" for by in rows["by"]]
    points = [
        Series.of(
            row["test"],
            AT_MOST * row["at_most"] + row["label"],
            KINDS[kind][1],
            ([row["value"]], [row["bd_rate_percent"]]),
            line=False,
            notes=(row["source"],),
            faded=bool(row["doubt"]),
        )
        for kind, row in zip(kinds, rows.to_dict("records"), strict=True)
    ]
    others = any(kind != MEASURED for kind in kinds)
    return Figure(
        f"cost_{slug(axis.name)}_{cost.name}",
        f"BD-rate over {axis.title} against {anchor}, by {cost.title}."
        + (" Hollow markers are published points and costs." if others else " Measured here only."),
        *_axes(rows, "value", f"{cost.title}, log scale", anchor, COST_MARGINS),
        (_front_line(rows, "value"), *points),
        height_inches=min(3.2 + 0.25 * len(rows), COST_MAX_HEIGHT_INCHES),
        width_inches=COST_WIDTH_INCHES,
        names_at_points=True,
        key=tuple(
            Series.of("", title, look, ([], []), line=False) for kind, (title, look) in KINDS.items() if kind in kinds
        ),
    )


def _front_line(rows: pd.DataFrame, cost: str) -> Series:
    """Line along the Pareto front over the column `cost`, in steps, each first horizontal and then vertical."""
    front = rows[rows["on_front"].astype(bool)].sort_values(cost)
    corners = np.repeat(front[cost], 2)[1:], np.repeat(front["bd_rate_percent"], 2)[:-1]
    return Series.of("", "", HELPER, corners, markers=False)


def _axes(
    rows: pd.DataFrame, cost: str, label: str, anchor: str, margins: tuple[float, float]
) -> tuple[FigureAxis, FigureAxis]:
    """Logarithmic axis of the column `cost`, and axis of BD-rates, both with margins for names."""
    low, high = np.exp(_limits(np.log(rows[cost].to_numpy(float)), margins))
    return (
        FigureAxis(label, log=True, limits=(float(low), float(high))),
        FigureAxis(
            f"BD-rate against {anchor}",
            percent=True,
            limits=_limits(rows["bd_rate_percent"].to_numpy(float), RATE_MARGINS),
        ),
    )


def _limits(values: NDArray[np.float64], margins: tuple[float, float]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    length = max(high - low, 0.1)
    return low - margins[0] * length, high + margins[1] * length
