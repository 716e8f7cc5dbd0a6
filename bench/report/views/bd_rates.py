"""Tables of BD-rates: curves against anchors, component gains, and comparisons with published curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.analysis.comparison import doubts
from bench.analysis.headline import ranking
from bench.report.numbers import NOTHING, plain, signed, span
from bench.report.views import script_json
from bench.report.views.table import QUALITY, Cell, Column, Table, interval, number, records
from bench.results import published

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.analysis.axis import Axis
    from bench.analysis.rd_curve import RdCurve
    from bench.report.content import Content

ANCHOR = "anchor"
"""Text in the row of the anchor itself."""


def rate_tables(content: Content) -> dict[str, dict[str, dict[str, Any]]]:
    """Ranked rows (the anchor included) and their remarks, by axis and anchor."""
    return {
        axis.name: {anchor.name: _table(content, axis.name, anchor.name) for anchor in content.anchors}
        for axis in content.results.axes
    }


def rates_json(tables: dict[str, dict[str, dict[str, Any]]]) -> str:
    """The tables as JSON for static/view.js; `remark` is an index into `remarks`, or None."""

    def bare(row: dict[str, Any]) -> dict[str, Any]:
        return {key: row[key] for key in ("name", "cells", "doubted")} | {
            "remark": row["mark"] - 1 if row["mark"] else None
        }

    return script_json(
        {
            axis: {
                anchor: {"rows": [*map(bare, table["rows"])], "remarks": table["remarks"]}
                for anchor, table in own.items()
            }
            for axis, own in tables.items()
        }
    )


def _table(content: Content, axis: str, anchor: str) -> dict[str, Any]:
    ranked = records(ranking(content.tables["bd_rates"], axis, anchor))
    rows = [_row(row) for row in ranked]
    rates = (row["bd_rate_pchip_percent"] for row in ranked if not row["doubt"])
    better = sum(1 for rate in rates if pd.notna(rate) and rate < 0)  # None if no curve has a BD-rate
    rows.insert(better, {"name": anchor, "cells": [[ANCHOR, "", "0"]], "remark": "", "doubted": False})
    return {"rows": rows, "remarks": mark(rows)}


def of_few(table: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Rows of the named curves, with remarks numbered anew."""
    rows = [dict(row) for row in table["rows"] if row["name"] in names]
    return {"rows": rows, "remarks": mark(rows)}


def _row(row: dict[str, Any]) -> dict[str, Any]:
    """One row; each cell is [text, second line, sort key]. An empty key means that the text is the key."""
    rate = row["bd_rate_pchip_percent"]
    if pd.isna(rate):
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
    """Set "mark" of each entry to the number of its remark, or "", and return the distinct remarks."""
    marks: dict[str, int] = {}
    for entry in entries:
        remark = entry["remark"]
        entry["mark"] = marks.setdefault(remark, len(marks) + 1) if remark else ""
    return list(marks)


def matrices(content: Content) -> list[tuple[Axis, Table]]:
    """Tables with one row per curve and one column per anchor, one per metric; empty for a single anchor."""
    if len(content.anchors) < 2:
        return []
    cells = {(row["axis"], row["test"], row["anchor"]): _cell(row) for row in records(content.tables["bd_rates"])}
    found = []
    for axis in content.results.axes:
        rows = [
            {anchor.name: cells.get((axis.name, one.name, anchor.name), Cell(NOTHING)) for anchor in content.anchors}
            | {"": Cell(one.title, look=content.looks[one.name])}
            for one in content.rd_curves
            if axis.name in one.curves
        ]
        anchors = [number(anchor.title, anchor.name, "%") for anchor in content.anchors]
        found.append((axis, Table.of(rows, Column("Codec", ""), *anchors)))
    return found


def _cell(row: dict[str, Any]) -> Cell:
    rate = row["bd_rate_pchip_percent"]
    doubt = row["doubt"] if pd.notna(rate) else row["notes"]
    return Cell(signed(rate, 1), css="doubted" if doubt else "", tip=doubt)


def names(content: Content) -> dict[str, dict[str, Any]]:
    """Title and look of each curve by name, and its origin if it was not measured: "published" or "imported"."""
    shown = {rd_curve.name: rd_curve for rd_curve in (*content.rd_curves, *content.anchors)}
    return {
        name: {"title": rd_curve.title, "look": content.looks.get(name), "origin": _origin(rd_curve)}
        for name, rd_curve in shown.items()
    }


def _origin(rd_curve: RdCurve) -> str:
    if rd_curve.images:
        return ""
    return "published" if rd_curve.name.rpartition("/")[0] in published.sources() else "imported"


def quantization(table: pd.DataFrame, content: Content) -> Table:
    """Table of quantisation errors (`bench.analysis.quantization_errors`)."""
    titles, looks = content.titles, content.looks
    return Table.of(
        table,
        Column("Codec", lambda row: Cell(titles[row["name"]], look=looks[row["name"]])),
        QUALITY,
        number("PSNR", lambda row: plain(row["quality_db"], 2), "dB"),
        number("Not rounded", lambda row: plain(row["unquantized_db"], 2), "dB"),
        number("Difference", lambda row: signed(row["lost_db"], 2), "dB"),
        number("‖ŷ − y‖", lambda row: plain(row["latent_error_quantized"], 1)),  # noqa: RUF001
        number("Files over the estimate", lambda row: signed(row["rate_over_estimate_percent"], 2), "%"),
        number("Hyper-latents", lambda row: plain(row["z_percent"], 1), "%"),
    )


def component_gains(table: pd.DataFrame, content: Content) -> Table:
    """Table of component gains (`bench.analysis.component_gain`)."""
    titles, looks = content.titles, content.looks
    return Table.of(
        table,
        Column("Codec", lambda row: Cell(titles[row["test"]], look=looks[row["test"]])),
        Column("Against", lambda row: titles[row["anchor"]]),
        Column("Component", "adds"),
        interval("BD-rate", ("bd_rate_pchip_percent", "interval_low_percent", "interval_high_percent"), 1, "%"),
        number("Overlap", lambda row: _between(row["overlap_low"], row["overlap_high"], "to", 1)),
        number("Seed variance", _seed_variance, "%"),
        Column("Remarks", _remarks),
    )


def _seed_variance(row: Mapping[str, Any]) -> str:
    return _between(row["test_spread_percent"], row["anchor_spread_percent"], "and", 2)


def _remarks(row: Mapping[str, Any]) -> Cell:
    return Cell("; ".join(filter(None, (row["training"] or "equal trainings", row["notes"]))), css="text")


def _between(low: float | None, high: float | None, word: str, digits: int) -> str:
    """Format two numbers joined by a word; `NOTHING` if both are missing."""
    first, second = plain(low, digits), plain(high, digits)
    return NOTHING if first == second == NOTHING else f"{first} {word} {second}"


def anchor_rows(table: pd.DataFrame) -> Table:
    """Table of conventional codecs against their published curves (`bench.analysis.anchors.anchor_table`)."""
    return Table.of(
        table,
        Column("Codec", "title"),
        Column("Published", lambda row: Cell(row["published_title"], row["encoder"])),
        number("BD-rate", lambda row: signed(row["bd_rate_percent"], 2), "%"),
        number("BD-PSNR", lambda row: signed(row["bd_psnr_db"], 3), "dB"),
        number("Overlap", lambda row: _between(row["overlap_low_db"], row["overlap_high_db"], "to", 1), "dB"),
        Column("Reason", lambda row: Cell(row["why"], row["source"], css="text")),
    )


def ceilings(table: pd.DataFrame, content: Content) -> list[dict[str, Any]]:
    """Title of each codec and the PSNR after its colour conversion alone."""
    curves = content.results.curves
    titles = {codec: content.titles[name] for name, codec in zip(curves["name"], curves["codec"], strict=True)}
    return [{"codec": titles[row["codec"]], "psnr": plain(row["psnr_rgb_db"], 2)} for row in records(table)]


def beside_vtm(table: pd.DataFrame) -> dict[str, Any]:
    """Published curves against each published VTM curve, and the values stated by their authors; {} without any."""
    rows: dict[str, dict[str, Any]] = {}
    anchors = list(dict.fromkeys(table["anchor"]))
    for row in records(table):
        entry = rows.setdefault(row["curve"], {"curve": row["curve"], "title": row["title"], "cells": {}})
        stated = row["stated_percent"]
        entry["stated"] = f"{signed(stated, 2)} %, against {row['stated_against']}" if pd.notna(stated) else NOTHING
        entry["cells"][row["anchor"]] = {"rate": signed(row["bd_rate_percent"], 2), "doubt": row["doubt"]}
    return {"anchors": anchors, "rows": list(rows.values())} if rows else {}
