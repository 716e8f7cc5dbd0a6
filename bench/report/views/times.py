"""Tables of times by setting and set of pictures, and of costs: those of learned models, and stated ones."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.analysis.costs import largest_models, learned_without_cost
from bench.analysis.rd_curve import published_of
from bench.report.numbers import NOTHING, milliseconds, plain, signed, span
from bench.report.views.table import Cell, Column, Table, number, records
from bench.results.published import published_names, stated_costs

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from bench.report.content import Content

WHOLE = ("encode", "decode")
"""The complete stages; the others are parts of them."""


def times(table: pd.DataFrame, costs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One table per setting and set of pictures, with one row per codec; `costs` are by name of the curve."""
    return [_group(group, costs) for _, group in table.groupby("group", sort=True)]


def _group(group: pd.DataFrame, costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    first = records(group.head(1))[0]
    rows: dict[str, dict[str, Any]] = {}
    for row in records(group):
        rows.setdefault(row["name"], {**row, "stages": {}})["stages"][row["stage"]] = row
    parts = list(dict.fromkeys(stage for stage in group["stage"] if stage not in WHOLE))
    codec = Column("Codec", "title")
    whole = [column for stage in WHOLE for column in (_time(stage, "ms"), _speed(stage))]
    return {
        **{key: first[key] for key in ("machine", "device", "images")},
        "threads": int(first["threads"]),
        "repeats": group["repeats"].min(),
        "table": Table.of(
            rows.values(),
            codec,
            number("Qualities", "qualities"),
            *whole,
            *(_costs(costs) if rows.keys() & costs.keys() else ()),
        ),
        "parts": Table.of((row for row in rows.values() if set(parts) & set(row["stages"])), codec, *map(_time, parts)),
    }


def _time(stage: str, unit: str = "") -> Column:
    def cell(row: Mapping[str, Any]) -> Cell:
        if (own := row["stages"].get(stage)) is None:
            return Cell(NOTHING)
        median_s = own["median_s"]
        extent = f"{milliseconds(own['low_s'])} to {milliseconds(own['high_s'])}"
        return Cell(milliseconds(median_s), extent, sort=f"{median_s:.6g}")

    return number(stage.capitalize(), cell, unit)


def _speed(stage: str) -> Column:
    def cell(row: Mapping[str, Any]) -> str:
        return plain(row["stages"].get(stage, {}).get("megapixels_per_s"), 1)

    return number("MP/s", cell, stage)


def _costs(costs: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """Columns of the machine-independent costs of each codec's largest model."""

    def cost(title: str, unit: str, key: str, digits: int, scale: float = 1) -> Column:
        return number(title, lambda row: plain(costs.get(row["name"], {}).get(key, math.nan) / scale, digits), unit)

    return [
        cost("Parameters", "M", "parameters", 2, 1e6),
        cost("kMAC/pixel", "encode", "encoder_kmac_per_pixel", 1),
        cost("kMAC/pixel", "decode", "decoder_kmac_per_pixel", 1),
        cost("Peak memory", "MiB", "peak_memory_bytes", 0, 2**20),
    ]


def costs(complexity: pd.DataFrame, curves: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Complexity of the largest model of each learned curve, by name of the curve."""
    if complexity.empty:
        return {}
    return {row["name"]: row for row in records(largest_models(complexity, curves))}


def stated(content: Content) -> list[dict[str, str]]:
    """Stated costs of the published curves on these pictures, formatted."""
    costs = stated_costs()
    names = set(published_names(published_of(content.results, content.export)))
    return [
        {
            **{key: row[key] for key in ("curve", "by", "source", "obtained", "note")},
            "kmac": ("at most " if row["at_most"] else "") + plain(row["kmac_per_pixel"], 1),
            "parameters": plain(row["parameters"] / 1e6, 1),
        }
        for row in records(costs[costs["curve"].isin(names)])
    ]


def not_stated(content: Content) -> list[str]:
    """Names of the published learned curves on these pictures without a stated cost."""
    return learned_without_cost(published_of(content.results, content.export), stated_costs())


def pairs(ratios: pd.DataFrame) -> Table:
    """Table of paired times with and without a modifier, with one row per model and stage."""
    return Table.of(
        ratios,
        Column("Pair", lambda row: f"{row['model']}, {row['model']}{row['modifier']}"),
        Column("Weights", "weights"),
        Column("Machine", "machine"),
        Column("Stage", "stage"),
        number("Qualities", "qualities"),
        number("Pairs", "tasks"),
        number("Without", lambda row: milliseconds(row["base_s"]), "ms"),
        number("With", lambda row: milliseconds(row["with_s"]), "ms"),
        number("Added", _added, "%"),
    )


def _added(row: Mapping[str, Any]) -> Cell:
    added, low, high = ((row[column] - 1) * 100 for column in ("ratio", "ratio_low", "ratio_high"))
    return Cell(signed(added, 1), span(low, high, 1))
