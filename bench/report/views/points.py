"""Tables of RD points by curve, failures, and codecs without measurements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.report.numbers import UNDEFINED, grouped, plain
from bench.report.views.table import QUALITY, Column, Table, number, records

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    import pandas as pd

    from bench.report.content import Content


def points(content: Content) -> list[dict[str, Any]]:
    """Curves with tables of their points."""
    columns, rows = _columns(content), content.results.points.sort_values("quality")
    return [
        {
            **curve,
            "title": content.titles[curve["name"]],
            "look": content.looks[curve["name"]],
            "settings": json.loads(curve["settings"] or "{}"),
            "table": Table.of(rows[rows["name"] == curve["name"]], *columns),
        }
        for curve in records(content.results.curves)
    ]


def _columns(content: Content) -> list[Column]:
    results = content.results
    columns = [
        QUALITY,
        number("Rate", lambda row: plain(row["bpp"], 4), "bpp"),
        number("Bytes", lambda row: grouped(row["mean_bytes"]), "mean"),
    ]
    for axis in results.axes:
        undefined = results.undefined_points(axis)
        if axis.name != axis.column:
            columns.append(_measured(axis.title, axis.column, 5, "mean", undefined))
        columns.append(_measured(axis.title, axis.name, 3 if axis.unit else 5, axis.unit or "mean", undefined))
    if "psnr_of_mean_mse_db" in results.points:
        columns.append(number("PSNR of mean MSE", lambda row: plain(row["psnr_of_mean_mse_db"], 3), "dB"))
    return columns


def _measured(title: str, of: str, digits: int, unit: str, undefined: Collection[tuple[str, float]]) -> Column:
    def cell(row: Mapping[str, Any]) -> str:
        return UNDEFINED if (row["name"], row["quality"]) in undefined else plain(row[of], digits)

    return number(title, cell, unit)


def failures(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Failures; equal messages of one codec at one quality are combined."""
    groups = rows.groupby(["codec", "quality", "backend", "message"], sort=False)["image"].agg(["size", "first"])
    return records(groups.reset_index())


def absent(content: Content) -> list[str]:
    """Titles of codecs in the export without measurements on this image set."""
    here = {*content.results.curves["codec"], *content.results.incomplete["codec"]}
    codecs = content.export.codecs
    return list(codecs.loc[~codecs["codec"].isin(here), "title"])
