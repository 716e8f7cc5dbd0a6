"""BD-rates: a matrix of curves and anchors for each metric, and every figure behind the first anchor."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.analysis.comparison import doubts
from bench.analysis.timing import qualities_text
from bench.report.numbers import plain, signed
from bench.report.views.rows import records, span

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.analysis.dataset_results import DatasetResults
    from bench.report.content import Content


def matrices(content: Content) -> list[dict[str, Any]]:
    """One matrix a metric: rows of curves, columns of anchors."""
    table = content.tables["bd_rates"]
    if table.empty:
        return []
    return [_matrix(content, axis, table[table["axis"] == axis.name]) for axis in content.results.axes]


def other_qualities(results: DatasetResults) -> dict[str, str]:
    """The learned curves that are of other qualities than the first of their family, by name, and what is to know.

    A BD-rate over two qualities is of another stretch of the curve than that over four.
    """
    titles = results.curves.set_index("name")["title"]
    qualities = results.points.groupby("name")["quality"].agg(qualities_text)
    return {
        name: f"qualities {qualities[name]}, where {titles[first]} has {qualities[first]}: not comparable with that row"
        for first, *others in (family.names for family in results.families if family.learned)
        for name in others
        if qualities[name] != qualities[first]
    }


def _matrix(content: Content, axis: Axis, table: pd.DataFrame) -> dict[str, Any]:
    cells = {(row["test"], row["anchor"]): row for row in records(table)}
    other = other_qualities(content.results)
    rows: list[dict[str, Any]] = [
        {
            "title": rd_curve.title,
            "remark": other.get(rd_curve.name, ""),
            "look": content.looks[rd_curve.name],
            "cells": [_cell(cells.get((rd_curve.name, anchor.name)), axis) for anchor in content.anchors],
        }
        for rd_curve in content.rd_curves
        if any((rd_curve.name, anchor.name) in cells for anchor in content.anchors)
    ]
    return {"axis": axis, "rows": rows, "remarks": mark([entry for row in rows for entry in (row, *row["cells"])])}


def mark(entries: Iterable[dict[str, Any]]) -> list[str]:
    """The different remarks of some entries; each entry gets the number of its own as its "mark", or ""."""
    marks: dict[str, int] = {}
    for entry in entries:
        remark = entry["remark"]
        entry["mark"] = marks.setdefault(remark, len(marks) + 1) if remark else ""
    return list(marks)


def _cell(row: dict[str, Any] | None, axis: Axis) -> dict[str, Any]:
    if row is None:
        return {"rate": signed(None, 1), "sort": "", "interval": "", "basis": "", "remark": ""}
    rate = row["bd_rate_pchip_percent"]
    overlap = ""
    if _is_number(row["overlap_low"]):
        ends = f"{plain(row['overlap_low'], 1)}\N{EN DASH}{plain(row['overlap_high'], 1)}"
        overlap = (
            f"{ends} {axis.unit}".rstrip() + f", {row['test_points_in_overlap']}/{row['anchor_points_in_overlap']}"
        )
    return {
        "rate": signed(rate, 1),
        "sort": f"{rate:.6g}" if _is_number(rate) else "",
        "interval": span(row["interval_low_percent"], row["interval_high_percent"], 1),
        "basis": overlap,
        "remark": "; ".join(doubts(row["notes"])) if _is_number(rate) else row["notes"],
    }


def details(content: Content, axis: Axis) -> dict[str, Any]:
    """All figures of one metric against the first anchor."""
    table = content.tables["bd_rates"]
    main = content.anchors[0].name
    rows = records(table[(table["axis"] == axis.name) & (table["anchor"] == main)])
    # Equal remarks are one numbered note.
    remarks = list(dict.fromkeys(row["notes"] for row in rows if row["notes"]))
    numbers = {text: number for number, text in enumerate(remarks, 1)}
    return {
        "axis": axis,
        "rows": [_detail(row, content) | {"remark": numbers.get(row["notes"], "")} for row in rows],
        "remarks": remarks,
    }


def _detail(row: dict[str, Any], content: Content) -> dict[str, Any]:
    overlap = ""
    if _is_number(row["overlap_low"]):
        overlap = f"{plain(row['overlap_low'], 2)} to {plain(row['overlap_high'], 2)}"
    return {
        "title": row["test_title"],
        "look": content.looks[row["test"]],
        "methods": [signed(row[f"bd_rate_{method}_percent"], 2) for method in ("pchip", "akima", "cubic")],
        "interval": span(row["interval_low_percent"], row["interval_high_percent"], 2),
        "quality": signed(row["bd_quality_pchip"], 3),
        "overlap": overlap,
        "share": f"{100 * row['overlap_share']:.0f} %" if overlap else "",
        "points": f"{row['test_points_in_overlap']} of {row['test_points']}",
        "anchor_points": f"{row['anchor_points_in_overlap']} of {row['anchor_points']}",
        "per_image": signed(row["per_image_mean_percent"], 1),
        "per_image_range": span(row["per_image_lowest_percent"], row["per_image_highest_percent"], 1),
    }


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
