"""BD-rates: the curves against each anchor in the order of their rates, and all of them in a matrix."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from bench.analysis.comparison import doubts
from bench.analysis.headline import ranking
from bench.report.numbers import NOTHING, plain, signed
from bench.report.views.rows import records, span

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.report.content import Content

ANCHOR = "anchor"
"""What stands in the anchor's own row."""


def rate_tables(content: Content) -> dict[str, dict[str, dict[str, Any]]]:
    """By axis and anchor: rows in the order of a ranking, the anchor among them, and the remarks that rows refer to."""
    return {
        axis.name: {anchor.name: _table(content, axis.name, anchor.name) for anchor in content.anchors}
        for axis in content.results.axes
    }


def rates_json(tables: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The tables as static/view.js reads them, safe inside a script element."""
    bare = {
        axis: {
            anchor: {"rows": [*map(_bare, table["rows"])], "remarks": table["remarks"]} for anchor, table in own.items()
        }
        for axis, own in tables.items()
    }
    text = json.dumps(bare, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _bare(row: dict[str, Any]) -> dict[str, Any]:
    """A row with its remark as a place in the list of all, or None."""
    return {key: row[key] for key in ("name", "cells", "doubted")} | {
        "remark": row["mark"] - 1 if row["mark"] else None
    }


def _table(content: Content, axis: str, anchor: str) -> dict[str, Any]:
    ranked = records(ranking(content.tables["bd_rates"], axis, anchor))
    rows = [_row(row) for row in ranked]
    better = sum(1 for row in ranked if not row["doubt"] and row["bd_rate_pchip_percent"] < 0)
    rows.insert(better, {"name": anchor, "cells": [[ANCHOR, "", "0"]], "remark": "", "doubted": False})
    return {"rows": rows, "remarks": mark(rows)}


def of_few(table: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The rows of some curves, with remarks of their own."""
    rows = [dict(row) for row in table["rows"] if row["name"] in names]
    return {"rows": rows, "remarks": mark(rows)}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """The cells of a row: each its text, a second line, and what it is sorted by where that is not the text."""
    rate = row["bd_rate_pchip_percent"]
    if not _is_number(rate):
        return {"name": row["test"], "cells": [[NOTHING, "", ""]], "remark": row["notes"], "doubted": False}
    points = [f"{row[f'{side}_points_in_overlap']} of {row[f'{side}_points']}" for side in ("test", "anchor")]
    return {
        "name": row["test"],
        "cells": [
            [signed(rate, 1), span(row["interval_low_percent"], row["interval_high_percent"], 1), f"{rate:.6g}"],
            [signed(row["bd_quality_pchip"], 2), "", ""],
            [f"{plain(row['overlap_low'], 1)} to {plain(row['overlap_high'], 1)}", "", ""],
            [points[0], points[1], ""],
            [
                signed(row["per_image_mean_percent"], 1),
                span(row["per_image_lowest_percent"], row["per_image_highest_percent"], 1),
                "",
            ],
        ],
        "remark": row["doubt"] or "; ".join(doubts(row["notes"])),
        "doubted": bool(row["doubt"]),
    }


def mark(entries: Iterable[dict[str, Any]]) -> list[str]:
    """The different remarks of some entries; each entry gets the number of its own as its "mark", or ""."""
    marks: dict[str, int] = {}
    for entry in entries:
        remark = entry["remark"]
        entry["mark"] = marks.setdefault(remark, len(marks) + 1) if remark else ""
    return list(marks)


def matrices(content: Content) -> list[dict[str, Any]]:
    """One matrix a metric: rows of curves, columns of anchors; none for a single anchor, which has its table."""
    if len(content.anchors) < 2:
        return []
    cells = {(row["axis"], row["test"], row["anchor"]): row for row in records(content.tables["bd_rates"])}
    return [
        {
            "axis": axis,
            "rows": [
                {
                    "title": rd_curve.title,
                    "look": content.looks[rd_curve.name],
                    "cells": [_cell(cells.get((axis.name, rd_curve.name, one.name))) for one in content.anchors],
                }
                for rd_curve in content.rd_curves
                if axis.name in rd_curve.curves
            ],
        }
        for axis in content.results.axes
    ]


def _cell(row: dict[str, Any] | None) -> dict[str, str]:
    if row is None:
        return {"rate": NOTHING, "doubt": ""}
    rate = row["bd_rate_pchip_percent"]
    return {"rate": signed(rate, 1), "doubt": row["doubt"] if _is_number(rate) else row["notes"]}


def names(content: Content) -> dict[str, dict[str, Any]]:
    """Title and look of each curve of the tables by its name, and whether others published it."""
    shown = {rd_curve.name: rd_curve for rd_curve in (*content.anchors, *content.rd_curves)}
    return {
        name: {"title": rd_curve.title, "look": content.looks.get(name), "published": not rd_curve.images}
        for name, rd_curve in shown.items()
    }


def _is_number(value: float | None) -> bool:
    return value is not None and not math.isnan(value)
