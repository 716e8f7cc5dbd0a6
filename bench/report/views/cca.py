"""The page on cca as rows of text: rates against anchors, parts, fixed point, files that decode elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.cca import FIXED_POINT
from bench.analysis.cca_ablation import REFERENCE
from bench.analysis.comparison import doubts
from bench.report.numbers import NOTHING, milliseconds, plain, signed
from bench.report.views.rates import mark
from bench.report.views.rows import count, records, span

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    import pandas as pd

    from bench.analysis.axis import Axis

LARGEST_AS_RATE = 20
"""The largest difference, in percent of the rate, that a slope at one point says something of."""

_GUIDES = {"igu": "from luma to chroma (IGU)", "bgu": "both ways (BGU)", "none": "none"}


def rates(table: pd.DataFrame, axes: Sequence[Axis]) -> dict[str, Any]:
    """One row an anchor (and curve, where there are several), one cell an axis, and the remarks that cells refer to."""
    if table.empty:
        return {}
    several = len(set(table["test"])) > 1
    rows: list[dict[str, Any]] = []
    for _, group in table.groupby(["test", "anchor"], sort=False):
        by_axis = {row["axis"]: row for row in records(group)}
        first = next(iter(by_axis.values()))
        title = f"{first['anchor_title']}, by {first['test_title']}" if several else first["anchor_title"]
        cells = [_rate(by_axis[axis.name]) if axis.name in by_axis else _rate({}) for axis in axes]
        rows.append({"title": title, "cells": cells})
    return {"rows": rows, "remarks": mark(cell for row in rows for cell in row["cells"])}


def rates_result(table: pd.DataFrame) -> str:
    """The BD-rate of cca on the first axis against the first two anchors that it has one for, in a sentence."""
    first = table[table["axis"] == table["axis"].iloc[0]] if len(table) else table
    numbers = [row for row in records(first) if row["bd_rate_pchip_percent"] == row["bd_rate_pchip_percent"]]
    parts = [
        f"{signed(row['bd_rate_pchip_percent'], 1)} % to {row['anchor_title']}"
        f"{' (doubtful)' if doubts(row['notes']) else ''}"
        for row in numbers
        if row["bd_rate_pchip_percent"] is not None
    ]
    return ", ".join(parts[:2])


def parts_result(table: pd.DataFrame) -> str:
    """How much the loss differs from that of the reference, in the first setting, in a sentence."""
    first = next((group for _, group in table.groupby(["quality", "lambda", "dataset"], sort=False)), table)
    rows = first[first["variant"] != REFERENCE].to_dict("records")
    parts = [f"{part_name(row)} {signed(row['loss_difference_percent'], 1)} %" for row in rows]
    return f"difference in loss: {', '.join(parts)}" if parts else ""


def fixed_point_result(table: pd.DataFrame) -> str:
    """What 8 bits cost, over all codecs and metrics, in a sentence."""
    rates = [float(row["bd_rate_pchip_percent"]) for row in records(table) if row["bd_rate_pchip_percent"] is not None]
    return f"{span(min(rates), max(rates), 1)} % of the bits" if rates else ""


def portability_result(table: pd.DataFrame) -> str:
    """How many files of each kind of entropy model did not decode elsewhere, in a sentence."""
    counts: dict[str, list[int]] = {}
    for row in records(table):
        kind = "fixed point" if str(row["codec"]).partition("@")[0].endswith(FIXED_POINT) else "floats"
        failed, files = counts.get(kind, [0, 0])
        counts[kind] = [failed + int(row["failed"]), files + int(row["files"])]
    parts = [f"{failed} of {files} of {kind}" for kind, (failed, files) in counts.items()]
    return f"files that failed: {', '.join(parts)}" if parts else ""


def _rate(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "rate": signed(row.get("bd_rate_pchip_percent"), 1),
        "interval": span(row.get("interval_low_percent"), row.get("interval_high_percent"), 1),
        "remark": "; ".join(doubts(row.get("notes", ""))),
    }


def ceilings(table: pd.DataFrame) -> list[dict[str, str]]:
    """The PSNR of pictures that made the round trip to RGB and were not coded."""
    return [{"title": row["axis_title"], "ceiling": plain(row["ceiling_db"], 2)} for row in records(table)]


def parts(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The table of bench.analysis.cca_ablation as text, one group a setting."""
    return [
        {
            "setting": f"lambda {lmbda:g}, {dataset}, {_extent(group)}",
            "rows": [_part(row) for row in records(group)],
        }
        for (_, lmbda, dataset), group in table.groupby(["quality", "lambda", "dataset"], sort=False)
    ]


def part_name(row: Mapping[Hashable, Any]) -> str:
    """A variant in a word or two, in the order and the words of its table: guide, attention, filter."""
    guide = "no guide" if row["guide"] == "none" else f"guide {row['guide'].upper()}"
    without = "" if row["attention"] == "yes" else ", no attention"
    return guide + without + (", filter" if row["acem"] == "yes" else "")


def _extent(group: pd.DataFrame) -> str:
    """How many pictures and trainings the rows of a setting are means of, by the one that has fewest."""
    return f"{count(int(group['pictures'].min()), 'picture')}, {count(int(group['seeds'].min()), 'training')} a variant"


def _part(row: dict[str, Any]) -> dict[str, Any]:
    is_reference, difference = row["variant"] == REFERENCE, "loss_difference"
    return {
        "guide": _GUIDES.get(row["guide"], row["guide"]),
        "attention": row["attention"],
        "acem": row["acem"],
        "parameters": f"{row['parameters'] / 1e6:.2f}",
        "steps": f"{row['steps']:.0f}",
        "pictures": f"{row['pictures']:g}",
        "bpp": plain(row["bpp"], 4),
        "psnrs": [plain(row[f"psnr_{plane}_db"], 2) for plane in ("yuv", "y", "u", "v")],
        "loss": plain(row["loss"], 4),
        "difference": NOTHING if is_reference else signed(row["loss_difference_percent"], 2),
        "interval": ""
        if is_reference
        else span(row[f"{difference}_low_percent"], row[f"{difference}_high_percent"], 2),
        "rate": NOTHING if is_reference else _as_rate(row["rate_equivalent_percent"]),
    }


def _as_rate(percent: float) -> str:
    """A difference in loss as one in rate; nothing where it is too large for one slope to hold."""
    return signed(percent, 1) if abs(percent) <= LARGEST_AS_RATE else NOTHING


def fixed_point(table: pd.DataFrame) -> list[dict[str, str]]:
    """What 8 bits cost: one row a codec, image set and metric."""
    return [
        {
            "codec": row["test_title"],
            "anchor": row["anchor_title"],
            "dataset": row["dataset"],
            "axis": row["axis_title"],
            "rate": signed(row["bd_rate_pchip_percent"], 2),
            "interval": span(row["interval_low_percent"], row["interval_high_percent"], 2),
            "by_picture": span(row["per_image_lowest_percent"], row["per_image_highest_percent"], 2),
        }
        for row in records(table)
    ]


def fixed_point_times(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Times in integers beside those in floats, and the ratio of each pair."""
    return [
        {
            "codec": row["model"] + row["modifier"],
            **{key: row[key] for key in ("model", "dataset", "machine", "stage", "tasks")},
            "threads": f"{row['threads']:g}",
            "base": milliseconds(row["base_s"]),
            "with": milliseconds(row["with_s"]),
            "ratio": plain(row["ratio"], 2),
        }
        for row in records(table)
    ]


def portability(table: pd.DataFrame) -> dict[str, Any]:
    """Codecs by ways of decoding: how many files failed, of how many."""
    ways = list(dict.fromkeys(table["decoded"]))
    cells = {(row["codec"], row["decoded"]): row for row in records(table)}
    rows = [
        {"codec": codec, "cells": [_failed(cells.get((codec, way))) for way in ways]}
        for codec in dict.fromkeys(table["codec"])
    ]
    return {"ways": ways, "rows": rows}


def _failed(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        return {"text": NOTHING, "sort": "", "bad": False}
    return {"text": f"{row['failed']} of {row['files']}", "sort": row["failed"], "bad": row["failed"] > 0}
