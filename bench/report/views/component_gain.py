"""What each component of a learned codec gains, as rows of text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.report.numbers import NOTHING, plain, signed
from bench.report.views.rows import records, span

if TYPE_CHECKING:
    import pandas as pd

    from bench.report.content import Content


def component_gains(table: pd.DataFrame, content: Content) -> list[dict[str, Any]]:
    """The table of bench.analysis.component_gain as text."""
    titles = content.titles
    return [
        {
            "title": titles[row["test"]],
            "look": content.looks[row["test"]],
            "anchor": titles[row["anchor"]],
            "adds": row["adds"],
            "rate": signed(row["bd_rate_pchip_percent"], 1),
            "interval": span(row["interval_low_percent"], row["interval_high_percent"], 1),
            "overlap": f"{plain(row['overlap_low'], 1)} to {plain(row['overlap_high'], 1)}"
            if row["overlap_low"] is not None and not math.isnan(row["overlap_low"])
            else NOTHING,
            "spread": _spread(row["test_spread_percent"], row["anchor_spread_percent"]),
            "remark": "; ".join(filter(None, (row["training"] or "equal trainings", row["notes"]))),
        }
        for row in records(table)
    ]


def _spread(test: float, anchor: float) -> str:
    if math.isnan(test) and math.isnan(anchor):
        return NOTHING
    return f"{plain(test, 2)} and {plain(anchor, 2)}"
