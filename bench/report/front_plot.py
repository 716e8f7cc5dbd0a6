"""Time against BD-rate as a scatter, with the Pareto front: what a smaller file costs to make and to read."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from bench.report.canvas import slug
from bench.report.figure import Figure, Scale, Series
from bench.report.style import HELPER

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.report.figure import Curves

STAGES = ("encode", "decode")

ROOM = (0.08, 0.28)
"""What the time axis has before the fastest and behind the slowest codec, as parts of its length, for their names."""


def front_figures(axis: Axis, rows: pd.DataFrame, curves: Curves) -> dict[tuple[str, str], Figure]:
    """A figure for each group of comparable times and stage in `rows`, which are of one axis and one anchor."""
    if rows.empty:
        return {}
    parts = {
        (str(group), stage): rows[(rows["stage"] == stage) & (rows["group"] == group)]
        for group in sorted(set(rows["group"]))
        for stage in STAGES
    }
    return {key: _front_figure(own, axis, curves) for key, own in parts.items() if len(own) > 1}


def _front_figure(rows: pd.DataFrame, axis: Axis, curves: Curves) -> Figure:
    stage, group, anchor = rows["stage"].iloc[0], rows["group"].iloc[0], curves.titles[rows["anchor"].iloc[0]]
    rows = rows.assign(x=1e3 * rows["median_s"])
    front = rows[rows["on_front"].astype(bool)].sort_values("x")
    # From point to point first across, then down.
    corners = np.repeat(front["x"], 2)[1:], np.repeat(front["bd_rate_percent"], 2)[:-1]
    points = [
        Series.of(name, curves.titles[name], curves.looks[name], ([x], [y]), line=False, faded=name in curves.doubted)
        for name, x, y in zip(rows["test"], rows["x"], rows["bd_rate_percent"], strict=True)
    ]
    low, high = np.log(rows["x"].min()), np.log(rows["x"].max())
    length = max(high - low, 0.1)
    return Figure(
        f"front_{slug(axis.name)}_{stage}_{group}",
        f"Time to {stage} a picture, and BD-rate over {axis.title} against {anchor}.",
        Scale(
            f"milliseconds to {stage} a picture",
            log=True,
            limits=(float(np.exp(low - ROOM[0] * length)), float(np.exp(high + ROOM[1] * length))),
        ),
        Scale(f"BD-rate against {anchor}", percent=True),
        (Series.of("", "", HELPER, corners, markers=False), *points),
        names_at_points=True,
    )
