"""RD points by curve, and what is missing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.report.numbers import UNDEFINED, plain
from bench.report.views.table import records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    import pandas as pd

    from bench.report.content import Content


def headers(content: Content) -> list[tuple[str, str]]:
    """Columns of the points table: (name, unit)."""
    found = [("rate", "bpp"), ("bytes", "mean")]
    for axis in content.results.axes:
        if axis.name != axis.column:
            found.append((axis.title, "mean"))
        found.append((axis.title, axis.unit or "mean"))
    if "psnr_of_mean_mse_db" in content.results.points:
        found.append(("PSNR of mean MSE", "dB"))
    return found


def points(content: Content) -> list[dict[str, Any]]:
    """The curves, each with its rows."""
    results = content.results
    undefined = {axis.name: results.undefined_points(axis) for axis in results.axes}
    curves = []
    for curve in records(results.curves):
        rows = results.points[results.points["name"] == curve["name"]].sort_values("quality")
        curves.append(
            {
                **curve,
                "title": content.titles[curve["name"]],
                "look": content.looks[curve["name"]],
                "settings": json.loads(curve["settings"] or "{}"),
                "rows": [(f"{row['quality']:g}", _point(row, content, undefined)) for row in records(rows)],
            }
        )
    return curves


def _point(row: dict[str, Any], content: Content, undefined: Mapping[str, AbstractSet[tuple[str, float]]]) -> list[str]:
    cells = [plain(row["bpp"], 4), f"{row['mean_bytes']:,.0f}".replace(",", "\N{THIN SPACE}")]
    for axis in content.results.axes:
        found = [(axis.column, 5)] if axis.name != axis.column else []
        found.append((axis.name, 3 if axis.unit else 5))
        if (row["name"], row["quality"]) in undefined[axis.name]:
            cells += [UNDEFINED] * len(found)
        else:
            cells += [plain(row[column], digits) for column, digits in found]
    if "psnr_of_mean_mse_db" in row:
        cells.append(plain(row["psnr_of_mean_mse_db"], 3))
    return cells


def failures(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Equal messages of one codec at one quality are one entry."""
    groups = rows.groupby(["codec", "quality", "backend", "message"], sort=False)["image"].agg(["size", "first"])
    return records(groups.reset_index())


def absent(content: Content) -> list[str]:
    """Codecs that the export knows and that were not measured here at all."""
    here = {*content.results.curves["codec"], *content.results.incomplete["codec"]}
    codecs = content.export.codecs
    return list(codecs.loc[~codecs["codec"].isin(here), "title"])
