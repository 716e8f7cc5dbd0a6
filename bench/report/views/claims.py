"""Table of the claims with two verdicts each: from published points, and from measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.verdict import DOES_NOT_HOLD, HOLDS, IN_PART, NO_VERDICT, SHARE, VERDICTS
from bench.report.numbers import NOTHING, signed, span
from bench.report.views.table import records

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

COLUMNS = {"published": "From published points", "measured": "Measured here"}
"""Headings of the two kinds of evidence, which have separate verdicts."""

_VERBS = {HOLDS: "hold", IN_PART: "hold in part", DOES_NOT_HOLD: "do not hold", NO_VERDICT: "have no verdict"}
"""The verdicts as plural verbs, for counts of claims."""


def claims(table: pd.DataFrame, papers: Mapping[str, Mapping[str, str]]) -> list[dict[str, Any]]:
    """Claims grouped by paper."""
    by_short = {paper["short"]: paper for paper in papers.values()}
    return [
        {"paper": by_short[str(short)], "rows": [_row(row) for row in records(group)]}
        for short, group in table.groupby("paper", sort=False)
    ]


def main_claim(table: pd.DataFrame) -> dict[str, Any] | None:
    """The main claim: the first claim of the first paper; None without claims."""
    return _row(records(table.head(1))[0]) if len(table) else None


def tallies(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Number of claims per verdict, for each kind of evidence."""
    return [{"title": title, "counts": _counts(table[f"{kind}_verdict"])} for kind, title in COLUMNS.items()]


def _counts(verdicts: pd.Series) -> list[dict[str, Any]]:
    found = verdicts.value_counts()
    return [
        {"number": int(found[verdict]), "verb": _VERBS[verdict], "verdict_class": _class(verdict)}
        for verdict in VERDICTS
        if verdict in found
    ]


def _row(row: dict[str, Any]) -> dict[str, Any]:
    unit, digits = row["unit"], 2 if row["unit"] == "dB" else 1
    margin = f"; margin {row['margin']:g} {unit}" if row["margin"] else ""
    cases = {"published": 0, "measured": row["measured_cases"]}
    evidence = [
        {
            "title": title,
            "value": _value(row[kind], unit, digits, cases[kind]),
            "verdict": row[f"{kind}_verdict"],
            "verdict_class": _class(row[f"{kind}_verdict"]),
            "reason": row[f"{kind}_reason"],
            "interval": "",
            "basis": "",
        }
        for kind, title in COLUMNS.items()
    ]
    if evidence[1]["value"] != NOTHING:
        evidence[1]["interval"] = span(row["measured_low"], row["measured_high"], digits)
    if row["measured_verdict"] != NO_VERDICT:
        evidence[1]["basis"] = row["measured_on"].removeprefix("measured").removeprefix(", ")
    return {
        **{key: row[key] for key in ("id", "paper", "claim", "source", "command")},
        "claimed": _value(row["claimed"], unit, digits),
        "evidence": evidence,
        "rule": f"{row['rule']}{margin}",
    }


def _class(verdict: str) -> str:
    return verdict.replace(" ", "-")


def _value(value: float, unit: str, digits: int, cases: int = 0) -> str:
    """Format a number with its unit, and a share as "3 of 4 files"."""
    text = signed(value, digits)
    if text == NOTHING:
        return text
    if unit.startswith(SHARE):
        return f"{value * cases:.0f} {SHARE}{cases} {unit.removeprefix(SHARE)}"
    return f"{text} {unit}"
