"""Pareto front of time and BD-rate: codecs that no other codec beats in both."""

from __future__ import annotations

import pandas as pd

COLUMNS = (
    "group", "machine", "threads", "device", "stage", "axis", "anchor", "test", "median_s", "bd_rate_percent",
    "on_front",
)  # fmt: skip


def time_against_rate(times: pd.DataFrame, rates: pd.DataFrame) -> pd.DataFrame:
    """One row per timed codec, stage, metric and anchor; columns of `COLUMNS`.

    `times` are those of `bench.analysis.timing.summary`, `rates` those of `bench.analysis.comparison.bd_table`. The
    anchor itself has a BD-rate of zero. `on_front` marks the Pareto front of time and rate within each group, stage,
    metric and anchor; equal points are all on it.
    """
    if rates.empty or times.empty:
        return pd.DataFrame(columns=COLUMNS)
    rows = []
    for (axis, anchor), own in rates.groupby(["axis", "anchor"], sort=False):
        saved = dict(zip(own["test"], own["bd_rate_pchip_percent"], strict=True)) | {anchor: 0.0}
        for _, group in times.groupby(["group", "stage"], sort=False):
            both = group.assign(
                axis=str(axis), anchor=str(anchor), test=group["name"], bd_rate_percent=group["name"].map(saved)
            )
            both = both[both["bd_rate_percent"].notna() & both["median_s"].notna()]
            rows.append(both.assign(on_front=on_front(both["median_s"], both["bd_rate_percent"])))
    return pd.concat(rows, ignore_index=True)[list(COLUMNS)]


def on_front(cost: pd.Series[float], rate: pd.Series[float]) -> list[bool]:
    """Whether each point is on the Pareto front of lowest cost and rate; equal points are all on it."""
    points = list(zip(cost, rate, strict=True))
    return [not any(o[0] <= p[0] and o[1] <= p[1] and o != p for o in points) for p in points]
