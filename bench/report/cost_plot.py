"""Cost against BD-rate as a scatter with the Pareto front: filled is measured here, hollow is published by others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.analysis.costs import COSTS, COUNTED, MEASURED
from bench.report.canvas import slug
from bench.report.figure import Figure, Scale, Series
from bench.report.style import HELPER, Look

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from bench.analysis.axis import Axis
    from bench.analysis.costs import Cost
    from bench.report.figure import Curves

ROOM = (0.2, 0.25)
"""What an axis has before its lowest and behind its highest point, as parts of its length, for names."""

HEIGHT_INCHES = 7.6
WIDTH_INCHES = 4.9
"""Narrow and high, so that the names of many codecs can be read on a telephone as well."""

KINDS = {
    MEASURED: ("measured here", Look("series-0", "o", (), 1.8)),
    COUNTED: ("published points, cost counted here", Look("series-1", "s", (), 1.4, hollow=True)),
    "": ("published points, cost stated by others", Look("series-1", "D", (), 1.4, hollow=True)),
}
"""What a marker says, by `by` of `bench.analysis.costs.cost_table`; the last is of whoever states a cost."""

AT_MOST = "\N{LESS-THAN OR EQUAL TO}"
"""Before the name of a codec of which an upper bound is known."""


def cost_figures(axis: Axis, rows: pd.DataFrame, curves: Curves) -> list[Figure]:
    """A figure for each cost that two codecs or more have; `rows` are of one axis and one anchor."""
    parts = [(cost, rows[rows["cost"] == cost.name]) for cost in COSTS]
    return [_figure(own, cost, axis, curves) for cost, own in parts if len(own) > 1]


def _figure(rows: pd.DataFrame, cost: Cost, axis: Axis, curves: Curves) -> Figure:
    anchor = curves.titles[rows["anchor"].iloc[0]]
    front = rows[rows["on_front"].astype(bool)].sort_values("value")
    # From point to point first across, then down.
    corners = np.repeat(front["value"], 2)[1:], np.repeat(front["bd_rate_percent"], 2)[:-1]
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
    costs = _with_room(np.log(rows["value"].to_numpy(float)), ROOM)
    others = any(kind != MEASURED for kind in kinds)
    return Figure(
        f"cost_{slug(axis.name)}_{cost.name}",
        f"BD-rate over {axis.title} against {anchor}, by {cost.title}."
        + (" Hollow markers are points and costs that others published." if others else " Measured here alone."),
        Scale(f"{cost.title}, log scale", log=True, limits=(float(np.exp(costs[0])), float(np.exp(costs[1])))),
        # Most codecs stand where rates are low, and so do their names.
        Scale(
            f"BD-rate against {anchor}",
            percent=True,
            limits=_with_room(rows["bd_rate_percent"].to_numpy(float), (ROOM[1], 0.06)),
        ),
        (Series.of("", "", HELPER, corners, markers=False), *points),
        height_inches=HEIGHT_INCHES,
        width_inches=WIDTH_INCHES,
        names_at_points=True,
        key=tuple(
            Series.of("", title, look, ([], []), line=False) for kind, (title, look) in KINDS.items() if kind in kinds
        ),
    )


def _with_room(values: NDArray[np.float64], room: tuple[float, float]) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    length = max(high - low, 0.1)
    return low - room[0] * length, high + room[1] * length
