"""Times: one table for each setting and set of pictures, with what learned models cost whatever the machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.report.numbers import milliseconds, plain, signed
from bench.report.views.rows import records, span

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

WHOLE = ("encode", "decode")
"""The stages that make up everything; the others are parts of them."""


def times(table: pd.DataFrame, costs: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One entry for each setting and set of pictures, with a row a codec; `costs` are by the curve's name."""
    return [_group(group, costs) for _, group in table.groupby("group", sort=True)]


def _group(group: pd.DataFrame, costs: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    first = records(group.head(1))[0]
    rows: dict[str, dict[str, Any]] = {}
    for row in records(group):
        entry = {"title": row["title"], "qualities": row["qualities"], "cost": costs.get(row["name"]), "stages": {}}
        rows.setdefault(row["name"], entry)["stages"][row["stage"]] = {
            "median": milliseconds(row["median_s"]),
            "sort": f"{row['median_s']:.6g}",
            "range": f"{milliseconds(row['low_s'])} to {milliseconds(row['high_s'])}",
            "speed": plain(row["megapixels_per_s"], 1),
        }
    parts = list(dict.fromkeys(stage for stage in group["stage"] if stage not in WHOLE))
    return {
        **{key: first[key] for key in ("machine", "device", "images")},
        "threads": int(first["threads"]),
        "repeats": group["repeats"].min(),
        "rows": list(rows.values()),
        "parts": parts,
        "part_rows": [row for row in rows.values() if set(parts) & set(row["stages"])],
        "has_costs": any(row["cost"] for row in rows.values()),
    }


def costs(complexity: pd.DataFrame, curves: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """What each learned curve's largest model costs, as text, by the curve's name."""
    if complexity.empty:
        return {}
    rows = complexity.merge(curves[["name", "codec", "weights"]], on=["codec", "weights"])
    largest = rows.sort_values("decoder_kmac_per_pixel", kind="stable").groupby("name", sort=False).tail(1)
    return {row["name"]: _cost(row) for row in records(largest)}


def _cost(row: dict[str, Any]) -> dict[str, str]:
    memory = row["peak_memory_bytes"]
    return {
        "parameters": plain(row["parameters"] / 1e6, 2),
        "encoder": plain(row["encoder_kmac_per_pixel"], 1),
        "decoder": plain(row["decoder_kmac_per_pixel"], 1),
        "memory": plain(memory / 2**20, 0),
    }


def pairs(ratios: pd.DataFrame) -> list[dict[str, Any]]:
    """Times with a modifier beside those without, a row a model and stage."""
    return [
        {
            **{key: row[key] for key in ("model", "modifier", "weights", "machine", "stage", "qualities", "tasks")},
            "base": milliseconds(row["base_s"]),
            "with": milliseconds(row["with_s"]),
            "added": signed((row["ratio"] - 1) * 100, 1),
            "range": span((row["ratio_low"] - 1) * 100, (row["ratio_high"] - 1) * 100, 1),
        }
        for row in records(ratios)
    ]
