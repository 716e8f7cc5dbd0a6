"""Content as the template wants it: rows of text, nothing left to compute."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from bench.report.numbers import NOTHING, milliseconds, plain, signed

if TYPE_CHECKING:
    import pandas as pd

    from bench.analysis.axis import Axis
    from bench.report.content import Content

_DOUBT = "doubtful"

DOWNLOADS = (
    ("points", "RD points: means over the pictures"),
    ("per_image", "every picture's rate and distortion at every point"),
    ("bd_rates", "BD-rates with intervals, overlap and points"),
    ("per_image_bd_rates", "BD-rates of each picture by itself"),
    ("rate_differences", "rate relative to the anchor at each quality"),
    ("timings_summary", "times by codec and stage"),
    ("published", "published points that are drawn, with their sources"),
    ("incomplete", "points that lack pictures"),
    ("failures", "what failed"),
    ("stale", "older versions of curves, left out"),
    ("runs", "runs that the figures come from"),
)
"""The CSV files beside the page, and what is in them."""


def view(content: Content) -> dict[str, Any]:
    """The variables of the template."""
    study = content.study
    return {
        "heading": _heading(content),
        "sections": _sections(content),
        "nothing": NOTHING,
        "dataset_title": study.title,
        "note": study.note,
        "is_subset": study.is_subset,
        "extent": study.extent,
        "images": study.images,
        "facts": _facts(content),
        "anchor": content.anchor,
        "axes": study.axes,
        "legend": _legend(content),
        "references": _references(content),
        "summary": _summary(content),
        "details": [_details(content, axis) for axis in study.axes] if content.anchor else [],
        "rd_plots": content.rd_plots,
        "difference_plots": content.difference_plots,
        "per_image_plots": content.per_image_plots,
        "times": _times(content.tables["timings_summary"]),
        "points": _points(content),
        "point_headers": _point_headers(content),
        "incomplete": _records(study.incomplete),
        "failures": _failures(content.tables["failures"]),
        "absent": _absent(content),
        "stale": _records(study.stale),
        "runs": [_run(row) for row in _records(content.tables["runs"])],
        "downloads": DOWNLOADS,
    }


def _heading(content: Content) -> str:
    """The title: it says so when the pictures are not a whole set, or not one that others report on."""
    study = content.study
    heading = f"Image codecs on {study.dataset}"
    if study.note:
        clause = re.split(r"[:;.]", study.note, maxsplit=1)[0].strip()
        # Within a title a sentence does not start anew; an abbreviation stays as it is.
        heading += f" ({clause[:1].lower() + clause[1:] if clause[1:2].islower() else clause})"
    return f"{heading}, {study.extent}" if study.is_subset else heading


def _sections(content: Content) -> list[tuple[str, str]]:
    """The contents list: id and title of every section that the page has."""
    missing = len(content.study.incomplete) + len(content.tables["failures"]) + len(_absent(content))
    found = [
        (len(content.tables["bd_rates"]), "rates", "Rate saved"),
        (len(content.rd_plots), "curves", "Rate and distortion"),
        (len(content.difference_plots), "differences", "Where the rate is saved"),
        (len(content.tables["bd_rates"]), "details", "BD-rates in full"),
        (len(content.tables["timings_summary"]), "times", "Time"),
        (len(content.study.points), "points", "Points"),
        (missing, "missing", "What is missing"),
        (1, "method", "How each number is computed"),
        (1, "provenance", "Where it comes from"),
    ]
    return [(name, title) for present, name, title in found if present]


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _facts(content: Content) -> list[str]:
    study, runs = content.study, content.tables["runs"]
    days = sorted({str(started)[:10] for started in runs["started"]})
    found = [
        study.extent,
        _count(len(study.curves), "codec"),
        _count(len(study.points), "RD point"),
    ]
    if days:
        found.append("measured " + (days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"))
    return found


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _legend(content: Content) -> list[dict[str, Any]]:
    return [
        {"title": row["title"], "version": row["carrier_version"], "look": content.looks[row["name"]]}
        for row in _records(content.study.curves)
    ]


def _references(content: Content) -> list[dict[str, Any]]:
    rows = content.tables["published"]
    first = rows.assign(name=rows["source"] + "/" + rows["method"]).drop_duplicates("name").set_index("name")
    return [
        {
            "name": s.name,
            "title": s.title,
            "look": content.looks[s.name],
            **first.loc[s.name, ["encoder", "note", "url"]],
        }
        for s in content.subjects
        if not s.images
    ]


def _summary(content: Content) -> list[dict[str, Any]]:
    """One row a curve: its BD-rate on every axis."""
    table = content.tables["bd_rates"]
    if table.empty:
        return []
    rows = []
    for (name, title), group in table.groupby(["test", "test_title"], sort=False):
        by_axis = {row["axis"]: row for row in _records(group)}
        cells = [_bd_cell(by_axis.get(axis.name)) for axis in content.study.axes]
        rows.append({"name": name, "title": title, "look": content.looks[str(name)], "cells": cells})
    return rows


def _bd_cell(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"rate": signed(None, 1), "interval": "", "doubt": False}
    return {
        "rate": signed(row["bd_rate_pchip_percent"], 1),
        "interval": _span(row["interval_low_percent"], row["interval_high_percent"], 1),
        "doubt": _DOUBT in row["notes"],
    }


def _span(low: float | None, high: float | None, digits: int) -> str:
    first, second = signed(low, digits), signed(high, digits)
    return "" if first == second == signed(None, digits) else f"{first} to {second}"


def _details(content: Content, axis: Axis) -> dict[str, Any]:
    table = content.tables["bd_rates"]
    records = _records(table[table["axis"] == axis.name])
    # Equal remarks are one numbered note.
    remarks = list(dict.fromkeys(row["notes"] for row in records if row["notes"]))
    numbers = {text: number for number, text in enumerate(remarks, 1)}
    rows = [_detail(row, content) | {"remark": numbers.get(row["notes"], "")} for row in records]
    return {"axis": axis, "rows": rows, "remarks": remarks}


def _detail(row: dict[str, Any], content: Content) -> dict[str, Any]:
    overlap = ""
    if row["overlap_low"] == row["overlap_low"] and row["overlap_low"] is not None:
        overlap = f"{plain(row['overlap_low'], 2)} to {plain(row['overlap_high'], 2)}"
    return {
        "title": row["test_title"],
        "look": content.looks[row["test"]],
        "methods": [signed(row[f"bd_rate_{method}_percent"], 2) for method in ("pchip", "akima", "cubic")],
        "interval": _span(row["interval_low_percent"], row["interval_high_percent"], 2),
        "quality": signed(row["bd_quality_pchip"], 3),
        "overlap": overlap,
        "share": f"{100 * row['overlap_share']:.0f} %" if overlap else "",
        "points": f"{row['test_points_in_overlap']} of {row['test_points']}",
        "anchor_points": f"{row['anchor_points_in_overlap']} of {row['anchor_points']}",
        "per_image": signed(row["per_image_mean_percent"], 1),
        "per_image_range": _span(row["per_image_lowest_percent"], row["per_image_highest_percent"], 1),
    }


def _times(table: pd.DataFrame) -> list[dict[str, Any]]:
    """One entry for each setting and set of pictures, with a row a codec."""
    groups = []
    for _, group in table.groupby("group", sort=True):
        first = _records(group.head(1))[0]
        rows: dict[str, dict[str, Any]] = {}
        for row in _records(group):
            entry = rows.setdefault(row["name"], {"title": row["title"], "points": row["points"], "stages": {}})
            entry["stages"][row["stage"]] = {
                "median": milliseconds(row["median_s"]),
                "range": f"{milliseconds(row['low_s'])} to {milliseconds(row['high_s'])}",
                "speed": plain(row["megapixels_per_s"], 1),
            }
        setting = {key: first[key] for key in ("machine", "device", "images")} | {"threads": int(first["threads"])}
        groups.append({**setting, "repeats": group["repeats"].min(), "rows": list(rows.values())})
    return groups


def _point_headers(content: Content) -> list[tuple[str, str]]:
    """Columns of the points table: (name, unit)."""
    headers = [("rate", "bpp"), ("bytes", "mean")]
    for axis in content.study.axes:
        if axis.name != axis.column:
            headers.append((axis.title, "mean"))
        headers.append((axis.title, axis.unit or "mean"))
    if "psnr_of_mean_mse_db" in content.study.points:
        headers.append(("PSNR of mean MSE", "dB"))
    return headers


def _points(content: Content) -> list[dict[str, Any]]:
    study = content.study
    curves = []
    for curve in _records(study.curves):
        rows = study.points[study.points["name"] == curve["name"]].sort_values("quality")
        curves.append(
            {
                **curve,
                "look": content.looks[curve["name"]],
                "settings": json.loads(curve["settings"] or "{}"),
                "rows": [(f"{row['quality']:g}", _point(row, content)) for row in _records(rows)],
            }
        )
    return curves


def _point(row: dict[str, Any], content: Content) -> list[str]:
    cells = [plain(row["bpp"], 4), f"{row['num_bytes'] / row['images']:,.0f}".replace(",", "\N{THIN SPACE}")]
    for axis in content.study.axes:
        if axis.name != axis.column:
            cells.append(plain(row[axis.column], 5))
        cells.append(plain(row[axis.name], 3 if axis.unit else 5))
    if "psnr_of_mean_mse_db" in row:
        cells.append(plain(row["psnr_of_mean_mse_db"], 3))
    return cells


def _failures(failures: pd.DataFrame) -> list[dict[str, Any]]:
    """Equal messages of one codec at one quality are one entry."""
    groups = failures.groupby(["codec", "quality", "carrier", "message"], sort=False)["image"].agg(["size", "first"])
    return _records(groups.reset_index())


def _absent(content: Content) -> list[str]:
    """Codecs that the export knows and that were not measured here at all."""
    here = {*content.study.curves["codec"], *content.study.incomplete["codec"]}
    codecs = content.export.codecs
    return list(codecs.loc[~codecs["codec"].isin(here), "title"])


def _run(row: dict[str, Any]) -> dict[str, Any]:
    try:
        provenance = json.loads(row["provenance"] or "{}")
    except ValueError:
        provenance = {"provenance": row["provenance"]}
    facts = dict(_flat(provenance)) if isinstance(provenance, dict) else {"provenance": str(provenance)}
    return {**row, "started": row["started"][:16].replace("T", " "), "facts": facts}


def _flat(value: dict[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """Nested provenance as (name, text), in the order in which it was written down."""
    rows: list[tuple[str, str]] = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            rows += _flat(entry, f"{prefix}{key}, ")
        elif isinstance(entry, bool):
            rows.append((f"{prefix}{key}", "yes" if entry else "no"))
        else:
            rows.append((f"{prefix}{key}", "unknown" if entry is None else str(entry)))
    return rows
