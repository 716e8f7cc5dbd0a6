"""Scatter plots of cost against BD-rate with the Pareto front; filled markers are codecs measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.costs import COSTS, COUNTED, MEASURED
from bench.report.canvas import slug
from bench.report.figure import Figure, FigureAxis, Series
from bench.report.style import HELPER, Look

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.costs import Cost
    from bench.report.figure import Curves

ROOM = (0.2, 0.25)
RATE_ROOM = (0.25, 0.06)
"""Margins for names on the axes of costs and BD-rates, before the lowest and after the highest point, relative to
their length."""

WIDTH_INCHES = 4.9
HIGHEST_INCHES = 7.6
"""Narrow and tall, so that the names of many codecs are legible on a phone."""

KINDS = {
    MEASURED: ("measured here", Look("series-0", "o", (), 1.8)),
    COUNTED: ("published points, cost counted here", Look("series-1", "s", (), 1.4, hollow=True)),
    "": ("published points, cost stated by others", Look("series-1", "D", (), 1.4, hollow=True)),
}
"""Legend of the markers, by the column `by` of `bench.analysis.costs.cost_table`; the last is the default."""

AT_MOST = "\N{LESS-THAN OR EQUAL TO}"
"""Prefix of the name of a codec whose cost is an upper bound."""


def cost_figures(axis: Axis, rows: pd.DataFrame, curves: Curves) -> list[Figure]:
    """One figure per cost known for at least two codecs; `rows` are those of one axis and one anchor."""
    parts = [(cost, rows[rows["cost"] == cost.name]) for cost in COSTS]
    return [_figure(own, cost, axis, curves) for cost, own in parts if len(own) > 1]


def _figure(rows: pd.DataFrame, cost: Cost, axis: Axis, curves: Curves) -> Figure:
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
        FigureAxis(f"{cost.title}, log scale", log=True, limits=log_limits(rows["value"], ROOM)),
        rate_axis(rows["bd_rate_percent"], anchor),
        (front_line(rows, "value"), *points),
        height_inches=min(3.2 + 0.25 * len(rows), HIGHEST_INCHES),
        width_inches=WIDTH_INCHES,
        names_at_points=True,
        key=tuple(
            Series.of("", title, look, ([], []), line=False) for kind, (title, look) in KINDS.items() if kind in kinds
        ),
    )


def front_line(rows: pd.DataFrame, cost: str) -> Series:
    """Line along the Pareto front of `rows` with `cost` as the horizontal axis: steps, horizontal and then vertical."""
    front = rows[rows["on_front"].astype(bool)].sort_values(cost)
    corners = np.repeat(front[cost], 2)[1:], np.repeat(front["bd_rate_percent"], 2)[:-1]
    return Series.of("", "", HELPER, corners, markers=False)


def log_limits(values: pd.Series, room: tuple[float, float]) -> tuple[float, float]:
    """Limits of a logarithmic axis with margins for names, relative to its length."""
    low, high = _limits(np.log(values.to_numpy(float)), room)
    return float(np.exp(low)), float(np.exp(high))


def rate_axis(rates: pd.Series, anchor: str) -> FigureAxis:
    """Axis of BD-rates with a margin for names; most of it is below, because most codecs have low rates."""
    return FigureAxis(f"BD-rate against {anchor}", percent=True, limits=_limits(rates.to_numpy(float), RATE_ROOM))


def _limits(values: NDArray[np.float64], room: tuple[float, float]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    length = max(high - low, 0.1)
    return low - room[0] * length, high + room[1] * length
