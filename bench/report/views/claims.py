"""The claims table: one body of rows a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.verdict import DOES_NOT_HOLD, HOLDS, IN_PART, NOT_TESTED, SHARE, VERDICTS
from bench.report.numbers import NOTHING, signed
from bench.report.views.rows import records, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

_VERBS = {HOLDS: "hold", IN_PART: "hold in part", DOES_NOT_HOLD: "do not hold", NOT_TESTED: "are not tested here"}
"""The verdicts on several claims."""


def claims(table: pd.DataFrame, papers: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """The papers in their order, each with its claims."""
    by_short = {paper["short"]: paper for paper in papers.values()}
    return [
        {"paper": by_short[str(short)], "rows": [_row(row) for row in records(group)]}
        for short, group in table.groupby("paper", sort=False)
    ]


def tally(table: pd.DataFrame) -> list[tuple[str, int]]:
    """How many claims have each verdict, in the order of the verdicts."""
    counts = table["verdict"].value_counts()
    return [(_VERBS[verdict], int(counts[verdict])) for verdict in VERDICTS if verdict in counts]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    unit, digits = row["unit"], 2 if row["unit"] == "dB" else 1
    margin = f"; margin {row['margin']:g} {unit}" if row["margin"] else ""
    return {
        **{key: row[key] for key in ("id", "claim", "source", "verdict", "judged_on", "reason", "command")},
        "verdict_class": row["verdict"].replace(" ", "-"),
        "claimed": _value(row["claimed"], unit, digits),
        "published": _value(row["published"], unit, digits),
        "measured": _value(row["measured"], unit, digits, row["measured_cases"]),
        "interval": span(row["measured_low"], row["measured_high"], digits),
        "measured_on": row["measured_on"].removeprefix("measured").removeprefix(", "),
        "counts": bool(row["measured_judges"]),
        "difference": _value(row["difference"], "points" if unit == "%" else unit, digits),
        "rule": f"{row['rule']}{margin}",
    }


def _value(value: float, unit: str, digits: int, cases: int = 0) -> str:
    """A number with its unit; a share as the cases that it is of, so that nobody takes one of one for a hundred."""
    text = signed(value, digits)
    if text == NOTHING:
        return text
    if unit.startswith(SHARE):
        return f"{value * cases:.0f} {SHARE}{cases} {unit.removeprefix(SHARE)}"
    return f"{text} {unit}"
